"""Training runs that a signal ends, and how they go on."""

import json
import logging
import shutil
import signal

import pytest
import torch

import train
from lab.config import TrainConfig
from lab.runs import load_run
from tests.course.run_folder import history, weights

STOPPING_REWARD = """
import os, signal
CALLS = [0]
def sentiment_reward(completions, **kwargs):
    CALLS[0] += bool(completions)
    if os.environ.get("STOP_SIGNAL") and CALLS[0] == 4:  # in the fourth step
        os.kill(os.getpid(), int(os.environ["STOP_SIGNAL"]))
    return get_sentiment_scores(completions)
"""


@pytest.fixture(scope="module")
def stopping(rewards_file):
    """Rewards that stop their own process in the fourth step when STOP_SIGNAL says with which signal."""
    return rewards_file(STOPPING_REWARD)


@pytest.fixture(scope="module")
def stopped(tmp_path_factory, python, short_run, stopping):
    """Return a function that runs the command line until a signal stops it in step 4: (folder, process)."""

    def run(number):
        folder = tmp_path_factory.mktemp("stopped") / "outputs"
        arguments = [*short_run, "--rewards", stopping, "--output_dir", folder]
        return folder, python("train.py", *arguments, env={"STOP_SIGNAL": str(int(number))})

    return run


@pytest.fixture(scope="module")
def killed(stopped):
    """The folder of a run that kill -9 ended in its fourth step, two steps after its last checkpoint."""
    folder, done = stopped(signal.SIGKILL)
    assert done.returncode == -signal.SIGKILL
    return folder


@pytest.fixture
def trainer_log(caplog):
    """What transformers' trainer logs: it goes past the root logger."""
    logger = logging.getLogger("transformers.trainer")
    logger.addHandler(caplog.handler)
    yield caplog
    logger.removeHandler(caplog.handler)


def test_killed_run_left_its_record_and_a_checkpoint(killed):
    record = json.loads((killed / "run.json").read_text())
    assert (record["status"], record["step"]) == ("running", 2)
    assert [line["step"] for line in history(killed)[0]] == [1, 2, 3]
    with pytest.raises(ValueError, match="stopped at step 2: finish it with --resume"):
        load_run(killed)


def test_resumed_run_equals_an_undisturbed_one(
    killed, trained, short_run, stopping, tmp_path, trainer_log
):
    folder = shutil.copytree(killed, tmp_path / "outputs")
    (folder / "checkpoints" / "checkpoint-3").mkdir()  # as a kill in the middle of saving leaves it
    assert (
        train.main(
            [*short_run, "--rewards", str(stopping), "--output_dir", str(folder), "--resume"]
        )
        == 0
    )
    assert not [text for text in trainer_log.messages if "missing keys" in text]
    (steps, validations), (expected_steps, expected_validations) = history(folder), history(trained)
    assert [line["step"] for line in steps] == [1, 2, 3, 4]
    for key in ("reward", "sentiment", "ref_log_prob", "entropy", "learning_rate"):
        assert [line[key] for line in steps] == pytest.approx(
            [line[key] for line in expected_steps], rel=1e-4
        )
    assert len({line["reward"] for line in steps}) == 4
    assert [line["step"] for line in validations] == [0, 2, 4]
    for line, expected in zip(validations, expected_validations, strict=True):
        assert line == pytest.approx(expected, rel=1e-3, abs=1e-5)
    assert json.loads((folder / "run.json").read_text())["status"] == "finished"
    mine, undisturbed = weights(folder / "final"), weights(trained / "final")
    assert all(torch.allclose(mine[name], undisturbed[name], atol=1e-5) for name in mine)


def test_resuming_with_other_settings_is_refused_and_changes_nothing(
    killed, short_run, stopping, capfd
):
    before = (killed / "history.jsonl").read_text()
    arguments = [
        *short_run,
        "--rewards",
        str(stopping),
        "--output_dir",
        str(killed),
        "--resume",
        "--learning_rate",
        "5e-5",
    ]
    assert train.main(arguments) == 1
    error = capfd.readouterr().err
    assert len(error.splitlines()) == 1
    began_with = TrainConfig.from_preset("smoke").learning_rate
    assert f"learning_rate is 5e-05 here and was {began_with}" in error
    assert (killed / "history.jsonl").read_text() == before


def test_resuming_a_finished_run_trains_no_more(trained, solutions, short_run, capfd, tmp_path):
    folder = shutil.copytree(trained, tmp_path / "outputs")
    before = (folder / "history.jsonl").read_text()
    assert (
        train.main(
            [*short_run, "--rewards", str(solutions), "--output_dir", str(folder), "--resume"]
        )
        == 0
    )
    assert "already finished" in capfd.readouterr().out
    assert (folder / "history.jsonl").read_text() == before


def test_ctrl_c_is_exit_130_with_advice_and_the_run_can_go_on(stopped):
    folder, done = stopped(signal.SIGINT)
    assert done.returncode == 130
    assert "Traceback" not in done.stderr
    assert "--resume" in done.stderr.splitlines()[-1]
    assert (folder / "checkpoints" / "checkpoint-2" / "trainer_state.json").is_file()


def test_a_run_killed_after_its_last_checkpoint_takes_no_further_step(
    python, trained, short_run, solutions, source, tmp_path
):
    folder = tmp_path / "outputs"
    program = (
        "import os, signal, sys, train; from lab.tracking import Tracker\n"
        "Tracker.finish = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
        "train.main(sys.argv[1:])"
    )
    command = [*short_run, "--rewards", solutions, "--output_dir", folder]
    done = python("-c", program, *command, env={"PYTHONPATH": source})
    assert done.returncode == -signal.SIGKILL
    assert train.main([*map(str, command), "--resume"]) == 0
    (steps, validations), (expected, expected_validations) = history(folder), history(trained)
    assert [line["step"] for line in steps] == [line["step"] for line in expected]
    assert validations == expected_validations
    mine, undisturbed = weights(folder / "final"), weights(trained / "final")
    assert all(torch.equal(mine[name], undisturbed[name]) for name in mine)
