"""The reference solutions, exported from the notebook: do not edit, do not distribute."""

import torch
from sentiment import get_sentiment_scores


def sentiment_reward(completions: list[str], **kwargs) -> list[float]:
    """Return P(positive) of each completion as it stands, equation (1).

    Args:
        completions: B strings of any Unicode characters and length; may be empty. Prompts are never put in front of them.
        **kwargs: whatever else TRL passes (prompts, completion_ids, trainer_state, …); ignored.

    Returns:
        B floats in [0, 1], in the order of `completions`; [] for [].
        The scores come from one batched call of `get_sentiment_scores`, with the texts unchanged to the last character.
    """
    return get_sentiment_scores(completions)


def exponential_shaping(scores: torch.Tensor, temperature: float = 1.0) -> torch.Tensor:
    """Return exp(score / temperature) - 1 of each score, equation (2).

    Args:
        scores: [B] float32 in [0, 1], without gradient; not modified.
        temperature: T > 0, in tests at least 0.05; smaller is steeper.

    Returns:
        [B] shaped rewards: 0 for a score of 0.

    Raises:
        ValueError: temperature <= 0.
    """
    if temperature <= 0:
        raise ValueError(f"temperature must be above 0, not {temperature}")
    return torch.exp(scores / temperature) - 1


def sequence_log_probs(
    logits: torch.Tensor, token_ids: torch.Tensor, completion_mask: torch.Tensor
) -> torch.Tensor:
    """Return the mean log-probability of each row's completion tokens, equation (4), in nats per token.

    Args:
        logits: [B, T, V] float32, finite, within ±10,000, without gradient; logits[:, t - 1] predict token t.
            T from 1 to 1,024, V from 2 to 151,936.
        token_ids: [B, T] int64, every id valid, masked positions included; no id is special, neither 0 nor the last.
        completion_mask: [B, T] int64, 1 = this token counts, gaps allowed.
        All three are on one device, which in training is the GPU where there is one: new tensors need device=logits.device.

    Returns:
        [B] values, at most 0. Position 0 is never scored nor counted, whatever its mask.
        A row with no scored token gives 0. No input is modified.
    """
    log_probs = torch.log_softmax(logits[:, :-1], dim=-1)  # [B, T-1, V]
    token_log_probs = log_probs.gather(-1, token_ids[:, 1:, None]).squeeze(-1)  # [B, T-1]
    mask = completion_mask[:, 1:].to(token_log_probs.dtype)
    return (token_log_probs * mask).sum(dim=1) / mask.sum(dim=1).clamp(min=1)


def forward_kl_reward(ref_log_probs: torch.Tensor, kl_coef: float = 0.1) -> torch.Tensor:
    """Return kl_coef · log P_ref(completion), equation (5).

    Args:
        ref_log_probs: [B] float32, mean nats per token, in [-20, 0]; not modified.
        kl_coef: strength of the term, in [0, 10].

    Returns:
        [B] reward terms, at most 0.
    """
    return kl_coef * ref_log_probs


def backward_kl_reward(ref_log_probs: torch.Tensor, kl_coef: float = 0.1) -> torch.Tensor:
    """Return -kl_coef · exp(-log P_ref(completion)), equation (6): minus the reference's perplexity, scaled.

    Args:
        ref_log_probs: [B] float32, mean nats per token, in [-20, 0]; not modified.
        kl_coef: strength of the term, in [0, 10].

    Returns:
        [B] reward terms, at most 0.
    """
    return -kl_coef * torch.exp(-ref_log_probs)


def group_advantages(
    rewards: torch.Tensor, num_generations: int, eps: float = 1e-4
) -> torch.Tensor:
    """Return the advantages of GRPO, equation (7).

    Args:
        rewards: [B] float32 in [-10, 10]; the rows of a group are adjacent; not modified. As training yields them: a group
            may hardly differ, far from 0 (0.95 ± 0.0015), so remove the mean before you square.
        num_generations: G, the size of a group, 2 to 64.
        eps: added to the standard deviation; above 0.

    Returns:
        [B] advantages: centred in each group, divided by its sample standard deviation (ddof = 1) plus eps.
        A group of equal rewards gives 0 up to float32 rounding (below 0.01 for rewards within ±3).

    Raises:
        ValueError: num_generations < 2, or B is not a multiple of it.
    """
    if num_generations < 2 or len(rewards) % num_generations:
        raise ValueError(f"{len(rewards)} rewards are not whole groups of {num_generations}")
    groups = rewards.view(-1, num_generations)
    centred = groups - groups.mean(dim=1, keepdim=True)
    return (centred / (groups.std(dim=1, keepdim=True) + eps)).view(-1)


def kl_estimate(
    log_probs: torch.Tensor, ref_log_probs: torch.Tensor, completion_mask: torch.Tensor
) -> torch.Tensor:
    """Return the mean of the k3 estimator over each row's completion tokens, equation (8), in nats per token.

    Args:
        log_probs: [B, T] float32, log π of the sampled tokens, in [-20, 0]; T from 1 to 1,024; not modified.
        ref_log_probs: [B, T] float32, log P_ref of the same tokens, in [-20, 0]; not modified.
        completion_mask: [B, T] int64, 1 = this token counts, gaps allowed, position 0 included.

    Returns:
        [B] estimates, at least 0 up to rounding; a row without completion tokens gives 0.
    """
    q = ref_log_probs - log_probs
    k3 = torch.expm1(q) - q  # exp(q) - 1 loses its digits near 0
    mask = completion_mask.to(k3.dtype)
    return (k3 * mask).sum(dim=1) / mask.sum(dim=1).clamp(min=1)


def policy_loss(
    log_probs: torch.Tensor,
    old_log_probs: torch.Tensor,
    advantages: torch.Tensor,
    completion_mask: torch.Tensor,
    epsilon: float = 0.2,
) -> torch.Tensor:
    """Return the loss of GRPO, equation (9): minus the clipped surrogate, averaged over all completion tokens of the batch.

    Args:
        log_probs: [B, T] float32, log π of the sampled tokens, nats, in [-20, 0]; T from 1 to 1,024; may require a gradient.
        old_log_probs: [B, T] float32, the same under the policy that sampled them, at most 20 nats away. They are data: no
            gradient reaches them, even if they require one.
        advantages: [B] float32, one for each completion, in [-8, 8].
        completion_mask: [B, T] int64, 1 = this token counts, gaps allowed, position 0 included.
        epsilon: how far the ratio may move from 1 before a token gains nothing more, in tests 0.05 to 0.5.

    Returns:
        One number, in a tensor of shape [], whose gradient in `log_probs` trains the policy. Each token weighs the same, in
        a short completion and in a long one. A row without completion tokens adds nothing; without any token at all it is 0.
        No input is modified.
    """
    ratio = torch.exp(log_probs - old_log_probs.detach())
    advantages = advantages[:, None]  # [B, 1]: the same for every token of a completion
    clipped = ratio.clamp(1 - epsilon, 1 + epsilon)
    surrogate = torch.minimum(ratio * advantages, clipped * advantages)
    mask = completion_mask.to(surrogate.dtype)
    return -(surrogate * mask).sum() / mask.sum().clamp(min=1)
