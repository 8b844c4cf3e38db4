"""What README and docs say is there: commands, options, targets, paths, links, fields, output; and nothing is left unsaid."""

import importlib
import inspect
import json
import re
import shlex
from dataclasses import fields

import jsonschema
import pytest

from gate import ROOT, SOURCE
from gate.__main__ import parse_args as gate_arguments
from grader.__main__ import arguments
from grader.assignment import load_assignment
from grader.judging.feedback import verdict_text
from grader.judging.session import Grader
from grader.lms.publish.command import SYSTEMS
from lab.config import TrainConfig

TOY = ROOT / "tests/grader/toy"
STUDENTS = SOURCE / "README.md"
PACKAGE = ROOT / "grader/README.md"
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md")), STUDENTS, PACKAGE]
TEXT = {page: page.read_text(encoding="utf-8") for page in PAGES}
ALL = "\n".join(TEXT.values())
FENCED = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\]\(([^)\s]+)\)")
TOP = ("ci", "docs", "gate", "grader", "models", "source", "tests", "tools")
MOVED = (
    r"\bci/(smoke|build|bench|demo|gate|models|calibrate)\b|\bci\.(gate|bench|models)|grader/inside"
)
# started by the grader, or by tests, alone
INNER = {"grader/classroom/jobs.py", "grader/wall/leash.py", "tests/forks.py"}
NOW = [page for page in PAGES if page.name != "CHANGELOG.md"]  # which names what was


def name(page):
    return str(page.relative_to(ROOT))


def prose(page):
    return FENCED.sub("", TEXT[page])


def anchors(page):
    """The headings of a page as GitHub, and the site, make anchors of them."""
    text = FENCED.sub("", page.read_text(encoding="utf-8"))
    titles = [title.lower() for title in re.findall(r"^#+ (.+)$", text, re.MULTILINE)]
    return {re.sub(r"[^\w\- ]", "", title).replace(" ", "-") for title in titles}


def help_of(parse, *words):
    with pytest.raises(SystemExit):
        parse([*words, "--help"])


# --- what there is, is said


def test_the_front_page_is_short():
    assert len((ROOT / "README.md").read_bytes()) <= 5000


@pytest.mark.parametrize(
    "target", re.findall(r"^([a-z-]+):.*##", (ROOT / "Makefile").read_text(), re.MULTILINE)
)
def test_every_make_target_is_documented(target):
    assert re.search(rf"\bmake ([a-z-]+ )*{target}\b(?!-)", ALL)


GRADER = (
    "check",
    "run",
    "serve-one",
    "doctor",
    "new",
    "collect",
    "remove",
    "explain",
    "extend",
    "feedback",
    "migrate",
    "report",
)


@pytest.mark.parametrize("command", [*GRADER, *(f"publish {name}" for name in SYSTEMS)])
def test_every_option_of_the_grader_is_documented(command, capsys):
    help_of(arguments().parse_args, *command.split())
    options = set(re.findall(r"--[a-z][a-z_-]+", capsys.readouterr().out)) - {"--help"}
    assert options and [o for o in options if not re.search(rf"{o}\b", ALL)] == []


def test_every_option_of_the_gate_is_documented(capsys):
    help_of(gate_arguments)
    options = set(re.findall(r"^ +(--\w+)", capsys.readouterr().out, re.MULTILINE))
    page = TEXT[ROOT / "docs/architecture.md"]
    assert options and [o for o in options if f"`{o}" not in page] == []


def test_every_flag_of_train_is_documented():
    flags = [f"`--{field.name}`" for field in fields(TrainConfig)]
    pages = TEXT[ROOT / "docs/students.md"] + TEXT[STUDENTS]
    assert [flag for flag in flags if flag not in pages] == []


def programs():
    """Modules that can be started, as `python -m` names them."""
    folders = ("gate", "grader", "tests", "tools")
    for path in sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py")):
        inner = name(path) in INNER or path.name.startswith("test_")
        if not inner and '__name__ == "__main__"' in path.read_text(encoding="utf-8"):
            yield ".".join(path.relative_to(ROOT).with_suffix("").parts)


@pytest.mark.parametrize("program", list(programs()))
def test_every_program_is_documented(program):
    """By itself, or through the make target that runs it, which is documented."""
    module, path = program.removesuffix(".__main__"), program.replace(".", "/") + ".py"
    said = ALL + (ROOT / "Makefile").read_text()
    assert re.search(rf"python -m {re.escape(module)}(?![.\w])|{re.escape(path)}", said)


def test_every_field_of_a_verdict_is_documented():
    schema, page = verdict_schema(), TEXT[ROOT / "docs/verdict.md"]
    objects = [schema, schema["$defs"]["exercise"], schema["$defs"]["law"]]
    named = [field for found in objects for field in found["properties"]]
    named += schema["$defs"]["outcome"]["enum"]
    assert [field for field in named if f"`{field}`" not in page] == []


# --- what is said, is there


def test_json_that_is_shown_is_json():
    """`make site` stops where it is not."""
    shown = [
        found for text in TEXT.values() for found in re.findall(r"(?s)```json\n(.*?)```", text)
    ]
    assert shown and all(isinstance(json.loads(found), dict) for found in shown)


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_link_leads_somewhere(page):
    dead = []
    for link in LINK.findall(prose(page)):
        if link.startswith(("http://", "https://")):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            dead.append(link)
    assert dead == []


@pytest.mark.parametrize("page", NOW, ids=name)
def test_every_path_and_test_that_is_named_exists(page):
    gone = []
    for code in re.findall(r"`([\w./-]+(?:::\w+)?)`", prose(page)):
        path, _, test = code.partition("::")
        if path.split("/")[0] not in TOP or "/" not in path:
            continue
        if not (ROOT / path).exists() or (test and f"def {test}(" not in (ROOT / path).read_text()):
            gone.append(code)
    assert gone == []


@pytest.mark.parametrize("page", NOW, ids=name)
def test_no_page_speaks_of_what_has_moved(page):
    assert [found.group() for found in re.finditer(MOVED, TEXT[page])] == []


def commands(beginning):
    lines = re.findall(rf"(?:\.venv/bin/)?{beginning}[^\n`#&|<]*", ALL)
    return sorted({line.strip().rstrip("…,.:)") for line in lines})


@pytest.mark.parametrize(
    "line", commands(rf"(?:python -m )?grader (?:{'|'.join(GRADER)}|publish) ")
)
def test_the_grader_takes_every_command_line_that_is_shown(line):
    words = shlex.split(line.partition("grader ")[2].split(";")[0])
    words = ["csv" if word == "SYSTEM" else word for word in words]
    if words[0] == "check":  # prose may leave it out
        words.insert(1, "NOTEBOOK")
    arguments().parse_args(words)


@pytest.mark.parametrize("line", commands("python -m gate -"))
def test_the_gate_takes_every_command_line_that_is_shown(line):
    gate_arguments(shlex.split(line.split("python -m gate ")[1]))


@pytest.mark.parametrize("module", sorted(set(re.findall(r"python -m ([\w.]+\w)", ALL))))
def test_every_module_that_is_named_can_be_started(module):
    spec = importlib.util.find_spec(module)
    assert spec and (
        not spec.submodule_search_locations or importlib.util.find_spec(f"{module}.__main__")
    )


@pytest.mark.parametrize("target", sorted(set(re.findall(r"`make ([a-z-]+)", ALL))))
def test_every_target_that_is_named_exists(target):
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE)


def sets(kind, attribute):
    """Whether a class gives its instances this attribute, as a dataclass or by itself."""
    return re.search(rf"(self\.|^ +){attribute}\b.*[:=] ", inspect.getsource(kind), re.MULTILINE)


PRIVATE = re.findall(
    r"^\| `([\w.]+)` \| `([\w./]+)` \|",
    TEXT[ROOT / "docs/architecture.md"].partition("## Private parts")[2],
    re.MULTILINE,
)


@pytest.mark.parametrize(("part", "user"), PRIVATE, ids=[part for part, _ in PRIVATE])
def test_private_parts_of_other_packages_are_where_we_look(part, user):
    """After an upgrade this names the one that moved."""
    owner, _, last = part.rpartition(".")
    try:
        place = importlib.import_module(owner)
    except ModuleNotFoundError:
        module, _, kind = owner.rpartition(".")
        place = getattr(importlib.import_module(module), kind)
    assert hasattr(place, last) or sets(place, last)
    assert last in (ROOT / user).read_text(), "no longer used there: take it off the page"


# --- what verdicts are


def verdict_schema():
    return json.loads((ROOT / "docs/verdict.schema.json").read_text(encoding="utf-8"))


def instructors(old="", new=""):
    text = (SOURCE / "exercise.ipynb").read_text(encoding="utf-8")
    assert old in text
    return text.replace(old, new).encode()


def toys():
    """The toy course's notebook as it is, wrong, dying, and no notebook at all."""
    text = (TOY / "source/toy/exercise.ipynb").read_text(encoding="utf-8")
    for line in ("return 1.0", "import os; os._exit(3)", "raise NotImplementedError"):
        document = json.loads(text)
        document["cells"][1]["source"] = f"def basket_total(items, discount=0.0):\n    {line}"
        yield json.dumps(document).encode()
    yield from (text.encode(), b"{")


def test_the_schema_holds_on_verdicts_of_a_course_that_trains_nothing():
    with Grader(load_assignment(TOY / "hidden")) as grader:
        verdicts = [grader.check(data) for data in toys()]
    for verdict in verdicts:
        jsonschema.validate(verdict, verdict_schema())
    outcomes = {verdict["exercises"]["basket_total"]["outcome"] for verdict in verdicts}
    assert len(outcomes) >= 4
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(verdicts[0] | {"total": "all"}, verdict_schema())


@pytest.mark.slow
def test_the_front_page_shows_what_the_grader_says():
    slip = instructors(
        "groups.std(dim=1, keepdim=True)", "groups.std(dim=1, keepdim=True, unbiased=False)"
    )
    with Grader(load_assignment(ROOT / "tests/hidden")) as grader:
        verdict = grader.check(slip, ["group_advantages", "train", "analysis"])
    jsonschema.validate(verdict, verdict_schema())
    assert "training" in verdict
    [shown] = re.findall(r"```\n(group_advantages: .*?)```", TEXT[ROOT / "README.md"], re.DOTALL)
    assert shown in verdict_text(verdict)
