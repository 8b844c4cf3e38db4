"""`grader migrate FROM TO`: the gradebook goes into another database, hand marks, comments and extensions in it."""

import argparse
import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

from grader.errors import CourseError
from grader.store import WORK, alone

if TYPE_CHECKING:
    from grader.gradebook.moving import Moved

ADDRESS = "postgresql+psycopg://USER@HOST/DATABASE"


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """`migrate` among the commands of `python -m grader`."""
    words = (
        "move a gradebook into another database, hand marks in it, and prove that all is the same"
    )
    parser = commands.add_parser("migrate", help=words, description=words)
    parser.set_defaults(work=run)
    text = "the gradebook: a file, gradebook.db, or an address; it stays as it is"
    parser.add_argument("source", metavar="FROM", help=text)
    text = f"an empty database: {ADDRESS}, or a file that is not there yet"
    parser.add_argument("target", metavar="TO", help=text)
    text = "do and compare all of it, and then undo it"
    parser.add_argument("--dry-run", action="store_true", help=text)


def run(options: argparse.Namespace) -> int:
    """CourseError, with nothing moved, where that cannot be."""
    from grader.gradebook.settings import load_quickly

    load_quickly()
    from grader.gradebook.moving import move

    source, target = address(options.source), address(options.target)
    if source == target:
        raise CourseError("FROM and TO are the same")
    with contextlib.ExitStack() as locks:
        for work in sorted(path.parent for path in WORK.glob("*/lock")):
            locks.enter_context(alone(work))
        moved = move(source, target, options.dry_run)
        print(said(source, target, moved, options.dry_run))
    return 0


def address(text: str) -> str:
    """As SQLAlchemy and nbgrader take it; a file's name stands for its own."""
    if "://" not in text:
        return f"sqlite:///{Path(text)}"
    kind, _, rest = text.partition("://")
    # which driver that means depends on SQLAlchemy's version
    return f"postgresql+psycopg://{rest}" if kind in ("postgresql", "postgres") else text


def said(source: str, target: str, moved: "Moved", dry_run: bool) -> str:
    """What was moved, in words, and what remains to be done."""
    from grader.gradebook.database import named
    from grader.gradebook.postgres import shown

    rows, was = moved.rows, "would be moved" if dry_run else "moved"
    was = "was there already" if moved.before else was
    lines = [
        f"{named(source)} → {named(target)}: {was}; each of {sum(rows.values())} rows was read back and is the same:",
        f"  {rows['student']} students, {rows['submitted_assignment']} hand-ins to {rows['assignment']} assignments,"
        f" {rows['grade']} marks ({moved.by_hand} by hand), {rows['comment']} comments",
    ]
    if moved.left:
        left = ", ".join(f"{count} in {table}" for table, count in moved.left.items())
        lines.append(f"  left behind, because what they belong to is gone: {left}")
    lines.append(
        "nothing was changed"
        if dry_run
        else f'now write c.CourseDirectory.db_url = "{shown(target)}" into nbgrader_config.py, and start Formgrader anew'
    )
    return "\n".join(lines)
