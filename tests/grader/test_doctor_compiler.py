"""Where a GPU is, the doctor looks for the C compiler that training compiles its loss with."""

import pytest

from grader import doctor


@pytest.fixture
def path(tmp_path, monkeypatch):
    """Return a function that makes these programs all that is installed."""

    def install(*programs):
        for name in programs:
            (tmp_path / name).touch(mode=0o755)
        monkeypatch.setenv("PATH", str(tmp_path))
        monkeypatch.delenv("CC", raising=False)

    return install


def test_without_a_gpu_none_is_asked_for(path):
    path("gcc")
    assert doctor.compiler() == []


@pytest.mark.parametrize("name", ["gcc", "clang", "cc"])
def test_one_is_found(path, tmp_path, name):
    path("nvidia-smi", name)
    [(_, fine, found, _)] = doctor.compiler()
    assert fine and found == str(tmp_path / name)


def test_none_is_a_note_with_the_remedy(path):
    path("nvidia-smi")
    [(_, fine, found, remedy)] = doctor.compiler()
    assert fine is None and "slower way" in found and "gcc" in remedy
