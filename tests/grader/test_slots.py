"""Where training runs go: how many fit on a GPU or a machine, and that the operator's choice of GPUs is kept."""

import os
from types import SimpleNamespace

import pytest

import grader.classroom.slots
from grader.classroom.slots import cores, slots
from grader.wall.cgroup import V1, V2

# what the driver's tool prints for --query-gpu=index,uuid,memory.free
BIG, SMALL, SHY = "0, GPU-big, 16000", "1, GPU-small, 500", "2, GPU-shy, [N/A]"


@pytest.fixture
def nvidia_smi(tmp_path, monkeypatch):
    """A driver's tool that reports these GPUs, on 16 cores; `code` is how it ends."""

    def install(*lines, code=0):
        tool = tmp_path / "nvidia-smi"
        wanted = "--query-gpu=index,uuid,memory.free --format=csv,noheader,nounits"
        text = "".join(f"{line}\n" for line in lines)
        tool.write_text(
            f'#!/bin/sh\n[ "$*" = "{wanted}" ] || exit 2\ncat <<END\n{text}END\nexit {code}\n'
        )
        tool.chmod(0o755)

    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(grader.classroom.slots, "cores", lambda: 16)
    monkeypatch.setattr("psutil.virtual_memory", lambda: SimpleNamespace(available=1 << 40))
    monkeypatch.setattr("grader.wall.cgroup.OWN", tmp_path / "own")
    return install


def taken(memory_mb=5000):
    """The GPU of every slot."""
    return [slot.environment["CUDA_VISIBLE_DEVICES"] for slot in slots(memory_mb)]


def test_without_a_gpu_every_core_takes_one_run_with_one_thread(nvidia_smi, monkeypatch):
    nvidia_smi(code=9)
    monkeypatch.setattr(grader.classroom.slots, "cores", lambda: 3)
    assert [slot.name for slot in slots(1)] == ["core 0", "core 1", "core 2"]
    assert [slot.environment["OMP_NUM_THREADS"] for slot in slots(1)] == ["1", "1", "1"]
    assert taken(1) == ["", "", ""] and len(slots(1 << 30)) == 1


def test_the_machines_memory_bounds_the_runs_on_a_gpu_too(nvidia_smi, monkeypatch):
    nvidia_smi("0, GPU-huge, 80000")
    monkeypatch.setattr("psutil.virtual_memory", lambda: SimpleNamespace(available=8 << 30))
    assert len(slots(2048)) == 4


@pytest.mark.parametrize(
    ("own", "folder", "limit", "taken", "cache"),
    [
        ("0::/a/b", "a", *V2),
        ("0::/outside", "", *V2),  # a container's own tree
        ("7:cpu:/a\n4:hugetlb,memory:/docker/1", "memory", *V1),
    ],
)
def test_a_container_s_memory_bounds_the_runs(
    nvidia_smi, tmp_path, monkeypatch, own, folder, limit, taken, cache
):
    nvidia_smi(code=9)
    group = tmp_path / "groups" / folder
    group.mkdir(parents=True)
    (tmp_path / "own").write_text(own)
    monkeypatch.setattr("grader.wall.cgroup.ROOT", tmp_path / "groups")
    assert len(slots(2048)) == 16, "no limit is told"
    (group / taken).write_text(f"{5 << 30}\n")
    (group / "memory.stat").write_text(f"anon 1\n{cache} {3 << 30}\n")
    for told, runs in ((8 << 30, 3), (1 << 30, 1), ("max", 16), (1 << 62, 16)):
        (group / limit).write_text(f"{told}\n")
        assert len(slots(2048)) == runs


def test_processors_that_this_process_may_not_use_do_not_count():
    allowed = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(allowed)})
        assert cores() == 1
    finally:
        os.sched_setaffinity(0, allowed)


def test_memory_bounds_the_runs_on_a_gpu_and_one_always_fits(nvidia_smi):
    nvidia_smi(BIG, SMALL, SHY)
    assert taken() == ["GPU-big", "GPU-small", "GPU-shy", "GPU-big", "GPU-big"]
    assert {slot.environment["OMP_NUM_THREADS"] for slot in slots(5000)} == {"3"}, "16 cores for 5"


def test_there_are_never_more_runs_than_cores(nvidia_smi, monkeypatch):
    nvidia_smi(BIG, SMALL, SHY)
    assert len(taken(1)) == 16
    monkeypatch.setattr(grader.classroom.slots, "cores", lambda: 2)
    assert taken(1) == ["GPU-big", "GPU-small"]
    assert {slot.environment["MKL_NUM_THREADS"] for slot in slots(1)} == {"1"}


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        ("1", ["1"]),
        ("2, 0", ["2", "0", "0", "0"]),
        ("GPU-big", ["GPU-big"] * 3),
        ("GPU-sm", ["GPU-sm"]),
        ("MIG-part", ["MIG-part"]),
        ("1,7,0", ["1"]),  # CUDA sees nothing after the first that is not there
    ],
)
def test_the_operators_gpus_are_kept_and_named_as_the_operator_does(
    nvidia_smi, monkeypatch, chosen, expected
):
    nvidia_smi(BIG, SMALL, SHY)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", chosen)
    assert taken() == expected


@pytest.mark.parametrize("chosen", ["", "-1", "NoDevFiles"])
def test_an_operator_who_chose_no_gpu_gets_the_cores(nvidia_smi, monkeypatch, chosen):
    nvidia_smi(BIG)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", chosen)
    assert set(taken(1)) == {""} and slots(1)[0].name == "core 0"
