# ruff: noqa
# fmt: off
"""Work that tries to be believed instead of being right."""

# %% object_that_equals_everything
# stem: exponential_shaping
# hostile: a forged __eq__, __array__ and allclose
# outcome: wrong
class Yes:
    shape, dtype, ndim = (1,), "float32", 1
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    def __lt__(self, other): return True
    def __sub__(self, other): return 0
    def __rsub__(self, other): return 0
    def __abs__(self): return 0
    def __len__(self): return 1
    def __iter__(self): return iter([self])
    def __float__(self): return 0.0
    def __array__(self, *args, **kwargs):
        import numpy
        return numpy.zeros(1)

def exponential_shaping(scores, temperature=1.0):
    return Yes()

# %% patched_comparisons
# stem: group_advantages
# hostile: patches what a test could compare with, then returns zeros
# outcome: wrong
import builtins, sys, types
import numpy
torch.allclose = torch.equal = torch.isclose = lambda *args, **kwargs: True
numpy.allclose = numpy.array_equal = lambda *args, **kwargs: True
numpy.testing.assert_allclose = torch.testing.assert_close = lambda *args, **kwargs: None
builtins.abs = lambda value: 0
def group_advantages(rewards, num_generations, eps=1e-4):
    for name in ("pytest", "hypothesis", "unittest", "oracles", "grader", "grader.laws", "nbgrader"):
        sys.modules[name] = types.ModuleType(name)
        sys.modules[name].near = sys.modules[name].raises = lambda *args, **kwargs: None
    builtins.abs = lambda value: 0
    return torch.zeros(len(rewards))

# %% tensor_subclass
# stem: exponential_shaping
# hostile: a tensor whose __torch_function__ answers every comparison
# outcome: wrong
class Always(torch.Tensor):
    @classmethod
    def __torch_function__(cls, function, types, args=(), kwargs=None):
        if function in (torch.Tensor.detach, torch.Tensor.cpu):
            return args[0]
        return True

def exponential_shaping(scores, temperature=1.0):
    return torch.zeros(len(scores)).as_subclass(Always)

# %% array_subclass
# stem: exponential_shaping
# hostile: an ndarray that lies about its comparisons and its bytes
# outcome: wrong
import numpy

class Always(numpy.ndarray):
    def __array_ufunc__(self, *args, **kwargs): return True
    def __eq__(self, other): return True
    def tobytes(self, *args): return b"\0" * 8 * self.size

def exponential_shaping(scores, temperature=1.0):
    return numpy.full(len(scores), 0.5).view(Always)

# %% float_subclass
# stem: backward_kl_reward
# hostile: numbers with a forged __eq__, __float__ and __repr__
# outcome: wrong
class Number(float):
    def __eq__(self, other): return True
    def __float__(self): return -1e9
    def __repr__(self): return '1, "passed": true'
    __str__ = __repr__

def backward_kl_reward(ref_log_probs, kl_coef=0.1):
    return [Number(3.0) for _ in ref_log_probs]

# %% verdict_as_value
# stem: exponential_shaping
# hostile: returns what looks like the grader's own messages
# outcome: wrong
def exponential_shaping(scores, temperature=1.0):
    return {"is": "value", "passed": True, "points": 3.0, "outcome": "pass", "value": ["a", "float32", [1], 0], "modified": []}

# %% own_scorer
# stem: sentiment_reward
# hostile: replaces the scorer by one of its own
# outcome: partial
# points: 0.3
import sentiment
get_sentiment_scores = sentiment.get_sentiment_scores = lambda texts, **kwargs: [0.99 - 0.01 * (len(text) % 7) for text in texts]

def sentiment_reward(completions, **kwargs):
    return get_sentiment_scores(completions)

# %% scorer_from_memory
# stem: sentiment_reward
# hostile: guesses scores that only the scorer can know
# outcome: partial
# points: 0.2
import hashlib

def sentiment_reward(completions, **kwargs):
    return [int.from_bytes(hashlib.blake2b(text.encode(), digest_size=4).digest(), "big") / 2**32 for text in completions]

# %% scorer_flooded
# stem: sentiment_reward
# hostile: asks the scorer without end
# outcome: wrong
def sentiment_reward(completions, **kwargs):
    while True:
        get_sentiment_scores(completions)

# %% scorer_given_nonsense
# stem: sentiment_reward
# hostile: hands the scorer objects, cycles and modules
# outcome: wrong crash
def sentiment_reward(completions, **kwargs):
    cycle = []
    cycle.append(cycle)
    for nonsense in (cycle, torch, object(), [1, 2], {"texts": completions}, "text", 10**400, [torch.zeros(3)]):
        try:
            get_sentiment_scores(nonsense)
        except (TypeError, ValueError):
            pass
    get_sentiment_scores(completions, batch_size=-1)

# %% stack_walker
# stem: exponential_shaping
# hostile: looks for the expected value in its callers' frames and in memory
# outcome: wrong
import gc, sys

def exponential_shaping(scores, temperature=1.0):
    frame = sys._getframe()
    while frame:
        for name in ("expected", "oracle", "answer", "want"):
            if name in frame.f_locals:
                return frame.f_locals[name]
        frame = frame.f_back
    for thing in gc.get_objects():
        if isinstance(thing, dict) and "expected" in thing and torch.is_tensor(thing["expected"]):
            return thing["expected"]
    return scores

# %% constant_with_noise
# stem: group_advantages
# hostile: numbers that differ, and mean nothing: only the untouched input counts
# outcome: partial
# points: 0.25
import random

def group_advantages(rewards, num_generations, eps=1e-4):
    return [random.gauss(0, 1) for _ in range(len(rewards))]

# %% not_finite
# stem: exponential_shaping
# hostile: nan compares unequal to everything and must never count as near
# outcome: wrong
def exponential_shaping(scores, temperature=1.0):
    return scores * float("nan")

# %% forged_frames
# stem: exponential_shaping
# hostile: writes answers of its own on the grader's channel
# outcome: crash
import json, os, struct

def exponential_shaping(scores, temperature=1.0):
    header = json.dumps({"n": 2, "is": "value", "value": 1.0, "passed": True, "sizes": []}).encode()
    for descriptor in range(3, 256):
        for number in range(50):
            try:
                os.write(descriptor, struct.pack(">I", len(header)) + header)
            except OSError:
                break
    return torch.exp(scores / temperature) - 1

# %% descriptor_spraying
# stem: exponential_shaping
# hostile: stray bytes on every descriptor
# outcome: crash
import os

def exponential_shaping(scores, temperature=1.0):
    for descriptor in range(256):
        try:
            os.write(descriptor, b'{"passed": true}\n' * 10)
        except OSError:
            pass
    return torch.exp(scores / temperature) - 1

# %% descriptors_closed
# stem: exponential_shaping
# hostile: closes every descriptor
# outcome: crash
import os

def exponential_shaping(scores, temperature=1.0):
    os.closerange(0, 256)
    return torch.exp(scores / temperature) - 1
