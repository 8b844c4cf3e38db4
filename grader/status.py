"""status.csv: one row a student, whatever became of the submission."""

import csv
import sys

FIELDS = ("student", "status", "total", "max_total", "reasons", "notes", "sha256")


def row(student, status, verdict=None, notes=()):
    reasons = []
    if verdict:
        reasons = [
            f"{stem}: {e['outcome']}"
            for stem, e in verdict["exercises"].items()
            if e["outcome"] != "pass"
        ]
    values = (
        student,
        status,
        verdict and verdict["total"],
        verdict and verdict["max_total"],
        "; ".join(reasons),
        "; ".join(notes),
        verdict and verdict["sha256"],
    )
    return dict(zip(FIELDS, values, strict=True))


def write_status(rows, path):
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".part")
    with temporary.open("w", newline="") as file:
        table = csv.DictWriter(file, FIELDS)
        table.writeheader()
        table.writerows({name: harmless(value) for name, value in entry.items()} for entry in rows)
    temporary.replace(path)


def harmless(value):
    """A spreadsheet must not take a student's text for a formula."""
    return (
        "'" + value if isinstance(value, str) and value.startswith(("=", "+", "-", "@")) else value
    )


def summary(rows):
    counts = {}
    for entry in rows:
        counts[entry["status"]] = counts.get(entry["status"], 0) + 1
    print(
        ", ".join(f"{count} {status}" for status, count in sorted(counts.items()))
        or "nobody has handed in",
        file=sys.stderr,
    )
