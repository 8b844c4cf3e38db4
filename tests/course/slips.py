"""Typical mistakes in the exercises, each of which the checks must find and name."""

from rewards import EXERCISES

HEAD = "import torch\nimport sentiment\nfrom sentiment import get_sentiment_scores\n"


MASKED = """
    log_probs = torch.log_softmax(logits[:, :-1], dim=-1)
    token = log_probs.gather(-1, token_ids[:, 1:, None]).squeeze(-1)
    mask = completion_mask[:, 1:].float()
"""

LOSS = """
    ratio = torch.exp(log_probs - old_log_probs.detach())
    a, mask = advantages[:, None], completion_mask.float()
    token = torch.minimum(ratio * a, ratio.clamp(1 - epsilon, 1 + epsilon) * a)
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
    "the likeliest token": "def sequence_log_probs(logits, token_ids, completion_mask):" + MASKED + "    token = torch.log_softmax(logits[:, :-1], dim=-1).max(-1).values\n    return (token * mask).sum(1) / mask.sum(1).clamp(min=1)",
    "no softmax": "def sequence_log_probs(logits, token_ids, completion_mask):" + MASKED + "    token = logits[:, :-1].gather(-1, token_ids[:, 1:, None]).squeeze(-1)\n    return (token * mask).sum(1) / mask.sum(1).clamp(min=1)",
    "softmax over T": "def sequence_log_probs(logits, token_ids, completion_mask):" + MASKED + "    token = torch.log_softmax(logits[:, :-1], 1).gather(-1, token_ids[:, 1:, None]).squeeze(-1)\n    return (token * mask).sum(1) / mask.sum(1).clamp(min=1)",
    "0 / 0": "def sequence_log_probs(logits, token_ids, completion_mask):" + MASKED + "    return (token * mask).sum(1) / mask.sum(1)",
    "mean over the batch": "def sequence_log_probs(logits, token_ids, completion_mask):" + MASKED + "    return (token * mask).sum() / mask.sum().clamp(min=1)",
    "tokens of the batch": "def sequence_log_probs(logits, token_ids, completion_mask):" + MASKED + "    return (token * mask).sum(1) / mask.sum().clamp(min=1)",
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
    "k3: tokens of the batch": "def kl_estimate(log_probs, ref_log_probs, completion_mask):\n    q = ref_log_probs - log_probs\n    m = completion_mask.float()\n    return ((q.exp() - q - 1) * m).sum(1) / m.sum().clamp(min=1)",
    "k3: 0 / 0": "def kl_estimate(log_probs, ref_log_probs, completion_mask):\n    q = ref_log_probs - log_probs\n    m = completion_mask.float()\n    return ((q.exp() - q - 1) * m).sum(1) / m.sum(1)",
    "loss: sign": "def policy_loss(log_probs, old_log_probs, advantages, completion_mask, epsilon=0.2):" + LOSS + "    return (token * mask).sum() / mask.sum().clamp(min=1)",
    "loss: mean of rows": "def policy_loss(log_probs, old_log_probs, advantages, completion_mask, epsilon=0.2):" + LOSS + "    return -((token * mask).sum(1) / mask.sum(1).clamp(min=1)).mean()",
    "loss: not clipped": "def policy_loss(log_probs, old_log_probs, advantages, completion_mask, epsilon=0.2):" + LOSS + "    return -(ratio * a * mask).sum() / mask.sum().clamp(min=1)",
    "loss: epsilon ignored": "def policy_loss(log_probs, old_log_probs, advantages, completion_mask, epsilon=0.2):" + LOSS.replace("epsilon", "0.2") + "    return -(token * mask).sum() / mask.sum().clamp(min=1)",
    "loss: 0 / 0": "def policy_loss(log_probs, old_log_probs, advantages, completion_mask, epsilon=0.2):" + LOSS + "    return -(token * mask).sum() / mask.sum()",
    "loss: a plain number": "def policy_loss(log_probs, old_log_probs, advantages, completion_mask, epsilon=0.2):" + LOSS + "    return (-(token * mask).sum() / mask.sum().clamp(min=1)).item()",
    "loss: a gradient of old": "def policy_loss(log_probs, old_log_probs, advantages, completion_mask, epsilon=0.2):" + LOSS.replace(".detach()", "") + "    return -(token * mask).sum() / mask.sum().clamp(min=1)",
    "loss: backward inside": "def policy_loss(log_probs, old_log_probs, advantages, completion_mask, epsilon=0.2):" + LOSS + "    loss = -(token * mask).sum() / mask.sum().clamp(min=1)\n    if loss.requires_grad: loss.backward()\n    return loss",
    "loss: twice the gradient": "def policy_loss(log_probs, old_log_probs, advantages, completion_mask, epsilon=0.2):" + LOSS + "    loss = -(token * mask).sum() / mask.sum().clamp(min=1)\n    return 2 * loss - loss.detach()",
}  # fmt: skip


def defined(source):
    """Return the function that a piece of source defines, as a notebook would."""
    namespace = {"__name__": "__main__"}
    exec(HEAD + source, namespace)
    (stem,) = [name for name in EXERCISES if name in namespace]
    return namespace[stem]
