"""What no student may read: the laws, the rest of tests/, the solutions; and whether a text holds any of it."""

import hashlib
import html
import json
import re
from functools import cache

from gate import ROOT

SOURCE = ROOT / "source/sentiment/exercise.ipynb"
RELEASE = ROOT / "release/sentiment/exercise.ipynb"
SOLUTION = re.compile(r"### BEGIN SOLUTION(.*?)### END SOLUTION", re.DOTALL)
TEXTS = {".py", ".md", ".txt", ".json", ".jsonl", ".csv", ".ipynb", ".html", ".toml", ".cfg", ""}


def lines(text, longer_than):
    return {line.strip() for line in text.split("\n") if len(line.strip()) > longer_than}


def notebook_text(path):
    return "\n".join("".join(cell["source"]) for cell in json.loads(path.read_text())["cells"])


@cache
def laws():
    """Every line of tests/hidden that says something, and the telling ones of the other tests."""
    files = [(path, path.read_text()) for path in sorted((ROOT / "tests").rglob("*.py"))]
    hidden = [lines(text, 24) for path, text in files if "hidden" in path.parts]
    # an import says nothing, and students' modules have the same ones
    others = [
        {line for line in lines(text, 60) if not line.startswith(("from ", "import "))}
        for _, text in files
    ]
    return frozenset(
        set().union(*hidden) | set().union(*others) - lines(notebook_text(RELEASE), 60)
    )


@cache
def solutions():
    """Lines of the instructor's answers, without those that the student's notebook has anyway."""
    answers = [lines(answer, 24) for answer in SOLUTION.findall(notebook_text(SOURCE))]
    return frozenset(set().union(*answers) - lines(notebook_text(RELEASE), 24))


def readable(path):
    """A file's text as a reader would see it: a notebook's strings without JSON's escapes, a page's without HTML's."""
    text = path.read_text(errors="replace")
    if path.suffix == ".ipynb":
        return "\n".join(strings(json.loads(text)))
    return html.unescape(re.sub(r"<[^>]*>", "", text)) + text if path.suffix == ".html" else text


def strings(value):
    if isinstance(value, str):
        return [value]
    if isinstance(value, list):  # nbformat's lists of lines belong together
        parts = [strings(item) for item in value]
        return ["".join(value)] if all(isinstance(v, str) for v in value) else sum(parts, [])
    return sum(map(strings, value.values()), []) if isinstance(value, dict) else []


def leaked(folder, secrets):
    """ "file: line" for every secret below the folder."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.suffix in TEXTS]
    found = [(path, secrets & lines(readable(path), 24)) for path in files]
    return [f"{path.relative_to(folder)}: {line}" for path, seen in found for line in seen]


def fingerprint(line):
    return hashlib.sha256(line.encode()).hexdigest()[:16]


SPY = '''
import hashlib, os

def look(wanted):
    """Files that hold a line whose SHA-256 begins with one of `wanted`, everywhere but in the system's own folders."""
    found, seen = [], 0
    for folder, folders, names in os.walk("/", onerror=lambda error: None):
        folders[:] = [f"{name}" for name in folders
                      if os.path.join(folder, name) not in ("/proc", "/sys", "/usr", "/lib", "/lib64", "/bin", "/sbin")
                      and name not in ("site-packages", "dist-packages") and not name.startswith("python3")]
        for name in names:
            path = os.path.join(folder, name)
            try:
                with open(path, errors="replace") as file:
                    lines = file.read(2_000_000).split("\\n") if os.path.isfile(path) else []
            except OSError:
                continue
            seen += bool(lines)
            found += [path for line in lines if hashlib.sha256(line.strip().encode()).hexdigest()[:16] in wanted]
    return sorted(set(found)), seen
'''
