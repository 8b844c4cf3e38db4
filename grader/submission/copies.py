"""Numbers that a system, or a browser, adds to the name of a second file of that name."""

import re

UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
SUFFIX = re.compile(r"((?:\.[A-Za-z][A-Za-z0-9]*)*)$")
COUNTED = re.compile(rf"(?P<stem>.+?)(?:-(?P<dash>\d{{1,2}}|{UUID})| ?\((?P<round>\d{{1,3}})\))")


def counted(name: str) -> tuple[str, float]:
    """A file's name without the number that a second file of that name gets, and the number; 0 where there is none.

    `-1` is Canvas's, which takes a random number of 36 characters from the eighth on; ` (1)` a browser's.

    >>> counted("exercise-2.ipynb"), counted("exercise (1).ipynb.json"), counted("part-of-3.ipynb")
    (('exercise.ipynb', 2), ('exercise.ipynb.json', 1), ('part-of.ipynb', 3))
    """
    found = SUFFIX.search(name)
    suffix = found.group(1) if found else ""
    match = COUNTED.fullmatch(name.removesuffix(suffix))
    if not suffix or not match:
        return name, 0
    number = match["dash"] or match["round"]
    return match["stem"] + suffix, int(number) if number.isdigit() else 8
