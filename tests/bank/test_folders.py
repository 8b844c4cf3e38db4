"""Hostile folders: what lies beside the notebook in `submitted/` is never graded, followed or imported."""

import os

import pytest

from grader.submission.collect import find_submissions

NOTEBOOK = '{"cells": [], "nbformat": 4, "nbformat_minor": 5, "metadata": {}}'
TAKES_OVER = (
    "torch.py",
    "conftest.py",
    "sitecustomize.py",
    "sentiment.py",
    "usercustomize.py",
    "nbgrader_config.py",
)


@pytest.fixture
def submitted(tmp_path):
    folder = tmp_path / "submitted"
    (folder / "eve" / "sentiment").mkdir(parents=True)
    return folder


def put(path, text=NOTEBOOK):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def found(submitted):
    (entry,) = find_submissions(submitted, "sentiment", "exercise")
    return entry


@pytest.mark.parametrize("name", TAKES_OVER)
def test_files_that_would_be_imported_are_left_out_and_named(submitted, name):
    notebook = put(submitted / "eve/sentiment/exercise.ipynb")
    put(submitted / "eve/sentiment" / name, "raise SystemExit('taken over')")
    assert found(submitted).notebook == notebook
    assert name in " ".join(found(submitted).notes)


@pytest.mark.parametrize(
    "place",
    [
        "exercise.ipynb",
        "Exercise (1).ipynb",
        "sentiment/my work/final FINAL.ipynb",
        "<script>alert(1)</script>.IPYNB",
    ],
)
def test_one_notebook_is_found_wherever_it_lies(submitted, place):
    assert found_at(submitted, place) == place


def found_at(submitted, place):
    put(submitted / "eve" / place)
    return str(found(submitted).notebook.relative_to(submitted / "eve"))


@pytest.mark.parametrize("target", ["/etc/passwd", "/proc/self/environ", "../../../other.ipynb"])
def test_a_link_is_no_notebook(submitted, target):
    put(submitted.parent / "other.ipynb")
    (submitted / "eve/sentiment/exercise.ipynb").symlink_to(target)
    assert found(submitted).notebook is None and found(submitted).why_not


def test_a_pipe_a_folder_and_a_linked_folder_are_no_notebooks(submitted):
    os.mkfifo(submitted / "eve/sentiment/exercise.ipynb")
    (submitted / "eve/exercise.ipynb").mkdir()
    (submitted / "eve/up").symlink_to(submitted)
    assert found(submitted).notebook is None


def test_a_linked_student_is_no_student(submitted):
    put(submitted / "eve/sentiment/exercise.ipynb")
    (submitted / "mallory").symlink_to(submitted / "eve")
    assert found(submitted).student == "eve"


def test_a_flood_of_files_ends(submitted):
    for number in range(3000):
        put(submitted / f"eve/a{number:04}.txt", "")
    assert len(" ".join(found(submitted).notes)) < 1000
