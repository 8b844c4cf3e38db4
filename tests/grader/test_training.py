"""The queue of training runs: where each runs, what it leaves, and that one that fails costs nobody a mark."""

import json
import shutil
from dataclasses import replace

import pytest

from grader.course import CourseError
from grader.training import TrainingQueue, slots

TRAINER = """
import json, os, sys, time
notebook, mark, out = sys.argv[1:4]
began = time.time()
source = open(notebook).read()
time.sleep(0.3)
open(os.path.join(out, "seen.json"), "w").write(json.dumps(
    {"gpu": os.environ.get("CUDA_VISIBLE_DEVICES"), "threads": os.environ.get("OMP_NUM_THREADS"), "from": began, "to": time.time()}))
if "hangs" in source:
    time.sleep(60)
if "breaks" in source:
    sys.exit("no model here")
json.dump({"share": 0.5, "note": "half", "laws": []}, open(mark, "w"))
"""


@pytest.fixture
def trained(course, tmp_path):
    """A queue whose trainer notes where it ran."""
    (tmp_path / "trainer.py").write_text(TRAINER)
    command = (str(tmp_path / "trainer.py"), "{notebook}", "{mark}", "{out}")
    return replace(course, trainer=command, training_seconds=20, training_memory_mb=1000)


def notebooks(tmp_path, **sources):
    found = {}
    for name, source in sources.items():
        (tmp_path / name).write_text(source)
        found[name] = tmp_path / name
    return found


def nvidia_smi(tmp_path, monkeypatch, lines):
    """A driver's tool that reports these GPUs; nothing else of the path stays."""
    folder = tmp_path / "bin"
    folder.mkdir()
    tool = folder / "nvidia-smi"
    tool.write_text(f"#!/bin/sh\nprintf '{lines}'\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")


def seen(tmp_path, name):
    return json.loads((tmp_path / "marks" / name / "seen.json").read_text())


def test_without_a_gpu_every_core_takes_one_run_with_one_thread(trained, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr("os.cpu_count", lambda: 3)
    assert [slot.name for slot in slots(1)] == ["core 0", "core 1", "core 2"]
    queue = TrainingQueue(trained, tmp_path / "marks")
    assert queue.run(notebooks(tmp_path, a="1", b="2")) == 2
    assert (seen(tmp_path, "a")["gpu"], seen(tmp_path, "a")["threads"]) == ("", "1")


def test_memory_bounds_the_runs_on_a_gpu_and_one_always_fits(tmp_path, monkeypatch):
    monkeypatch.setattr("os.cpu_count", lambda: 16)
    nvidia_smi(tmp_path, monkeypatch, r"0, 16000\n1, 500\n")
    names = [(slot.name, slot.environment["CUDA_VISIBLE_DEVICES"]) for slot in slots(5000)]
    assert names == [("GPU 0, run 0", "0"), ("GPU 0, run 1", "0"), ("GPU 0, run 2", "0"), ("GPU 1, run 0", "1")]  # fmt: skip


def test_a_gpu_with_room_for_one_takes_one_run_at_a_time(trained, tmp_path, monkeypatch):
    nvidia_smi(tmp_path, monkeypatch, r"0, 1500\n")
    queue = TrainingQueue(trained, tmp_path / "marks")
    queue.run(notebooks(tmp_path, a="1", b="2", c="3"))
    times = sorted((seen(tmp_path, n)["from"], seen(tmp_path, n)["to"]) for n in "abc")
    assert all(first[1] <= second[0] for first, second in zip(times, times[1:], strict=False))
    assert seen(tmp_path, "a")["gpu"] == "0"


def test_a_run_that_breaks_or_hangs_is_infrastructure_and_is_tried_again(trained, tmp_path):
    queue = TrainingQueue(replace(trained, training_seconds=3), tmp_path / "marks")
    found = notebooks(tmp_path, good="1", broken="breaks", slow="hangs")
    assert queue.run(found) == 3
    marks = {n: json.loads((tmp_path / f"marks/{n}.json").read_text()) for n in found}
    assert marks["good"]["share"] == 0.5
    assert marks["broken"]["outcome"] == marks["slow"]["outcome"] == "infrastructure"
    assert "exit code 1" in marks["broken"]["note"] and "no end within 3 s" in marks["slow"]["note"]
    assert "no model here" in (tmp_path / "marks/broken/log.txt").read_text()
    assert queue.run(found) == 2, "the good one has its verdict"


def test_a_course_without_a_trainer_says_so(course, tmp_path):
    with pytest.raises(CourseError, match="no `trainer`"):
        TrainingQueue(course, tmp_path)


def test_a_class_is_graded_trained_and_recorded_by_one_command(class_folder, tmp_path):
    folder = class_folder.folder
    (folder / "trainer.py").write_text(TRAINER)
    source = folder / "source/toy/exercise.ipynb"
    document = json.loads(source.read_text())
    marks = {
        "grade": True,
        "grade_id": "train_laws",
        "locked": True,
        "points": 4,
        "solution": False,
    }
    cell = {
        "cell_type": "code",
        "id": "train",
        "execution_count": None,
        "outputs": [],
        "source": "# run elsewhere",
    }
    clues = {"schema_version": 3, "task": False, "cell_type": "code", **marks}
    document["cells"].append({**cell, "metadata": {"nbgrader": clues}})
    source.write_text(json.dumps(document))
    declared = folder / "hidden/course.py"
    command = f'("{folder}/trainer.py", "{{notebook}}", "{{mark}}", "{{out}}")'
    wanted = f'    training=("train",),\n    trainer={command},\n    limits='
    declared.write_text(declared.read_text().replace("    limits=", wanted))
    (folder / "gradebook.db").unlink()
    class_folder.nbgrader("generate_assignment", "toy", "--force")
    for student in ("ann", "bob"):
        class_folder.hand_in(student, json.dumps(document).encode())
    assert class_folder.grade().returncode == 0
    assert class_folder.status()["ann"]["reasons"].endswith("train: needs_training")
    done = class_folder.grade("--train")
    assert done.returncode == 0, done.stderr[-2000:]
    assert class_folder.status()["ann"]["reasons"].endswith("train: partial")
    assert len(list((folder / "build/grading/training").glob("*.json"))) == 1, (
        "equal notebooks share"
    )
    before = class_folder.marks()
    assert class_folder.grade().returncode == 0 and class_folder.marks() == before
    shutil.rmtree(folder / "autograded")
    class_folder.nbgrader("autograde", "toy", "--force")
    assert class_folder.marks() == before, "stock nbgrader reads the same training verdicts"
