"""`--report_to`: what each gets, read back with its own reader, and one line before anything is moved where one is not there."""

import importlib.util
import shutil
import sqlite3

import pytest

from lab import loggers
from lab.config import TrainConfig
from lab.errors import ConfigError
from lab.runs import load_run
from lab.wandb_runs import entity_and_project
from tests.course.run_folder import history


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, []),
        ({"wandb": True}, ["wandb"]),
        ({"report_to": "wandb"}, ["wandb"]),
        ({"report_to": "wandb", "wandb": True}, ["wandb"]),
        ({"report_to": "tensorboard", "wandb": True}, ["wandb", "tensorboard"]),
    ],
)
def test_the_short_form_is_one_of_them(settings, expected):
    assert TrainConfig.from_preset("smoke", **settings).loggers == expected


@pytest.mark.parametrize("name", ["trackio", "tensorboard"])
def test_what_is_not_installed_is_one_line_and_moves_no_run(
    quick, trained, tmp_path, monkeypatch, capfd, name
):
    folder, find = shutil.copytree(trained, tmp_path / "outputs"), importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda n, *a: None if n == name else find(n, *a))  # fmt: skip
    assert quick("--report_to", name, output_dir=folder) == 1
    (line,) = (text for text in capfd.readouterr().err.splitlines() if text.startswith("train.py"))
    assert line == f"train.py: --report_to {name}: it is not installed: pip install {name}"
    assert load_run(folder).history == load_run(trained).history
    assert not list(tmp_path.glob("outputs-*"))


@pytest.mark.parametrize("name", ["a/team/sentiment", "team/", "/sentiment", "a team/b", ""])
def test_what_is_no_project_is_refused(name):
    with pytest.raises(ConfigError, match="give project, or entity/project"):
        entity_and_project(name)


def test_trackio_knows_no_teams(monkeypatch):
    monkeypatch.setattr(loggers.importlib.util, "find_spec", lambda _: True)
    config = TrainConfig.from_preset("smoke", report_to="trackio", wandb_project="team/project")
    with pytest.raises(ConfigError, match="trackio has projects, but no teams"):
        loggers.check_loggers(config)


def test_tensorboard_has_every_figure_once_though_the_run_was_resumed(
    trained, quick, tmp_path, monkeypatch
):
    """As a run that was killed in step 4, two steps after its checkpoint, and goes on: steps 3 and 4 come once."""
    pytest.importorskip("tensorboard", reason="optional: pip install tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    config = TrainConfig.from_preset("smoke", report_to="tensorboard", output_dir=str(tmp_path))
    killed = loggers.start_loggers(config, {}, 0)[0]
    for step in (1, 2, 3):
        killed.training(step, {"reward": -step, "note": "x"})
    killed.close()
    resumed = loggers.start_loggers(config, {}, 2)[0]
    for step in (3, 4):
        resumed.training(step, {"reward": step})
    resumed.validation(4, {"validation/kl": 0.5}, load_run_like(trained))
    resumed.summary({})
    resumed.close()
    read = EventAccumulator(str(tmp_path / "tensorboard"))
    read.Reload()
    assert [(e.step, e.value) for e in read.Scalars("train/reward")] == [(1, -1), (2, -2), (3, 3), (4, 4)]  # fmt: skip
    assert [(e.step, e.value) for e in read.Scalars("validation/kl")] == [(4, 0.5)]
    texts = read.Tensors("validation/completions/text_summary")
    assert " … [0." in texts[0].tensor_proto.string_val[0].decode()


def load_run_like(folder):
    """An evaluation's completions, as a finished run has them."""
    from types import SimpleNamespace

    return SimpleNamespace(completions=load_run(folder).after["completions"])


def test_a_run_reports_to_tensorboard(quick, tmp_path):
    pytest.importorskip("tensorboard", reason="optional: pip install tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    assert quick("--report_to", "tensorboard", steps=2) == 0
    folder = tmp_path / "outputs"
    read = EventAccumulator(str(folder / "tensorboard"))
    read.Reload()
    steps, validations = history(folder)
    for name in ("reward", "loss", "tokens_per_second", "kl_ref"):
        expected = [(line["step"], pytest.approx(line[name], rel=1e-5)) for line in steps]
        assert [(e.step, e.value) for e in read.Scalars(f"train/{name}")] == expected
    seen = [(e.step, e.value) for e in read.Scalars("validation/kl")]
    assert seen == [(line["step"], pytest.approx(line["validation/kl"], rel=1e-5)) for line in validations]  # fmt: skip


def test_trackio_has_a_run(trained, tmp_path, monkeypatch):
    monkeypatch.setenv("TRACKIO_DIR", str(tmp_path / "kept"))
    pytest.importorskip("trackio", reason="optional: pip install trackio")
    config = TrainConfig.from_preset("smoke", report_to="trackio", output_dir=str(tmp_path))
    (run,) = loggers.start_loggers(config, {}, 0)
    run.training(1, {"reward": 0.25, "note": "x"})
    run.validation(1, {"validation/kl": 0.5}, load_run_like(trained))
    run.close()
    (file,) = (tmp_path / "kept").rglob("sentiment-grpo*.db")
    with sqlite3.connect(file) as database:
        rows = str(database.execute("select * from metrics").fetchall())
    assert "train/reward" in rows and "0.25" in rows and "validation/kl" in rows
