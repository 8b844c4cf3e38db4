"""When a notebook came in: its file's time, or what the instructor's collector wrote beside it."""

import contextlib
import os
import shutil
import stat
from datetime import UTC, datetime
from pathlib import Path

from grader.store import StateFile
from grader.submission.collect import REFUSED, TIMESTAMP

FORMAT = "%Y-%m-%d %H:%M:%S UTC"
LONGEST = 100  # bytes of a file that names a moment
ASIDE = "timestamp.txt was put aside: --timestamps keep uses it, if your collector wrote it"
NO_FILE_TIME = "the notebook's file has no plausible time: when it was handed in is not known"
NO_MOMENT = "timestamp.txt names no moment, as 2026-12-01 12:00:00 UTC is one: it counts as none"


def stamp(home: Path, staged: Path, notebook: Path | None, known: StateFile) -> list[str]:
    """The file's time, in the staged folder and in the student's; a timestamp that lay there is put aside.

    nbgrader calls a student graded when the hand-in's timestamp is the graded one's. The state remembers what was
    written, to know it again. Returns the notes for the student's row.
    """
    moment = file_time(notebook) if notebook else ""
    if moment:
        (staged / TIMESTAMP).write_text(moment)
    notes = [NO_FILE_TIME] if notebook and not moment else []
    if not own_folder(home):
        return notes
    with contextlib.suppress(OSError):  # a folder that cannot be written: formgrader alone cares
        path = home / TIMESTAMP
        there = read_bytes(path)
        ours = there and there in (moment.encode(), known.read().moment.encode())
        if os.path.lexists(path) and not ours:
            path.replace(home / REFUSED)
        if moment:
            path.write_text(moment)
        elif ours:  # an earlier notebook's
            path.unlink()
    known.change(moment=moment)
    return [*notes, ASIDE] if os.path.lexists(home / REFUSED) else notes


def keep(home: Path, staged: Path, known: StateFile) -> list[str]:
    """The collector's timestamp as it is, fetched back if an earlier run put it aside; the notes for the row."""
    path, refused = home / TIMESTAMP, home / REFUSED
    if not own_folder(home):
        return []
    ours = read_bytes(path) in (b"", known.read().moment.encode())
    if ours and os.path.lexists(refused) and not path.is_dir():
        with contextlib.suppress(OSError):
            refused.replace(path)
    if read_timestamp(home) is not None:
        shutil.copyfile(path, staged / TIMESTAMP)
        return []
    return [NO_MOMENT] if os.path.lexists(path) else []


def file_time(path: Path) -> str:
    """Empty for a file that went meanwhile, and for a time that is none: an archive may hold any."""
    try:
        moment = datetime.fromtimestamp(int(path.stat().st_mtime), UTC)
    except (OSError, ValueError, OverflowError):
        return ""
    return moment.strftime(FORMAT) if plausible(moment) else ""


def plausible(moment: datetime) -> bool:
    """Whether nbgrader's pages can show it in every time zone, and it is none that stands for no time at all."""
    return 1970 < moment.year < 3000


def own_folder(home: Path) -> bool:
    """Whether it is there, and the student's own: `submitted/<student>/<assignment>`, and no link on the way."""
    return home.is_dir() and not home.is_symlink() and not home.parent.is_symlink()


def read_bytes(path: Path) -> bytes:
    """A timestamp's bytes; nothing where there is no file, or one that can be none."""
    try:
        about = path.lstat()
        fits = stat.S_ISREG(about.st_mode) and about.st_size <= LONGEST
        return path.read_bytes() if fits else b""
    except OSError:
        return b""


def read_timestamp(folder: str | Path) -> datetime | None:
    """The moment that a folder's timestamp.txt names, in UTC; None if there is none that can be read and shown."""
    from nbgrader.utils import parse_utc  # brings nbgrader along: not before the jobs start

    path = Path(folder, "timestamp.txt")
    try:
        if not stat.S_ISREG(os.lstat(path).st_mode) or path.stat().st_size > LONGEST:
            return None
        moment: datetime | None = parse_utc(path.read_text(encoding="utf-8").strip())
    except Exception:  # a date that a student wrote has many ways to be none
        return None
    return moment if moment and plausible(moment) else None
