"""Get the one file to hand in, with a receipt: the visible checks once more, what will be graded, and what not.

    python submit.py                      # exercise.ipynb beside this file, as it is saved
    python submit.py exercise-Copy1.ipynb # another notebook, under the proper name

Writes handin/exercise.ipynb, the saved file to the last byte, and handin/receipt.txt with its SHA-256 and the time. What
was written there before stays in handin/earlier/. Nothing is sent: you upload the file where your instructor says.
"""

import hashlib
import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from lab import COURSE, reader
from lab.alone import Surroundings
from lab.command import OneLineErrors, says_errors
from lab.errors import ExerciseError
from lab.notebook import marks, readable, unsaved
from lab.progress import Progress, saved_progress
from lab.runs import write_whole
from rewards import NOTEBOOK

OWN = {"checks", "data", "evaluate", "rewards", "sentiment", "submit", "train"}
FOLDER, RECEIPT, EARLIER = "handin", "receipt.txt", "earlier"
DIGEST = re.compile(r"^SHA-256 +([0-9a-f]{64})$", re.MULTILINE)
GRADED = """\
Graded: the functions of exercises 1 to 4, with what they need of your other cells; for exercise 5 a run that the grader makes
with them; the written answer, which a person reads.
Not graded: outputs and figures, runs/ and outputs/, what stands in a check's own cell, files beside the notebook."""


def chosen(given: str | None) -> Path:
    """Return the notebook to hand in: the one that is named, exercise.ipynb, or the only one of this course beside this file.

    Raises:
        ExerciseError: there is none, or several and none is called exercise.ipynb.
    """
    if given:
        return Path(given)
    if NOTEBOOK.is_file():
        return NOTEBOOK
    found = [path for path in sorted(NOTEBOOK.parent.glob("*.ipynb*")) if is_ours(path)]
    if len(found) == 1:
        return found[0]
    names = ", ".join(path.name for path in found) or "no notebook of this course"
    raise ExerciseError(
        f"there is no {NOTEBOOK.name} here, but {names}: name yours, as in `python submit.py FILE`"
    )


def is_ours(path: Path) -> bool:
    """Tell whether a file is a notebook of this course that can be read."""
    if not reader.is_notebook(path) or not path.is_file():
        return False
    try:
        return bool(marks(path))
    except ExerciseError:
        return False


def warnings(path: Path, data: bytes) -> Iterator[str]:
    """Return what may make this the wrong file: not saved, another one newer, never run; and what stays behind."""
    if words := unsaved(path):
        yield words
    if path.name != NOTEBOOK.name:
        yield f"{path.name} is handed in under its proper name, {NOTEBOOK.name}"
    for other in sorted(path.parent.glob("*.ipynb*")):
        if other != path and is_ours(other) and other.stat().st_mtime > path.stat().st_mtime:
            yield f"{other.name} was saved later than {path.name}: if that is your work, run `python submit.py {other.name}`"
    if all(cell.get("execution_count") is None for cell in reader.code_cells(reader.parse(data))):
        yield "no cell of the saved file was ever run: is this the file that you worked in?"
    if others := [p.name for p in sorted(path.parent.glob("*.py")) if p.stem not in OWN]:
        yield f"{', '.join(others)} stays behind: what your functions need of it belongs into the notebook"


def keep(data: bytes, folder: Path, words: str) -> bool:
    """Write the file and its receipt, whatever was there before is kept; False where this very file was handed in last.

    Raises:
        ExerciseError: it cannot be written there.
    """
    target, receipt = folder / NOTEBOOK.name, folder / RECEIPT
    try:
        folder.mkdir(parents=True, exist_ok=True)
        before = target.read_bytes() if target.is_file() else None
        if before is not None and before != data:
            # no name of a notebook's: a folder that is handed in whole must not hold two of them
            old = folder / EARLIER / f"{sha256(before)[:12]}.ipynb.old"
            old.parent.mkdir(exist_ok=True)
            write_whole(old, before)
        if before != data:
            write_whole(target, data)
        said = receipt.read_text(encoding="utf-8") if receipt.is_file() else ""
        if before == data and DIGEST.findall(said)[-1:] == [sha256(data)]:
            return False
        write_whole(receipt, (said + "\n" * bool(said) + words).encode())
    except OSError as error:
        raise ExerciseError(f"{error.filename}: {error.strerror}: nothing is lost") from error
    return True


def sha256(data: bytes) -> str:
    """Return the digest by which the grader knows a notebook."""
    return hashlib.sha256(data).hexdigest()


def receipt_of(path: Path, data: bytes, standing: Progress) -> str:
    """Return the receipt: what was handed in, when, and how it stood."""
    now, saved = datetime.now(UTC), datetime.fromtimestamp(path.stat().st_mtime, UTC)
    return (
        f"{NOTEBOOK.name}, {len(data):,} bytes\n"
        f"SHA-256  {sha256(data)}\n"
        f"saved    {saved:%Y-%m-%d %H:%M:%S} UTC\n"
        f"written  {now:%Y-%m-%d %H:%M:%S} UTC\n\n{standing}\n"
    )


@says_errors("submit.py")
def main(argv: list[str] | None = None) -> int:
    """Write the file to hand in and its receipt; 0 when it is there, whatever is still open in it."""
    parser = OneLineErrors(
        description="Run the visible checks, and get the one file to hand in with a receipt."
    )
    text = "the notebook (default: exercise.ipynb beside this file)"
    parser.add_argument("notebook", nargs="?", help=text)
    text = f"where the file and its receipt go (default: {FOLDER} beside this file)"
    parser.add_argument("--out", type=Path, default=COURSE / FOLDER, metavar="FOLDER", help=text)
    args = parser.parse_args(argv)
    path = chosen(args.notebook)
    if not reader.is_notebook(path):
        raise ExerciseError(f"{path}: only a notebook (.ipynb) can be handed in")
    readable(path, reader.parse)  # in one line what is wrong with it
    data, surroundings = reader.read(path), Surroundings(path.parent)
    for warning in warnings(path, data):
        print(f"warning: {warning}")
    standing = saved_progress(path, surroundings)
    print(f"{standing}\n\n{GRADED}")
    if not standing.done:
        print("warning: nothing is done in the saved file: save the notebook first (Ctrl-S)?")
    if reader.read(path) != data:
        raise ExerciseError(f"{path.name} was saved while it was checked: run this again")
    new = keep(data, args.out, receipt_of(path, data, standing))
    print(f"\nhand in  {(args.out / NOTEBOOK.name).resolve()}\nSHA-256  {sha256(data)}")
    print(
        f"receipt  {args.out / RECEIPT}"
        if new
        else "this very file was written before: its receipt stands"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
