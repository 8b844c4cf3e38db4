"""What calibration runs say: rates of error with their confidence bounds, and how far figures lie from the thresholds."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from scipy.stats import binomtest

from gate.thresholds import THRESHOLDS

Row = Mapping[str, Any]
PRESET = "smoke"
MUST_PASS = ("honest", "float32", "variant")
OPEN = ("limit", "compared")  # shown, with no expectation
HEAD = """# How often the smoke gate errs

One run each: preset `smoke`, one seed, as for exercise 5's mark (`make smoke` asks three seeds to pass), hidden laws switched
off, so that controls reach the training at all. Made by `python -m gate.calibrate` and `python -m gate.calibrate --kinds variant
mutant --seeds 1` ({dates}; {cpu}; each run on {devices}); every run is
a line of [calibration.jsonl](calibration.jsonl).

Rows of one kind of rewards differ in their seed alone; variants are the same rewards in another style, so they say that
the style does not matter, and nothing more about chance. "limit" is a bad reward that the gate need not catch: it pays the
word "great" at smoke's own learning rate, where 40 steps do not go far, and the text is what is judged. "float32" are the honest
rewards, computed as on a CPU without AVX512_BF16; "compared" are they without exponential shaping, for exercise 6.
"""


def judged(rows: Iterable[Row]) -> list[Row]:
    """Return the rows with the checks that each fails by the thresholds as they stand now."""
    return [
        {**row, "failed": names, "passed": not names} for row in rows for names in [failed(row)]
    ]


def failed(row: Row) -> list[str]:
    """Return the names of the checks that a run fails; a run that its rewards ended has one, its outcome."""
    if row["figures"] is None:
        return [f"ended: {row['stopped']['outcome']}"]
    return [t.name for t in THRESHOLDS if not t.holds(row["figures"], PRESET)]


def faults(rows: Iterable[Row]) -> list[str]:
    """Return every run that did not go as it must, in words."""
    found = []
    for row in judged(rows):
        where = f"{row['kind']} {row['name']}, seed {row['seed']}"
        if row["kind"] in MUST_PASS and not row["passed"]:
            found.append(f"{where}: fails {', '.join(row['failed'])}")
        elif row["kind"] not in (*MUST_PASS, *OPEN) and row["trips"] not in row["failed"]:
            found.append(f"{where}: does not fail {row['trips']}, but {row['failed'] or 'nothing'}")
    return found


def rate(errors: int, runs: int) -> str:
    """Return an error rate with the upper end of its one-sided 95 % Clopper-Pearson interval.

    >>> rate(0, 20)
    '0 of 20 (below 14 %)'
    """
    bound = binomtest(errors, runs, alternative="less").proportion_ci(0.95).high if runs else 1.0
    return f"{errors} of {runs} (below {bound:.0%})".replace("%", " %")


def report(runs: Iterable[Row]) -> str:
    """Return docs/calibration.md."""
    rows = judged(runs)
    dates = ", ".join(sorted({row["date"] for row in rows}))
    devices = " or ".join(sorted({row["device"] for row in rows}))
    cpu = ", ".join(sorted({row["cpu"] for row in rows}))
    parts = [HEAD.format(dates=dates, devices=devices, cpu=cpu), rates(rows)]
    for t in THRESHOLDS:
        parts.append(figure_table(t.figure, f"{t.sense} {t.bounds[PRESET]:g}", rows))
    parts += [figure_table("trained", "P(positive) after training, with no bound", rows)]
    return "\n".join(parts)


def rates(rows: list[Row]) -> str:
    """Return the table of error rates, and how often each check alone decides."""
    honest = [row for row in rows if row["kind"] in ("honest", "float32")]
    fails = sum(not row["passed"] for row in honest)
    lines = [
        f"Honest rewards that fail: {rate(fails, len(honest))}. Of what must fail, runs that pass: see each row.",
        "",
        "| kind | rewards | runs | pass | checks that fail, and in how many runs |",
        "|---|---|---|---|---|",
    ]
    for (kind, name), group in grouped(rows).items():
        counts = Counter(check for row in group for check in row["failed"])
        listed = ", ".join(f"{check} {count}" for check, count in counts.items()) or "none"
        passed = sum(row["passed"] for row in group)
        many = len(group) > 1 and kind not in (*MUST_PASS, *OPEN)
        shown = rate(passed, len(group)) if many else passed
        lines.append(f"| {kind} | {name} | {len(group)} | {shown} | {listed} |")
    return "\n".join(lines) + "\n"


def figure_table(figure: str, bound: str, rows: list[Row]) -> str:
    """Return least, median and greatest value of one figure for each case; variants and mutants are pooled."""
    lines = [
        f"## {figure}: {bound}",
        "",
        "| rewards | least | median | greatest |",
        "|---|---|---|---|",
    ]
    pooled: dict[str, list[Row]] = {}
    for (kind, name), group in grouped(rows).items():
        pooled.setdefault(f"all {kind}s" if kind in ("variant", "mutant") else name, []).extend(
            group
        )
    for name, group in pooled.items():
        values = [row["figures"][figure] for row in group if row["figures"]]
        if not values:
            continue
        cells = " | ".join(f"{value:.3f}" for value in np.quantile(values, [0, 0.5, 1]))
        lines.append(f"| {name} | {cells} |")
    return "\n".join(lines) + "\n"


def grouped(rows: Iterable[Row]) -> dict[tuple[str, str], list[Row]]:
    """Return the rows by kind and name, in order of first appearance."""
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        groups.setdefault((row["kind"], row["name"]), []).append(row)
    return groups
