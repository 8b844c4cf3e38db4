"""Puts collected work into its place: attempts kept first, then submitted/, so that an interrupted command loses nothing."""

import os
import shutil
from collections.abc import Callable, Collection
from pathlib import Path

from grader.errors import CourseError
from grader.lms.collect.attempts import BY_HAND, Archive, Attempt
from grader.lms.collect.plan import There
from grader.lms.collect.table import PLACED, Row, What
from grader.reader import read
from grader.store import StateFile, sha256
from grader.submission.choosing import Found
from grader.submission.collect import TIMESTAMP, find, foreign
from grader.submission.timestamps import FORMAT, plausible


class Place:
    """One assignment's folders: what lies there of a student, and what is put there."""

    def __init__(
        self,
        root: Path,
        submitted: Path,
        names: tuple[str, str],
        others: Collection[str] = (),
        ids: Collection[str] = (),
    ) -> None:
        """`names`: of the assignment and of its notebook, without .ipynb; `others`, `ids`: as `find` takes them."""
        self.root, self.submitted, self.others, self.ids = root, submitted, others, ids
        self.assignment, self.notebook = names
        self.archive = Archive(root, self.assignment)

    def proper(self, student: str) -> Path:
        """Where the student's notebook belongs."""
        return self.submitted / student / self.assignment / f"{self.notebook}.ipynb"

    def _way(self, student: str) -> tuple[Path, ...]:
        """The student's folder, the assignment's in it, and the notebook: what must be no link."""
        proper = self.proper(student)
        return proper.parent.parent, proper.parent, proper

    def found(self, student: str) -> Found:
        """What `grader run` would grade of this student."""
        folder = self.submitted / student
        return find(folder, self.assignment, self.notebook, self.others, self.ids)

    def there(self, student: str) -> There:
        """What lies there now; what cannot be opened stops nobody else."""
        try:
            return self._there(student)
        except OSError as error:
            return There(odd=f"submitted/{student} cannot be read ({error.strerror})")

    def _there(self, student: str) -> There:
        folder = self.submitted / student
        links = [p for p in self._way(student) if p.is_symlink()]
        if links:
            return There(odd=f"submitted/{links[0].relative_to(self.submitted)} is a link")
        if not folder.is_dir():
            return There(odd=f"submitted/{student} is no folder" if folder.exists() else "")
        found = self.found(student)
        if found.trouble:
            return There(odd=found.trouble)
        if found.why_not in ("several", "twice"):
            return There(odd="several notebooks lie in submitted/")
        if found.notebook is None:
            return There()
        digest = sha256(read(found.notebook))
        if found.notebook == self.proper(student):
            return There(digest)
        return There(digest, f"another notebook lies at {found.notebook.relative_to(folder)}")

    def put(self, row: Row) -> None:
        """Keep the row's attempts, then place the one that counts."""
        if row.kept is None:
            return
        for digest, again in row.data.items():
            if not self.archive.file(row.student, digest).exists():
                self.archive.put(row.student, reread(again, digest))
        if row.what in PLACED:
            self._put_aside(row)
        if row.kept != self.archive.read(row.student):
            self.archive.write(row.student, row.kept)
        if row.counts and row.what in (*PLACED, What.SAME, What.OLDER):
            self._tell(row.student, row.counts)
            self._place(row.student, row.counts)

    def _put_aside(self, row: Row) -> None:
        """What lay there by hand is kept as one of the attempts, and leaves its place."""
        assert row.kept is not None
        folder, proper = self.submitted / row.student, self.proper(row.student)
        for link in self._way(row.student):
            if link.is_symlink():
                link.unlink()
        for path in sorted(folder.rglob("*.ipynb*")) if folder.is_dir() else ():
            if not (path.is_file() and not path.is_symlink() and self._is_ours(path, folder)):
                continue
            data = path.read_bytes()  # larger than any notebook may be, it is still somebody's work
            digest = sha256(data)
            if digest in row.kept.collected:
                continue
            self.archive.put(row.student, data)
            where = f"submitted/{path.relative_to(self.submitted)}"
            row.kept = row.kept.with_more([Attempt(digest, BY_HAND, source=where)])
            self.archive.write(row.student, row.kept)
            if path != proper:
                path.unlink()

    def _is_ours(self, path: Path, folder: Path) -> bool:
        """Whether a file in the student's folder is this assignment's."""
        if path.relative_to(folder).parts[0] in self.others:
            return False
        known = bool(self.others and self.ids) and not path.is_relative_to(folder / self.assignment)
        return not (known and foreign(path, self.ids))

    def _place(self, student: str, counts: Attempt) -> None:
        """Whole or not at all, with the time of hand-in as the file's; 1970 where there is none, which `grader run` tells."""
        proper, source = self.proper(student), self.archive.file(student, counts.sha256)
        moment = counts.moment if counts.moment and plausible(counts.moment) else None
        seconds = int(moment.timestamp()) if moment else 0
        temporary = proper.with_suffix(".part")
        if proper.is_file() and sha256(read(proper)) == counts.sha256:
            temporary.unlink(missing_ok=True)
            if not moment:  # the file's own time, if somebody put it there, says more
                return
            os.utime(proper, (seconds, seconds))
        else:
            proper.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, temporary)
            os.utime(temporary, (seconds, seconds))
            temporary.replace(proper)
        stamp = proper.with_name(TIMESTAMP)
        if moment:
            stamp.write_text(moment.strftime(FORMAT))
        else:
            stamp.unlink(missing_ok=True)

    def _tell(self, student: str, counts: Attempt) -> None:
        """What the system says of it, for status.csv."""
        words = [counts.lateness] if counts.lateness else []
        if counts.partners:
            words.append(f"handed in with {', '.join(counts.partners)}")
        told = {counts.sha256: "; ".join(words)} if words else {}
        state = StateFile(self.root, self.assignment, student)
        if state.read().told != told:
            state.change(told=told)


def reread(again: Callable[[], bytes], digest: str) -> bytes:
    """A download's file, which must be what it was when the table was made."""
    data = again()
    if sha256(data) != digest:
        raise CourseError("a download changed while it was read: run the same command again")
    return data
