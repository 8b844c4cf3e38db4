"""The visible checks pass right work, and tell plausible slips what was called, expected, given, and where to look."""

import json
import linecache
from functools import partial
from types import SimpleNamespace

import pytest
import torch

import sentiment
from checks import check, check_run, overview
from gate.submissions import read
from lab.config import TrainConfig
from lab.examples import arguments
from lab.exercises import TABLE
from lab.thresholds import EXERCISE_5
from lab.trial import try_example
from rewards import EXERCISES, ExerciseError, Rewards, load_rewards
from tests.course.slips import SLIPS, defined


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


@pytest.mark.parametrize("variant", read("variants"), ids=lambda variant: variant.id)
def test_right_work_of_every_kind_that_the_laws_accept_passes(
    variant, source, tmp_path, monkeypatch
):
    """Callable objects, partial functions and lambdas among it: the fake scorer reaches them all."""
    monkeypatch.setenv("TORCHDYNAMO_DISABLE", "1")  # compiling needs a C++ compiler
    path = tmp_path / "exercise.ipynb"
    path.write_bytes(variant.notebook(json.loads((source / "exercise.ipynb").read_text())))
    with torch.enable_grad():  # one of them switches gradients off for all that follows
        check(load_rewards(path)[variant.stem], variant.stem)


def test_a_function_of_no_exercise_is_told_which_there_are():
    for function in (lambda scores: scores, partial(max, 1)):
        with pytest.raises(ValueError, match="no exercise.*sentiment_reward, exponential_shaping"):
            check(function)


@pytest.mark.parametrize("slip", SLIPS)
def test_slip_fails_with_call_expected_yours_and_hint(slip):
    function = defined(SLIPS[slip])
    with pytest.raises(AssertionError) as caught:
        check(function)
    lines = str(caught.value).splitlines()
    assert lines[0].startswith(f"Exercise {EXERCISES[function.__name__]}, {function.__name__}: ")
    labels = [line.split()[0] for line in lines[1:]]
    # a changed input or a second call of the scorer says itself what to do
    whole = ["call", "expected", "yours", "hint"]
    # nor is there a hint about values where nothing was returned
    assert labels == (whole[:3] if slip == "prints only" else whole) or labels == ["call", "yours"]
    assert lines[1].split(None, 1)[1].startswith(f"{function.__name__}(")
    assert all(len(line.split(None, 1)[1]) > 2 for line in lines[1:])


def test_every_example_fails_for_some_slip(solutions):
    """An example that no slip reaches would be decoration."""
    reached = set()
    for source in SLIPS.values():
        function = defined(source)
        row = TABLE[function.__name__]
        for example in row.examples:
            try:
                problem = try_example(function, row.stem, example, row.per)
            except NotImplementedError:
                problem = ""
            if problem:
                reached.add((function.__name__, example.claim))
    everything = {(stem, example.claim) for stem, row in TABLE.items() for example in row.examples}
    assert everything - reached == set()


def test_the_first_example_tells_the_sampled_token_from_the_likeliest():
    with pytest.raises(AssertionError, match="3a, .*: the mean runs over the completion's tokens"):
        check(defined(SLIPS["the likeliest token"]))


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
    with pytest.raises(NotImplementedError, match="Exercise 4b, kl_estimate: not implemented yet"):
        check(stub)


def test_right_numbers_in_another_shape_are_told_the_shape():
    wrong = "def kl_estimate(p, q, mask):\n    return ((q - p).exp() - (q - p) - 1).mean()"
    with pytest.raises(AssertionError, match=r"hint      the shape is \[\], it must be \[1\]"):
        check(defined(wrong))


def test_no_run_is_a_missing_return():
    with pytest.raises(AssertionError, match="`train` must end with `return experiment"):
        check_run(None)


def test_an_exception_is_shown_as_the_answer():
    with pytest.raises(
        AssertionError, match="yours     raises ZeroDivisionError: division by zero"
    ):
        check(defined("def forward_kl_reward(ref_log_probs, kl_coef=0.1):\n    return 1 / 0"))


def test_code_that_leaves_is_an_answer_as_well():
    leaving = defined("def forward_kl_reward(ref_log_probs, kl_coef=0.1):\n    raise SystemExit(0)")
    with pytest.raises(AssertionError, match="raises SystemExit: 0"):
        check(leaving)
    assert Rewards("x", {"forward_kl_reward": leaving}).status("forward_kl_reward") == (
        "raises SystemExit: 0"
    )


def test_an_exception_comes_with_the_line_of_the_function_that_failed():
    """As in Jupyter, which keeps the text of its cells; the failing line of torch itself would help nobody."""
    source = "import torch\ndef forward_kl_reward(ref_log_probs, kl_coef=0.1):\n    return torch.cat(ref_log_probs)"
    linecache.cache["<cell>"] = (len(source), None, source.splitlines(keepends=True), "<cell>")
    namespace = {}
    exec(compile(source, "<cell>", "exec"), namespace)
    with pytest.raises(AssertionError, match=r"raises TypeError: .*\n +at return torch.cat\(ref_"):
        check(namespace["forward_kl_reward"])


@pytest.mark.parametrize("slip", ["one call a text", "no keywords", "constant"])
def test_the_real_scorer_is_back_after_a_check(slip):
    before = sentiment.get_sentiment_scores(["A joy."])
    with pytest.raises(AssertionError):
        check(defined(SLIPS[slip]))
    assert sentiment.get_sentiment_scores(["A joy."]) == before != [0.97]


def run_like(gain=0.4, distinct=0.9, repetition=0.05, perplexity=1.1, preset="smoke"):
    """Stand for a finished run: what `check_run` reads of one."""
    before = {"mean_sentiment": 0.5, "distinct_2": 0.6, "repetition": 0.1, "perplexity": 12.0}
    after = {
        "mean_sentiment": 0.5 + gain,
        "distinct_2": 0.6 * distinct,
        "repetition": 0.1 + repetition,
        "perplexity": 12.0 * perplexity,
    }
    return SimpleNamespace(config={"preset": preset}, before=before, after=after, gain=gain)


def test_healthy_run_passes(capsys):
    check_run(run_like())
    assert "0.500 → 0.900" in capsys.readouterr().out
    check_run(run_like(gain=0.1, preset="quick"))  # 50 steps of GPT-2 do less


@pytest.mark.parametrize(
    ("flaw", "words"),
    [
        ({"gain": 0.05}, "went from 0.500 to 0.550"),
        ({"gain": 0.25}, "a gain of less than 0.3"),
        ({"distinct": 0.3}, "distinct-2 fell from 0.600 to 0.180"),
        ({"repetition": 0.3}, "repetition rose from 0.100 to 0.400"),
        ({"perplexity": 3}, "rose from 12.0 to 36.0"),
    ],
)
def test_hacked_collapsed_or_idle_run_fails_with_the_figure_that_gave_it_away(flaw, words):
    with pytest.raises(AssertionError, match=words):
        check_run(run_like(**flaw))


def test_a_run_with_other_settings_is_told_which(capsys):
    config = TrainConfig.from_preset("smoke", **EXERCISE_5, max_steps=41, output_dir="x").as_dict()
    run = run_like()
    run.config = config
    check_run(run)
    capsys.readouterr()
    run.config = config | {"kl_coef": 10.0, "reward_shaping": "none"}
    with pytest.raises(
        AssertionError, match="made with reward_shaping none .asked for: exp"
    ) as found:
        check_run(run)
    assert "kl_coef 10.0 (asked for: 0.1). The grader trains with the settings" in str(found.value)


def test_a_reward_that_teaches_the_opposite_is_not_too_slow():
    with pytest.raises(AssertionError, match="fell from 0.500 to 0.060.*wrong sign") as found:
        check_run(run_like(gain=-0.44))
    assert "slowly" not in str(found.value)


def test_overview_adds_up_to_25_marks(source):
    lines = overview(source / "exercise.ipynb").splitlines()
    rows = {line.split()[1]: float(line.split()[2]) for line in lines[1:-1]}
    assert list(rows) == [*EXERCISES, "train", "analysis"]
    assert float(lines[-1].split()[-1]) == sum(rows.values()) == 25


def test_overview_of_a_renamed_notebook_says_what_there_is(tmp_path):
    (tmp_path / "mine.ipynb").touch()
    with pytest.raises(
        ExerciseError, match=r"no such file, but mine\.ipynb\. .*must get its name back"
    ):
        overview(tmp_path / "exercise.ipynb")


def test_examples_are_what_the_formulas_give():
    """The expected numbers were computed by hand; here float64 computes them again from the formulas."""
    examples = {
        (stem, example.claim): example for stem, row in TABLE.items() for example in row.examples
    }
    for (stem, claim), example in examples.items():
        if isinstance(example.expected, type) or stem == "sentiment_reward":
            continue
        x = [
            arg.double() if isinstance(arg, torch.Tensor) and arg.is_floating_point() else arg
            for arg in arguments(example.args)
        ]
        if stem == "exponential_shaping":
            values = torch.expm1(x[0] / (x[1] if len(x) > 1 else 1.0))
        elif stem == "forward_kl_reward":
            values = (x[1] if len(x) > 1 else 0.1) * x[0]
        elif stem == "backward_kl_reward":
            values = -(x[1] if len(x) > 1 else 0.1) * torch.exp(-x[0])
        elif stem == "sequence_log_probs":
            p = x[0].exp() / x[0].exp().sum(-1, keepdim=True)
            rows = [
                [p[b, t - 1, x[1][b, t]].log().item() for t in range(1, x[1].shape[1]) if mask[t]]
                for b, mask in enumerate(x[2])
            ]
            values = torch.tensor([sum(logs) / max(1, len(logs)) for logs in rows]).double()
        elif stem == "group_advantages":
            groups = [x[0][i : i + x[1]] for i in range(0, len(x[0]), x[1])]
            values = torch.cat(
                [
                    (g - g.mean()) / (((g - g.mean()) ** 2).sum() / (len(g) - 1)).sqrt().add(1e-4)
                    for g in groups
                ]
            )
        elif stem == "policy_loss":
            new, old, advantages, mask = x
            ratio, a = (new - old).exp(), advantages[:, None]
            bound = example.kwargs.get("epsilon", 0.2)
            token = torch.where(a > 0, ratio.clamp(max=1 + bound), ratio.clamp(min=1 - bound)) * a
            values = -(token * mask).sum() / mask.sum().clamp(min=1)
        else:
            q = x[1] - x[0]
            k3 = (torch.exp(q) - q - 1) * x[2]
            values = k3.sum(1) / x[2].sum(1).clamp(min=1)
        assert values.tolist() == pytest.approx(example.expected, rel=1e-4, abs=1e-6), (stem, claim)
