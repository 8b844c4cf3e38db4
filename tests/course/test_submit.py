"""`python submit.py` and `progress()`: where a notebook stands, and the one file to hand in."""

import json
import os
import sys
import time

import nbformat
import pytest

import submit
from lab.progress import is_written, progress
from rewards import EXERCISES, NOTEBOOK
from tests.course.slips import SLIPS


@pytest.fixture
def hand_in(tmp_path, capsys):
    """Return a function that hands in; gives the exit code, what was said, and the files that are there then."""
    folder = tmp_path / "handin"

    def run(*arguments):
        code = submit.main([*map(str, arguments), "--out", str(folder)])
        said = capsys.readouterr()
        there = [path for path in sorted(folder.rglob("*")) if path.is_file()]
        return (
            code,
            said.out + said.err,
            {str(p.relative_to(folder)): p.read_bytes() for p in there},
        )

    return run


@pytest.fixture
def mine(tmp_path):
    """A copy of the instructor's notebook."""
    path = tmp_path / "exercise.ipynb"
    path.write_bytes(NOTEBOOK.read_bytes())
    return path


def change(path, **sources):
    """Give cells other sources, by their grade ids."""
    book = nbformat.read(path, as_version=4)
    for cell in book.cells:
        stem = cell.metadata.get("nbgrader", {}).get("grade_id")
        cell.source = sources.get(stem, cell.source)
    nbformat.write(book, path)


def test_the_file_is_the_saved_one_to_the_byte_and_the_receipt_names_it(hand_in, mine):
    code, said, files = hand_in(mine)
    assert code == 0 and files["exercise.ipynb"] == mine.read_bytes()
    digest = submit.sha256(mine.read_bytes())
    receipt = files["receipt.txt"].decode()
    assert digest in said and digest in receipt and "UTC" in receipt
    assert all(stem in receipt and stem in said for stem in [*EXERCISES, "train", "analysis"])
    assert "9 of 9" in said or f"{len(EXERCISES) + 2} of {len(EXERCISES) + 2}" in said
    assert "Not graded: outputs" in said


def test_twice_is_once_and_what_was_handed_in_before_stays(hand_in, mine):
    _, _, first = hand_in(mine)
    _, said, again = hand_in(mine)
    assert again == first and "its receipt stands" in said
    change(mine, kl_estimate=SLIPS["k1"], analysis="YOUR ANSWER HERE")
    code, said, then = hand_in(mine)
    assert code == 0, "an open exercise does not cost the others"
    assert "(check says more)" in said and "nothing is written in the saved file" in said
    assert then["exercise.ipynb"] == mine.read_bytes()
    old = [data for name, data in then.items() if name.startswith("earlier/")]
    assert old == [first["exercise.ipynb"]]
    assert then["receipt.txt"].startswith(first["receipt.txt"])
    assert [name for name in then if name.endswith(".ipynb")] == ["exercise.ipynb"]
    mine.write_bytes(first["exercise.ipynb"])
    _, _, back = hand_in(mine)
    assert back["exercise.ipynb"] == first["exercise.ipynb"] and len(back) == 4
    assert len(submit.DIGEST.findall(back["receipt.txt"].decode())) == 3


def test_a_kill_between_file_and_receipt_is_mended_by_the_next(hand_in, mine):
    _, _, first = hand_in(mine)
    folder = mine.parent / "handin"
    change(mine, kl_estimate=SLIPS["k1"])
    (folder / "exercise.ipynb").write_bytes(mine.read_bytes())
    _, said, files = hand_in(mine)
    assert "receipt  " in said
    assert submit.DIGEST.findall(files["receipt.txt"].decode())[-1] == submit.sha256(
        mine.read_bytes()
    )


def test_what_cannot_be_graded_is_said_in_one_line_and_the_last_file_stays(hand_in, mine):
    _, _, first = hand_in(mine)
    for text in ("{", "<<<<<<< HEAD\n{}", "", '{"cells": []}', "[1]"):
        mine.write_text(text)
        code, said, files = hand_in(mine)
        assert code == 1 and files == first
        assert said.startswith("submit.py: cannot read") and said.count("\n") == 1


def test_a_notebook_that_was_not_saved_or_run_or_has_a_newer_copy_is_named(hand_in, mine):
    past = time.time() - 7200
    os.utime(mine, (past, past))
    copy = mine.with_name("exercise-Copy1.ipynb")
    copy.write_bytes(mine.read_bytes())
    (mine.parent / "helpers.py").write_text("")
    _, said, _ = hand_in(mine)
    for words in (
        "last saved 120 minutes ago",
        "exercise-Copy1.ipynb was saved later",
        "no cell of the saved file was ever run",
        "helpers.py stays behind",
    ):
        assert words in said
    _, said, files = hand_in(copy)
    assert "under its proper name" in said and "minutes ago" not in said
    assert files["exercise.ipynb"] == copy.read_bytes()


def test_the_only_notebook_is_found_whatever_its_name(hand_in, mine, monkeypatch):
    renamed = mine.rename(mine.with_name("exercise (1).ipynb"))
    monkeypatch.setattr(submit, "NOTEBOOK", mine)
    nbformat.write(nbformat.v4.new_notebook(), mine.with_name("notes.ipynb"))
    code, said, files = hand_in()
    assert code == 0 and files["exercise.ipynb"] == renamed.read_bytes()
    renamed.with_name("other.ipynb").write_bytes(renamed.read_bytes())
    code, said, _ = hand_in()
    assert code == 1 and "exercise (1).ipynb, other.ipynb" in said


def test_a_place_that_cannot_be_written_is_one_line(mine, capsys):
    assert submit.main([str(mine), "--out", "/proc/x"]) == 1
    said = capsys.readouterr().err
    assert said.startswith("submit.py: ") and said.count("\n") == 1


def test_the_own_modules_are_those_that_are_handed_out(source):
    assert {path.stem for path in source.glob("*.py")} == submit.OWN


def test_progress_tells_done_open_marks_and_what_is_left(mine, monkeypatch, solutions):
    namespace = {}
    exec(solutions.read_text() + "\n" + SLIPS["k1"], namespace)
    del namespace["group_advantages"]
    main = sys.modules["__main__"]
    for stem in EXERCISES:
        monkeypatch.setattr(main, stem, namespace.get(stem), raising=False)
    monkeypatch.setattr(main, "mine", None, raising=False)
    change(mine, analysis="One two three.")
    found = progress(mine)
    rows = {row.stem: row for row in found.rows}
    assert [row.stem for row in found.rows] == [*EXERCISES, "train", "analysis"]
    assert rows["sentiment_reward"].done and not rows["sentiment_reward"].left
    assert rows["group_advantages"].left == "its cell was not run yet"
    assert "k3 estimator" in rows["kl_estimate"].left and not rows["kl_estimate"].done
    assert "run the cell that makes `mine`" in rows["train"].left
    assert rows["analysis"].left.startswith("3 words")
    done = len(EXERCISES) - 2 + 1
    worth = sum(row.marks for row in found.rows if row.done)
    assert found.summary.startswith(
        f"{done} of {len(found.rows)} exercises done, worth {worth:g} of"
    )
    assert ">group_advantages</td>" in found._repr_html_()


def test_progress_knows_a_finished_run(mine, monkeypatch, source):
    from lab.runs import load_run

    main = sys.modules["__main__"]
    for name, done in (("mine", True), ("fast_forward", False)):
        monkeypatch.setattr(main, "mine", load_run(source / "saved_runs" / name), raising=False)
        [row] = [row for row in progress(mine).rows if row.stem == "train"]
        assert row.done is done, row.left


def test_a_grade_cell_that_is_gone_or_has_no_row_is_said(mine):
    book = json.loads(mine.read_text())
    for cell in book["cells"]:
        clues = cell["metadata"].get("nbgrader", {})
        if clues.get("grade_id") == "kl_estimate_laws":
            clues["grade_id"] = "kl_guess_laws"
    mine.write_text(json.dumps(book))
    rows = {row.stem: row.cells() for row in progress(mine).rows}
    assert "no row in lab/exercises.py" in rows["kl_guess"][-1]
    assert rows["kl_estimate"][2] == "?"


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ('def train():\n    """Doc."""\n    raise NotImplementedError("x")', False),
        ("def train():\n    # mine\n    raise NotImplementedError", False),
        ("def train():\n    return experiment(1)\n    raise NotImplementedError", True),
        ("def other():\n    return 1", False),
        ("def train(:", False),
    ],
)
def test_a_stub_is_told_from_work_without_running_it(text, written):
    assert is_written("train", [text]) is written
