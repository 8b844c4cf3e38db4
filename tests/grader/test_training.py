"""The queue of training runs: what it trains, which marks count, and that one that fails or is killed costs nobody a mark."""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from toys import RIGHT, code, notebook, training_cell

from grader.classroom.batch import Batch
from grader.classroom.slots import Slot
from grader.classroom.training import TrainingQueue, Untrained
from grader.errors import CourseError
from grader.judging.session import Grader
from grader.judging.training_marks import TrainingMarks
from grader.store import StateFile, write
from grader.submission.choosing import Found

TRAINER = """
import json, os, sys, time
notebook, mark, out = sys.argv[1:4]
began = time.time()
source = open(notebook).read()
with open(os.path.join(out, "runs"), "a+") as runs:
    runs.seek(0)
    earlier = len(runs.readlines())
    time.sleep(0.3)
    entry = {"slot": os.environ.get("SLOT"), "from": began, "to": time.time()}
    print(json.dumps(entry), file=runs)
while "hangs" in source or os.path.exists("hang"):
    time.sleep(0.1)
if "breaks" in source:
    sys.exit("no model here")
outcome = {"outcome": "timeout"} if "slow" in source or "late" in source and not earlier else {}
json.dump({"share": 0.0 if outcome else 0.5, "note": "half", "laws": [], **outcome}, open(mark, "w"))
"""


@pytest.fixture
def trained(assignment, tmp_path):
    """A course whose trainer notes when it ran."""
    (tmp_path / "trainer.py").write_text(TRAINER)
    command = (str(tmp_path / "trainer.py"), "{notebook}", "{mark}", "{out}")
    files = (tmp_path / "trainer.py",)
    return replace(assignment, trainer=command, training_files=files, training_seconds=20)


@pytest.fixture
def queue(trained, tmp_path):
    """A queue with two slots."""
    made = TrainingQueue(trained, TrainingMarks(trained, tmp_path / "marks", "bwrap"))
    made.slots = [Slot(name, {"SLOT": name}) for name in ("a", "b")]
    return made


def notebooks(tmp_path, *sources, uses=None):
    """What the queue takes, in this order; `uses`: what some of them need, by source."""
    found = {}
    for source in sources:
        (tmp_path / f"{source}.ipynb").write_text(source)
        found[digest(source)] = Untrained(
            tmp_path / f"{source}.ipynb", (uses or {}).get(source, "")
        )
    return found


def digest(source):
    return hashlib.sha256(source.encode()).hexdigest()


def runs(tmp_path, source):
    """When and where it was trained, once or again."""
    return list(map(json.loads, (tmp_path / "marks" / digest(source) / "runs").open()))


def mark(tmp_path, source):
    return json.loads((tmp_path / "marks" / f"{digest(source)}.json").read_text())


def test_a_slot_takes_one_run_at_a_time(queue, tmp_path, capsys):
    assert queue.run(notebooks(tmp_path, *"12345")) == 5
    said = capsys.readouterr().err.splitlines()
    assert said == [
        "training with 5 notebooks on: a, b",
        *[f"trained: {n} of 5" for n in range(1, 6)],
    ]
    times = sorted(
        (run["slot"], run["from"], run["to"]) for s in "12345" for run in runs(tmp_path, s)
    )
    assert {slot for slot, _, _ in times} == {"a", "b"}
    for first, second in zip(times, times[1:], strict=False):
        assert first[0] != second[0] or first[2] <= second[1]


def test_a_run_that_breaks_or_hangs_is_infrastructure_and_is_tried_again(trained, tmp_path):
    assignment = replace(trained, training_seconds=2)
    queue = TrainingQueue(assignment, TrainingMarks(assignment, tmp_path / "marks", "bwrap"))
    queue.slots = [Slot(name, {}) for name in ("a", "b")]
    found = notebooks(tmp_path, "good", "breaks", "hangs")
    assert queue.run(found) == 3
    assert mark(tmp_path, "good")["share"] == 0.5
    broken, hung = mark(tmp_path, "breaks"), mark(tmp_path, "hangs")
    assert broken["outcome"] == hung["outcome"] == "infrastructure"
    assert "exit code 1" in broken["note"] and "no end within 2 s" in hung["note"]
    log = tmp_path / "marks" / digest("breaks") / "log.txt"
    assert "no model here" in log.read_text() and f"{digest('breaks')}/log.txt" in broken["note"]
    assert len(runs(tmp_path, "breaks")) == len(runs(tmp_path, "hangs")) == 2, "once more, alone"
    assert queue.run(found) == 2, "the good one has its mark"


def test_what_hangs_or_dies_beside_others_is_run_once_more_alone(queue, tmp_path):
    sources = ("late", "slow", "late too", "good", "fine")
    queue.run(notebooks(tmp_path, *sources))
    assert [mark(tmp_path, s).get("outcome") for s in sources] == [None, "timeout", *[None] * 3]
    assert [len(runs(tmp_path, s)) for s in sources] == [2, 2, 2, 1, 1]
    first = [runs(tmp_path, s)[0]["to"] for s in sources]
    second = sorted((run["from"], run["to"]) for s in sources for run in runs(tmp_path, s)[1:])
    assert max(first) <= second[0][0]
    assert all(one[1] <= two[0] for one, two in zip(second, second[1:], strict=False))


def test_the_bytes_that_were_graded_are_trained_or_nothing(queue, tmp_path):
    found = notebooks(tmp_path, "good", "fine")
    (tmp_path / "good.ipynb").write_text("another")
    queue.run(found)
    assert mark(tmp_path, "good")["outcome"] == "infrastructure"
    assert "changed after it was graded" in mark(tmp_path, "good")["note"]
    assert (tmp_path / "marks" / digest("fine") / "notebook.ipynb").read_text() == "fine"


def test_a_mark_counts_while_what_it_was_made_of_is_the_same(trained, queue, tmp_path):
    queue.run(notebooks(tmp_path, "good"))
    sha, folder = digest("good"), tmp_path / "marks"

    def counts(assignment=trained, isolation="bwrap"):
        return TrainingMarks(assignment, folder, isolation).done(sha)

    assert counts() and not counts(isolation="none")
    model = tmp_path / "models/tiny/weights"
    model.parent.mkdir(parents=True)
    model.write_bytes(b"1")
    larger = replace(trained, training_files=(*trained.training_files, tmp_path / "models"))
    assert not counts(larger)
    TrainingMarks(larger, folder, "bwrap").write({"share": 1.0}, sha)
    (model.parent / "__pycache__").mkdir()
    (model.parent / "__pycache__/a.pyc").write_bytes(b"")
    assert counts(larger)
    model.write_bytes(b"2")
    assert not counts(larger)
    (folder / f"{digest('fine')}.json").write_text((folder / f"{sha}.json").read_text())
    assert not TrainingMarks(larger, folder, "bwrap").done(digest("fine")), "another notebook's"
    (folder / f"{sha}.json").write_text('{"share": 0.25, "note": "by hand"}')
    assert counts() and counts(larger) and counts(isolation="none")


def test_a_mark_that_the_instructor_gives_while_a_run_hangs_stays(trained, tmp_path):
    by_hand = tmp_path / "marks" / f"{digest('good')}.json"
    gives = f"import pathlib\npathlib.Path({str(by_hand)!r}).write_text('{{\"share\": 1.0}}')\n"
    (tmp_path / "trainer.py").write_text(TRAINER + gives + "sys.exit(1)")
    marks = TrainingMarks(trained, tmp_path / "marks", "bwrap")
    queue = TrainingQueue(trained, marks)
    queue.slots = [Slot("a", {})]
    queue.run(notebooks(tmp_path, "good"))
    assert json.loads(by_hand.read_text()) == {"share": 1.0}
    marks.withdraw("they disagree", digest("good"))
    assert marks.read(digest("good")) == {"share": 1.0}


def test_notebooks_that_agree_in_what_is_used_share_the_mark_of_a_run_that_ended_well(
    queue, tmp_path
):
    uses = {"good": "a" * 64, "fine": "a" * 64, "slow": "b" * 64, "even": "b" * 64}
    found = notebooks(tmp_path, *uses, "alone", uses=uses)
    assert queue.run(found) == 5
    trained = [
        source for source in (*uses, "alone") if (tmp_path / "marks" / digest(source)).exists()
    ]
    assert trained == ["good", "slow", "even", "alone"]
    marks = queue.marks
    assert marks.read(digest("fine"), uses["fine"])["share"] == 0.5
    assert marks.read(digest("fine")) is None, "what another notebook needs is no mark of this one"
    assert mark(tmp_path, "slow")["outcome"] == "timeout", "its own, for the rest of it may be why"
    assert marks.read(digest("even"), uses["even"])["share"] == 0.5
    assert queue.run(found) == 0
    (tmp_path / "marks" / f"{digest('fine')}.json").write_text('{"share": 0.25}')
    assert marks.read(digest("fine"), uses["fine"])["share"] == 0.25, "an instructor's word"
    assert marks.read(digest("good"), uses["good"])["share"] == 0.5


def test_a_course_that_cannot_train_or_names_what_is_not_there_says_so(assignment, tmp_path):
    with pytest.raises(CourseError, match="no `trainer`"):
        TrainingQueue(assignment, TrainingMarks(assignment, tmp_path, "bwrap"))
    with pytest.raises(CourseError, match="nowhere, which is not there"):
        TrainingMarks(replace(assignment, training_files=(Path("nowhere"),)), tmp_path, "bwrap")


@pytest.fixture
def training_class(class_folder):
    """A class of two, whose equal notebooks wait for a training run."""
    trainer = class_folder.folder / "trainer.py"
    trainer.write_text(TRAINER)
    document = notebook()
    document["cells"].append(training_cell())
    class_folder.change(
        document,
        f'training=("train",), trainer=("{trainer}", "{{notebook}}", "{{mark}}", "{{out}}"),'
        f' training_files=(Path("{trainer}"),),',
    )
    for student in ("ann", "bob"):
        class_folder.hand_in(student, json.dumps(document).encode())
    return class_folder


def ended(class_folder):
    """How the training exercise of ann ended."""
    return class_folder.status()["ann"]["reasons"]


def test_a_class_is_graded_trained_and_recorded_by_one_command(training_class):
    folder = training_class.folder
    assert training_class.grade().returncode == 0
    assert ended(training_class) == "train: needs_training"
    done = training_class.grade("--train")
    assert done.returncode == 0, done.stderr[-2000:]
    assert ended(training_class) == "train: partial"
    marks = list((folder / "build/grading/training").glob("*.json"))
    assert len(marks) == 1, "equal notebooks share"
    before = training_class.marks()
    assert training_class.grade().returncode == 0 and training_class.marks() == before
    assert before == {"ann": 3.0, "bob": 3.0}
    shutil.rmtree(folder / "autograded")
    training_class.nbgrader("autograde", "toy", "--force")
    assert training_class.marks() == before, "stock nbgrader reads the same training marks"


def test_another_prose_or_another_exercise_is_no_reason_to_train_again(training_class):
    declared = training_class.folder / "hidden/assignment.py"
    assignment = declared.read_text()
    declared.write_text(
        assignment.replace("    training=(", '    training_uses=("basket_total",),\n    training=(')
    )
    given = json.loads((training_class.folder / "submitted/ann/toy/exercise.ipynb").read_text())
    other = json.loads(json.dumps(given))
    other["cells"].insert(0, {"cell_type": "markdown", "metadata": {}, "source": "My own words."})
    other["cells"].append(code("def other():\n    return 1"))
    different = json.loads(json.dumps(given))
    different["cells"][1]["source"] = RIGHT.replace("sum(", "1 * sum(")
    for student, document in {"bob": other, "cat": different}.items():
        training_class.hand_in(student, json.dumps(document).encode())
    assert training_class.grade("--train").returncode == 0
    assert training_class.marks() == {"ann": 3.0, "bob": 3.0, "cat": 3.0}
    folders = training_class.folder / "build/grading/training"
    assert len(list(folders.glob("*/runs"))) == 2, "ann's and bob's are one"
    training_class.hand_in("ann", json.dumps(other).encode())
    assert training_class.grade().returncode == 0
    assert ended(training_class) == "train: partial", "a new notebook with the same function"


def test_another_trainer_opens_the_exercise_again_until_it_has_trained(training_class):
    trainer = training_class.folder / "trainer.py"
    assert training_class.grade("--train").returncode == 0
    trainer.write_text(TRAINER.replace("else 0.5", "else 1.0"))
    assert training_class.grade().returncode == 0
    assert ended(training_class) == "train: needs_training"
    assert training_class.marks() == {"ann": 2.0, "bob": 2.0}
    assert training_class.grade("--train").returncode == 0
    assert ended(training_class) == "" and training_class.marks() == {"ann": 4.0, "bob": 4.0}


def test_a_mark_that_comes_after_a_verdict_counts_in_the_next_run_which_asks_no_law_again(
    assignment, tmp_path
):
    document = notebook()
    document["cells"].append(training_cell())
    for path in (
        own := tmp_path / "source/toy/exercise.ipynb",
        tmp_path / "submitted/ann/toy/exercise.ipynb",
    ):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(document))
    trains = replace(assignment, notebook=own, training=("train",))
    judge = Grader(trains, training=tmp_path / "marks")
    batch = Batch(judge, root=tmp_path)
    batch.submitted = tmp_path / "submitted"
    with judge:
        verdict = judge.check(path)
    kept = StateFile(tmp_path, "toy", "ann")
    kept.change(stamp=batch.stamp, verdict=verdict)
    before = path.read_bytes(), verdict["exercises"]["basket_total"]

    def train():
        """The training exercise's row, from the verdict that was kept: no executor is there to give another."""
        found = batch._verdict(Found("ann", path), pool=None).result()
        assert kept.read().verdict == found
        assert (path.read_bytes(), found["exercises"]["basket_total"]) == before
        return found["exercises"]["train"]

    assert train()["outcome"] == "needs_training"
    mark = tmp_path / f"marks/{verdict['sha256']}.json"
    for share in (1.0, 0.5):
        write(mark, {"share": share})
        assert train()["points"] == 2 * share
    mark.unlink()
    assert train()["outcome"] == "needs_training", "a mark that counts no longer"


def test_training_dies_with_a_run_however_that_is_ended_and_is_done_by_the_next(training_class):
    hang = training_class.folder / "hang"
    hang.touch()
    for number, end in enumerate((signal.SIGKILL, signal.SIGTERM, signal.SIGINT)):
        process = subprocess.Popen(
            **training_class.command(
                sys.executable, "-m", "grader", "run", "--laws", "hidden", "--train"
            ),
            stderr=subprocess.DEVNULL,
            # a shell that started this in the background has SIGINT ignored, which children inherit
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        below = hanging(process, training_class.folder, number + 1)
        second = training_class.grade("--train")
        assert second.returncode == 2 and "another run is grading here" in second.stderr
        assert ended(training_class) == "train: needs_training", "the laws' marks are told already"
        os.kill(process.pid, end)
        assert process.wait(10) != 0
        assert psutil.wait_procs(below, timeout=5)[1] == [], f"outlived {end.name}"
    hang.unlink()
    done = training_class.grade("--train")
    assert done.returncode == 0, done.stderr[-2000:]
    assert training_class.marks() == {"ann": 3.0, "bob": 3.0}


def hanging(process, folder, count):
    """The processes below a run of the grader, once its trainer has begun for the `count`th time."""
    patience = time.monotonic() + 60
    while time.monotonic() < patience:
        noted = list(folder.glob("build/grading/training/*/runs"))
        if noted and len(noted[0].read_text().splitlines()) == count:
            below = psutil.Process(process.pid).children(recursive=True)
            assert any("trainer.py" in " ".join(child.cmdline()) for child in below)
            return below
        assert process.poll() is None
        time.sleep(0.1)
    raise AssertionError("nothing was trained")
