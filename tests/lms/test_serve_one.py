"""`grader serve-one`: one notebook in, one verdict out, in the toy course and through the real sandbox."""

import base64
import json
import os
import subprocess
import sys
import zipfile

import jsonschema
import pytest
from toys import RIGHT, TOY, notebook

from gate import ROOT
from grader.reader import MAX_BYTES

LOOP = "def basket_total(items, discount=0.0):\n    while True:\n        pass"


def serve(*words, given=b"", cwd=ROOT):
    command = [
        sys.executable,
        "-m",
        "grader",
        "serve-one",
        "--laws",
        str(TOY / "hidden"),
        *map(str, words),
    ]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, input=given, capture_output=True, cwd=cwd, env=env, timeout=120)


def handed_in(folder, *names, solution=RIGHT):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(notebook(solution)))
    return folder


def points(made):
    return made["exercises"]["basket_total"]["points"]


def test_a_notebook_on_the_standard_input_is_a_verdict_on_the_standard_output():
    done = serve(given=json.dumps(notebook()).encode())
    assert (done.returncode, done.stderr) == (0, b"")
    [line] = done.stdout.splitlines()
    made = json.loads(line)
    jsonschema.validate(made, json.loads((ROOT / "docs/verdict.schema.json").read_text()))
    assert made["submission"] == "standard input" and points(made) == made["max_total"]


@pytest.mark.parametrize(
    "given", [b"", b"{", b"\xff\xfe\x00", b'{"cells": []}', b"x" * (MAX_BYTES + 9)], ids=["nothing", "cut", "bytes", "no format", "large"]
)  # fmt: skip
def test_what_is_no_notebook_has_a_verdict(given):
    done = serve(given=given)
    made = json.loads(done.stdout)
    assert (done.returncode, made["status"], made["total"]) == (0, "unreadable", 0)


@pytest.mark.parametrize(
    ("names", "status", "note"),
    [
        (["exercise.ipynb"], "graded", None),
        (["exercise (1).ipynb"], "graded", "taken from exercise (1).ipynb"),
        (["sub/deep/my work.ipynb", "notes.txt"], "graded", "taken from sub/deep/my work.ipynb"),
        (["a.ipynb", "b.ipynb"], "unreadable", "several notebooks"),
        (["a/exercise.ipynb", "b/exercise.ipynb"], "graded", "taken from a/exercise.ipynb"),  # equal ones: a folder with its copy in handin/
        (["exercise.ipynb", "exercise (1).ipynb"], "graded", "left out: exercise (1).ipynb"),
        (["notes.txt"], "unreadable", "no notebook is among the files"),
        ([], "unreadable", "no notebook is among the files"),
    ],
)  # fmt: skip
def test_a_folder_is_what_one_student_handed_in(tmp_path, names, status, note):
    done = serve(handed_in(tmp_path, *names))
    made = json.loads(done.stdout)
    assert (done.returncode, made["status"]) == (0, status)
    assert note in " ".join(made["notes"]) if note else made["notes"] == []
    assert points(made) == (made["max_total"] if status == "graded" else 0)


def test_two_notebooks_of_one_name_that_differ_are_nobodys(tmp_path):
    handed_in(tmp_path, "a/exercise.ipynb")
    made = json.loads(serve(handed_in(tmp_path, "b/exercise.ipynb", solution=LOOP)).stdout)
    assert made["status"] == "unreadable"
    assert "under the name that it was given out with" in " ".join(made["notes"])


def test_of_attempts_that_differ_none_is_taken_silently(tmp_path):
    handed_in(tmp_path, "exercise.ipynb", solution=LOOP)
    done = serve(handed_in(tmp_path, "exercise (1).ipynb"))
    made = json.loads(done.stdout)
    assert (done.returncode, made["status"]) == (0, "unreadable")
    assert "hand in one of them" in " ".join(made["notes"])


@pytest.mark.parametrize("packed", [1, 2])
def test_a_zip_counts_where_one_notebook_is_in_it(tmp_path, packed):
    with zipfile.ZipFile(tmp_path / "mine.zip", "w") as archive:
        for number in range(packed):
            archive.writestr(f"my work/{number}.ipynb", json.dumps(notebook()))
    made = json.loads(serve(tmp_path).stdout)
    assert points(made) == (made["max_total"] if packed == 1 else 0)
    words = "taken out of mine.zip: my work/0.ipynb" if packed == 1 else "an archive"
    assert words in " ".join(made["notes"])


def test_what_takes_too_long_is_nobodys_mark(tmp_path):
    folder = handed_in(tmp_path / "in", "exercise.ipynb", solution=LOOP)
    target = tmp_path / "out/results.json"
    target.parent.mkdir()
    target.write_text("of an earlier run")
    done = serve(folder, "--seconds", 2, "--format", "gradescope", "--to", target)
    assert done.returncode == 1 and not list(target.parent.iterdir())
    assert b"not judged within 2 seconds" in done.stderr and done.stdout == b""
    done = serve(folder, "--seconds", 2)
    made = json.loads(done.stdout)
    assert (done.returncode, made["status"], made["complete"]) == (1, "infrastructure", False)


def test_a_slow_notebook_within_the_time_has_its_own_outcome(tmp_path):
    folder = handed_in(tmp_path, "exercise.ipynb", solution=LOOP)
    done = serve(folder, "--seconds", 110, "--format", "gradescope")
    document = json.loads(done.stdout)
    assert done.returncode == 0 and document["score"] == 0
    assert document["extra_data"]["outcomes"] == {"basket_total": "timeout"}


def test_each_format_is_written_whole(tmp_path):
    path = handed_in(tmp_path, "exercise.ipynb") / "exercise.ipynb"
    for name, key in (("gradescope", "score"), ("prairielearn", "score"), ("verdict", "total")):
        target = tmp_path / f"new/folder/{name}.json"
        done = serve(path, "--format", name, "--to", target)
        assert (done.returncode, done.stdout) == (0, b"")
        assert json.loads(target.read_text())[key] > 0
        assert {p.name for p in target.parent.iterdir()} <= {"gradescope.json", "prairielearn.json", "verdict.json"}  # fmt: skip


def test_classrooms_log_has_the_words(tmp_path):
    path = handed_in(tmp_path, "exercise.ipynb", solution=RIGHT.replace("1 - discount", "1"))
    done = serve(path, "--format", "classroom")
    document = json.loads(base64.b64decode(done.stdout))
    assert document["status"] == "fail" and b"BROKEN" in done.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nowhere.ipynb"], b"no such notebook: nowhere.ipynb"),
        (["--to", "/proc/none/results.json", TOY], b"--to /proc/none/results.json: "),
        (["--seconds", "0"], b"a whole number above 0"),
        (["--laws", "/nowhere"], b"name it with --laws"),
    ],
)
def test_what_cannot_be_used_is_one_line(words, said):
    done = serve(*words)
    assert (done.returncode, done.stdout) == (2, b"")
    assert said in done.stderr and b"Traceback" not in done.stderr


def test_what_is_handed_in_is_never_where_the_verdict_goes(tmp_path):
    handed_in(tmp_path, "my.ipynb")
    before = (tmp_path / "my.ipynb").read_bytes()
    (tmp_path / "link.json").symlink_to("my.ipynb")
    for place in ("my.ipynb", "link.json"):
        done = serve("my.ipynb", "--to", place, cwd=tmp_path)
        assert done.returncode == 2 and b"it is what is to be read, and stays" in done.stderr
        assert (tmp_path / "my.ipynb").read_bytes() == before


def test_a_place_that_is_no_plain_file_stays(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    done = serve("--to", tmp_path / "pipe", given=b"{")
    assert done.returncode == 2 and b"it is no plain file, and stays" in done.stderr
    assert (tmp_path / "pipe").is_fifo()


@pytest.mark.parametrize(
    ("redirected", "said"),
    [
        ("<&-", "the standard input is closed"),
        (">&-", "the standard output is closed"),
        (">/dev/full", "the standard output: No space left on device"),
    ],
)
def test_a_stream_that_takes_or_gives_nothing_is_one_line(redirected, said):
    command = f'"$0" -m grader serve-one --laws "$1" {redirected}'
    done = subprocess.run(
        ["sh", "-c", command, sys.executable, TOY / "hidden"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        input="{",
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2 and done.stderr.count("\n") == 1, done.stderr
    assert said in done.stderr
