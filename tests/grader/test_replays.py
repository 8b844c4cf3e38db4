"""Training marks by replay: who gets one, who is trained with, and that an audit which disagrees ends it."""

import json
import os
import time
from dataclasses import replace

import pytest
from test_training import TRAINER, digest, notebooks

from grader.classroom.replays import AUDITED, DEATHS, Replays, unlike
from grader.classroom.slots import VISIBLE, Slot
from grader.classroom.training import TrainingQueue
from grader.judging.training_marks import TrainingMarks

# a trainer that gives figures and says in which process group; and a replayer that knows of "right…" alone
FIGURES = TRAINER.replace('"laws": []', '"laws": [], "figures": [{"gain": GAIN}], "proof": "trained"').replace(
    "outcome =", 'GAIN = 0.25 if os.path.exists("drifts") else 0.5\noutcome ='
)  # fmt: skip
REPLAYER = """
import json, os, sys
folder, isolation = sys.argv[1:3]
with open(os.path.join(folder, "started"), "a") as started:
    print(os.environ.get("SLOT"), file=started)
for line in sys.stdin:
    asked = json.loads(line)
    source = open(asked["notebook"]).read()
    if "kills" in source:
        os._exit(3)
    stopped = {"barred": "wrong", "fault": "infrastructure"}.get(source.split()[0])
    mark = {"share": 0.5, "note": "half", "laws": [], "figures": [{"gain": 0.5}], "proof": "replayed"}
    if stopped:
        mark = {"share": 0.0, "outcome": stopped, "note": "no run for " + source, "figures": []}
    answer = {"mark": mark} if source.startswith("right") or stopped else {"differs": "exercise 2, call 3"}
    print(json.dumps(answer if asked["laws"] == {} else {"differs": "laws"}), flush=True)
"""
RIGHT = ("right 1", "right 2", "right 3", "right 4")


@pytest.fixture
def queue(assignment, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "trainer.py").write_text(FIGURES)
    (tmp_path / "replayer.py").write_text(REPLAYER)
    made = replace(
        assignment,
        trainer=(str(tmp_path / "trainer.py"), "{notebook}", "{mark}", "{out}"),
        replayer=(str(tmp_path / "replayer.py"), "{out}", "{isolation}"),
        training_files=(tmp_path / "trainer.py", tmp_path / "replayer.py"),
        training_seconds=20,
    )
    queue = TrainingQueue(made, TrainingMarks(made, tmp_path / "marks", "bwrap"))
    queue.slots = [Slot(name, {"SLOT": name}) for name in ("a", "b")]
    return queue


def mark(tmp_path, source):
    return json.loads((tmp_path / "marks" / f"{digest(source)}.json").read_text())


def proofs(tmp_path, sources):
    return [mark(tmp_path, source).get("proof") for source in sources]


def runs(tmp_path, sources):
    """How often each was trained with."""
    paths = [tmp_path / "marks" / digest(source) / "runs" for source in sources]
    return [len(path.read_text().splitlines()) if path.exists() else 0 for path in paths]


def test_who_answers_as_recorded_is_not_trained_with_but_for_the_audit(queue, tmp_path, capsys):
    sources = (*RIGHT, "wrong")
    assert queue.run(notebooks(tmp_path, *sources)) == 5
    assert sorted(proofs(tmp_path, sources)) == ["replayed"] * 3 + ["trained"] * 2
    assert sum(runs(tmp_path, RIGHT)) == 1 and runs(tmp_path, ["wrong"]) == [1]
    why = tmp_path / "marks" / digest("wrong") / "replay.txt"
    assert "exercise 2, call 3" in why.read_text()
    said = capsys.readouterr().err
    assert "proved by replay: 4 of 5, 1 of them trained with as well, alike" in said
    assert queue.run(notebooks(tmp_path, *sources)) == 0, "all have their marks"


def drawn_first(queue, prefix, others=RIGHT):
    """A notebook that an audit draws before those others."""
    names = (f"{prefix} {number}" for number in range(1000))
    replays = Replays(queue.assignment, queue.marks)
    found = [digest(source) for source in others]
    return next(name for name in names if replays.drawn([*found, digest(name)], 1e-12) == [digest(name)])  # fmt: skip


def test_a_notebook_without_a_run_audits_nothing(queue, tmp_path, capsys):
    barred = drawn_first(queue, "barred")
    (tmp_path / "drifts").touch()
    queue.run(notebooks(tmp_path, *RIGHT, barred))
    assert "gain: 0.5 replayed, 0.25 trained" in capsys.readouterr().err
    assert "replayed" not in proofs(tmp_path, RIGHT)


def test_what_the_replay_could_not_judge_is_trained_with(queue, tmp_path):
    fault = drawn_first(queue, "fault")
    queue.run(notebooks(tmp_path, *RIGHT, fault))
    assert sorted(proofs(tmp_path, RIGHT)) == ["replayed"] * 3 + ["trained"]
    assert proofs(tmp_path, [fault]) == ["trained"]
    assert "no run for fault" in (tmp_path / "marks" / digest(fault) / "replay.txt").read_text()


def test_an_audit_that_fails_says_nothing_and_another_is_drawn(queue, tmp_path, capsys):
    breaks = drawn_first(queue, "right breaks")
    queue.run(notebooks(tmp_path, *RIGHT, breaks))
    assert runs(tmp_path, [breaks]) == [2] and sum(runs(tmp_path, RIGHT)) == 1
    assert sorted(proofs(tmp_path, [*RIGHT, breaks])) == ["replayed"] * 4 + ["trained"]
    assert "proved by replay: 5 of 5, 1 of them trained with as well" in capsys.readouterr().err


def test_where_every_audit_fails_nothing_is_replayed_and_the_reason_is_kept(
    queue, tmp_path, capsys
):
    sources = [f"right breaks {number}" for number in range(5)]
    assert queue.run(notebooks(tmp_path, *sources)) == 5
    assert all("exit code 1" in mark(tmp_path, source)["note"] for source in sources)
    assert "drawn to be compared with its replay failed" in capsys.readouterr().err
    assert list((tmp_path / "marks/replays").rglob("started")), "no recording was refuted"


def test_an_audit_counts_for_one_processor(queue, tmp_path, monkeypatch):
    queue.run(notebooks(tmp_path, *RIGHT))
    monkeypatch.setattr("grader.classroom.replays.cpu", lambda: "another, 2 cores")
    later = [f"right later {number}" for number in range(3)]
    queue.run(notebooks(tmp_path, *later))
    assert proofs(tmp_path, later).count("trained") >= 1


def test_those_who_share_a_mark_that_a_law_denies_are_replayed_too(queue, tmp_path):
    twins = [f"barred {number}" for number in range(4)]
    queue.run(notebooks(tmp_path, *RIGHT, *twins, uses=dict.fromkeys(twins, "b" * 64)))
    assert {mark(tmp_path, twin)["outcome"] for twin in twins} == {"wrong"}
    assert runs(tmp_path, twins) == [0] * 4


def test_one_audit_a_class_is_enough(queue, tmp_path):
    queue.run(notebooks(tmp_path, *RIGHT))
    queue.run(notebooks(tmp_path, "right late"))
    assert proofs(tmp_path, ["right late"]) == ["replayed"]
    assert sum(runs(tmp_path, (*RIGHT, "right late"))) == 1


def test_too_few_are_sooner_trained_with(queue, tmp_path):
    queue.run(notebooks(tmp_path, *RIGHT[:2]))
    assert proofs(tmp_path, RIGHT[:2]) == ["trained"] * 2


@pytest.mark.parametrize(("share", "trained"), [(0, 0), (1, 4)])
def test_the_share_is_the_instructor_s(queue, tmp_path, share, trained):
    queue.run(notebooks(tmp_path, *RIGHT), share)
    assert sum(runs(tmp_path, RIGHT)) == trained == proofs(tmp_path, RIGHT).count("trained")


def test_an_audit_that_disagrees_is_open_says_both_figures_and_ends_the_replay(
    queue, tmp_path, capsys
):
    (tmp_path / "drifts").touch()
    found = notebooks(tmp_path, *RIGHT)
    queue.run(found)
    outcomes = [mark(tmp_path, source).get("outcome") for source in RIGHT]
    assert outcomes.count("infrastructure") == 1 and outcomes.count(None) == 3
    audited = RIGHT[outcomes.index("infrastructure")]
    assert "gain: 0.5 replayed, 0.25 trained" in mark(tmp_path, audited)["note"]
    assert "gain: 0.5 replayed, 0.25 trained" in capsys.readouterr().err
    others = [source for source in RIGHT if source != audited]
    assert proofs(tmp_path, others) == ["trained"] * 3
    assert not (tmp_path / "marks/replays").exists() or not list(
        (tmp_path / "marks/replays").rglob(AUDITED)
    )
    (tmp_path / "drifts").unlink()
    assert queue.run(found) == 1, "tried again"
    assert proofs(tmp_path, [audited]) == ["trained"]


def test_a_notebook_that_ends_the_replay_costs_nobody_a_mark(queue, tmp_path):
    queue.slots = queue.slots[:1]
    sources = ("kills", *RIGHT, "kills too")
    assert queue.run(notebooks(tmp_path, *sources)) == 6
    assert all(mark(tmp_path, source)["share"] == 0.5 for source in sources)
    assert "died or hung" in (tmp_path / "marks" / digest("kills") / "replay.txt").read_text()
    assert proofs(tmp_path, RIGHT).count("replayed") == 3, "another process has taken its place"


def test_a_process_that_never_answers_is_not_started_for_ever(queue, tmp_path):
    (tmp_path / "replayer.py").write_text("open('starts', 'a').write('1')\nraise SystemExit(1)\n")
    sources = [f"right {number}" for number in range(8)]
    queue.run(notebooks(tmp_path, *sources), 0)
    assert proofs(tmp_path, sources) == ["trained"] * 8
    assert len((tmp_path / "starts").read_text()) == 2 * DEATHS


def test_the_bytes_that_were_graded_are_replayed_or_nothing(queue, tmp_path):
    found = notebooks(tmp_path, *RIGHT)
    (tmp_path / "right 2.ipynb").write_text("right another")
    queue.run(found)
    assert "changed after it was graded" in mark(tmp_path, "right 2")["note"]


def test_on_gpus_everything_is_trained(queue, tmp_path):
    queue.slots = [Slot("GPU 0", {VISIBLE: "GPU-1"})]
    queue.run(notebooks(tmp_path, *RIGHT))
    assert proofs(tmp_path, RIGHT) == ["trained"] * 4


def test_a_process_that_hangs_is_left_after_the_time_of_a_run(queue, tmp_path):
    hanging = REPLAYER.replace("source = open", "import time; time.sleep(60)\n    source = open")
    (tmp_path / "replayer.py").write_text(hanging)
    made = replace(queue.assignment, training_seconds=1)
    replays = Replays(made, TrainingMarks(made, tmp_path / "marks", "bwrap"))
    start = time.monotonic()
    for source in RIGHT:
        replays.marks.runs(digest(source)).mkdir(parents=True)
    requests = {digest(source): {"notebook": os.devnull, "laws": {}} for source in RIGHT}
    assert replays.marked(requests, queue.slots) == {}
    assert time.monotonic() - start < 20


def test_marks_are_compared_to_the_last_digit():
    one = {"share": 1.0, "figures": [{"gain": 0.1 + 0.2}]}
    assert unlike(one, {"share": 1.0, "figures": [{"gain": 0.3}]})
    assert not unlike(one, {"share": 1.0, "figures": [{"gain": 0.1 + 0.2}], "note": "other"})
    assert "share" in unlike(one, {"share": 0.5, "figures": []})
    assert "outcome" in unlike(one, {"share": 1.0, "figures": [], "outcome": "timeout"})
    assert unlike(one, {})
