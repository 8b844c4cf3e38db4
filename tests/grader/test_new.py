"""`grader new FOLDER`: a course that grades at once, or an error and nothing written."""

import json
import re
import shlex
from pathlib import Path

import pytest
from toys import ROOT

from grader.__main__ import arguments, main
from grader.assignment import load_assignment
from grader.errors import CourseError
from grader.judging.session import Grader
from grader.new import TEMPLATE, write_course

WRITTEN = {
    *("README.md", ".gitignore", "nbgrader_config.py", "submitted/.gitkeep"),
    *("source/hw1/exercise.ipynb", "tests/hidden/conftest.py"),
    *("tests/hidden/assignment.py", "tests/hidden/test_mean.py"),
}


def new(monkeypatch, *words):
    """The exit code of the command."""
    monkeypatch.setattr("sys.argv", ["grader", "new", *map(str, words)])
    return main()


def below(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def handed_in(notebook, solution):
    """The instructor's notebook with another solution of `mean`."""
    document = json.loads(notebook.read_text())
    [cell] = [c for c in document["cells"] if c["id"] == "mean"]
    cell["source"] = solution
    return json.dumps(document).encode()


@pytest.mark.parametrize("name", ["course", "a course", "größe/Übung 1", 'it\'s "one"'])
def test_a_folder_of_any_name_is_written_and_the_next_commands_name_it(
    tmp_path, monkeypatch, capsys, name
):
    monkeypatch.chdir(tmp_path)
    assert new(monkeypatch, name) == 0
    assert below(tmp_path / name) == WRITTEN
    said = capsys.readouterr().out
    [line] = [line for line in said.splitlines() if line.startswith("  cd ")]
    assert (tmp_path / shlex.split(line)[-1]).samefile(tmp_path / name)
    assert "grader check source/hw1/exercise.ipynb" in said


def test_the_empty_folder_that_one_stands_in_will_do_and_only_once(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert new(monkeypatch, ".") == 0 and below(tmp_path) == WRITTEN
    (tmp_path / "README.md").write_text("mine")
    assert new(monkeypatch, ".") == 2
    assert "is not empty" in capsys.readouterr().err
    assert (tmp_path / "README.md").read_text() == "mine"


def taken(tmp_path):
    """Places where no course can be."""
    (tmp_path / "full/deep").mkdir(parents=True)
    (tmp_path / "file").touch()
    (tmp_path / "lost").symlink_to(tmp_path / "nowhere")
    yield from (tmp_path / "full", tmp_path / "file", tmp_path / "file/below", tmp_path / "lost")
    yield from (Path("/proc/none/course"), tmp_path / ("long" * 100))


def test_what_is_there_already_or_cannot_be_made_is_refused(tmp_path, monkeypatch, capsys):
    places = list(taken(tmp_path))
    before = set(tmp_path.rglob("*"))
    for place in places:
        assert new(monkeypatch, place) == 2
        assert str(place)[:50] in capsys.readouterr().err
    assert set(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("name", ["", "a b", "../up", "a/b", ".hidden", "_x", "a+b", 'a"', "x\n"])
def test_a_name_that_is_no_folder_s_or_that_nbgrader_refuses_is_refused(
    tmp_path, monkeypatch, capsys, name
):
    assert new(monkeypatch, tmp_path / "course", f"--assignment={name}") == 2
    assert "letters, digits" in capsys.readouterr().err
    assert not (tmp_path / "course").exists()


@pytest.mark.parametrize("trouble", [OSError(28, "No space left on device"), KeyboardInterrupt()])
@pytest.mark.parametrize("existing", ["there", ""])
def test_what_breaks_half_way_leaves_nothing(tmp_path, monkeypatch, trouble, existing):
    if existing:
        (tmp_path / existing).mkdir()
    folder, write, written = tmp_path / "there" / ("" if existing else "new"), Path.write_text, []

    def breaks(path, *args, **kwargs):
        written.append(path)
        if len(written) == 4:
            raise trouble
        return write(path, *args, **kwargs)

    monkeypatch.setattr(Path, "write_text", breaks)
    with pytest.raises((CourseError, KeyboardInterrupt)):
        write_course(folder, "hw1")
    assert len(written) == 4
    assert {path.name for path in tmp_path.rglob("*")} == {existing} - {""}


def test_the_environment_is_no_place_for_a_course(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("sys.prefix", str(tmp_path))
    assert new(monkeypatch, tmp_path / "course") == 2
    assert "which every submission can read" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["hw1", "Übung-2.b"])
def test_its_laws_tell_right_from_wrong_and_from_untouched(tmp_path, name):
    write_course(tmp_path / "a course", name)
    assignment = load_assignment(tmp_path / "a course/tests/hidden")
    assert assignment.name == name
    answers = {
        "def mean(scores):\n    return float(sum(scores)) / len([*map(float, scores)])": 1.5,
        "def mean(scores):\n    return sum(scores)": 0.5,
        "def mean(scores):\n    if not len(scores):\n        raise ValueError\n"
        "    return sorted(scores)[len(scores) // 2]": 0.8,
        "def mean(scores):\n    raise NotImplementedError('Exercise 1: mean')": 0.0,
    }
    with Grader(assignment) as grader:
        verdict = grader.check(assignment.notebook)
        marks = [
            grader.check(handed_in(assignment.notebook, answer))["exercises"]["mean"]["points"]
            for answer in answers
        ]
    assert (verdict["total"], verdict["status"]) == (2, "graded")
    assert marks == list(answers.values())


def test_docs_and_the_course_have_one_exercise_and_one_law():
    page = (ROOT / "docs/authoring.md").read_text()
    notebook = json.loads((TEMPLATE / "source/hw1/exercise.ipynb").read_text())
    [cell] = [c for c in notebook["cells"] if c["id"] == "mean"]
    assert f"```\n{''.join(cell['source'])}\n```" in page
    assert f"```python\n{(TEMPLATE / 'tests/hidden/test_mean.py').read_text()}```" in page


def test_the_package_s_page_and_the_course_s_have_the_same_five_commands():
    [five] = re.findall(r"```bash\n(.*?)```", (TEMPLATE / "README.md").read_text(), re.DOTALL)
    assert len(five.splitlines()) == 5
    assert five in (ROOT / "grader/README.md").read_text()


def test_the_version_is_told(capsys):
    with pytest.raises(SystemExit) as done:
        arguments().parse_args(["--version"])
    assert done.value.code == 0 and re.fullmatch(r"grader \d[\d.]*\n", capsys.readouterr().out)
