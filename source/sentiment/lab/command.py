"""What the scripts share on the command line: parsers, output and errors that stay readable."""

import argparse
import atexit
import functools
import gc
import io
import os
import sys
from collections.abc import Callable
from typing import Any, NoReturn, Protocol

from lab.errors import LabError

atexit.register(
    gc.freeze
)  # at its end Python looks for garbage in all that torch brought along: a second


class Main(Protocol):
    """A script's `main`, which gives its exit code."""

    def __call__(self, argv: list[str] | None = None) -> int: ...


class OneLineErrors(argparse.ArgumentParser):
    """A parser whose errors are one line without the usage, exit 2."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong with the command line."""
        print(f"{self.prog}: {message} (--help lists every flag)", file=sys.stderr)
        sys.exit(2)


def shell() -> Any:
    """Return IPython's shell where this code runs in one; None elsewhere."""
    return getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()


def in_notebook() -> bool:
    """Tell whether a notebook's kernel runs this code."""
    return getattr(shell(), "kernel", None) is not None


def nbgrader_executes() -> bool:
    """Tell whether nbgrader executes the notebook: nobody watches, and nothing trains."""
    return bool(os.environ.get("NBGRADER_EXECUTION"))


def print_anything() -> None:
    """Let no print end a run: what the output cannot hold, as `→` in a file that Windows opens as cp1252, shows as its code."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def says_errors(script: str) -> Callable[[Callable[[list[str] | None], int]], Main]:
    """Make a script's `main` say what a LabError says, on stderr, and return 1; for Ctrl-C, 130.

    A script that knows how to go on after Ctrl-C raises KeyboardInterrupt with these words.
    """

    def wrapped(main: Callable[[list[str] | None], int]) -> Main:
        @functools.wraps(main)
        def said(argv: list[str] | None = None) -> int:
            print_anything()
            try:
                return main(argv)
            except LabError as error:
                print(f"{script}: {error}", file=sys.stderr)
                return 1
            except KeyboardInterrupt as interrupt:
                print(f"\n{script}: {str(interrupt) or 'interrupted'}", file=sys.stderr)
                return 130

        return said

    return wrapped
