"""What a CUDA graph does, without a GPU: a step's operations are recorded, and replayed without the Python that made them.

Every operation of PyTorch finds its inputs where they lay while it was recorded, and leaves its results where it left them then.
"""

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten

# questions that a GPU would have to be waited for
ASKS = {"_local_scalar_dense", "is_nonzero", "item", "nonzero", "equal"}


class Recorder(TorchDispatchMode):
    """Runs operations and keeps those that compute something: a view of a recorded tensor stays one."""

    def __init__(self):
        super().__init__()
        self.operations = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if func.overloadpacket.__name__ in ASKS:
            raise RuntimeError("operation not permitted when stream is capturing")
        kwargs = kwargs or {}
        given = {storage(t) for t in tensors((args, kwargs))}
        results = func(*args, **kwargs)
        is_view = given & {storage(t) for t in tensors(results)}
        if func._schema.is_mutable or not is_view:
            self.operations.append((func, args, kwargs, results))
        return results


def tensors(values):
    return [value for value in tree_flatten(values)[0] if isinstance(value, torch.Tensor)]


def storage(tensor):
    return tensor.untyped_storage().data_ptr()


def recorded(step):
    """In place of `lab.recording.recorded`; what is recorded runs, so that two steps are taken, as there."""
    step()
    torch.clear_autocast_cache()
    with Recorder() as recorder:
        step()
    torch.clear_autocast_cache()

    def replay():
        for func, args, kwargs, results in recorder.operations:
            again = func(*args, **kwargs)
            for old, new in zip(tensors(results), tensors(again), strict=True):
                if old is not new:
                    old.copy_(new)

    return replay
