"""What the grader will miss: it runs the notebook by itself, without the files and modules that lie beside it.

Of the course's own modules it has `sentiment` alone, and of that the functions in PROVIDED.
"""

import contextlib
import dis
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

import sentiment
from lab import COURSE

PROVIDED = ("get_sentiment_scores", "use_model")
OWN = ("__main__", "student_rewards", "sentiment")  # modules that are the notebook, or the grader's


class Deaf(PathFinder):
    """Finds modules as Python does, but not where student code has made `sys.path` lead."""

    def __init__(self, path: list[str]) -> None:
        """Take what stands for `sys.path`."""
        self.path = path

    # the interpreter asks an instance as well as the class
    def find_spec(  # type: ignore[override]
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return where a module is, as `PathFinder` does."""
        return super().find_spec(fullname, self.path if path is None else path, target)


class Surroundings:
    """Where modules are found now, before any student code has changed that."""

    def __init__(self, *folders: Path) -> None:
        """Take `folders`, the course's own and the working folder for what the grader does not have."""
        self.folders = {folder.resolve() for folder in (*folders, COURSE, Path.cwd())}
        self.before = set(sys.modules)
        self.path = [entry for entry in sys.path if Path(entry).resolve() not in self.folders]
        self.known = {Path(entry).resolve() for entry in self.path}

    @contextlib.contextmanager
    def left(self) -> Iterator[None]:
        """Run a block where only installed modules can be imported, and relative paths lead nowhere."""
        here, modules, path, finders = Path.cwd(), dict(sys.modules), sys.path, sys.meta_path
        gone = {*self.beside(), "sentiment"}
        with tempfile.TemporaryDirectory() as nowhere:
            try:
                for name in gone:
                    del sys.modules[name]
                sys.modules["sentiment"] = provided()
                sys.path = list(self.path)
                sys.meta_path = [Deaf(self.path) if f is PathFinder else f for f in finders]
                os.chdir(nowhere)
                yield
            finally:
                os.chdir(here)
                sys.path, sys.meta_path = path, finders
                for name in self.beside():
                    del sys.modules[name]
                sys.modules.update({name: modules[name] for name in gone})

    def beside(self) -> list[str]:
        """Return the names of all loaded modules that the grader does not have."""
        tops = {name.partition(".")[0] for name in sys.modules} - {"__main__"}
        found = {top for top in tops if self.is_beside(top)}
        return [name for name in sys.modules if name.partition(".")[0] in found]

    def is_beside(self, top: str) -> bool:
        """Tell whether a loaded module comes from one of the folders, or from one that student code added."""
        folder = home(sys.modules.get(top))
        if folder is None:
            return False
        return folder in self.folders or (top not in self.before and folder not in self.known)


def home(module: ModuleType | None) -> Path | None:
    """Return the folder in which a top-level module or package lies; None for what is built in."""
    package = list(getattr(module, "__path__", None) or [])
    place = package[0] if package else getattr(module, "__file__", None)
    return Path(place).resolve().parent if place else None


def provided() -> ModuleType:
    """Return the module `sentiment` as the grader has it."""
    module = ModuleType("sentiment")
    vars(module).update({name: getattr(sentiment, name) for name in PROVIDED})
    return module


def modules_beside(function: Callable[..., Any], surroundings: Surroundings) -> list[str]:
    """Return the modules that a function of a running notebook uses and the grader does not have."""
    todo: list[Any] = [function]
    seen: set[int] = set()
    found: set[str] = set()
    while todo:
        value = todo.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        top = home_name(value).partition(".")[0]
        if top not in OWN and surroundings.is_beside(top):
            found.add(top)
        elif isinstance(code := getattr(value, "__code__", None), CodeType):
            globals_, (imported, read) = value.__globals__, names_in(code)
            todo += [globals_[name] for name in read if name in globals_]
            todo += [sys.modules[name] for name in imported if name in sys.modules]
    return sorted(found)


def home_name(value: object) -> str:
    """Return the name of a module, or of that in which a function or class was made; "" for other values."""
    name = getattr(value, "__name__" if isinstance(value, ModuleType) else "__module__", None)
    return name if isinstance(name, str) else ""


def names_in(code: CodeType) -> tuple[set[str], set[str]]:
    """Return the modules that a function's code imports, and the global names that it reads."""
    imported: set[str] = set()
    read: set[str] = set()
    for step in dis.get_instructions(code):
        if step.opname == "IMPORT_NAME":
            imported.add(step.argval)
        elif step.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
            read.add(step.argval)
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            more_imported, more_read = names_in(inner)
            imported, read = imported | more_imported, read | more_read
    return imported, read
