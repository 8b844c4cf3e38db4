"""Exercise 4c beside TRL's own loss code: its value and its gradient, and the two other means that the notebook compares."""

import ast
import json
from collections import defaultdict
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from trl import GRPOTrainer

from rewards import load_rewards
from tests.hidden import oracles
from tests.hidden import strategies as some

TOKENS = 32  # as in the notebook: the longest completion that is allowed


class OneProcess:
    """What TRL asks of accelerate, for a single process."""

    num_processes = 1
    sync_gradients = True

    def gather(self, values):
        return values

    def reduce(self, values, reduction):
        return values


def trl_loss(log_probs, old_log_probs, advantages, mask, loss_type="dapo", epsilon=0.2):
    """Return what `GRPOTrainer._compute_loss` gives where the model's log-probabilities are these."""
    told = log_probs, torch.zeros_like(log_probs), None
    trainer = SimpleNamespace(
        loss_type=loss_type, epsilon_low=epsilon, epsilon_high=epsilon, beta=0.0, top_entropy_quantile=1.0,
        importance_sampling_level="token", off_policy_mask_threshold=None, use_vllm=False, aux_loss_enabled=False,
        max_completion_length=TOKENS, current_gradient_accumulation_steps=1, _entropy_bonus_enabled=False,
        args=SimpleNamespace(delta=None, steps_per_generation=1), model=SimpleNamespace(training=True),
        accelerator=OneProcess(), _metrics={"train": defaultdict(list)},
        _get_per_token_logps_and_entropies=lambda *_, **__: told,
    )  # fmt: skip
    ids = torch.zeros_like(mask)
    inputs = {
        "prompt_ids": ids[:, :1], "prompt_mask": 1 + ids[:, :1], "completion_ids": ids, "completion_mask": mask,
        "advantages": advantages, "old_per_token_logps": old_log_probs, "num_items_in_batch": mask.sum(),
    }  # fmt: skip
    return GRPOTrainer._compute_loss(trainer, None, inputs)


def with_gradient(loss, log_probs, *rest, **named):
    """Return a loss as a float, and its gradient in the log-probabilities."""
    leaf = log_probs.clone().requires_grad_()
    value = loss(leaf, *rest, **named)
    value.backward()
    return value.item(), leaf.grad.numpy()


BATCHES = {
    "small": some.large_loss_batch(4, 6),
    "long": some.large_loss_batch(3, 100),
    "close": some.large_loss_batch(40, 6, spread=0.05),
    "far": some.large_loss_batch(6, 12, spread=3.0),
    "gaps": some.gappy(some.large_loss_batch(5, 12)),
    "an empty row": some.first_empty(some.large_loss_batch(4, 6)),
}


@pytest.mark.parametrize("epsilon", [0.2, 0.05])
@pytest.mark.parametrize("name", BATCHES)
def test_trl_the_oracle_and_the_solution_agree(solutions, name, epsilon):
    batch = BATCHES[name]
    tensors = [torch.from_numpy(part) for part in batch]
    loss, slope = oracles.policy_loss(*batch, epsilon)
    rounding = oracles.loss_rounding(*batch, epsilon)
    for theirs in (trl_loss, load_rewards(solutions)["policy_loss"]):
        value, gradient = with_gradient(theirs, *tensors, epsilon=epsilon)
        assert value == pytest.approx(loss, rel=1e-5, abs=rounding)
        assert gradient == pytest.approx(slope, rel=1e-4, abs=1e-7)


def test_without_any_token_trl_gives_0_too(solutions):
    new, old, advantages, mask = map(torch.from_numpy, BATCHES["small"])
    for theirs in (trl_loss, load_rewards(solutions)["policy_loss"]):
        value, gradient = with_gradient(theirs, new, old, advantages, 0 * mask)
        assert value == 0 and not gradient.any()


# --- the cell that compares who is pushed how much


@pytest.fixture(scope="module")
def compared(source, solutions):
    """The names of that cell, run with the solution's functions."""
    document = json.loads((source / "exercise.ipynb").read_text(encoding="utf-8"))
    [cell] = [c for c in document["cells"] if c["id"] == "e4c-compare"]
    rewards = load_rewards(solutions)
    names = {"torch": torch, **{n: rewards[n] for n in ("policy_loss", "group_advantages")}}
    exec(compile(ast.parse("".join(cell["source"])), "e4c-compare", "exec"), names)
    return names


@pytest.mark.parametrize("loss_type", ["grpo", "dapo", "dr_grpo"])
def test_the_three_means_of_the_notebook_are_trls(compared, loss_type):
    mask = compared["token_mask"]
    assert mask.shape == (8, TOKENS)
    log_probs = torch.full(mask.shape, -2.0)
    for advantages in compared["advantages"].values():
        args = log_probs, log_probs, advantages
        value, gradient = with_gradient(compared[loss_type], *args)
        expected, slope = with_gradient(trl_loss, *args, mask, loss_type=loss_type)
        assert value == pytest.approx(expected, abs=1e-7)
        assert gradient == pytest.approx(slope, rel=1e-5, abs=1e-9)
        push = compared["push"]
        for name, same in compared["advantages"].items():
            if same is advantages:
                got = push(compared[loss_type], name).numpy()
                assert got == pytest.approx(-1000 * slope[:, 0], rel=1e-4)


def test_the_three_scalings_are_trls(compared):
    """As TRL has `scale_rewards` in `_generate_and_score_completions`, by another hand: NumPy, float64."""
    rewards = np.float64(compared["prompt_rewards"].tolist())
    groups = rewards.reshape(2, 4)
    centred = groups - groups.mean(1, keepdims=True)
    scales = {
        "group": groups.std(1, ddof=1, keepdims=True),
        "batch": rewards.std(ddof=1),
        "none": None,
    }
    assert set(scales) == set(compared["advantages"])
    for name, scale in scales.items():
        expected = centred if scale is None else centred / (scale + 1e-4)
        got = compared["advantages"][name].numpy()
        assert got == pytest.approx(expected.ravel(), rel=1e-3)


def test_what_the_notebook_says_of_lengths_and_spreads(compared):
    push, grpo, dapo, dr_grpo = (compared[name] for name in ("push", "grpo", "dapo", "dr_grpo"))
    short, long = push(grpo, "group")[[2, 3]].tolist()
    assert short < 0 and long == pytest.approx(short / 3)  # bad: a third as hard
    for loss_type in (dapo, dr_grpo):
        good_short, good_long, bad_short, bad_long = push(loss_type, "group")[:4].tolist()
        assert good_short == pytest.approx(good_long) and bad_short == pytest.approx(bad_long)
    assert push(dr_grpo, "group").numpy() == pytest.approx(push(dapo, "group").numpy() / 2)
    ratios = {
        name: float(np.divide(*push(dapo, name)[[4, 0]].numpy())) for name in compared["advantages"]
    }
    assert ratios["group"] == pytest.approx(0.99, abs=0.005)
    assert ratios["batch"] == pytest.approx(1 / 40, rel=0.01)
    assert ratios["none"] == pytest.approx(1 / 40, rel=0.01)


def test_with_grpo_lengths_do_not_move_the_value_and_with_dapo_they_do(compared):
    """At ratio 1, groups centred: the reason why the logged loss hovers around 0."""
    mask, advantages = compared["token_mask"], compared["advantages"]["group"]
    log_probs = torch.full(mask.shape, -2.0)
    uneven = advantages.clone()
    uneven[0], uneven[1] = advantages[0] + 0.5, advantages[1] - 0.5  # still centred
    value = {
        n: compared[n](log_probs, log_probs, uneven).item() for n in ("grpo", "dapo", "dr_grpo")
    }
    assert value["grpo"] == pytest.approx(0, abs=1e-5)
    assert abs(value["dapo"]) > 0.05 and abs(value["dr_grpo"]) > 0.02
