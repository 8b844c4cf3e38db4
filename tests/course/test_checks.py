"""The visible checks pass right work, and tell plausible slips what was called, expected, given, and where to look."""

import copy
import os
import time
from types import SimpleNamespace

import nbformat
import pytest
import torch

import checks
import sentiment
from checks import check, check_run, overview
from rewards import EXERCISES, load_rewards

HEAD = "import torch\nimport sentiment\nfrom sentiment import get_sentiment_scores\n"
MASKED = """
    log_probs = torch.log_softmax(logits[:, :-1], dim=-1)
    token = log_probs.gather(-1, token_ids[:, 1:, None]).squeeze(-1)
    mask = completion_mask[:, 1:].float()
"""

SLIPS = {  # name → source; the function's name says which exercise
    "scores reversed": "def sentiment_reward(completions, **kwargs):\n    return get_sentiment_scores(completions[::-1])",
    "constant": "def sentiment_reward(completions, **kwargs):\n    return [0.5] * len(completions)",
    "prompt in front": "def sentiment_reward(completions, prompts=None, **kwargs):\n    texts = [p + c for p, c in zip(prompts, completions)] if prompts else completions\n    return get_sentiment_scores(texts)",
    "no keywords": "def sentiment_reward(completions):\n    return get_sentiment_scores(completions)",
    "one call a text": "def sentiment_reward(completions, **kwargs):\n    return [get_sentiment_scores([c])[0] for c in completions]",
    "P(negative)": "def sentiment_reward(completions, **kwargs):\n    return [1 - s for s in get_sentiment_scores(completions)]",
    "stripped": "def sentiment_reward(completions, **kwargs):\n    return get_sentiment_scores([c.rstrip('.') for c in completions])",
    "prints only": "def sentiment_reward(completions, **kwargs):\n    print(get_sentiment_scores(completions))",
    "no minus one": "def exponential_shaping(scores, temperature=1.0):\n    if temperature <= 0: raise ValueError\n    return torch.exp(scores / temperature)",
    "times temperature": "def exponential_shaping(scores, temperature=1.0):\n    if temperature <= 0: raise ValueError\n    return torch.exp(scores * temperature) - 1",
    "temperature outside": "def exponential_shaping(scores, temperature=1.0):\n    if temperature <= 0: raise ValueError\n    return (torch.exp(scores) - 1) / temperature",
    "temperature ignored": "def exponential_shaping(scores, temperature=1.0):\n    if temperature <= 0: raise ValueError\n    return torch.exp(scores) - 1",
    "temperature unchecked": "def exponential_shaping(scores, temperature=1.0):\n    return torch.exp(scores / temperature) - 1",
    "negative alone checked": "def exponential_shaping(scores, temperature=1.0):\n    if temperature < 0: raise ValueError\n    return torch.exp(scores / temperature) - 1",
    "wrong error": "def exponential_shaping(scores, temperature=1.0):\n    assert temperature > 0\n    return torch.exp(scores / temperature) - 1",
    "in place": "def exponential_shaping(scores, temperature=1.0):\n    if temperature <= 0: raise ValueError\n    return scores.div_(temperature).exp_().sub_(1)",
    "column": "def exponential_shaping(scores, temperature=1.0):\n    if temperature <= 0: raise ValueError\n    return (torch.exp(scores / temperature) - 1)[:, None]",
    "not shifted": "def sequence_log_probs(logits, token_ids, completion_mask):\n    token = torch.log_softmax(logits, -1).gather(-1, token_ids[..., None]).squeeze(-1)\n    return (token * completion_mask).sum(1) / completion_mask.sum(1).clamp(min=1)",
    "mask not shifted": "def sequence_log_probs(logits, token_ids, completion_mask):" + MASKED + "    mask = completion_mask[:, :-1].float()\n    return (token * mask).sum(1) / mask.sum(1).clamp(min=1)",
    "sum": "def sequence_log_probs(logits, token_ids, completion_mask):" + MASKED + "    return (token * mask).sum(1)",
    "mean over T": "def sequence_log_probs(logits, token_ids, completion_mask):" + MASKED + "    return (token * mask).mean(1)",
    "position 0 counted": "def sequence_log_probs(logits, token_ids, completion_mask):" + MASKED + "    return (token * mask).sum(1) / completion_mask.sum(1).clamp(min=1)",
    "no softmax": "def sequence_log_probs(logits, token_ids, completion_mask):" + MASKED + "    token = logits[:, :-1].gather(-1, token_ids[:, 1:, None]).squeeze(-1)\n    return (token * mask).sum(1) / mask.sum(1).clamp(min=1)",
    "softmax over T": "def sequence_log_probs(logits, token_ids, completion_mask):" + MASKED + "    token = torch.log_softmax(logits[:, :-1], 1).gather(-1, token_ids[:, 1:, None]).squeeze(-1)\n    return (token * mask).sum(1) / mask.sum(1).clamp(min=1)",
    "0 / 0": "def sequence_log_probs(logits, token_ids, completion_mask):" + MASKED + "    return (token * mask).sum(1) / mask.sum(1)",
    "mean over the batch": "def sequence_log_probs(logits, token_ids, completion_mask):" + MASKED + "    return (token * mask).sum() / mask.sum().clamp(min=1)",
    "forward: sign": "def forward_kl_reward(ref_log_probs, kl_coef=0.1):\n    return -kl_coef * ref_log_probs",
    "forward: coefficient ignored": "def forward_kl_reward(ref_log_probs, kl_coef=0.1):\n    return 0.1 * ref_log_probs",
    "forward: other default": "def forward_kl_reward(ref_log_probs, kl_coef=1.0):\n    return kl_coef * ref_log_probs",
    "forward: exp": "def forward_kl_reward(ref_log_probs, kl_coef=0.1):\n    return kl_coef * torch.exp(ref_log_probs)",
    "forward: zeros": "def forward_kl_reward(ref_log_probs, kl_coef=0.1):\n    return torch.zeros_like(ref_log_probs)",
    "backward: sign": "def backward_kl_reward(ref_log_probs, kl_coef=0.1):\n    return kl_coef * torch.exp(-ref_log_probs)",
    "backward: inner sign": "def backward_kl_reward(ref_log_probs, kl_coef=0.1):\n    return -kl_coef * torch.exp(ref_log_probs)",
    "backward: linear": "def backward_kl_reward(ref_log_probs, kl_coef=0.1):\n    return kl_coef * ref_log_probs",
    "backward: coefficient inside": "def backward_kl_reward(ref_log_probs, kl_coef=0.1):\n    return -torch.exp(-kl_coef * ref_log_probs)",
    "population std": "def group_advantages(rewards, num_generations, eps=1e-4):\n    if num_generations < 2 or len(rewards) % num_generations: raise ValueError\n    g = rewards.view(-1, num_generations)\n    return ((g - g.mean(1, keepdim=True)) / (g.std(1, keepdim=True, correction=0) + eps)).view(-1)",
    "whole batch": "def group_advantages(rewards, num_generations, eps=1e-4):\n    if num_generations < 2 or len(rewards) % num_generations: raise ValueError\n    return (rewards - rewards.mean()) / (rewards.std() + eps)",
    "no eps": "def group_advantages(rewards, num_generations, eps=1e-4):\n    if num_generations < 2 or len(rewards) % num_generations: raise ValueError\n    g = rewards.view(-1, num_generations)\n    return ((g - g.mean(1, keepdim=True)) / g.std(1, keepdim=True)).nan_to_num().view(-1)",
    "interleaved groups": "def group_advantages(rewards, num_generations, eps=1e-4):\n    if num_generations < 2 or len(rewards) % num_generations: raise ValueError\n    g = rewards.view(num_generations, -1)\n    return ((g - g.mean(0)) / (g.std(0) + eps)).view(-1)",
    "not scaled": "def group_advantages(rewards, num_generations, eps=1e-4):\n    if num_generations < 2 or len(rewards) % num_generations: raise ValueError\n    g = rewards.view(-1, num_generations)\n    return (g - g.mean(1, keepdim=True)).view(-1)",
    "matrix": "def group_advantages(rewards, num_generations, eps=1e-4):\n    if num_generations < 2 or len(rewards) % num_generations: raise ValueError\n    g = rewards.view(-1, num_generations)\n    return (g - g.mean(1, keepdim=True)) / (g.std(1, keepdim=True) + eps)",
    "groups unchecked": "def group_advantages(rewards, num_generations, eps=1e-4):\n    if num_generations < 2: raise ValueError\n    g = rewards[: len(rewards) // num_generations * num_generations].view(-1, num_generations)\n    return ((g - g.mean(1, keepdim=True)) / (g.std(1, keepdim=True) + eps)).view(-1)",
    "group of one allowed": "def group_advantages(rewards, num_generations, eps=1e-4):\n    if len(rewards) % num_generations: raise ValueError\n    if num_generations == 1: return rewards * 0\n    g = rewards.view(-1, num_generations)\n    return ((g - g.mean(1, keepdim=True)) / (g.std(1, keepdim=True) + eps)).view(-1)",
    "q swapped": "def kl_estimate(log_probs, ref_log_probs, completion_mask):\n    q = log_probs - ref_log_probs\n    m = completion_mask.float()\n    return ((q.exp() - q - 1) * m).sum(1) / m.sum(1).clamp(min=1)",
    "k1": "def kl_estimate(log_probs, ref_log_probs, completion_mask):\n    q = ref_log_probs - log_probs\n    m = completion_mask.float()\n    return (-q * m).sum(1) / m.sum(1).clamp(min=1)",
    "k2": "def kl_estimate(log_probs, ref_log_probs, completion_mask):\n    q = ref_log_probs - log_probs\n    m = completion_mask.float()\n    return (q ** 2 / 2 * m).sum(1) / m.sum(1).clamp(min=1)",
    "position 0 left out": "def kl_estimate(log_probs, ref_log_probs, completion_mask):\n    q = (ref_log_probs - log_probs)[:, 1:]\n    m = completion_mask[:, 1:].float()\n    return ((q.exp() - q - 1) * m).sum(1) / m.sum(1).clamp(min=1)",
    "mask ignored": "def kl_estimate(log_probs, ref_log_probs, completion_mask):\n    q = ref_log_probs - log_probs\n    return (q.exp() - q - 1).mean(1)",
    "mean over T, masked": "def kl_estimate(log_probs, ref_log_probs, completion_mask):\n    q = ref_log_probs - log_probs\n    return ((q.exp() - q - 1) * completion_mask).mean(1)",
    "k3: 0 / 0": "def kl_estimate(log_probs, ref_log_probs, completion_mask):\n    q = ref_log_probs - log_probs\n    m = completion_mask.float()\n    return ((q.exp() - q - 1) * m).sum(1) / m.sum(1)",
}  # fmt: skip


@pytest.fixture(autouse=True)
def own_examples(monkeypatch):
    """Keep one test's student code from spoiling the examples of the next."""
    monkeypatch.setattr(checks, "EXAMPLES", copy.deepcopy(checks.EXAMPLES))


def defined(source):
    """Return the function that a piece of source defines, as a notebook would."""
    namespace = {"__name__": "__main__"}
    exec(HEAD + source, namespace)
    (stem,) = [name for name in EXERCISES if name in namespace]
    return namespace[stem]


@pytest.mark.parametrize("stem", list(EXERCISES))
def test_reference_solution_passes(solutions, stem, capsys):
    check(load_rewards(solutions)[stem])
    out = capsys.readouterr().out
    assert f"Exercise {EXERCISES[stem]}, {stem}:" in out
    assert "Hidden laws decide the mark." in out


@pytest.mark.parametrize(
    "source",
    [
        "def sentiment_reward(completions, **kwargs):\n    return sentiment.get_sentiment_scores(completions) if completions else []",
        "def sentiment_reward(completions, **kwargs):\n    return torch.tensor(get_sentiment_scores(list(completions)))",
        "@torch.no_grad()\ndef sentiment_reward(completions, **kwargs):\n    return get_sentiment_scores(completions)",
        "import numpy as np\ndef exponential_shaping(scores, temperature=1.0):\n    if not temperature > 0: raise ValueError('T')\n    return np.expm1(scores.numpy().astype('float64') / temperature)",
        "def exponential_shaping(scores, temperature=1.0):\n    if temperature <= 0: raise ValueError\n    return [torch.exp(s / temperature) - 1 for s in scores]",
        "import math\ndef backward_kl_reward(ref_log_probs, kl_coef=0.1):\n    return [-kl_coef * math.exp(-x) for x in ref_log_probs.tolist()]",
        "def forward_kl_reward(ref_log_probs, kl_coef=0.1):\n    return (kl_coef * ref_log_probs.double()).requires_grad_()",
    ],
    ids=["through the module", "tensor", "decorated", "numpy", "0-d tensors", "floats", "float64 with grad"],
)  # fmt: skip
def test_right_work_in_another_style_passes(source):
    check(defined(source))


@pytest.mark.parametrize("slip", SLIPS)
def test_slip_fails_with_call_expected_yours_and_hint(slip):
    function = defined(SLIPS[slip])
    with pytest.raises(AssertionError) as caught:
        check(function)
    lines = str(caught.value).splitlines()
    assert lines[0].startswith(f"Exercise {EXERCISES[function.__name__]}, {function.__name__}: ")
    labels = [line.split()[0] for line in lines[1:]]
    # a changed input or a second call of the scorer says itself what to do
    assert labels in (["call", "expected", "yours", "hint"], ["call", "yours"])
    assert lines[1].split(None, 1)[1].startswith(f"{function.__name__}(")
    assert all(len(line.split(None, 1)[1]) > 2 for line in lines[1:])


def test_every_example_fails_for_some_slip(solutions):
    """An example that no slip reaches would be decoration."""
    reached = set()
    for source in SLIPS.values():
        function = defined(source)
        for example in checks.EXAMPLES[function.__name__]:
            try:
                problem = checks.try_example(function, function.__name__, example)
            except NotImplementedError:
                problem = ""
            if problem:
                reached.add((function.__name__, example.claim))
    everything = {
        (stem, example.claim) for stem, examples in checks.EXAMPLES.items() for example in examples
    }
    assert everything - reached == set()


def test_no_scores_for_no_completions_is_checked():
    with pytest.raises(AssertionError, match="no completions, no scores"):
        check(
            defined(
                "def sentiment_reward(completions, **kwargs):\n    return get_sentiment_scores(completions or ['x'])"
            )
        )


def test_two_scorer_calls_are_named():
    with pytest.raises(
        AssertionError,
        match="calls get_sentiment_scores 3 times: score the whole batch in one call",
    ):
        check(defined(SLIPS["one call a text"]))


def test_changed_input_is_named_as_such():
    with pytest.raises(AssertionError, match="changes its input: work on a copy"):
        check(defined(SLIPS["in place"]))


def test_changed_list_is_caught_and_spoils_no_later_check(solutions):
    spoiling = "def sentiment_reward(completions, **kwargs):\n    scores = get_sentiment_scores(completions)\n    completions.clear()\n    return scores"
    with pytest.raises(AssertionError, match="changes its input"):
        check(defined(spoiling))
    check(load_rewards(solutions)["sentiment_reward"])


def test_stub_raises_its_own_error():
    stub = defined(
        "def kl_estimate(*_):\n    raise NotImplementedError('Exercise 4b: kl_estimate')"
    )
    with pytest.raises(NotImplementedError, match="Exercise 4b: kl_estimate"):
        check(stub)


def test_an_exception_is_shown_as_the_answer():
    with pytest.raises(
        AssertionError, match="yours     raises ZeroDivisionError: division by zero"
    ):
        check(defined("def forward_kl_reward(ref_log_probs, kl_coef=0.1):\n    return 1 / 0"))


@pytest.mark.parametrize("slip", ["one call a text", "no keywords", "constant"])
def test_the_real_scorer_is_back_after_a_check(slip):
    original, function = sentiment.get_sentiment_scores, defined(SLIPS[slip])
    with pytest.raises(AssertionError):
        check(function)
    assert sentiment.get_sentiment_scores is original
    assert function.__globals__["get_sentiment_scores"] is original


def run_like(gain=0.4, distinct=0.9, perplexity=1.1):
    """Stand for a finished run: what `check_run` reads of one."""
    before = {"mean_sentiment": 0.5, "distinct_2": 0.6, "perplexity": 12.0}
    after = {
        "mean_sentiment": 0.5 + gain,
        "distinct_2": 0.6 * distinct,
        "perplexity": 12.0 * perplexity,
    }
    return SimpleNamespace(before=before, after=after, gain=gain)


def test_healthy_run_passes(capsys):
    check_run(run_like())
    assert "0.500 → 0.900" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("flaw", "words"),
    [
        ({"gain": 0.05}, "went from 0.500 to 0.550"),
        ({"gain": -0.4}, "did not learn"),
        ({"distinct": 0.3}, "distinct-2 fell from 0.600 to 0.180"),
        ({"perplexity": 3}, "rose from 12.0 to 36.0"),
    ],
)
def test_hacked_collapsed_or_idle_run_fails_with_the_figure_that_gave_it_away(flaw, words):
    with pytest.raises(AssertionError, match=words):
        check_run(run_like(**flaw))


def test_overview_adds_up_to_20_marks(source):
    lines = overview(source / "exercise.ipynb").splitlines()
    rows = {line.split()[1]: float(line.split()[2]) for line in lines[1:-1]}
    assert list(rows) == [*EXERCISES, "train", "analysis"]
    assert float(lines[-1].split()[-1]) == sum(rows.values()) == 20


# --- the command line


def save_notebook(path, source):
    """Save functions as a notebook of one cell."""
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)]), path)
    return path


def test_command_passes_a_right_notebook_without_warnings(python, solutions, tmp_path):
    path = save_notebook(tmp_path / "exercise.ipynb", solutions.read_text())
    done = python("checks.py", path)
    assert (done.returncode, done.stderr) == (0, "")
    assert (
        "7 of 7 exercises pass their visible examples; 5 and 6 are not checked here" in done.stdout
    )
    assert "warning" not in done.stdout


def test_command_uses_the_notebook_beside_it_by_default(capsys):
    assert checks.main([]) == 0
    assert "7 of 7" in capsys.readouterr().out


def test_command_says_what_is_wrong_in_the_same_words(solutions, tmp_path, capsys):
    path = save_notebook(tmp_path / "exercise.ipynb", solutions.read_text() + "\n" + SLIPS["k1"])
    assert checks.main([str(path)]) == 1
    out = capsys.readouterr().out
    with pytest.raises(AssertionError) as caught:
        check(defined(SLIPS["k1"]))
    assert str(caught.value) in out
    assert "6 of 7 exercises pass" in out


def test_command_on_an_untouched_notebook_suggests_saving(tmp_path, capsys):
    stubs = "".join(
        f"def {s}(*args, **kwargs):\n    raise NotImplementedError('Exercise {n}: {s}')\n"
        for s, n in EXERCISES.items()
    )
    assert checks.main([str(save_notebook(tmp_path / "exercise.ipynb", stubs))]) == 1
    out = capsys.readouterr().out
    assert out.count("not implemented yet") == 7
    assert "save the notebook first" in out
    assert "0 of 7" in out


def test_command_warns_of_another_name(solutions, tmp_path, capsys):
    checks.main([str(save_notebook(tmp_path / "exercise (1).ipynb", solutions.read_text()))])
    assert (
        "this notebook is called exercise (1).ipynb: rename it to exercise.ipynb"
        in capsys.readouterr().out
    )


def test_command_does_not_ask_to_rename_a_python_file(solutions, capsys):
    assert checks.main([str(solutions)]) == 0
    assert "rename" not in capsys.readouterr().out


def test_command_warns_of_a_notebook_saved_long_ago(solutions, tmp_path, capsys):
    path = save_notebook(tmp_path / "exercise.ipynb", solutions.read_text())
    hour_ago = time.time() - 3600
    os.utime(path, (hour_ago, hour_ago))
    assert checks.main([str(path)]) == 0
    assert "last saved 60 minutes ago" in capsys.readouterr().out


def test_command_on_a_missing_notebook_names_those_that_are_there(solutions, tmp_path, capsys):
    save_notebook(tmp_path / "exercise-Copy1.ipynb", solutions.read_text())
    assert checks.main([str(tmp_path / "exercise.ipynb")]) == 1
    error = capsys.readouterr().err
    assert len(error.splitlines()) == 1
    assert "exercise-Copy1.ipynb" in error
    assert "renamed notebook" in error


def test_examples_are_what_the_formulas_give():
    """The expected numbers were computed by hand; here float64 computes them again from the formulas."""
    examples = {
        (stem, example.claim): example
        for stem, group in checks.EXAMPLES.items()
        for example in group
    }
    for (stem, claim), example in examples.items():
        if isinstance(example.expected, type) or stem == "sentiment_reward":
            continue
        x = [
            arg.double() if isinstance(arg, torch.Tensor) and arg.is_floating_point() else arg
            for arg in example.args
        ]
        if stem == "exponential_shaping":
            values = torch.expm1(x[0] / (x[1] if len(x) > 1 else 1.0))
        elif stem == "forward_kl_reward":
            values = (x[1] if len(x) > 1 else 0.1) * x[0]
        elif stem == "backward_kl_reward":
            values = -(x[1] if len(x) > 1 else 0.1) * torch.exp(-x[0])
        elif stem == "sequence_log_probs":
            p = x[0].exp() / x[0].exp().sum(-1, keepdim=True)
            counted = [t for t in range(1, x[1].shape[1]) if x[2][0, t]]
            logs = [p[0, t - 1, x[1][0, t]].log().item() for t in counted]
            values = torch.tensor([sum(logs) / max(1, len(logs))], dtype=torch.float64)
        elif stem == "group_advantages":
            groups = [x[0][i : i + x[1]] for i in range(0, len(x[0]), x[1])]
            values = torch.cat(
                [
                    (g - g.mean()) / (((g - g.mean()) ** 2).sum() / (len(g) - 1)).sqrt().add(1e-4)
                    for g in groups
                ]
            )
        else:
            q = [(x[1] - x[0])[0, t] for t in range(x[0].shape[1]) if x[2][0, t]]
            k3 = [(torch.exp(v) - v - 1).item() for v in q]
            values = torch.tensor([sum(k3) / max(1, len(k3))], dtype=torch.float64)
        assert values.tolist() == pytest.approx(example.expected, rel=1e-4, abs=1e-6), (stem, claim)
