"""What is right, in float64 and independent of torch and of the reference solution: plain sums over plain loops.

Each takes the arrays that the student's function got. The keywords turn an oracle into a typical mistake, for hints.
"""

import math

import numpy as np

NEARLY_ZERO = 0.01  # what rounding may leave of the advantages of equal rewards


def shaping(scores, temperature=1.0):
    return np.array([math.expm1(float(score) / temperature) for score in scores])


def log_softmax(values):
    """[V], in float64; a vocabulary may hold 150,000 entries."""
    shifted = np.asarray(values, np.float64) - np.max(values)
    return shifted - math.log(math.fsum(np.exp(shifted).tolist()))


def token_log_probs(logits, token_ids, offset=1, normalised=False):
    """[B, T]: log-probability of token t under the logits at t - offset; nan where there are none."""
    batch, length = token_ids.shape
    scored = np.full((batch, length), np.nan)
    for b in range(batch):
        for t in range(length):
            if 0 <= t - offset < length:
                step = logits[b, t - offset]
                scored[b, t] = (step if normalised else log_softmax(step))[token_ids[b, t]]
    return scored


def masked_mean(values, mask):
    """[B]: mean over the positions that count and have a value, 0 where there are none."""
    rows = [
        [v for v, m in zip(vs, ms, strict=True) if m and not math.isnan(v)]
        for vs, ms in zip(values.tolist(), mask.tolist(), strict=True)
    ]
    return np.array([math.fsum(row) / len(row) if row else 0.0 for row in rows])


def sequence_log_probs(logits, token_ids, completion_mask, offset=1):
    return masked_mean(token_log_probs(logits, token_ids, offset), completion_mask)


def forward_kl(ref_log_probs, kl_coef=0.1):
    return np.array([kl_coef * float(log_prob) for log_prob in ref_log_probs])


def backward_kl(ref_log_probs, kl_coef=0.1):
    return np.array([-kl_coef / math.exp(float(log_prob)) for log_prob in ref_log_probs])


def advantages(rewards, size, eps=1e-4, ddof=1):
    """Rows of a group are adjacent."""
    result = []
    for start in range(0, len(rewards), size):
        group = [float(reward) for reward in rewards[start : start + size]]
        mean = math.fsum(group) / size
        std = math.sqrt(math.fsum((reward - mean) ** 2 for reward in group) / (size - ddof))
        result += [(reward - mean) / (std + eps) for reward in group]
    return np.array(result)


def advantage_tolerance(rewards, size, eps=1e-4):
    """[B]: 1e-5, and what rounding the mean and the std to float32 can do to an advantage; equal rewards give 0 within 0.01."""
    tolerance = []
    for start in range(0, len(rewards), size):
        group = np.asarray(rewards[start : start + size], np.float64)
        rounding = 4 * np.finfo(np.float32).eps * np.abs(group).max() / (group.std(ddof=1) + eps)
        most = NEARLY_ZERO if np.ptp(group) == 0 else np.inf
        tolerance += [
            min(1e-5 + rounding * (1 + abs(advantage)), most)
            for advantage in advantages(group, size, eps)
        ]
    return np.array(tolerance)


def k3(log_probs, ref_log_probs):
    """[B, T], in float64."""
    gap = ref_log_probs.astype(np.float64) - log_probs.astype(np.float64)
    return np.expm1(gap) - gap


def kl_estimate(log_probs, ref_log_probs, completion_mask):
    return masked_mean(k3(log_probs, ref_log_probs), completion_mask)


def surrogate(log_probs, old_log_probs, advantages, epsilon=0.2):
    """[B, T]: the clipped surrogate of each token, and its slope in the token's log-probability."""
    value, slope = np.zeros(log_probs.shape), np.zeros(log_probs.shape)
    for b, advantage in enumerate(map(float, advantages)):
        for t in range(log_probs.shape[1]):
            ratio = math.exp(float(log_probs[b, t]) - float(old_log_probs[b, t]))
            full, clipped = ratio * advantage, min(max(ratio, 1 - epsilon), 1 + epsilon) * advantage
            value[b, t] = min(full, clipped)
            # the ratio's slope is the ratio; beyond the bound the smaller one is a constant
            slope[b, t] = full if full <= clipped else 0.0
    return value, slope


def policy_loss(log_probs, old_log_probs, advantages, completion_mask, epsilon=0.2):
    """The loss, a float, and its gradient in log_probs, [B, T]."""
    value, slope = surrogate(log_probs, old_log_probs, advantages, epsilon)
    count = max(int(completion_mask.sum()), 1)
    counted = math.fsum((value * completion_mask).ravel().tolist())
    return -counted / count, -slope * completion_mask / count


def loss_rounding(log_probs, old_log_probs, advantages, completion_mask, epsilon=0.2):
    """What float32 may do to the mean: good and bad tokens cancel each other, their rounding does not."""
    value, _ = surrogate(log_probs, old_log_probs, advantages, epsilon)
    count = max(int(completion_mask.sum()), 1)
    return 1e-6 + 1e-5 * float((np.abs(value) * completion_mask).sum()) / count
