"""Which of the walls is taken: the one that is named, or the strongest that works on this machine, as really tried."""

from argparse import ArgumentParser
from functools import cache

from grader.assignment import Limits
from grader.errors import SandboxError
from grader.text import program
from grader.wall.isolation import ISOLATIONS, STRONGEST_FIRST, Isolation
from grader.wall.sandbox import Sandbox

AUTO = "auto"
CHOICES = (AUTO, *ISOLATIONS)


def isolation_option(parser: ArgumentParser) -> None:
    """By which a command is told."""
    text = (
        "the wall: the strongest that works here, or this one alone;"
        " none: student code runs WITHOUT a sandbox, as you, only for code you trust (default: %(default)s)"
    )
    parser.add_argument("--isolation", choices=CHOICES, default=AUTO, help=text)


def chosen(name: str) -> Isolation:
    """The isolation of this name; of "auto", the strongest that works: SandboxError if none does."""
    return strongest() if name == AUTO else ISOLATIONS[name]


def checked(name: str) -> Isolation:
    """The same for a command, which refuses at once where no worker would start: SandboxError."""
    isolation = chosen(name)
    if name != AUTO and isolation.walled and (refusal := trial(name)):
        raise SandboxError(refusal)
    return isolation


def strongest() -> Isolation:
    """SandboxError if none works."""
    refusals = []
    for isolation in STRONGEST_FIRST:
        if not (refusal := trial(isolation.name)):
            return isolation
        refusals.append(f"{isolation.name}: {refusal}")
    raise SandboxError(
        f"no sandbox works here ({'; '.join(refusals)}), and nothing is graded without one: see `{program()} -m grader doctor`"
    )


def trial(name: str) -> str:
    """Why no worker starts behind it, "" if one does."""
    return first_worker(name)[1]


@cache
def first_worker(name: str) -> tuple[int | None, str]:
    """The user of this machine that a worker behind it is, or None and why there is no worker; tried once a process."""
    try:
        with Sandbox([], Limits(), ISOLATIONS[name]) as wall:
            worker = wall.worker()
            worker.kill()
    except SandboxError as error:
        return None, str(error)
    return worker.uid, ""
