"""Which of the walls is taken: the one that is named, or the strongest that works on this machine, as really tried."""

from functools import cache

from grader.assignment import Limits
from grader.errors import SandboxError
from grader.text import program
from grader.wall.isolation import ISOLATIONS, STRONGEST_FIRST, Isolation
from grader.wall.sandbox import Sandbox

AUTO = "auto"
CHOICES = (AUTO, *ISOLATIONS)
HELP = (
    "the wall: the strongest that works here, or this one alone;"
    " none: student code runs WITHOUT a sandbox, as you, only for code you trust (default: %(default)s)"
)


def chosen(name: str) -> Isolation:
    """The isolation of this name; of "auto", the strongest that works: SandboxError if none does."""
    return strongest() if name == AUTO else ISOLATIONS[name]


@cache
def strongest() -> Isolation:
    """Tried once a process."""
    refusals = []
    for isolation in STRONGEST_FIRST:
        if not (refusal := trial(isolation)):
            return isolation
        refusals.append(f"{isolation.name}: {refusal}")
    raise SandboxError(
        f"no sandbox works here ({'; '.join(refusals)}), and nothing is graded without one: see `{program()} -m grader doctor`"
    )


def trial(isolation: Isolation) -> str:
    """Why no worker starts behind it, "" if one does."""
    try:
        with Sandbox([], Limits(), isolation) as wall:
            wall.worker().kill()
    except SandboxError as error:
        return str(error)
    return ""
