"""`grader remove`: a student leaves the course for good, and all that there was of the student lies in one zip."""

import contextlib
import json
import os
import shutil
import stat
import zipfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path

from grader.assignment import TRAINING
from grader.errors import CourseError
from grader.gradebook import people
from grader.gradebook.history import log_removal
from grader.gradebook.marks_log import MarksLog
from grader.lms.people import Roster
from grader.store import PREVIEW, PUBLISHED, REPORT, WORK, alone, sha256
from grader.text import one_line, some_of

BELOW = ("attempts", "submitted")  # folders of students below an assignment's in WORK
# what names everybody, and is made anew: below WORK
TABLES = (f"*/{REPORT}", f"*/{PUBLISHED}", "status.csv")


def run(students: Sequence[str], dry_run: bool = False) -> int:
    """Remove them all, or nobody: CourseError where one is unknown."""
    place = people.course()
    wanted = list(dict.fromkeys(students))
    with contextlib.ExitStack() as locks:
        for work in sorted(path.parent for path in (place.root / WORK).glob("*/lock")):
            locks.enter_context(alone(work))
        entered, roster = people.known(place), Roster.kept(place.root)
        listed = {person.student for person in roster}
        held = {name: dict(parts(place, name)) for name in wanted}
        unknown = [n for n in wanted if not held[n] and n not in entered | listed]
        if unknown:
            names = some_of([one_line(name, 100) for name in unknown])
            raise CourseError(
                f"nobody is called {names}: neither in the gradebook nor in submitted/ nor in the roster; nothing is removed"
            )
        for name in wanted:
            went = list_of(held[name], name in entered, name in listed)
            if dry_run:
                print(f"would remove {one_line(name, 100)}: {went}; nothing was changed")
                continue
            try:
                saved = save(place, name, held[name], roster)
                take_out(place, name, held[name], name in entered)
                log_removal(place.root, name)
            except OSError as error:
                raise CourseError(
                    f"{error.filename or place.root}: {error.strerror}: mend it, and run again with {one_line(name, 100)} and those after"
                ) from None
            if name in listed:
                roster = Roster(person for person in roster if person.student != name)
                roster.save(place.root)
            print(said(name, went, name in listed, saved.relative_to(place.root)))
    return 0


def parts(place: people.Course, student: str) -> Iterator[tuple[str, Path]]:
    """What lies on disk of a student: the name it has in the zip, and its place."""
    if student in ("", ".", "..") or "/" in student or "\0" in student:
        return
    folders = {name: getattr(place, name) for name in ("submitted", "autograded", "feedback")}
    folders[PREVIEW] = place.root / PREVIEW
    for name, folder in folders.items():
        if lies(folder / student):
            yield f"{name}/{student}", folder / student
    for work in sorted(path for path in (place.root / WORK).glob("*") if path.is_dir()):
        found = [work / name / student for name in BELOW]
        for path in (*found, work / "students" / f"{student}.json"):
            if lies(path):
                yield str(path.relative_to(place.root)), path
    for path in trained(place.root, student):
        if lies(path):
            yield str(path.relative_to(place.root)), path


def trained(root: Path, student: str) -> list[Path]:
    """Where runs with the student's notebooks, and marks for them, lie; of those alone that nobody else has handed in."""
    handed_in = defaultdict[str, set[str]](set)
    for name in BELOW:
        for path in (root / WORK).glob(f"*/{name}/*/**/*.ipynb"):
            who = path.relative_to(root / WORK).parts[2]
            handed_in[who].add(path.stem if name == "attempts" else sha256(path.read_bytes()))
    log, there = MarksLog(root), {*handed_in, student}
    for line in chain.from_iterable(log.read(name).lines for name in log.assignments()):
        if line["student"] in there and line.get("notebook"):
            handed_in[line["student"]].add(line["notebook"])
    own = handed_in.pop(student, set()).difference(*handed_in.values())
    found = [root / TRAINING / f"{digest}{end}" for digest in sorted(own) for end in ("", ".json")]
    return [path for path in found if path.exists()]


def lies(path: Path) -> bool:
    """Whether anything is there; CourseError where nobody can tell, or a part of the work would be left behind."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise CourseError(f"{path}: {error.strerror}: mend it; nothing is removed") from error
    return True


def save(place: people.Course, student: str, held: dict[str, Path], roster: Roster) -> Path:
    """The zip, whole and read again, before anything goes."""
    folder = place.root / WORK / "removed"
    folder.mkdir(parents=True, exist_ok=True)
    moment = f"{datetime.now(UTC):%Y-%m-%dT%H%M%S%f}"
    path = folder / f"{student}-{moment}.zip"
    temporary = path.with_suffix(".part")
    try:
        pack(temporary, place, student, held, roster)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    temporary.replace(path)
    return path


def pack(
    temporary: Path, place: people.Course, student: str, held: dict[str, Path], roster: Roster
) -> None:
    """All that there is of the student, into a zip that can be read."""
    # a file's time may be that of no moment, 1970, which a zip cannot hold
    with zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED, strict_timestamps=False) as archive:
        if record := people.records(place, [student]).get(student):
            archive.writestr("gradebook.json", record)
        if rows := [asdict(person) for person in roster if person.student == student]:
            archive.writestr("roster.json", json.dumps(rows[0], indent=1))
        for name, top in held.items():
            for inner, file in files(name, top):
                if file.is_symlink():
                    archive.writestr(f"{inner} (a link)", os.fsencode(file.readlink()))
                else:
                    archive.write(file, inner)
    with zipfile.ZipFile(temporary) as archive:
        if broken := archive.testzip():
            raise CourseError(f"{temporary} cannot be read back ({broken}): nothing is removed")


def files(name: str, top: Path) -> Iterator[tuple[str, Path]]:
    """All files and links there, links never followed; CourseError for what cannot be opened."""
    if top.is_symlink() or not top.is_dir():
        yield name, top
        return

    def stop(error: OSError) -> None:
        raise CourseError(
            f"{error.filename} cannot be opened: mend its permissions; nothing is removed"
        )

    for folder, inner, found in os.walk(top, onerror=stop):
        links = [each for each in inner if Path(folder, each).is_symlink()]
        for each in (*links, *found):
            path = Path(folder, each)
            mode = path.lstat().st_mode
            if stat.S_ISREG(mode) or stat.S_ISLNK(mode):
                yield f"{name}/{path.relative_to(top)}", path


def take_out(place: people.Course, student: str, held: dict[str, Path], entered: bool) -> None:
    """First the marks, then the work: what is left after an interruption is found again."""
    if entered:
        people.remove(place, student)
    for path in held.values():
        delete(path)
    # they name the student, and are made anew without
    for table in chain.from_iterable((place.root / WORK).glob(each) for each in TABLES):
        delete(table)


def delete(path: Path) -> None:
    """A folder with what it holds, a file, or a link."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


def list_of(held: dict[str, Path], entered: bool, listed: bool) -> str:
    """All that there is of a student, in words."""
    went = [*(["the gradebook's entry"] if entered else []), *held]
    went += ["the kept roster's entry"] if listed else []
    return ", ".join(one_line(each, 200) for each in went)


def said(student: str, went: str, listed: bool, saved: Path) -> str:
    """What went, where it is now, and what would enter the student again."""
    words = f"removed {one_line(student, 100)}: {went}; all of it is in {one_line(str(saved))}"
    again = "; a --roster file that names this student enters the student again"
    return words + again if listed else words
