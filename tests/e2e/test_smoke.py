"""The smoke gate end to end at the smallest size that decides: real sandbox, real TRL, the embedded models, CPU."""

import json
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor

import jsonschema
import pytest

from gate import ROOT
from gate.calibrate import prepare, try_case
from gate.calibration import judged
from gate.cases import SMALLEST, cases, solution
from gate.report import schema
from gate.submissions import replaced
from tests import forks
from tests.asked import asked_for
from tests.course.conftest import environment

SMOKE = [sys.executable, "-m", "gate"]
BRIEF = (
    "shuffled",
    "hack",
)  # controls: a reward that says nothing, and one that judges of sentiment alone would applaud
TINY = {"max_steps": 2, "validation_steps": 0}  # decides nothing: for what happens around a run
ENVIRONMENT = environment({"OMP_NUM_THREADS": "1"})


@pytest.fixture(scope="module")
def tried(request):
    """The row at one seed of each case that this run of pytest asks for, by name; as many runs at a time as there are cores."""
    asked = [case.name for case in asked_for(request, "case")]
    found = [
        case
        for case in cases(["honest", "control"], SMALLEST)
        if case.kind == "honest" or case.name in asked
    ]
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(os.cpu_count(), spawn, initializer=prepare) as pool:
        rows = list(pool.map(try_case, found, [7] * len(found), [None] * len(found)))
    return {row["name"]: row for row in judged(rows)}


def test_honest_rewards_pass(tried):
    row = tried["solution"]
    assert row["passed"], (row["failed"], row["figures"])


@pytest.mark.parametrize(
    "case",
    [
        case if case.name in BRIEF else pytest.param(case, marks=pytest.mark.long)
        for case in cases(["control"])
    ],
    ids=lambda case: case.name,
)
def test_a_negative_control_fails_by_the_check_it_should_trip(tried, case):
    row = tried[case.name]
    assert not row["passed"] and case.trips in row["failed"], (row["failed"], row["figures"])


def started(command):
    return subprocess.run(command, capture_output=True, text=True, env=ENVIRONMENT)


def forked(command):
    """The same from a process that has imported torch and TRL."""
    return forks.run(command[1:], ROOT, ENVIRONMENT, forks.TRAINING)


def smoke(out, *options, notebook=None, run=forked):
    """Run gate/__main__.py on a notebook with two training steps; the verdict file, if it wrote one, and how it ended."""
    document = out.parent / "submission.ipynb"
    document.write_text(json.dumps(notebook or solution()))
    command = [*SMOKE, "--notebook", str(document), "--out", str(out), *options]
    for name, value in TINY.items():
        command += ["--set", f"{name}={value}"]
    done = run(command)
    file = out / "smoke.json"
    return json.loads(file.read_text()) if file.is_file() else None, done


def test_two_steps_teach_nothing_and_the_verdict_says_so(tmp_path):
    mark = tmp_path / "mark.json"
    verdict, done = smoke(tmp_path / "out", "--seeds", "3", "--mark", str(mark), run=started)
    assert done.returncode == 1, done.stderr
    jsonschema.validate(verdict, schema())
    assert not verdict["passed"] and "FAIL: gain" in done.stdout
    assert {row["outcome"] for row in verdict["laws"].values()} == {"pass"} and len(
        verdict["laws"]
    ) == 4
    assert json.loads(mark.read_text())["share"] == 0.0
    assert (tmp_path / "out/smoke.html").stat().st_size > 10_000
    assert "<failure" in (tmp_path / "out/smoke.xml").read_text()


def test_work_that_fails_its_laws_is_not_trained(tmp_path):
    cell = "def exponential_shaping(scores, temperature=1.0):\n    return scores"
    verdict, done = smoke(
        tmp_path / "out", notebook=replaced(solution(), "exponential_shaping", cell)
    )
    assert done.returncode == 1 and verdict["seeds"] == []
    assert verdict["stopped"]["exercise"] == "exponential_shaping"
    words = verdict["stopped"]["words"]
    assert words.startswith("Not trained, so 0 marks: exercise 2 (exponential_shaping) does not")
    assert words.endswith("Training needs right values from exercises 1, 2, 3a and 3b.")


@pytest.mark.long
def test_a_slip_that_training_never_meets_stops_no_run(tmp_path):
    cell = "def exponential_shaping(scores, temperature=1.0):\n    return torch.exp(scores / temperature) - 1"
    verdict, done = smoke(
        tmp_path / "out", "--seeds", "3", notebook=replaced(solution(), "exponential_shaping", cell)
    )
    assert verdict["laws"]["exponential_shaping"]["outcome"] == "partial"
    assert verdict["stopped"] is None and len(verdict["seeds"]) == 1, done.stderr


def test_a_reward_that_turns_bad_during_training_ends_the_run_with_its_outcome(tmp_path):
    """Right for the laws, NaN for reviews that the laws cannot know."""
    cell = (
        "def forward_kl_reward(ref_log_probs, kl_coef=0.1):\n"
        "    if len(ref_log_probs) == 64:\n"
        "        return ref_log_probs * float('nan')\n"
        "    return kl_coef * ref_log_probs\n"
    )
    verdict, done = smoke(
        tmp_path / "out", notebook=replaced(solution(), "forward_kl_reward", cell)
    )
    assert done.returncode == 1, done.stderr
    assert verdict["laws"]["forward_kl_reward"]["outcome"] == "pass"
    assert (verdict["stopped"]["exercise"], verdict["outcome"]) == ("forward_kl_reward", "wrong")
    assert "nan" in verdict["stopped"]["words"]


def test_bad_input_is_one_line_and_exit_code_2(tmp_path):
    done = started([*SMOKE, "--notebook", str(tmp_path / "none.ipynb")])
    assert (
        done.returncode == 2 and done.stderr.startswith("gate: ") and done.stderr.count("\n") == 1
    )


def figures(verdict):
    return [seed["figures"] for seed in verdict["seeds"]]


def lines(path):
    return len(path.read_text().splitlines()) if path.is_file() else 0


def status(path):
    return json.loads(path.read_text())["status"] if path.is_file() else None


MOMENTS = {  # when a kill comes, at random within a second after the condition first holds
    "while a seed trains": lambda out: lines(out / "seed-3/history.jsonl") > 0,
    "when a seed has finished": lambda out: status(out / "seed-3/run.json") == "finished",
    "in the next seed": lambda out: (out / "seed-4/run.json").is_file(),
}


def test_a_run_killed_at_random_moments_gives_the_same_verdict_when_started_again(tmp_path):
    undisturbed, _ = smoke(tmp_path / "whole", "--seeds", "3", "4")
    out, pause = tmp_path / "killed", random.Random()
    document = tmp_path / "submission.ipynb"
    command = [*SMOKE, "--notebook", str(document), "--out", str(out), "--seeds", "3", "4"]
    for name, value in TINY.items():
        command += ["--set", f"{name}={value}"]
    for moment, reached in MOMENTS.items():
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=ENVIRONMENT)  # fmt: skip
        while not reached(out):
            assert process.poll() is None, f"ended before the kill {moment}"
            time.sleep(0.02)
        time.sleep(pause.uniform(0, 1))
        process.send_signal(signal.SIGKILL)
        process.wait()
    again, done = smoke(out, "--seeds", "3", "4")
    assert figures(again) == figures(undisturbed) and again["passed"] == undisturbed["passed"], (
        done.stderr
    )


def test_other_settings_in_the_same_folder_are_another_run(tmp_path):
    first, _ = smoke(tmp_path / "out", "--seeds", "3")
    second, done = smoke(tmp_path / "out", "--seeds", "3", "--set", "learning_rate=1e-3")
    # what two steps at this rate teach depends on the processor's number format
    assert done.returncode == int(not second["passed"]), done.stderr
    assert second["config"]["learning_rate"] == 1e-3
    assert figures(second) != figures(first)


@pytest.mark.parametrize(
    ("pair", "words"),
    [
        ("use_peft=yes", "use_peft is of type bool"),
        ("max_steps=many", "max_steps is of type int"),
        ("seed=3", "seed is the gate's own"),
        ("preset=medium", "preset is the gate's own"),
        ("no_such=1", "no_such"),
    ],
)
def test_a_setting_that_cannot_be_is_one_line(tmp_path, capsys, pair, words):
    from gate.__main__ import main

    assert main(["--out", str(tmp_path), "--set", pair]) == 2
    error = capsys.readouterr().err
    assert words in error and "Traceback" not in error


def test_an_earlier_verdict_is_no_verdict_on_this_run(tmp_path):
    from gate.__main__ import main

    for name in ("smoke.json", "smoke.html", "smoke.xml"):
        (tmp_path / name).write_text('{"passed": true}')
    assert main(["--out", str(tmp_path), "--set", "max_steps=many"]) == 2
    assert list(tmp_path.iterdir()) == []


def test_a_fault_of_ours_is_no_verdict(tmp_path, capsys, monkeypatch):
    import gate.gate
    from gate.__main__ import main

    monkeypatch.setattr(gate.gate, "run_gate", lambda *_: {}["a bug"])
    assert main(["--out", str(tmp_path)]) == 2
    assert "a bug" in capsys.readouterr().err
