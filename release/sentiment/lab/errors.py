"""What can go wrong in a way that one line explains: every script says it and ends with exit code 1."""


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
