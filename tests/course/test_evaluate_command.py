"""evaluate.py: models side by side, what its command writes, and one line for what it cannot do."""

import json
import math

import pytest
import torch

from data import prompt_texts
from evaluate import compare, main
from lab.errors import ModelUnavailable
from lab.pretrained import load_language_model

pytestmark = pytest.mark.usefixtures("float32")

PROMPTS = list(prompt_texts("eval")[:6])


def test_models_of_different_vocabularies_are_not_compared(tmp_path, models):
    from transformers import AutoTokenizer, GPT2Config, GPT2LMHeadModel

    tokenizer = AutoTokenizer.from_pretrained(models / "tiny-gpt2")
    tokenizer.add_tokens(["<extra>"])
    GPT2LMHeadModel(
        GPT2Config(vocab_size=len(tokenizer), n_embd=8, n_layer=1, n_head=1)
    ).save_pretrained(tmp_path / "m")
    tokenizer.save_pretrained(tmp_path / "m")
    with pytest.raises(ModelUnavailable, match="vocabularies differ"):
        compare(
            ["tiny-gpt2", str(tmp_path / "m")], prompts=PROMPTS[:1], num_samples=1, max_new_tokens=2
        )


def test_score_command_writes_table_json_and_figure(python, tmp_path):
    arguments = ["--preset", "smoke", "--num_samples", "1", "--max_new_tokens", "6", "--seed", "7"]
    done = python(
        "evaluate.py",
        "score",
        "tiny-gpt2",
        *arguments,
        "--json",
        tmp_path / "o.json",
        "--figure",
        tmp_path / "o.png",
    )
    assert (done.returncode, done.stderr) == (0, "")
    written = json.loads((tmp_path / "o.json").read_text())
    assert written["settings"] == {
        "num_samples": 1,
        "max_new_tokens": 6,
        "temperature": 0.7,
        "seed": 7,
    }
    (model,) = written["models"]
    assert {item["prompt"] for item in model["completions"]} == set(prompt_texts("eval"))
    header, row = done.stdout.splitlines()[:2]
    assert header.split()[:3] == ["model", "P(positive)", "std"]
    assert not {"kl", "change"} & set(header.split())  # of a single model they say nothing
    assert row.split()[:2] == ["tiny-gpt2", f"{model['mean_sentiment']:.3f}"]
    assert "48 completions each (48 prompts × 1). distinct-2 falls" in done.stdout
    assert (tmp_path / "o.png").read_bytes().startswith(b"\x89PNG")


def test_compare_command_puts_several_trained_models_beside_the_base(
    forked, trained, tmp_path, language_model, other
):
    noisy = tmp_path / "noisy"
    other.save_pretrained(noisy)
    language_model[1].save_pretrained(noisy)
    names = ["tiny-gpt2", str(trained / "final"), str(noisy)]
    arguments = [
        "--preset",
        "smoke",
        "--num_samples",
        "1",
        "--json",
        tmp_path / "o.json",
        "--figure",
        tmp_path / "o.svg",
    ]
    done = forked("evaluate.py", "compare", *names, *arguments)
    assert (done.returncode, done.stderr) == (0, "")
    written = json.loads((tmp_path / "o.json").read_text())
    assert [model["model"] for model in written["models"]] == names
    assert written["settings"]["max_new_tokens"] == 24  # the smoke preset's
    base, mine, far = written["models"]
    assert [c["prompt"] for c in base["completions"]] == [c["prompt"] for c in mine["completions"]]
    assert base["kl"] == 0 < far["kl"]
    assert done.stdout.splitlines()[0].split()[-2:] == ["kl", "change"]
    assert far["perplexity"] > base["perplexity"]
    rows = {line.split()[0]: line.split()[-1] for line in done.stdout.splitlines()[1:4]}
    for model in written["models"]:
        assert rows[model["model"]] == f"{model['mean_sentiment'] - base['mean_sentiment']:+.3f}"
    shown = done.stdout.splitlines()
    for model in written["models"]:
        text = " ".join(model["completions"][0]["completion"].split())
        assert (
            f"  [{model['completions'][0]['score']:.2f}] {model['model']}: {text}".rstrip() in shown
        )
    assert "<svg" in (tmp_path / "o.svg").read_text()


def test_compare_is_reproducible_and_depends_on_the_seed(trained):
    settings = {"prompts": PROMPTS, "num_samples": 3, "max_new_tokens": 10, "temperature": 0.7}
    names = ["tiny-gpt2", str(trained / "final")]
    first, again, other_seed = (compare(names, seed=seed, **settings) for seed in (1, 1, 2))
    assert first == again
    assert first[0].completions != other_seed[0].completions


def test_missing_model_is_one_line(capsys):
    from evaluate import main

    assert main(["score", "./nowhere"]) == 1
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_model_that_cannot_be_used_so_is_one_line(models, tmp_path, capsys):
    from evaluate import main

    model, tokenizer = load_language_model("tiny-gpt2")
    with torch.no_grad():
        model.lm_head.weight.fill_(math.nan)
    model.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    broken = [str(tmp_path), "--sentiment_model", "tiny-sentiment", "--num_samples", "1"]
    for arguments in (["tiny-gpt2", "--max_new_tokens", "300"], broken):
        assert main(["score", *arguments]) == 1
        [line] = capsys.readouterr().err.splitlines()
        assert "has room for" in line or "weights are not numbers" in line


@pytest.mark.parametrize(
    "line",
    ["", "score", "compare tiny-gpt2", "score tiny-gpt2 --num_samples 0", "score x --temperature -1",
     "score x --figure o.txt", "score x --figure nowhere/o.png", "score x --json nowhere/o.json", "score x --json ."],
)  # fmt: skip
def test_wrong_command_line_is_one_line_and_exit_2(line, capsys):
    from evaluate import main

    with pytest.raises(SystemExit) as caught:
        main(line.split())
    assert caught.value.code == 2
    [line] = capsys.readouterr().err.splitlines()
    assert "--help lists every flag" in line


def test_trained_folder_loads_with_the_course_loader(trained, language_model):
    model, tokenizer = load_language_model(str(trained / "final"))
    assert tokenizer.get_vocab() == language_model[1].get_vocab()
    assert model.dtype == torch.float32


def test_without_a_command_it_names_both(capsys):
    with pytest.raises(SystemExit) as ended:
        main([])
    assert ended.value.code == 2
    assert (
        "name a command: `score MODEL`, or `compare BASE TRAINED` (--help"
        in capsys.readouterr().err
    )


def test_intervals_stand_below_the_table_and_in_the_json(tmp_path, capsys, monkeypatch):
    """The gain's is the gate's own; without VADER one line says how to get it."""
    from gate.statistics import paired_gain
    from lab import vader

    flags = ["--preset", "smoke", "--num_samples", "1", "--max_new_tokens", "6", "--json", str(tmp_path / "o.json")]  # fmt: skip
    assert main(["compare", "tiny-gpt2", "tiny-gpt2", *flags]) == 0
    said = capsys.readouterr().out
    base, mine = json.loads((tmp_path / "o.json").read_text())["models"]
    assert set(base["intervals"]) == {"P(positive)", "VADER"}
    assert mine["intervals"]["change"] == {"mean": 0, "low": 0, "high": 0}
    sure = base["intervals"]["P(positive)"]
    assert sure["low"] < sure["mean"] == pytest.approx(base["mean_sentiment"], abs=1e-4)
    prompts, scores = zip(*((c["prompt"], c["score"]) for c in base["completions"]), strict=True)
    assert tuple(sure.values()) == paired_gain(prompts, [0.0] * len(scores), scores)
    assert f"P(positive) {sure['mean']:.3f} [{sure['low']:.3f}, {sure['high']:.3f}]" in said
    assert "change +0.000 [0.000, 0.000]" in said and "pip install" not in said
    monkeypatch.setattr(vader, "installed", lambda: False)
    assert main(["score", "tiny-gpt2", *flags[:6]]) == 0
    said = capsys.readouterr().out
    assert said.count("VADER") == 1 and vader.HINT in said
