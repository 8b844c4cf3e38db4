"""`grader run --executor dask`: a real scheduler with TLS and real workers, which may differ, die, hang or not be there."""

import json
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time

import psutil
import pytest
from clusters import DaskCluster, certificate, settings
from toys import RIGHT, ClassFolder, notebook, training_cell

from gate import ROOT
from grader.store import WORK

WRONG = RIGHT.replace(" * (1 - discount)", "")
SLOW = RIGHT.replace("    return", "    import time; time.sleep(0.06)\n    return")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    made = DaskCluster(tmp_path_factory.mktemp("dask") / "cluster")
    yield made
    made.close()


def encoded(solution, number=0):
    return json.dumps(notebook(f"{solution}\n# {number}")).encode()


def class_of(folder, works):
    folder.mkdir()
    made = ClassFolder(folder)
    for number, work in enumerate(works):
        data = work if isinstance(work, bytes) else encoded(work, number)
        made.hand_in(f"s{number:02}", data)
    return made


def kept(room):
    """All verdicts that are kept, as JSON has them, by student."""
    states = (room.folder / WORK / "toy/students").glob("*.json")
    read = {path.stem: json.loads(path.read_text()).get("verdict") for path in states}
    return {student: json.dumps(found) for student, found in read.items() if found}


def gradebook(room):
    """Everything in the gradebook that a grader or student could see, without row numbers and clocks."""
    with sqlite3.connect(room.folder / "gradebook.db") as database:
        marks = database.execute(
            "select student.id, base_cell.name, grade.auto_score, grade.manual_score, grade.needs_manual_grade"
            " from grade join submitted_notebook on grade.notebook_id = submitted_notebook.id"
            " join submitted_assignment on submitted_notebook.assignment_id = submitted_assignment.id"
            " join student on submitted_assignment.student_id = student.id join base_cell on grade.cell_id = base_cell.id order by 1, 2"
        )
        return marks.fetchall()


WORKS = [SLOW, WRONG, b"{", "import os\nos._exit(0)\n" + RIGHT, "1/0", SLOW]


@pytest.fixture(scope="module")
def calm(tmp_path_factory):
    """The class of WORKS, graded on this machine, undisturbed."""
    made = class_of(tmp_path_factory.mktemp("calm") / "room", WORKS)
    done = made.grade("--jobs", "2")
    assert done.returncode == 0, done.stderr
    return made


def test_a_cluster_gives_the_verdicts_of_this_machine_to_the_byte(cluster, calm, tmp_path):
    room = class_of(tmp_path / "room", WORKS)
    done = cluster.grade(room)
    assert done.returncode == 0, done.stderr + cluster.logs()
    assert kept(room) == kept(calm) and len(kept(calm)) == len(WORKS)
    assert gradebook(room) == gradebook(calm)


def test_without_dask_one_line_says_what_to_install(tmp_path):
    room = class_of(tmp_path / "room", [RIGHT])
    (room.folder / "distributed.py").write_text("raise ImportError('not here')")
    done = room.grade("--executor", "dask", "--scheduler", "tls://127.0.0.1:1")
    assert (done.returncode, done.stdout) == (2, "")
    assert (
        done.stderr
        == "error: --executor dask needs Dask: pip install 'nbgrader-laws[dask]', or distributed\n"
    )


def test_options_that_contradict_each_other_are_refused(tmp_path):
    room = class_of(tmp_path / "room", [])
    for options, words in (
        (["--executor", "dask"], "takes --scheduler ADDRESS"),
        (["--executor", "dask", "--scheduler", "tls://a:1", "--jobs", "2"], "and no --jobs"),
        (["--scheduler", "tls://a:1"], "are for --executor dask"),
        (["--wait", "5"], "are for --executor dask"),
    ):
        done = room.grade(*options)
        assert done.returncode == 2 and words in done.stderr


def test_nobody_without_the_key_gets_in(cluster, tmp_path):
    """Neither without encryption nor with a key of their own; one line says it, and nothing is graded."""
    room = class_of(tmp_path / "room", [RIGHT])
    strange = tmp_path / "strange"
    certificate(strange)
    room.elsewhere["DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT"] = "2s"
    (strange / "dask.yaml").write_text(settings(strange))
    run = ["run", "--laws", "hidden", "--executor", "dask", "--scheduler"]
    for address, file in (
        (cluster.address, strange / "dask.yaml"),
        (cluster.address.replace("tls", "tcp"), "none.yaml"),
    ):
        room.elsewhere["DASK_CONFIG"] = str(file)
        done = room.run(sys.executable, "-m", "grader", *run, address)
        assert done.returncode == 2, done.stderr
        lines = [line for line in done.stderr.splitlines() if "not encrypted" not in line]
        assert len(lines) == 1 and lines[0].startswith(f"error: --scheduler {address}: "), lines
    assert kept(room) == {}


def another_grader(folder):
    """A copy of the grader that differs in a comment."""
    shutil.copytree(
        ROOT / "grader", folder / "grader", ignore=shutil.ignore_patterns("__pycache__")
    )
    with (folder / "grader/text.py").open("a") as file:
        file.write("\n# another\n")
    return str(folder)


@pytest.mark.long
def test_workers_that_differ_refuse_and_the_rows_say_in_what(cluster, tmp_path):
    room = class_of(tmp_path / "room", [RIGHT])
    room.elsewhere["PYTHONPATH"] = another_grader(tmp_path / "other")
    done = cluster.grade(room, "--wait", "15")
    assert done.returncode == 1, done.stderr
    refusals = [line for line in done.stderr.splitlines() if line.startswith("the worker tls://")]
    assert len(refusals) == 2
    row = room.status()["s00"]
    assert row["status"] == "infrastructure" and "the grader is 1.0 (" in row["notes"]


@pytest.mark.long
def test_a_training_run_goes_to_a_worker_with_a_gpu(cluster, tmp_path):
    """One that says so: GPU=1 is a resource by name, which here a CPU stands for."""
    room = class_of(tmp_path / "room", [])
    hand_in_for_training(room, TRAINER)
    done = cluster.grade(room, "--train", "--shared", tmp_path / "shared")
    assert done.returncode == 0, done.stderr
    assert room.status()["ann"]["total"] == "3.0"
    [log] = (room.folder / "build/grading/training").glob("*/log.txt")
    assert "dask-scratch-space" in log.read_text(), "where it ran"
    assert len(list((tmp_path / "shared").glob("*.tar.gz"))) == 1


def hand_in_for_training(room, source):
    """The class's course has a trainer, and ann hands in a notebook that waits for it."""
    trainer = room.folder / "trainer.py"
    trainer.write_text(source)
    document = notebook()
    document["cells"].append(training_cell())
    places = '"trainer.py", "{notebook}", "{mark}"'
    declared = f'training=("train",), trainer=({places}), training_files=(Path("{trainer}"),),'
    room.change(document, declared)
    room.hand_in("ann", json.dumps(document).encode())


TRAINER = """import json, os, sys
print(os.getcwd())
json.dump({"share": 0.5, "note": "half", "laws": []}, open(sys.argv[2], "w"))
"""


def begun(cluster, room, *options):
    """`grader run` on the cluster, on its way."""
    arguments = ("run", "--laws", "hidden", "--executor", "dask", "--scheduler", cluster.address)
    told = cluster.command(room, sys.executable, "-m", "grader", *arguments, *options)
    return subprocess.Popen(
        **told,
        stderr=subprocess.PIPE,
        # a shell that started the tests in the background has SIGINT ignored, which children inherit
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def once(count, room, process):
    """Wait until so many verdicts are kept, while the run goes on."""
    end = time.monotonic() + 300
    while len(kept(room)) < count:
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < end
        time.sleep(0.02)


def test_whoever_dies_nothing_is_lost_or_made_twice(cluster, calm, tmp_path):
    """A worker, then whoever grades, then the last worker; the next run goes on, to the gradebook of a calm one."""
    room = class_of(tmp_path / "room", WORKS)
    process = begun(cluster, room)
    once(1, room, process)
    cluster.workers[0].kill()
    once(2, room, process)
    process.kill()
    process.wait()
    before = kept(room)
    process = begun(cluster, room, "--wait", "8")
    once(len(before) + 1, room, process)
    cluster.workers[1].kill()
    said = process.communicate(timeout=300)[1]
    assert process.returncode == 2, said
    gone = f"error: no worker at {cluster.address} for 8 seconds: what is done is kept; run the same command again to go on"
    assert gone in said.splitlines()
    assert before.items() <= kept(room).items()
    cluster.workers = [cluster.worker()]
    done = cluster.grade(room)
    assert done.returncode == 0, done.stderr
    assert kept(room) == kept(calm) and gradebook(room) == gradebook(calm)


def gone(count, room, process, end):
    """End a run once so many verdicts are kept; what it said."""
    once(count, room, process)
    end(process)
    return process.communicate(timeout=300)[1]


@pytest.mark.long
def test_ctrl_c_leaves_what_is_done_and_the_cluster_free(tmp_path):
    room, own = class_of(tmp_path / "room", [SLOW] * 6), DaskCluster(tmp_path / "dask", workers=1)
    try:
        said = gone(1, room, begun(own, room), lambda process: process.send_signal(signal.SIGINT))
        assert said.splitlines()[-1] == "stopped; run the same command again to go on"
        assert own.grade(room).returncode == 0
        assert {row["total"] for row in room.status().values()} == {"2.0"}
    finally:
        own.close()


@pytest.mark.long
def test_a_worker_that_hangs_loses_its_notebooks_to_another(calm, tmp_path):
    room = class_of(tmp_path / "room", WORKS)
    own = DaskCluster(tmp_path / "dask", ttl="5s")
    try:
        process = begun(own, room)
        once(1, room, process)
        own.workers[0].send_signal(signal.SIGSTOP)
        said = process.communicate(timeout=300)[1]
        assert process.returncode == 0, said
        assert kept(room) == kept(calm) and gradebook(room) == gradebook(calm)
    finally:
        own.close()


@pytest.mark.long
def test_a_scheduler_that_dies_or_hangs_stops_the_run_in_one_line(tmp_path):
    for name, end in (("dies", signal.SIGKILL), ("hangs", signal.SIGSTOP)):
        room = class_of(tmp_path / f"room-{name}", [SLOW] * 6)
        own = DaskCluster(tmp_path / name, workers=1)
        try:
            process = begun(own, room, "--wait", "10")
            said = gone(
                1, room, process, lambda _, own=own, end=end: own.scheduler.send_signal(end)
            )
            errors = [line for line in said.splitlines() if line.startswith("error: ")]
            assert process.returncode == 2 and len(errors) == 1, said
            assert "no worker at tls://" in errors[0] and "Traceback" not in said
            assert kept(room)
        finally:
            own.close()


@pytest.mark.long
def test_runs_killed_at_ten_random_moments_end_in_the_gradebook_of_a_calm_one(tmp_path):
    calm, room = (class_of(tmp_path / name, [SLOW, WRONG, b"{"] * 5) for name in ("calm", "room"))
    assert calm.grade("--jobs", "2").returncode == 0
    own, chance = DaskCluster(tmp_path / "dask"), random.Random(13)
    try:
        for number in range(10):
            process = begun(own, room)
            time.sleep(chance.uniform(1, 8))
            if number % 3 == 2:
                own.workers.pop(0).kill()
                own.workers.append(own.worker())
                time.sleep(chance.uniform(0, 4))
            process.kill()
            process.wait()
        done = own.grade(room)
        assert done.returncode == 0, done.stderr
        assert kept(room) == kept(calm) and gradebook(room) == gradebook(calm)
    finally:
        own.close()


WAITING = """import os, sys, time
from pathlib import Path
Path({marker!r}).write_text(str(os.getpid()))
time.sleep(600)
"""


@pytest.mark.long
def test_a_training_run_ends_with_whoever_waits_for_it(tmp_path):
    room, marker = class_of(tmp_path / "room", []), tmp_path / "marker"
    hand_in_for_training(room, WAITING.format(marker=str(marker)))
    own = DaskCluster(tmp_path / "dask", workers=1)
    try:
        process = begun(own, room, "--train")
        end = time.monotonic() + 300
        while not (marker.exists() and marker.read_text()):
            assert process.poll() is None and time.monotonic() < end
            time.sleep(0.1)
        trainer = psutil.Process(int(marker.read_text()))
        process.kill()
        process.wait()
        assert psutil.wait_procs([trainer], timeout=120)[1] == []
    finally:
        own.close()
