"""Tables that people open with spreadsheet programs, and programs match by their ids."""

import csv
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Any

from grader.store import whole
from grader.text import harmless, identifier


def write_rows(
    path: Path, fields: Sequence[str], ids: Collection[str], rows: Iterable[Sequence[Any]]
) -> None:
    """A CSV file, whole or not at all; `ids`: columns that stay as they are, text in all others is made harmless."""
    makers = [identifier if name in ids else harmless for name in fields]
    with (
        whole(path) as temporary,
        temporary.open("w", newline="", encoding="utf-8", errors="backslashreplace") as file,
    ):
        table = csv.writer(file)
        table.writerow(fields)
        table.writerows(
            [make(cell) for make, cell in zip(makers, row, strict=True)] for row in rows
        )
