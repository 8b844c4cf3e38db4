"""A report of the laws as HTML: kept and broken ones with a sign and a class, what was given beside what was expected.

A student's words stand fifteen blanks to the right, as `grader.judging.feedback.own_lines` puts them: no line of theirs
begins as one of ours does.
"""

import re
from collections.abc import Iterator

from nbconvert.filters import ansi2html

LAW = re.compile(r"  (holds |BROKEN)")
SIGNS = {"holds ": ("✓", "holds"), "BROKEN": ("✗", "broken")}
FIELD = re.compile(r" {10}(at|gave|want|hint|same) ")
BESIDE = ("gave", "want")


def report_html(text: str) -> str:
    """The lines of a report, each a block that goes on below, far to the right; not escaped yet, and escaped here."""
    shown, pair = [], list[str]()
    for block in blocks(text):
        name = field(block)
        if name == BESIDE[0]:
            pair = [block]
        elif name == BESIDE[1] and pair:
            shown.append(beside([*pair, block]))
            pair = []
        else:
            shown += [*map(line_html, pair), line_html(block)]
            pair = []
    return "".join([*shown, *map(line_html, pair)])


def blocks(text: str) -> Iterator[str]:
    """Our lines, each with the lines of a student's that belong to it."""
    block = ""
    for line in text.rstrip("\n").split("\n"):
        if line.startswith(" " * 15) and block:
            block += f"\n{line}"
            continue
        if block:
            yield block
        block = line
    yield block


def field(block: str) -> str:
    """Which of a broken law's details it is, or an empty string."""
    found = FIELD.match(block)
    return found[1] if found else ""


def line_html(block: str) -> str:
    kind = ""
    if found := LAW.match(block):
        sign, kind = SIGNS[found[1]]
        block = f"{sign} {block[2:]}"
    first, *others = block.split("\n")
    made = f'<span class="report {kind}">' if kind else '<span class="report">'
    more = "".join(f'<span class="report">{ansi2html(line)}</span>' for line in others)
    return f"{made}{ansi2html(first)}</span>{more}"


def beside(pair: list[str]) -> str:
    """Two details in two columns, which stand below one another in a narrow window."""
    cells = [
        "".join(
            f'<span class="report">{ansi2html(line.removeprefix(" " * 10))}</span>'
            for line in block.split("\n")
        )
        for block in pair
    ]
    return f'<span class="pair"><span>{cells[0]}</span><span>{cells[1]}</span></span>'
