"""How nbgrader reads a submission: as bytes, through preflight, with nothing else of what a student handed in."""

import os
import shutil
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import nbformat
from nbconvert.exporters import NotebookExporter
from nbgrader.api import Gradebook
from nbgrader.converters import Autograde
from nbgrader.converters.base import NbGraderException
from traitlets import Unicode

from grader.assignment import LAWS, Assignment, load_assignments
from grader.errors import CourseError, SandboxError
from grader.gradebook.extensions import Extension, tell
from grader.gradebook.late import check_settings
from grader.reader import Unreadable
from grader.store import StateFile
from grader.submission.handed_in import HandedIn, read
from grader.submission.preflight import Submission, blank, repair
from grader.submission.timestamps import read_timestamp
from grader.verdict import Verdict
from grader.wall.choice import AUTO, CHOICES, checked

MOST_BLANK = 30  # lines


@dataclass(frozen=True)
class Judged:
    """What `grader run` knows of a submission before nbgrader records it."""

    assignment: Assignment
    handed_in: HandedIn
    verdict: Verdict


class Recording(Autograde):
    """nbgrader's Autograde for one student, told what was handed in and what it is worth."""

    def __init__(self, judged: Judged, **kwargs: Any) -> None:
        self.judged = judged
        super().__init__(**kwargs)


def judged(converter: Autograde) -> Judged | None:
    """What is known already; None under a plain `nbgrader autograde`."""
    return converter.judged if isinstance(converter, Recording) else None


class SubmissionExporter(NotebookExporter):
    """Reads what a student handed in as bytes, repairs it, and keeps every other submitted file out of autograded/."""

    laws = Unicode(str(LAWS), help="the folder of laws").tag(config=True)

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.converter = cast(Any, self.parent)
        self.coursedir = self.converter.coursedir
        self.coursedir.ignore = ["*"]  # autograde copies nothing beside the notebook
        known = judged(self.converter)
        if known is None:  # else the verdict is there already
            self._check_sandbox()
        self.assignment = known.assignment if known else self._declared()
        if not known:
            check_settings(self.converter, "nothing is graded")

    def _check_sandbox(self) -> None:
        """Said once, and not for each student."""
        try:
            name = self.config.GradeSuites.get("isolation")
            checked(name if name in CHOICES else AUTO)
        except SandboxError as error:
            self.log.error(f"nothing is graded: {error}")
            raise NbGraderException("no sandbox") from error

    def _declared(self) -> Assignment:
        try:
            folder = Path(self.coursedir.root) / self.laws
            [assignment] = load_assignments(folder, self.coursedir.assignment_id)
        except CourseError as error:
            self.log.error(f"nothing is graded: {error}")
            raise NbGraderException("the course cannot be used") from error
        return assignment

    def from_filename(
        self, filename: str, resources: dict[str, Any] | None = None, **kw: Any
    ) -> Any:
        if not self.converter._sanitizing or resources is None:
            return super().from_filename(filename, resources, **kw)
        names = resources["nbgrader"]
        # begins to record another verdict
        state_file(self.coursedir, names).change(whole="")
        known = judged(self.converter)
        submission = readable(known.handed_in if known else read_plain(filename), self.assignment)
        keep_timestamp(Path(filename).parent, self.converter, names)
        tell_extension(Path(self.coursedir.root), names)
        return self.from_notebook_node(nbformat.from_dict(submission.notebook), resources, **kw)


def tell_extension(root: Path, names: dict[str, str]) -> None:
    """The submission is new to nbgrader, or its due date is; what nbgrader knows by itself, it keeps."""
    if not Extension.kept(StateFile(root, names["assignment"], names["student"])):
        return
    with Gradebook(names["db_url"]) as gradebook:
        tell(gradebook.find_submission(names["assignment"], names["student"]), root)
        gradebook.db.commit()


def state_file(coursedir: Any, names: dict[str, str]) -> StateFile:
    """Where it stands what is known of the student that nbgrader is at."""
    return StateFile(Path(coursedir.root), names["assignment"], names["student"])


def readable(handed_in: HandedIn, assignment: Assignment) -> Submission:
    """The repaired submission; if it cannot be read, the course's blank notebook headed by the reason."""
    try:
        submission = repair(handed_in, assignment)
        for cell in submission.notebook["cells"]:
            cell["source"] = without_emptiness(cell["source"])
        return submission
    except Unreadable as reason:
        submission = blank(assignment)
        words = f"**This submission could not be read:** {reason}."
        submission.notebook["cells"].insert(
            0, {"id": "unreadable", "cell_type": "markdown", "metadata": {}, "source": words}
        )
        return submission


def read_plain(filename: str | Path) -> HandedIn:
    """What lies at submitted/<student>/<assignment>/<notebook>, unless a link leads to another place."""
    linked = any(map(os.path.islink, (Path(filename).parent, Path(filename).parents[1])))
    if linked or not stat.S_ISREG(os.lstat(filename).st_mode):
        return HandedIn(why_not="linked")
    return read(filename)


def without_emptiness(text: str) -> str:
    """Of many blank lines in a row only the first: what colours code looks at each again and again."""
    kept, blanks = [], 0
    for line in text.split("\n"):
        blanks = 0 if line.strip() else blanks + 1
        if blanks <= MOST_BLANK:
            kept.append(line)
    return "\n".join(kept)


def keep_timestamp(folder: Path, converter: Autograde, names: dict[str, str]) -> None:
    """nbgrader compares the autograded folder's timestamp with a later hand-in's, and without one keeps an earlier one's."""
    if read_timestamp(folder) is None:
        with Gradebook(names["db_url"]) as gradebook:
            gradebook.find_submission(names["assignment"], names["student"]).timestamp = None
            gradebook.db.commit()
    else:
        kept = Path(converter._format_dest(names["assignment"], names["student"]))
        kept.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(folder / "timestamp.txt", kept / "timestamp.txt")
