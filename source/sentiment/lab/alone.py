"""What the grader will miss: it runs the notebook by itself, without the files and modules that lie beside it.

Of the course's own modules it has `sentiment` alone, and of that the functions in PROVIDED.
"""

import contextlib
import io
import os
import re
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType

import sentiment
from lab import COURSE, reader
from lab.command import shell
from lab.notebook import exercises_in
from rewards import Rewards, callables

PROVIDED = (
    "get_sentiment_scores",
    "use_model",
)  # of `sentiment`; the grader's assignment has the same
ALONE = "only the notebook is graded"
REMEDY = (
    f"A function may use what your own cells define, installed packages, and {' and '.join(PROVIDED)};"
    " nothing else that lies beside the notebook, and nothing that is made with it"
)
LOST_NAME = re.compile(r"name '(\w+)' is not defined")


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


def executed() -> list[str]:
    """Return the cells that were run so far in this Jupyter session, the running one last; [] outside a notebook."""
    history = getattr(getattr(shell(), "history_manager", None), "input_hist_raw", [])
    return [reader.with_newlines(text) for text in history]


def by_itself(stem: str, texts: Sequence[str], surroundings: Surroundings) -> Rewards:
    """Return the exercise as the grader loads it: from these cells, and nothing that lies beside them."""
    failures: dict[str, str] = {}
    with surroundings.left(), contextlib.redirect_stdout(io.StringIO()):
        found = exercises_in(texts, [stem], failures, "notebook")
    return Rewards("your cells", callables(found), failures)


def first_reason(words: str, problems: Mapping[str, str]) -> str:
    """Return why a name is missing where an error says that it is; of several on the way to it the first, or ""."""
    reason, left = "", dict(problems)
    while (lost := LOST_NAME.search(reason or words)) and lost[1] in left:
        reason = left.pop(lost[1])
    return reason
