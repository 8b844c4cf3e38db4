"""What `--wandb` logs, read back from the run file that W&B writes offline."""

import json
import struct

import pytest

from lab.runs import load_run

BLOCK = 2**15  # W&B's run file is a LevelDB log: blocks of 32 KiB, records split over them


def records(path):
    """Yield the protocol buffers of a .wandb file."""
    from wandb.proto.wandb_internal_pb2 import Record

    data, position, parts = path.read_bytes(), 7, b""  # 7: the file's own header
    assert data[:4] == b":W&B"
    while position + 7 <= len(data):
        rest = BLOCK - position % BLOCK
        if rest < 7:
            position += rest
            continue
        _, length, kind = struct.unpack("<IHB", data[position : position + 7])
        parts += data[position + 7 : position + 7 + length]
        position += 7 + length
        if kind in (1, 4):  # whole, or the last part
            record = Record()
            record.ParseFromString(parts)
            parts = b""
            yield record


def items(updates):
    """Return key → value of a list of protocol-buffer items."""
    return {item.key or ".".join(item.nested_key): json.loads(item.value_json) for item in updates}


@pytest.fixture(scope="module")
def logged(tmp_path_factory, python, short_run, solutions):
    """A short run with --wandb, offline: its folder and what the run file holds."""
    folder = tmp_path_factory.mktemp("wandb") / "outputs"
    arguments = [
        *short_run,
        "--max_steps",
        "2",
        "--validation_steps",
        "1",
        "--wandb",
        "--wandb_project",
        "my-team/my-project",
    ]
    done = python(
        "train.py", *arguments, "--rewards", solutions, "--output_dir", folder,
        env={"WANDB_MODE": "offline", "WANDB_SILENT": "true"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    (file,) = folder.glob("wandb/offline-run-*/*.wandb")
    result = {
        "folder": folder,
        "files": file.parent / "files",
        "history": [],
        "config": {},
        "summary": {},
    }
    for record in records(file):
        kind = record.WhichOneof("record_type")
        if kind == "run":
            result["run"] = record.run
            result["config"] |= items(record.run.config.update)
        elif kind == "config":
            result["config"] |= items(record.config.update)
        elif kind == "history":
            result["history"].append(items(record.history.item))
        elif kind == "summary":
            result["summary"] |= items(record.summary.update)
    return result


def test_run_has_the_conventions_name_and_the_chosen_project(logged):
    assert logged["run"].display_name == "smoke_exponential_kl-forward"
    assert (logged["run"].entity, logged["run"].project) == ("my-team", "my-project")


@pytest.mark.slow
def test_chosen_run_name_wins_and_a_resumed_run_keeps_its_id(tmp_path, monkeypatch):
    from lab.config import TrainConfig
    from lab.wandb_runs import start_wandb

    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    config, record = (
        TrainConfig.from_preset("smoke", wandb_run_name="exp1", output_dir=str(tmp_path)),
        {},
    )
    identifiers = []
    for _ in range(2):
        run = start_wandb(config, record)
        identifiers.append(run.id)
        assert (run.name, run.project) == ("exp1", "sentiment-grpo")
        run.finish()
    assert identifiers == [record["wandb_id"]] * 2


def test_settings_are_logged(logged):
    for name in (
        "preset",
        "model",
        "reward_shaping",
        "kl_type",
        "kl_coef",
        "num_generations",
        "seed",
    ):
        assert logged["config"][name] == load_run(logged["folder"]).config[name]


def test_training_metrics_are_logged_for_every_step(logged):
    steps = [line for line in logged["history"] if "train/reward" in line]
    written = [line for line in load_run(logged["folder"]).history if "reward" in line]
    assert [line["train/global_step"] for line in steps] == [1, 2]
    for name in (
        "loss",
        "reward",
        "learning_rate",
        "sentiment",
        "ref_log_prob",
        "reward_std",
        "tokens_per_second",
        "peak_memory_gb",
        "kl_ref",
    ):
        assert [line[f"train/{name}"] for line in steps] == pytest.approx(
            [line[name] for line in written]
        )


def test_validation_metrics_are_logged_at_every_validation(logged):
    validations = [line for line in logged["history"] if "validation/mean_sentiment" in line]
    written = [line for line in load_run(logged["folder"]).history if "validation/kl" in line]
    assert [line["train/global_step"] for line in validations] == [0, 1, 2]
    for name in (
        "mean_sentiment",
        "positive_ratio",
        "std_sentiment",
        "distinct_2",
        "perplexity",
        "kl",
    ):
        key = f"validation/{name}"
        assert [line[key] for line in validations] == pytest.approx([line[key] for line in written])


def test_a_table_of_completions_is_logged_at_every_validation(logged):
    key = "validation/completions.path"
    tables = [(line["train/global_step"], line[key]) for line in logged["history"] if key in line]
    assert [step for step, _ in tables] == [0, 1, 2]
    for step, path in tables:
        content = json.loads((logged["files"] / path).read_text())
        assert content["columns"] == ["step", "prompt", "completion", "P(positive)"]
        assert len(content["data"]) >= 8
        assert {row[0] for row in content["data"]} == {step}
    run = load_run(logged["folder"])
    last = {
        (item["prompt"], item["completion"], item["score"]) for item in run.after["completions"]
    }
    assert {tuple(row[1:]) for row in content["data"]} <= last


def test_summary_holds_final_metrics_and_the_improvement_over_the_baseline(logged):
    run = load_run(logged["folder"])
    for name in ("mean_sentiment", "positive_ratio"):
        assert logged["summary"][f"baseline/{name}"] == pytest.approx(run.before[name])
        assert logged["summary"][f"final/{name}"] == pytest.approx(run.after[name])
        improvement = run.after[name] - run.before[name]
        assert logged["summary"][f"improvement/{name}"] == pytest.approx(improvement)
    assert run.gain != 0


def test_a_disabled_wandb_disturbs_no_run(quick, monkeypatch):
    monkeypatch.setenv("WANDB_MODE", "disabled")
    assert quick("--wandb") == 0


def test_what_wandb_refuses_when_it_starts_is_one_line(tmp_path, monkeypatch):
    """Here the id of the run to go on in, from a run.json that was edited."""
    from lab.config import TrainConfig
    from lab.errors import ConfigError
    from lab.wandb_runs import start_wandb

    monkeypatch.setenv("WANDB_MODE", "offline")
    config = TrainConfig.from_preset("smoke", output_dir=str(tmp_path))
    with pytest.raises(ConfigError, match=r"^--wandb: Run ID cannot contain[^\n]*$"):
        start_wandb(config, {"wandb_id": "a?b"})
