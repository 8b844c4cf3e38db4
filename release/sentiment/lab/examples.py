"""The worked examples behind the visible checks: calls whose answers can be computed by hand.

Nothing here loads torch: `Tensor` stands for a tensor until `arguments` makes it.
"""

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Tensor:
    """A tensor to be made of nested lists: float32 of floats, int64 of ints."""

    values: list[Any]


@dataclass(frozen=True)
class Example:
    """One call with a known answer: [B] numbers, one number, or the type of error that the call must raise.

    `gradients` holds, by the place of an argument, the gradient that the one number must have in it; such arguments require one.
    """

    claim: str
    args: Sequence[Any]
    expected: list[float] | float | type[Exception]
    hint: str
    kwargs: dict[str, Any] = field(default_factory=dict)
    gradients: dict[int, list[Any]] = field(default_factory=dict)


def arguments(args: Sequence[Any]) -> list[Any]:
    """Return arguments to call a function with, made anew, so that no call can spoil them for the next."""
    import torch

    return [torch.tensor(a.values) if isinstance(a, Tensor) else copy.deepcopy(a) for a in args]


# Next-token probabilities of a three-token vocabulary at four positions; the logits are their logarithms.
PROBABILITIES = [[0.5, 0.25, 0.25], [0.2, 0.2, 0.6], [0.1, 0.8, 0.1], [0.3, 0.3, 0.4]]
LOGITS = [[math.log(p) for p in row] for row in PROBABILITIES]  # [4, 3]
SHIFTED = [[logit + 3.0 for logit in row] for row in LOGITS]
# position 1 has probability 0.25, position 2 0.6, position 3 0.8
TOKENS = [0, 1, 2, 1]
LOG_PROBS, REF_LOG_PROBS = [-1.0, -2.0, -3.0], [-1.5, -2.0, -2.0]

FAKE_SCORES = {"A joy.": 0.97, "A bore.": 0.04, "It is a film.": 0.51, "": 0.5}

SENTIMENT_REWARD = (
    Example("each completion gets its own score, in order", [["A bore.", "A joy.", "It is a film."]], [0.04, 0.97, 0.51],
            "return what get_sentiment_scores gives for the completions, unchanged"),
    Example("TRL's extra keywords are ignored", [["A joy.", "A bore."]], [0.97, 0.04],
            "the signature ends in **kwargs; score the completions alone, without their prompts",
            {"prompts": ["The film:", "The plot:"], "completion_ids": [[1, 2], [3]], "trainer_state": None}),
    Example("no completions, no scores", [[]], [], "an empty list gives an empty list"),
)  # fmt: skip

EXPONENTIAL_SHAPING = (
    Example("at temperature 1", [Tensor([0.0, 0.5, 1.0])], [0.0, 0.648721, 1.718282],
            "a score of 0 must give 0, a score of 1 must give e - 1; the default temperature is 1"),
    Example("a smaller temperature is steeper", [Tensor([0.0, 0.5, 1.0]), 0.5], [0.0, 1.718282, 6.389056],
            "the temperature divides the score, inside the exponential"),
    Example("temperature 0 is an error", [Tensor([0.5]), 0.0], ValueError, "check temperature <= 0 first and raise ValueError"),
)  # fmt: skip

SEQUENCE_LOG_PROBS = (
    Example("the mean runs over the completion's tokens", [Tensor([LOGITS]), Tensor([TOKENS]), Tensor([[0, 1, 1, 0]])], [-0.94856],
            "(ln 0.25 + ln 0.6) / 2: log-softmax of the logits at t - 1 for token t, then the mean over the 2 tokens, not negated"),
    Example("a mask may have gaps, and position 0 is never scored", [Tensor([LOGITS]), Tensor([TOKENS]), Tensor([[1, 1, 0, 1]])], [-0.804719],
            "only tokens 1 and 3 count, so divide by 2"),
    Example("each row has its own mean", [Tensor([LOGITS, LOGITS]), Tensor([TOKENS, TOKENS]), Tensor([[0, 1, 1, 0], [1, 1, 0, 1]])],
            [-0.94856, -0.804719], "the rows of the two examples before, as one batch: sum over the tokens (dim=1), never over the rows"),
    Example("logits need not be normalised", [Tensor([SHIFTED]), Tensor([TOKENS]), Tensor([[0, 0, 1, 1]])], [-0.366985],
            "turn logits into log-probabilities first"),
    Example("a row with no scored token gives 0", [Tensor([LOGITS]), Tensor([TOKENS]), Tensor([[1, 0, 0, 0]])], [0.0],
            "there is nothing to divide, so 0 is asked for: where 0 / 0 gives nan or an error, keep the divisor at 1 or more"),
)  # fmt: skip

FORWARD_KL_REWARD = (
    Example("a bonus that grows with log P_ref", [Tensor([-1.0, -3.0])], [-0.1, -0.3], "kl_coef times log P_ref, so never above 0; the default coefficient is 0.1"),
    Example("the coefficient scales it", [Tensor([-1.0, -3.0]), 0.5], [-0.5, -1.5], "multiply by kl_coef"),
)  # fmt: skip

BACKWARD_KL_REWARD = (
    Example("a penalty that explodes for unlikely text", [Tensor([-1.0, -3.0])], [-0.271828, -2.008554],
            "-kl_coef times exp(-log P_ref), the reference's perplexity; the default coefficient is 0.1"),
    Example("the coefficient scales it", [Tensor([-1.0, -3.0]), 0.5], [-1.359141, -10.042768], "multiply by kl_coef"),
)  # fmt: skip

GROUP_ADVANTAGES = (
    Example("each group is centred and scaled by itself", [Tensor([1.0, 2.0, 3.0, 5.0, 5.0, 5.0]), 3],
            [-0.9999, 0.0, 0.9999, 0.0, 0.0, 0.0], "rows of a group are adjacent: mean and std run within each one (dim=1 of a table with a group in each row); the sample standard deviation has ddof = 1; a constant group gives zeros"),
    Example("eps is added to the standard deviation", [Tensor([0.0, 0.0002]), 2], [-0.414214, 0.414214],
            "divide by (sample standard deviation + eps), the sample one with ddof = 1"),
    Example("the batch must hold whole groups", [Tensor([1.0, 2.0, 3.0]), 2], ValueError, "3 rewards are not whole groups of 2"),
    Example("a group of one has no spread", [Tensor([1.0, 2.0]), 1], ValueError, "num_generations below 2 is an error"),
)  # fmt: skip

KL_ESTIMATE = (
    Example("the k3 estimator, averaged over tokens", [Tensor([LOG_PROBS]), Tensor([REF_LOG_PROBS]), Tensor([[1, 1, 1]])], [0.274938],
            "exp(q) - q - 1, q the reference minus the policy, then the mean over the 3 tokens, position 0 among them"),
    Example("only masked-in tokens count, position 0 among them", [Tensor([LOG_PROBS]), Tensor([REF_LOG_PROBS]), Tensor([[1, 0, 1]])], [0.412406],
            "divide by the number of tokens whose mask is 1"),
    Example("each row has its own mean", [Tensor([LOG_PROBS, LOG_PROBS]), Tensor([REF_LOG_PROBS, REF_LOG_PROBS]), Tensor([[1, 1, 1], [1, 0, 1]])],
            [0.274938, 0.412406], "the rows of the two examples before, as one batch: sum over the tokens (dim=1), never over the rows"),
    Example("no completion token gives 0", [Tensor([LOG_PROBS]), Tensor([REF_LOG_PROBS]), Tensor([[0, 0, 0]])], [0.0],
            "there is nothing to divide, so 0 is asked for: where 0 / 0 gives nan or an error, keep the divisor at 1 or more"),
)  # fmt: skip

# of each token, the ratio of new to old policy, and its old log-probability
RATIOS, OLD = [[1.5, 0.5], [1.5, 0.5]], -2.0
MOVED = [[OLD + math.log(ratio) for ratio in row] for row in RATIOS]
SAME = [[OLD, OLD], [OLD, OLD]]
ALL = [[1, 1], [1, 1]]

POLICY_LOSS = (
    Example("at ratio 1 it is minus the mean advantage of all tokens", [Tensor([[-1.0, -2.0, -3.0], [-1.0, -2.0, -3.0]])] * 2 + [Tensor([1.0, -0.5]), Tensor([[1, 1, 1], [0, 1, 0]])], -0.625,
            "(3 · 1 - 1 · 0.5) / 4 with a minus sign: a mean over the 4 tokens, not over the 2 rows; the ratio is exp(new - old)",
            gradients={0: [[-0.25, -0.25, -0.25], [0.0, 0.125, 0.0]], 1: [[0.0] * 3] * 2}),
    Example("the smaller of clipped and unclipped counts", [Tensor(MOVED), Tensor(SAME), Tensor([1.0, -1.0]), Tensor(ALL)], 0.15,
            "the ratios are 1.5 and 0.5: 1.2 and 0.5 for the good row, -1.5 and -0.8 for the bad one, summed up, over 4 tokens, with a minus sign",
            gradients={0: [[0.0, -0.125], [0.375, 0.0]]}),
    Example("epsilon says how far the ratio may go", [Tensor(MOVED), Tensor(SAME), Tensor([1.0, -1.0]), Tensor(ALL)], 0.05,
            "with epsilon 0.4 the bounds are 0.6 and 1.4; the default is 0.2", {"epsilon": 0.4}),
    Example("no completion token at all gives 0", [Tensor(MOVED), Tensor(SAME), Tensor([1.0, -1.0]), Tensor([[0, 0], [0, 0]])], 0.0,
            "there is nothing to divide, so 0 is asked for: where 0 / 0 gives nan or an error, keep the divisor at 1 or more"),
)  # fmt: skip
