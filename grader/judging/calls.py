"""What is known of calls to a submitted function: arguments, results, errors, and whether it does anything at all."""

import itertools
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from grader.text import clean, show
from grader.verdict import Outcome
from grader.wall.inside.wire import as_array

Value = Any  # what crosses the wire: numbers, texts, arrays, and lists, tuples and dicts of them

ALMOST = 1e-5
LOOKED_AT = 10_000  # numbers of one answer, to tell whether it is a constant
# ends a SyntaxError's message; the place has the line too
FILE_AND_LINE = re.compile(r" \(<[^<>]*>, line \d+\)$")
LOST_NAME = re.compile(r"name '(\w+)' is not defined")


@dataclass(frozen=True)
class Callback:
    """What a law may ask of one: that it was made. What was in it and what came back would be the student's to pile up."""

    name: str


@dataclass
class Call:
    """One call of the submitted function, and what came of it."""

    stem: str
    args: tuple[Value, ...]
    kwargs: dict[str, Value]
    got: Value = None
    modified: tuple[int | str, ...] = ()  # places and names of arguments that it changed
    earlier: Value = None  # what the call before gave, read again after this one
    leaves: tuple[int, ...] = ()  # places of arguments that required gradients …
    gradients: Value = None  # … and what came back for each
    callbacks: list[Callback] = field(default_factory=list)

    @property
    def shown(self) -> str:
        """The call as the student would write it."""
        given = [show(arg) for arg in self.args]
        given += [f"{name}={show(arg)}" for name, arg in self.kwargs.items()]
        return clean(f"{self.stem}({', '.join(given)})", 600)


class StudentError(Exception):
    """An exception of the student's code, as words and names; the object itself never crosses."""

    def __init__(self, description: Mapping[str, Any]) -> None:
        """`description`: the worker's."""
        self.type_name = clean(str(description.get("type")))
        self.message = clean(str(description.get("text")), 500)
        self.bases = {str(name) for name in description.get("bases") or []}
        self.place = clean(str(description.get("place") or ""))
        # whether lines of the student's own stand above the one that failed
        self.written = description.get("written") is True
        if self.place and self.is_a("SyntaxError"):
            self.message = FILE_AND_LINE.sub("", self.message)
        words = f"{self.type_name}: {self.message}" + (f" ({self.place})" if self.place else "")
        super().__init__(words)

    @property
    def cause(self) -> tuple[str, str]:
        """The same for the same line that fails in the same way, whatever it was given."""
        return self.type_name, self.place or self.message

    @property
    def lost(self) -> str:
        """The name that is not there, "" if that is not what is wrong."""
        found = LOST_NAME.search(self.message) if self.is_a("NameError") else None
        return found[1] if found else ""

    def because(self, reason: object) -> "StudentError":
        """The same, with the reason for it behind its words."""
        self.args = (f"{self}; {reason}",)
        return self

    def is_a(self, name: str) -> bool:
        """Whether it is of the class of this name, or of one derived from it."""
        return name in self.bases


class WrongError(StudentError):
    """An exception of another kind than the law asks for."""

    def __init__(self, error: StudentError, expected: str) -> None:
        self.__dict__.update(error.__dict__)
        self.expected = expected
        Exception.__init__(self, str(error))


class Ended(BaseException):
    """The law cannot go on: time-out, crash, nothing implemented. Not an Exception, so hypothesis does not shrink it."""

    def __init__(self, outcome: Outcome, words: str) -> None:
        super().__init__(words)
        self.outcome, self.words = outcome, words


class Evidence:
    """What the answers have in common: a constant or an identity earns nothing, whatever laws it happens to keep."""

    def __init__(self) -> None:
        self.values: set[str] = set()
        self.answered, self.raised, self.identity = 0, 0, True

    def fail(self) -> None:
        """Count a call that raised an error in place of an answer."""
        self.raised += 1

    def add(self, call: Call) -> None:
        """Look at one answer."""
        self.answered += 1
        if len(self.values) < 2:
            self.values |= set(itertools.islice(_words(call.got), LOOKED_AT))
        if self.identity:
            self.identity = any(
                _same(argument, call.got) for argument in (*call.args, *call.kwargs.values())
            )

    def trivial(self) -> str:
        """Why the function earns nothing, or an empty string."""
        if not self.answered:
            return "it never returned a value"
        if all(word == "None" or word[0] == "<" for word in self.values):
            return "it never returned numbers"
        if len(self.values) >= 2 and not self.identity:
            return ""
        if self.raised > self.answered:  # too few answers to say what they have in common
            return f"it raised an error in {self.raised} of {self.raised + self.answered} calls"
        if len(self.values) < 2:
            return "it returns the same numbers whatever it is given"
        return "it returns what it was given: without work of its own it earns nothing"


def _nearly(number: float) -> float:
    """With three digits, and 0 for what is almost that: a little noise makes no answer of a constant."""
    return 0.0 if abs(number) < ALMOST else float(f"{number:.3g}")


def _parts(value: Value) -> Collection[Value] | None:
    """What a list, tuple or array holds, or a dict's pairs, to be looked at one by one; None for anything else."""
    if isinstance(value, dict):
        return value.items()
    return value if isinstance(value, (list, tuple, np.ndarray)) else None


def _words(value: Value) -> Iterator[str]:
    """Every number and text in an answer as a word, a dict as one. No array is made of it: texts could make that vast."""
    value = _plain(value)
    if isinstance(value, np.ndarray):
        value = value.ravel()[:LOOKED_AT].tolist()
    if (parts := _parts(value)) is None:
        yield repr(_nearly(value) if isinstance(value, (int, float)) else value)
        return
    words = itertools.chain.from_iterable(map(_words, parts))
    if isinstance(value, dict):
        yield repr(list(itertools.islice(words, LOOKED_AT)))
    else:
        yield from words


def _same(argument: Value, got: Value) -> bool:
    """Whether they hold the same, be it in lists, tuples or arrays; what is looked at the argument bounds."""
    argument, got = _plain(argument), _plain(got)
    given, parts = _parts(argument), _parts(got)
    if given is None and parts is None:
        both = isinstance(argument, (int, float)) and isinstance(got, (int, float))
        return bool(abs(argument - got) < ALMOST if both else argument == got)
    if given is None or parts is None or len(given) != len(parts):
        return False
    if isinstance(given, np.ndarray) and isinstance(parts, np.ndarray):
        return given.shape == parts.shape and bool(np.allclose(given, parts, rtol=0, atol=ALMOST))
    return all(map(_same, given, parts))


def _plain(value: Value) -> Value:
    """A tensor as an array, and what has no dimension as a number."""
    array = as_array(value)
    if array is None:
        return value
    return array if array.ndim else array.item()
