"""What the notebook's prose states in numbers, recomputed: in float64, in exact worlds, from the saved runs."""

import json
import math
import re
from pathlib import Path

import numpy as np
import pytest
import torch

from gate import ROOT
from lab.overoptimisation import best_of, best_of_kl, path
from lab.runs import SAVED_RUNS, load_run
from rewards import load_rewards

P_REF = np.array([0.40, 0.25, 0.05, 0.15, 0.10, 0.05])  # of the six-review world


@pytest.fixture(scope="module")
def cells(source):
    """Source of each cell by its id, in the notebook's order."""
    document = json.loads((source / "exercise.ipynb").read_text(encoding="utf-8"))
    return {cell["id"]: "".join(cell["source"]) for cell in document["cells"]}


@pytest.fixture(scope="module")
def world(cells):
    """The names of the cells on the six-review world, and of those that compute with it, as they run one after another."""
    names = {"math": math, "np": np, "torch": torch, "print": lambda *_, **__: None}
    world = cells["e3-figure"].partition("figure, ")[0], cells["e3-table"]
    for text in (*world, cells["e4b-gradients"]):
        exec(text, names)
    return names


def says(cells, name, *words):
    """Check that a cell states what the test computes."""
    text = " ".join(cells[name].split())
    assert [each for each in words if each not in text] == []


def test_from_which_score_on_a_small_temperature_overflows(cells):
    says(cells, "e2-notice", "every score above 0.887 becomes `inf`")
    assert torch.exp(torch.tensor(0.887) / 0.01).isfinite()
    assert torch.exp(torch.tensor(0.8873) / 0.01).isinf()


def test_where_the_backward_term_outweighs_the_scores(cells):
    says(cells, "e3bc-seen", "Below -2.3 nats", "starts below -2.76")
    slope_is_1 = math.log(0.1)
    assert round(slope_is_1, 1) == -2.3
    whole_nat_is_1 = -math.log(1 / (0.1 * (1 - math.exp(-1))))
    assert round(whole_nat_is_1, 2) == -2.76


def test_what_eps_leaves_of_a_linear_reshaping(cells, solutions):
    says(cells, "e4a-seen", "0.001 at most", r"std of $3 \cdot 10^{-4}$ it takes a quarter off")
    advantages = load_rewards(solutions)["group_advantages"]
    scores = torch.tensor([0.20, 0.40, 0.60, 0.95])
    off = (advantages(scores, 4) - advantages(10 * scores + 3, 4)).abs().max()
    assert 0 < off < 0.0011
    narrow = (scores - scores.mean()).double() / scores.double().std() * 3e-4
    ratio = advantages(narrow.float(), 4) / (narrow / narrow.std())
    assert ratio.numpy() == pytest.approx(0.75, abs=1e-3)


def test_what_k3_misses_where_the_policy_never_goes(cells, world):
    says(
        cells, "e4b-notice", "$P_\\text{ref} = 0.25$", "1.386", "0.636", "the 0.75 of the reference"
    )
    collapsed = np.eye(6)[1]
    assert world["reviews"][1] == "good" and P_REF.tolist() == world["p_ref"].tolist()
    assert world["exact_kl"](collapsed, P_REF) == pytest.approx(1.386, abs=5e-4)
    q = math.log(0.25)
    assert math.exp(q) - q - 1 == pytest.approx(0.636, abs=5e-4)


def test_on_average_k1_and_k3_are_the_kl_of_a_policy_that_goes_everywhere(world):
    rng = np.random.default_rng(0)
    for _ in range(20):
        policy = rng.dirichlet(np.ones(6))
        q, kl = np.log(P_REF / policy), world["exact_kl"](policy, P_REF)
        assert policy @ -q == pytest.approx(kl)
        assert policy @ (np.exp(q) - q - 1) == pytest.approx(kl)
        assert policy @ (q**2 / 2) != pytest.approx(kl, rel=1e-3)


def test_which_gradient_each_estimate_gives(cells, world):
    """The notebook's table, by another way: the score function's closed forms, at twenty policies."""
    rng = np.random.default_rng(1)
    for _ in range(20):
        policy = rng.dirichlet(np.ones(6))
        score = np.eye(6) - policy  # [review, logit]: the slope of log π
        q = np.log(P_REF / policy)
        reverse, forward = (policy * -q) @ score, -P_REF @ score
        k = {"k1": -q, "k2": q**2 / 2, "k3": np.exp(q) - q - 1}
        slope = {"k1": 1 + 0 * q, "k2": -q, "k3": 1 - np.exp(q)}  # in log π
        in_reward = {name: (policy * k[name]) @ score for name in k}
        in_loss = {name: (policy * slope[name]) @ score for name in k}
        assert in_reward["k1"] == pytest.approx(reverse)
        assert in_loss["k1"] == pytest.approx(0 * reverse, abs=1e-12)
        assert in_loss["k2"] == pytest.approx(reverse)
        assert in_loss["k3"] == pytest.approx(forward)
        assert in_reward["k3"] + in_loss["k3"] == pytest.approx(reverse)  # times the ratio
        for other in (in_reward["k2"], in_reward["k3"], in_reward["k2"] + in_loss["k2"]):
            assert not np.allclose(other, reverse, rtol=1e-3)
            assert not np.allclose(other, forward, rtol=1e-3)


def test_the_table_of_gradients_names_them_so(cells):
    printed = []
    names = {"math": math, "np": np, "torch": torch}
    exec(cells["e3-figure"].partition("figure, ")[0], names)
    names["print"] = lambda *parts, end="\n", **_: printed.append(" ".join(map(str, parts)) + end)
    exec(cells["e4b-gradients"], names)
    rows = [line.split() for line in "".join(printed).splitlines()[1:]]
    assert rows == [
        ["k1", "0.5068", "KL(π‖ref)", "0", "KL(π‖ref)"],
        ["k2", "0.4991", "neither", "KL(π‖ref)", "neither"],
        ["k3", "0.5068", "neither", "KL(ref‖π)", "KL(π‖ref)"],
    ]


def test_token_by_token_the_step_has_the_wrong_sign(cells, world):
    """By hand: the first token's own part, and what it does to the second one's divergence."""
    says(cells, "e4b-gradients-seen", "the step has even the wrong sign", "2506.09477")
    printed = []
    names = {"torch": torch, "slope": None, "print": printed.append}
    names["slope"] = lambda value: torch.autograd.grad(value, names["theta"], retain_graph=True)[0]
    exec(cells["e4b-two-tokens"], names)
    found = [float(re.search(r"([-+][\d.]+)$", line)[1]) for line in printed]
    own = 0.6 * 0.4 * (math.log(0.6 / 0.5) - math.log(0.4 / 0.5))
    after_b = 0.9 * math.log(0.9 / 0.2) + 0.1 * math.log(0.1 / 0.8)
    assert found == pytest.approx([own - 0.6 * 0.4 * after_b, own], abs=5e-5)
    assert found[0] < 0 < found[1]


def test_the_estimate_is_at_least_0_up_to_rounding(solutions):
    """With exp(q) - q - 1 it is not: policies that nearly agree, as after a few steps."""
    q = torch.linspace(-3e-3, 3e-3, 100_001)[:, None]
    ones = torch.ones_like(q, dtype=torch.int64)
    estimate = load_rewards(solutions)["kl_estimate"](torch.zeros_like(q), q, ones)
    assert estimate.min() > -1e-14
    assert (torch.exp(q) - q - 1).min() < -1e-8


def test_why_the_loss_hovers_around_0_in_the_saved_runs(cells):
    says(cells, "e5-curves", "TRL's `loss_type` is `dapo` here", "unequal lengths")
    says(cells, "e4c-compare-seen", "cut off at 24 tokens", "never falls below 23")
    says(cells, "e4c-seen", "nothing is ever clipped")
    for folder in SAVED_RUNS.iterdir():
        lines = [line for line in load_run(folder).history if "loss" in line]
        lengths = [line["completions/mean_length"] for line in lines]
        assert min(lengths) >= 23 and max(lengths) == 24
        assert max(line["clip_ratio/region_mean"] for line in lines) == 0
        if load_run(folder).config["beta"]:  # its KL is in the loss
            continue
        even = [abs(line["loss"]) for line in lines if line["completions/min_length"] == 24]
        uneven = [abs(line["loss"]) for line in lines if line["completions/min_length"] < 24]
        assert max(even) < 1e-4 and max([0, *uneven]) < 0.1
        assert not uneven or max(uneven) > 1e-4


def test_trl_has_the_defaults_that_the_notebook_names():
    from trl import GRPOConfig

    defaults = {name: field.default for name, field in GRPOConfig.__dataclass_fields__.items()}
    assert (defaults["loss_type"], defaults["scale_rewards"]) == ("dapo", "group")
    assert (defaults["epsilon"], defaults["num_iterations"]) == (0.2, 1)
    assert defaults["use_bias_correction_kl"] is True


# --- over-optimisation


@pytest.fixture(scope="module")
def ways():
    """The watched runs' ways, by folder."""
    folders = (path for path in SAVED_RUNS.iterdir() if path.name != "mine")
    return {folder.name: path(load_run(folder)) for folder in folders}


@pytest.fixture(scope="module")
def recorded():
    """Runs that the notebook does not make: other seeds, other betas, and the reward that can be checked."""
    return json.loads((Path(__file__).parent / "recorded/runs.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def printed():
    """What the instructor's executed notebook printed, by cell."""
    document = json.loads((ROOT / "solutions/sentiment/exercise.ipynb").read_text(encoding="utf-8"))
    return {
        cell["id"]: "".join("".join(output.get("text", "")) for output in cell["outputs"])
        for cell in document["cells"]
        if cell["cell_type"] == "code"
    }


def test_the_kl_of_one_step_is_off(cells):
    says(cells, "e5-over-idea", "at step 1, where the KL is 0, it says 2.0 nats", "2401.01879")
    for name in ("fast_no_term", "fast_beta", "fast_forward"):
        first = next(line for line in load_run(SAVED_RUNS / name).history if "entropy" in line)
        assert 24 * (-first["ref_log_prob"] - first["entropy"]) == pytest.approx(2.0, abs=0.05)


def test_where_the_curve_bends(cells, ways, recorded):
    says(
        cells,
        "e5-over-seen",
        *(
            "0.90 to 0.98 in their last five steps",
            "for 14 nats",
            "on to 0.98",
            "from 0.70 to 0.60",
        ),
        *("seed 1 fell from 0.70 to 0.51", "seed 2 stayed at 0.75 to 0.79"),
    )
    last = [
        ways[f"fast_{name}"]["proxy"][-1] for name in ("no_term", "forward", "backward", "beta")
    ]
    assert round(min(last), 2) == 0.90 and round(max(last), 2) == 0.98
    hacked = ways["fast_no_term"]
    peak = hacked["judge"].argmax()
    assert round(hacked["kl"][peak]) == 14 and (np.diff(hacked["judge"][: peak + 1]) > 0).all()
    assert [round(hacked["judge"][i], 2) for i in (peak, -1)] == [0.70, 0.60]
    assert round(hacked["kl"][-1]) == 70
    one, two = (recorded["ways by seed"][f"fast_no_term/{seed}"]["judge"] for seed in (1, 2))
    assert [round(max(one), 2), round(one[-1], 2)] == [0.70, 0.51]
    assert round(min(two[2:]), 2) == 0.75 and round(max(two), 2) == 0.79


def test_what_the_judge_makes_of_the_other_runs(cells, ways, recorded, printed):
    says(
        cells, "e5-over-seen", "*fast, forward* 0.85 and *fast, backward* 0.75", "knows 6 % of its"
    )
    assert [round(ways[f"fast_{name}"]["judge"][-1], 2) for name in ("forward", "backward")] == [0.85, 0.75]  # fmt: skip
    assert re.search(r"fast, no term .* 6% ", printed["e5-over-table"])
    says(
        cells,
        "e5-over-seen",
        *("between 11 and 12.1 nats from step 11 on", "0.87 (0.88 and 0.85 with seeds 1 and 2)"),
    )
    steady = ways["fast_beta"]["kl"][2:]
    assert min(steady) > 11 and max(steady) < 12.1
    assert ways["fast_beta"]["judge"].argmax() == len(ways["fast_beta"]["judge"]) - 1
    beta = [recorded["ways by seed"][f"fast_beta/{seed}"]["judge"][-1] for seed in (1, 2)]
    last = [ways["fast_beta"]["judge"][-1], *beta]
    assert last == pytest.approx([0.87, 0.88, 0.845], abs=0.005)


def test_who_keeps_spread(cells, ways):
    says(
        cells,
        "e5-over-seen",
        *("entropy of 3.2 nats per token, *fast, forward* with 2.0 and *fast, backward* with 1.5",),
        *("distinct-2 of 0.42 against 0.15 and 0.11",),
    )
    runs = {name: load_run(SAVED_RUNS / f"fast_{name}") for name in ("beta", "forward", "backward")}
    variety = [round(run.after["distinct_2"], 2) for run in runs.values()]
    spread = [ways[f"fast_{name}"]["entropy"][-1] for name in runs]
    assert variety == [0.42, 0.15, 0.11] and spread == pytest.approx([3.2, 2.0, 1.5], abs=0.05)
    assert len({run.config["learning_rate"] for run in runs.values()}) == 1
    highest = max(ways, key=lambda name: ways[name]["entropy"][-1])
    assert highest == "fast_no_term"  # "look up that of *fast, no term*"


def test_what_best_of_n_gives(cells, ways, printed):
    says(
        cells,
        "e5-over-seen",
        *(
            "Of 64 samples the best has 0.95",
            "at 3.2 nats at most",
            "at 11 nats",
            "only 0.64, as much",
        ),
        *("for 2,560 completions in training, which is best-of-64 for 40 requests",),
    )
    rows = re.findall(
        r"best of (\d+) +([\d.]+) +([\d.]+) +\d+% +([\d.]+)", printed["e5-over-table"]
    )
    table = {int(n): tuple(map(float, values)) for n, *values in rows}
    assert list(table) == [1, 2, 4, 8, 16, 32, 64]
    assert all(kl == round(best_of_kl(n), 2) for n, (_, _, kl) in table.items())
    proxy, second, kl = table[64]
    assert (round(proxy, 2), round(second, 2), round(kl, 1)) == (0.95, 0.64, 3.2)
    assert abs(second - table[32][1]) < 0.005
    assert ways["fast_beta"]["proxy"][-1] == pytest.approx(0.95, abs=0.005)
    assert round(ways["fast_beta"]["kl"][-1]) == 11
    config = load_run(SAVED_RUNS / "fast_beta").config
    assert config["completions_per_step"] * config["max_steps"] == 2560 == 64 * 40


def test_the_judge_learned_from_so_many(cells, printed):
    says(cells, "e5-judge-idea", "32 completions of each training prompt", "gets 0.5")
    assert 'base_samples("train", 32)' in cells["e5-judge"]
    assert re.search(r"takes the classifier's side on 6[0-9]%", printed["e5-judge"])


def test_what_a_reward_that_can_be_checked_teaches(cells, printed, recorded):
    says(
        cells,
        "e5-checkable-seen",
        *(
            "mean push is 3.6 times as hard",
            "takes 232 samples",
            "At 72 % dead groups",
            "one time in 14, and four or more one time in six",
        ),
        *("3 % of the completions ended in time at step 1 and all of them at step 22",),
        *(
            "from 75 % to 0 at steps 16 to 20; from step 21 on it was 75 % or more",
            "192 held-out completions 80 are `.`",
            "half have no letter",
        ),
    )
    shown = printed["e5-checkable"]
    assert "3.62 times as hard" in shown and "72% of 384 groups teach nothing" in shown
    assert re.search(r"live groups: 232$", shown.strip())
    assert round(1 / 0.72**8) == 14  # "one time in six": four or more of eight
    four = sum(math.comb(8, k) * 0.28**k * 0.72 ** (8 - k) for k in range(4, 9))
    assert round(1 / four) == 6
    history = {line["step"]: line for line in recorded["ends in time"]["history"]}
    dead = {step: line["frac_reward_zero_std"] for step, line in history.items()}
    assert round(history[1]["reward"], 2) == 0.03 and history[22]["reward"] == 1
    assert dead[1] == 0.75 and {dead[step] for step in range(16, 21)} == {0}
    assert min(dead[step] for step in range(21, 41)) == 0.75
    assert [dead[step] for step in range(36, 41)].count(1) == 4
    written = [text.strip() for text in recorded["ends in time"]["completions"]]
    assert (len(written), written.count(".")) == (192, 80)
    assert sum(not re.search("[a-z]", text.lower()) for text in written) / 192 == pytest.approx(
        0.5, abs=0.02
    )


@pytest.mark.long
def test_best_of_n_sampled_anew(cells, printed, monkeypatch):
    """By the notebook's own cell; another processor draws other samples of the same distribution."""
    import sentiment
    from lab.config import TrainConfig
    from lab.pretrained import load_language_model

    config = TrainConfig.from_preset("smoke")
    monkeypatch.setattr(sentiment, "_model_name", config.sentiment_model)
    base, tokenizer = load_language_model(config.model)
    names = {"base": base, "tokenizer": tokenizer, "config": config, "np": np, "print": lambda *_, **__: None}  # fmt: skip
    names["get_sentiment_scores"] = sentiment.get_sentiment_scores
    exec(cells["e5-judge"], names)
    scores, judged = (names[name].reshape(-1, 64) for name in ("base_scores", "base_judged"))
    rows = re.findall(r"best of (\d+) +([\d.]+) +([\d.]+) ", printed["e5-over-table"])
    for n, proxy, second in rows:
        assert best_of(int(n), scores, scores) == pytest.approx(float(proxy), abs=0.02)
        assert best_of(int(n), scores, judged) == pytest.approx(float(second), abs=0.05)


def test_the_answers_to_the_stretch_questions(solutions, recorded):
    text = " ".join((ROOT / "docs/stretch.md").read_text(encoding="utf-8").split())
    rewards = load_rewards(solutions)
    advantages, shaping = rewards["group_advantages"], rewards["exponential_shaping"]
    scores = torch.tensor([0.20, 0.40, 0.60, 0.95])

    def listed(values, digits=2):
        return ", ".join(f"{value:.{digits}f}" for value in values)

    plain = advantages(scores, 4)
    shaped = {t: advantages(shaping(scores, t), 4) for t in (0.02, 1.0, 5.0, 10.0, 20.0, 100.0)}
    off = {t: (values - plain).abs().max().item() for t, values in shaped.items()}
    for values in (shaped[0.02], shaped[1.0], plain):
        assert f"({listed(values.tolist())})" in text
    assert off[1.0] > off[5.0] > off[10.0] > off[20.0] < off[100.0]
    assert f"to {off[20.0]:.3f}; then it grows again, {off[100.0]:.3f}" in text
    groups = [advantages(torch.tensor([1.0] * k + [0.0] * (8 - k)), 8) for k in range(1, 8)]
    assert listed(group[0].item() for group in groups) in text
    assert listed(group.abs().sum().item() for group in groups) in text
    assert f"= {0.1 * (math.exp(5) - math.exp(3)):.1f}" in text
    for beta, run in recorded["beta"].items():
        figures = f"{run['distinct_2']:.2f}, {run['kl']:.2f} with {float(beta):g}"
        assert f"{run['mean_sentiment']:.2f}, {figures}" in text
