"""What can go wrong in a way that one line explains: every script says it and ends with exit code 1."""

# in the words of CUDA, cuBLAS and PyTorch's allocator on a CPU
NO_MEMORY = ("out of memory", "ALLOC_FAILED", "can't allocate memory")


class LabError(Exception):
    """Something the reader can put right; the message is one line that says what, and how."""


class ExerciseError(LabError, RuntimeError):
    """An exercise that cannot be used as it is; the message says which and why."""


class ConfigError(LabError, ValueError):
    """A setting that cannot work; the message says what to change."""


class ModelUnavailable(LabError, RuntimeError):
    """A model that cannot be loaded or used; the message says what to do."""


class OutOfMemory(LabError, RuntimeError):
    """The device ran out of memory; the message lists what to try, in order, a line each."""


def out_of_memory(error: BaseException) -> bool:
    """Tell whether an error means that memory ran out: PyTorch, CUDA, its libraries and Python each have one of their own."""
    kind = type(error).__name__
    words = str(error)
    return kind in ("OutOfMemoryError", "MemoryError", "OutOfMemory") or (
        isinstance(error, RuntimeError) and any(sign in words for sign in NO_MEMORY)
    )
