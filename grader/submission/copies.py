"""Numbers that a system, or a browser, adds to the name of a second file of that name."""

import re

UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
SUFFIX = re.compile(r"((?:\.[A-Za-z][A-Za-z0-9]*)*)$")
DASHED = re.compile(rf"(?P<stem>.+?)-(?P<number>[0-9]{{1,2}}|{UUID})")
BRACKETED = re.compile(r"(?P<stem>.+?) ?\((?P<number>[0-9]{1,3})\)")


def uploaded(name: str) -> tuple[str, float]:
    """A file's name without the number that Canvas gives a second upload of that name, and the number; 0 where there is none.

    From the eighth on Canvas takes a random number of 36 characters.

    >>> uploaded("exercise-2.ipynb"), uploaded("exercise.ipynb.json")
    (('exercise.ipynb', 2), ('exercise.ipynb.json', 0))
    """
    return _without(DASHED, name)


def counted(name: str) -> tuple[str, float]:
    """The same, or without the number in brackets that a browser gives a second download.

    >>> counted("exercise-2.ipynb"), counted("exercise (1).ipynb.json")
    (('exercise.ipynb', 2), ('exercise.ipynb.json', 1))
    """
    stem, number = _without(BRACKETED, name)
    return (stem, number) if number else uploaded(name)


def _without(form: "re.Pattern[str]", name: str) -> tuple[str, float]:
    found = SUFFIX.search(name)
    suffix = found.group(1) if found else ""
    match = form.fullmatch(name.removesuffix(suffix))
    if not suffix or not match:
        return name, 0
    return match["stem"] + suffix, int(match["number"]) if match["number"].isdigit() else 8
