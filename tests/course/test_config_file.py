"""`--config FILE.yaml`: what a run leaves beside it gives the same run again, and what cannot work is one line before anything is moved."""

import json
import shlex
import subprocess

import pytest
import yaml

from lab.config import PRESETS, TrainConfig, parse_args
from lab.config_file import write_settings
from lab.origin import commit
from lab.runs import check_same_settings
from tests.course.run_folder import history


@pytest.fixture
def file(tmp_path):
    """Return a function that writes a YAML file; gives its name."""

    def write(text):
        path = tmp_path / "c.yaml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return str(path)

    return write


@pytest.mark.parametrize("preset", list(PRESETS))
def test_what_a_run_leaves_gives_its_configuration_again(preset, tmp_path):
    config = TrainConfig.from_preset(
        preset, learning_rate=3.3e-6, output_dir='a "→\n: b', resume=True, use_peft=True
    )
    write_settings(tmp_path / "c.yaml", config.as_dict())
    again = parse_args(["--config", str(tmp_path / "c.yaml"), "--resume"])
    assert again == config


def test_a_flag_beats_the_file_which_beats_the_preset(file):
    name = file("preset: smoke\nmax_steps: 7\nlearning_rate: 1e-5\nkl_coef: 1\n")
    config = parse_args(["--config", name, "--max_steps", "9"])
    assert (config.max_steps, config.learning_rate, config.kl_coef) == (9, 1e-5, 1.0)
    assert config.model == PRESETS["smoke"]["model"] and type(config.kl_coef) is float
    assert parse_args([f"--config={file('max_steps: 3')}", "--preset", "smoke"]).max_steps == 3
    assert parse_args(["--config", file("")]) == TrainConfig()


BAD = {
    "max_step: 3": "unknown setting max_step: ",
    "env: {A: b}": "unknown setting env: ",
    "resume_: 1\n3: 4": "unknown setting resume_, 3: ",
    "max_steps: 1.5": "max_steps is 1.5: it must be a whole number",
    "max_steps: true": "max_steps is True: it must be a whole number",
    "use_peft: 1": "use_peft is 1: it must be true or false",
    "learning_rate: fast": "learning_rate is 'fast': it must be a number",
    "learning_rate: true": "learning_rate is True: it must be a number",
    "wandb_run_name: 7": "wandb_run_name is 7: it must be text (quote it)",
    "model:": "model is None: it must be text (quote it)",
    "a: b: c": "it is no YAML (line 1)",
    "max_steps: 3\n\tseed: 4": "it is no YAML (line 2)",
    b"\xff\xfe\x00": "it is no YAML",
    "- max_steps": "it must be lines of the form `setting: value`",
    "preset: huge": "unknown preset 'huge'",
    "preset: [smoke]": "preset is ['smoke']: it must be text",
    "max_steps: 0": "--max_steps 0: it must be above 0",
    "learning_rate: .nan": "--learning_rate nan: it must be above 0",
    "kl_type: sideways": "--kl_type sideways: choose",
    "rewards: nowhere.py": "--rewards nowhere.py",
}


@pytest.mark.parametrize("text", BAD)
def test_a_file_that_cannot_work_is_one_line(file, capsys, text):
    with pytest.raises(SystemExit) as ended:
        parse_args(["--config", file(text)])
    (line,) = capsys.readouterr().err.splitlines()
    assert ended.value.code == 2 and BAD[text] in line


def test_a_file_that_is_not_there_or_of_another_preset_is_one_line(file, tmp_path, capsys):
    name = file("preset: smoke")
    for flags in (["--config", "no.yaml"], ["--config", str(tmp_path)], ["--config", name, "--preset", "full"]):  # fmt: skip
        with pytest.raises(SystemExit):
            parse_args(flags)
    missing, folder, other = capsys.readouterr().err.splitlines()
    assert "--config no.yaml: No such file" in missing and "Is a directory" in folder
    assert f"--preset full: {name} has the preset smoke" in other
    with pytest.raises(SystemExit):
        parse_args(["--config", name, "--preset", TrainConfig.preset])  # the default, but typed
    assert f"--preset {TrainConfig.preset}: {name} has the preset smoke" in capsys.readouterr().err
    assert parse_args(["--config", name, "--preset", "smoke"]).preset == "smoke"


def test_the_same_file_gives_the_same_run(trained, tmp_path, capfd):
    import train

    command = ["--config", str(trained / "config.yaml"), "--output_dir", str(tmp_path / "again")]
    assert train.main(command) == 0
    pairs = zip(history(tmp_path / "again")[1], history(trained)[1], strict=True)
    assert all(mine == expected for mine, expected in pairs)
    kept = yaml.safe_load((tmp_path / "again/config.yaml").read_text())
    assert kept | {"output_dir": str(trained)} == yaml.safe_load((trained / "config.yaml").read_text())  # fmt: skip


def test_a_run_says_where_it_comes_from(trained):
    record = json.loads((trained / "run.json").read_text())
    (command,) = record["commands"]
    assert shlex.split(command)[:2] == ["python", "-c"] and "--max_steps" in command
    assert record["git"] is None or len(record["git"]["commit"]) == 40
    card = (trained / "final/README.md").read_text(encoding="utf-8")
    for words in (record["versions"]["trl"], "`tiny-sentiment`", "4 optimiser steps", "132 openings", "Not to be used"):  # fmt: skip
        assert words in card
    assert f"| P(positive), mean | {record['baseline']['mean_sentiment']:.3f} | {record['final']['mean_sentiment']:.3f} |" in card  # fmt: skip


def test_the_commit_is_known_where_there_is_one(tmp_path, monkeypatch):
    def git(*words):
        names = ["-c", "user.name=a", "-c", "user.email=a@b"]
        subprocess.run(["git", *names, *words], cwd=tmp_path, check=True, capture_output=True)

    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert commit(tmp_path) is None
    git("init")
    assert commit(tmp_path) is None  # nothing was committed
    (tmp_path / "a").write_text("1")
    git("add", "a")
    git("commit", "-m", "a")
    assert commit(tmp_path)["changed"] is False and len(commit(tmp_path)["commit"]) == 40
    (tmp_path / "a").write_text("2")
    assert commit(tmp_path)["changed"] is True
    monkeypatch.setenv("PATH", str(tmp_path))
    assert commit(tmp_path) is None


def test_a_record_of_an_earlier_version_goes_on_with_the_defaults():
    config = TrainConfig.from_preset("smoke")
    settings = config.as_dict()
    for name in ("save_steps", "logging_steps"):
        del settings[name]
    check_same_settings({"config": settings}, config)
    with pytest.raises(ValueError, match="save_steps is 3 here and was 10"):
        check_same_settings({"config": settings}, TrainConfig.from_preset("smoke", save_steps=3))
