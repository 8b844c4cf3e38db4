# ruff: noqa
# fmt: off
"""Right work on exercise 2 in many styles."""

# %% expm1
# right: torch.expm1
def exponential_shaping(scores, temperature=1.0):
    if temperature <= 0:
        raise ValueError("temperature must be positive")
    return torch.expm1(scores / temperature)

# %% numpy
# right: NumPy throughout
import numpy as np

def exponential_shaping(scores, temperature=1.0):
    if not temperature > 0:
        raise ValueError("temperature must be positive")
    return np.exp(np.asarray(scores) / temperature) - 1

# %% loop_over_floats
# right: a list of Python floats
from math import exp

def exponential_shaping(scores, temperature=1.0):
    if temperature <= 0:
        raise ValueError(f"bad temperature {temperature!r}")
    result = []
    for score in scores:
        result.append(exp(score.item() / temperature) - 1)
    return result

# %% list_of_tensors
# right: iterating over a tensor gives 0-d tensors
def exponential_shaping(scores, temperature=1.0):
    if temperature <= 0:
        raise ValueError
    return [torch.exp(score / temperature) - 1.0 for score in scores]

# %% double
# right: computes in float64
def exponential_shaping(scores, temperature=1.0):
    if temperature <= 0:
        raise ValueError("temperature must be positive")
    return torch.exp(scores.double() / temperature) - 1

# %% star_import
# right: everything of torch in the namespace
from torch import *

def exponential_shaping(scores, temperature=1.0):
    if temperature <= 0:
        raise ValueError("temperature must be positive")
    return exp(scores / temperature) - 1

# %% other_import_name
# right: torch under another name
import torch as T
from torch import Tensor

def exponential_shaping(scores: Tensor, temperature: float = 1.0) -> Tensor:
    if temperature <= 0:
        raise ValueError("temperature must be positive")
    return T.sub(T.exp(T.div(scores, temperature)), 1)

# %% helper_cells
# right: helpers and constants in cells of the student's own
SMALLEST = 0.0
# --- cell
class BadTemperature(ValueError):
    pass

def demand_positive(temperature):
    if temperature <= SMALLEST:
        raise BadTemperature(f"{temperature} is not above {SMALLEST}")
# --- cell
def exponential_shaping(scores, temperature=1.0):
    demand_positive(temperature)
    return torch.exp(scores / temperature) - 1

# %% helper_kept_as_default
# right: a helper that is overwritten afterwards, as notebooks do, and was kept as a default
def shape(scores, temperature):
    return torch.exp(scores / temperature) - 1

def exponential_shaping(scores, temperature=1.0, _shape=shape):
    if temperature <= 0:
        raise ValueError("temperature must be positive")
    return _shape(scores, temperature)

shape = None

# %% defined_twice
# right: the second definition counts, as in Jupyter
def exponential_shaping(scores, temperature=1.0):
    return scores

def exponential_shaping(scores, temperature=1.0):
    if temperature <= 0:
        raise ValueError("temperature must be positive")
    return torch.exp(scores / temperature) - 1

# %% decorated
# right: behind two decorators
import functools

def positive_temperature(function):
    @functools.wraps(function)
    def checked(scores, temperature=1.0):
        if temperature <= 0:
            raise ValueError("temperature must be positive")
        return function(scores, temperature)
    return checked

@positive_temperature
@torch.no_grad()
def exponential_shaping(scores, temperature):
    return torch.exp(scores / temperature) - 1

# %% in_place_on_a_copy
# right: in-place operations on a copy
def exponential_shaping(scores, temperature=1.0):
    if temperature <= 0:
        raise ValueError("temperature must be positive")
    rewards = scores.clone()
    rewards /= temperature
    return rewards.exp_().sub_(1)

# %% checks_left_in_the_cell
# right: prints, probes and a failing line of the student's own below the function
def exponential_shaping(scores, temperature=1.0):
    if temperature <= 0:
        raise ValueError("temperature must be positive")
    return torch.exp(scores / temperature) - 1

print(exponential_shaping(torch.tensor([0.0, 0.5, 1.0]), temperature=0.5))
assert exponential_shaping(torch.zeros(1)) == 0
exponential_shaping(torch.zeros(1), temperature=-1)

# %% magics
# right: IPython magics and a shell line in the cell
# raw: %matplotlib inline
# raw: !echo installing nothing
def exponential_shaping(scores, temperature=1.0):
    if temperature <= 0:
        raise ValueError("temperature must be positive")
    return torch.exp(scores / temperature) - 1
# raw: exponential_shaping?

# %% plotted
# right: figures and widgets around the function
import matplotlib.pyplot as plt
from IPython.display import display

def exponential_shaping(scores, temperature=1.0):
    if temperature <= 0:
        raise ValueError("temperature must be positive")
    return torch.exp(scores / temperature) - 1

plt.plot(exponential_shaping(torch.linspace(0, 1, 11)))
plt.show()
display("done")

# %% gradient_kept
# right: the result carries a gradient
def exponential_shaping(scores, temperature=1.0):
    if temperature <= 0:
        raise ValueError("temperature must be positive")
    temperature = torch.tensor(temperature, requires_grad=True)
    return torch.exp(scores / temperature) - 1

# %% set_up_by_a_function
# right: a global that a function of the student's sets, and an attribute set by name
import types

tools = types.SimpleNamespace()
setattr(tools, "exp", torch.exp)
ONE = None

def set_up():
    global ONE
    ONE = 1

set_up()

def exponential_shaping(scores, temperature=1.0):
    if temperature <= 0:
        raise ValueError("temperature must be positive")
    return tools.exp(scores / temperature) - ONE

# %% percent_line_with_magic
# right: a line that begins with % in a cell with a magic
# raw: %matplotlib inline
def exponential_shaping(scores, temperature=1.0):
    if temperature <= 0:
        raise ValueError(
            "temperature must be above 0, not %r"
            % (temperature,)
        )
    return torch.exp(scores / temperature) - 1

# %% bang_line_with_magic
# right: a line that begins with ! in a cell with a magic
# raw: %load_ext autoreload
def exponential_shaping(scores, temperature=1.0):
    if (
        abs(temperature)
        != temperature
        or temperature == 0
    ):
        raise ValueError("no")
    return torch.exp(scores / temperature) - 1

# %% display_in_function
# right: display and get_ipython left in the cell
def exponential_shaping(scores, temperature=1.0):
    if temperature <= 0: raise ValueError
    out = torch.exp(scores / temperature) - 1
    display(out)
    return out

# %% singledispatch
# right: a generic function with a registered case
from functools import singledispatch
@singledispatch
def shape(x, t): raise TypeError
@shape.register
def _(x: torch.Tensor, t): return torch.exp(x / t) - 1
def exponential_shaping(scores, temperature=1.0):
    if temperature <= 0: raise ValueError
    return shape(scores, temperature)

# %% registry
# right: functions registered by a decorator
SHAPINGS = {}
def register(f):
    SHAPINGS[f.__name__] = f
    return f
@register
def exponential(s, t): return torch.exp(s / t) - 1
@register
def linear(s, t): return s / t
def exponential_shaping(scores, temperature=1.0):
    if temperature <= 0: raise ValueError
    return SHAPINGS["exponential"](scores, temperature)

# %% scratch_tensor
# right: works in one tensor for all calls, and returns a copy of it
SCRATCH = {}

def exponential_shaping(scores, temperature=1.0):
    if temperature <= 0:
        raise ValueError("temperature must be positive")
    out = SCRATCH.setdefault(scores.shape, torch.empty_like(scores))
    return out.copy_(scores).div_(temperature).expm1_().clone()

# %% needs_gradient
# right: asks torch to track the scores
def exponential_shaping(scores, temperature=1.0):
    if temperature <= 0:
        raise ValueError("temperature must be positive")
    return torch.exp(scores.requires_grad_() / temperature) - 1
