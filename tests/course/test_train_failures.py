"""What goes wrong around a run is one line that says what to do, before the work where it can be known, and no run is lost."""

import errno
import json
import shutil

import pytest
import torch

import evaluate
import train
from lab.config import TrainConfig
from lab.errors import out_of_memory
from lab.runs import load_run
from tests.course.run_folder import history


def one_line(capfd):
    """The error: one line, and no traceback."""
    (line,) = (
        text for text in capfd.readouterr().err.splitlines() if text.startswith(("train.py", "evaluate"))
    )  # fmt: skip
    return line


@pytest.mark.parametrize(
    "content", ["", '{"status": "runn', "[]", '{"status": "finished"}', "\udcff"], ids=range(5)
)
@pytest.mark.parametrize("flags", [[], ["--resume"]], ids=["anew", "resumed"])
def test_a_broken_record_is_named_and_left_alone(quick, tmp_path, capfd, content, flags):
    record = tmp_path / "outputs/run.json"
    record.parent.mkdir()
    record.write_text(content, encoding="utf-8", errors="surrogateescape")
    before = record.read_bytes()
    assert quick(*flags) == 1
    assert f"{record} is no record of a run (damaged?): move" in one_line(capfd)
    assert record.read_bytes() == before and list(tmp_path.iterdir()) == [record.parent]


@pytest.mark.parametrize("length", [181, 255, 300])
def test_a_name_that_is_too_long_is_one_line(quick, tmp_path, capfd, length):
    assert quick(output_dir=tmp_path / ("x" * length)) == 1
    assert f"is a name of {length} bytes, 180 are the most" in one_line(capfd)
    assert not list(tmp_path.iterdir())


def test_a_folder_within_a_name_that_is_too_long_is_one_line(quick, tmp_path, capfd):
    assert quick(output_dir=tmp_path / ("x" * 300) / "outputs") == 1
    assert "File name too long" in one_line(capfd)


def test_the_longest_name_can_be_moved_aside(trained, tmp_path, quick):
    folder = shutil.copytree(trained, tmp_path / ("x" * 180))
    assert quick(output_dir=folder, steps=1) == 0
    assert len(list(tmp_path.glob("x*-smoke*"))) == 1


def test_a_disk_that_fills_up_is_one_line_and_the_run_goes_on_with_room(
    short_run, solutions, tmp_path, capfd, monkeypatch, trained
):
    """The third line of the history finds no room; a checkpoint of step 2 is there."""
    from lab.tracking import Tracker

    folder, append = tmp_path / "outputs", Tracker.append

    def full(self, line):
        if line["step"] == 3:
            raise OSError(errno.ENOSPC, "No space left on device", "history.jsonl")
        append(self, line)

    monkeypatch.setattr(Tracker, "append", full)
    command = [*short_run, "--rewards", str(solutions), "--output_dir", str(folder)]
    assert train.main(command) == 1
    said = one_line(capfd)
    assert f"the disk that holds {folder} is full: make room" in said
    assert f"--resume goes on from {folder / 'checkpoints/checkpoint-2'}" in said
    monkeypatch.setattr(Tracker, "append", append)
    assert train.main([*command, "--resume"]) == 0
    assert [line["reward"] for line in history(folder)[0]] == pytest.approx(
        [line["reward"] for line in history(trained)[0]], rel=1e-4
    )


def real_allocation():
    torch.empty(1 << 60)


def raised(error):
    def fail():
        raise error

    return fail


MEMORY = {
    "PyTorch on a CPU": real_allocation,
    "CUDA in a recording": raised(RuntimeError("CUDA error: out of memory\nCUDA kernel errors…")),
    "cuBLAS": raised(RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling …")),
    "Python": raised(MemoryError()),
    "CUDA": raised(torch.OutOfMemoryError("CUDA out of memory")),
}


@pytest.mark.parametrize("kind", MEMORY)
def test_memory_that_runs_out_has_remedies_whoever_notices(tmp_path, monkeypatch, capfd, kind):
    monkeypatch.setattr(train, "train_in_folder", lambda *_: MEMORY[kind]())
    command = ["--preset", "smoke", "--output_dir", str(tmp_path / "outputs")]
    monkeypatch.setattr(train.Rewards, "require", lambda *_: None)
    monkeypatch.setattr(train, "load_rewards", lambda *_: train.Rewards("none", {}))
    assert train.main(command) == 1
    error = capfd.readouterr().err
    assert "--per_device_train_batch_size 1" in error and "Traceback" not in error


def test_other_errors_are_not_taken_for_it():
    assert not out_of_memory(RuntimeError("shape mismatch")) and not out_of_memory(KeyError("x"))


@pytest.mark.parametrize("flag", ["--json", "--figure"])
def test_a_file_that_cannot_be_written_is_found_out_before_the_evaluation(flag, capfd, monkeypatch):
    """Nothing can be made below /proc, whoever asks."""
    monkeypatch.setattr(evaluate, "compare", None)
    with pytest.raises(SystemExit) as ended:
        evaluate.main(["score", "tiny-gpt2", "--preset", "smoke", flag, "/proc/x.svg"])
    assert ended.value.code == 2
    (line,) = capfd.readouterr().err.splitlines()
    assert f"{flag} /proc/x.svg: it cannot be written there (" in line


def test_asking_leaves_no_file_and_harms_none(tmp_path):
    old = tmp_path / "old.json"
    old.write_text("{}")
    assert evaluate.unwritable(old) == evaluate.unwritable(tmp_path / "new.json") == ""
    assert [path.name for path in tmp_path.iterdir()] == ["old.json"] and old.read_text() == "{}"


def test_run_json_says_in_which_ways_the_run_computed(trained):
    record = json.loads((trained / "run.json").read_text())
    assert set(record["ways"]["taken"]) == {"sampling", "loss"} and record["ways"]["left"] == {}
    assert load_run(trained).config == TrainConfig(**record["config"]).as_dict()
