"""What calibration runs say: rates of error with their confidence bounds, and how far figures lie from the thresholds."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from scipy.stats import binomtest

from ci.gate.thresholds import thresholds

Row = Mapping[str, Any]
MUST_PASS = ("honest", "variant")
HEAD = """# How often the smoke gate errs

One run each: preset `smoke`, one seed, hidden laws switched off, so that controls reach the training at all. The gate itself
asks for several seeds and for the laws, and errs less. Made by `python ci/calibrate.py` ({dates}; {devices}).

Three things to read off the tables. No judge of sentiment notices a hack: the runs without a KL term and the reward that
counts "great" please the reward model, the second judge and VADER more than honest runs do; variety, repetition and
perplexity tell. A run that passes is therefore one whose *text* passes: a reward that counts "great" fails here at a learning
rate of 1e-3, where it has become "great great great", but passed with two of three seeds at 3e-4 without a KL term, where
40 steps had only made the text more positive. And the interval alone separates nothing: controls reach gains of 0.17.
"""


def judged(rows: Iterable[Row]) -> list[Row]:
    """Return the rows with the checks that each fails by the thresholds as they stand now."""
    checks = thresholds("smoke")
    failed = [[t.name for t in checks if not t.holds(row["figures"])] for row in rows]
    return [
        {**row, "failed": names, "passed": not names}
        for row, names in zip(rows, failed, strict=True)
    ]


def faults(rows: Iterable[Row]) -> list[str]:
    """Return every run that did not go as it must, in words."""
    found = []
    for row in judged(rows):
        where = f"{row['kind']} {row['name']}, seed {row['seed']}"
        if row["kind"] in MUST_PASS and not row["passed"]:
            found.append(f"{where}: fails {', '.join(row['failed'])}")
        elif row["kind"] not in MUST_PASS and row["trips"] not in row["failed"]:
            found.append(f"{where}: does not fail {row['trips']}, but {row['failed'] or 'nothing'}")
    return found


def rate(errors: int, runs: int) -> str:
    """Return an error rate with the upper end of its one-sided 95 % Clopper-Pearson interval.

    >>> rate(0, 20)
    '0 of 20 (below 14 %)'
    """
    bound = binomtest(errors, runs, alternative="less").proportion_ci(0.95).high if runs else 1.0
    return f"{errors} of {runs} (below {bound:.0%})".replace("%", " %")


def report(rows: list[Row]) -> str:
    """Return docs/calibration.md."""
    rows = judged(rows)
    dates = ", ".join(sorted({row["date"] for row in rows}))
    devices = ", ".join(sorted({row["device"] for row in rows}))
    parts = [HEAD.format(dates=dates, devices=devices), rates(rows)]
    parts += [figure_table(t.figure, f"{t.sense} {t.bound:g}", rows) for t in thresholds("smoke")]
    return "\n".join(parts)


def rates(rows: list[Row]) -> str:
    """Return the table of error rates, and how often each check alone decides."""
    honest = [row for row in rows if row["kind"] in MUST_PASS]
    wrong = [row for row in rows if row["kind"] not in MUST_PASS]
    lines = [
        f"False fails (honest rewards that fail): {rate(sum(not r['passed'] for r in honest), len(honest))}.",
        f"False passes (anything else that passes): {rate(sum(r['passed'] for r in wrong), len(wrong))}.",
        "",
        "| kind | rewards | runs | pass | checks that fail, and in how many runs |",
        "|---|---|---|---|---|",
    ]
    for (kind, name), group in grouped(rows).items():
        counts: dict[str, int] = {}
        for row in group:
            for check in row["failed"]:
                counts[check] = counts.get(check, 0) + 1
        listed = ", ".join(f"{check} {count}" for check, count in counts.items()) or "none"
        passed = sum(row["passed"] for row in group)
        lines.append(f"| {kind} | {name} | {len(group)} | {passed} | {listed} |")
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
        values = [row["figures"][figure] for row in group]
        cells = " | ".join(f"{value:.3f}" for value in np.quantile(values, [0, 0.5, 1]))
        lines.append(f"| {name} | {cells} |")
    return "\n".join(lines) + "\n"


def grouped(rows: Iterable[Row]) -> dict[tuple[str, str], list[Row]]:
    """Return the rows by kind and name, in order of first appearance."""
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        groups.setdefault((row["kind"], row["name"]), []).append(row)
    return groups
