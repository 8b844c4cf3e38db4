# ruff: noqa
# fmt: off
"""Slips on exercise 3a, written from the contract alone."""

# %% no_shift
# truth: logits at t are taken for token t: no shift
def sequence_log_probs(logits, token_ids, completion_mask):
    lp = torch.log_softmax(logits, dim=-1).gather(-1, token_ids[..., None]).squeeze(-1)
    mask = completion_mask.float()
    return (lp * mask).sum(1) / mask.sum(1).clamp(min=1)

# %% no_shift_first_dropped
# truth: logits at t are taken for token t; position 0 is left out all the same
def sequence_log_probs(logits, token_ids, completion_mask):
    lp = torch.log_softmax(logits[:, 1:], dim=-1).gather(-1, token_ids[:, 1:, None]).squeeze(-1)
    mask = completion_mask[:, 1:].float()
    return (lp * mask).sum(1) / mask.sum(1).clamp(min=1)

# %% no_shift_last_dropped
# truth: logits at t are taken for token t, and the last position is left out
def sequence_log_probs(logits, token_ids, completion_mask):
    lp = torch.log_softmax(logits[:, :-1], dim=-1).gather(-1, token_ids[:, :-1, None]).squeeze(-1)
    mask = completion_mask[:, :-1].float()
    return (lp * mask).sum(1) / mask.sum(1).clamp(min=1)

# %% shift_the_other_way
# truth: shifted the wrong way: logits at t are taken for token t - 1
def sequence_log_probs(logits, token_ids, completion_mask):
    lp = torch.log_softmax(logits[:, 1:], dim=-1).gather(-1, token_ids[:, :-1, None]).squeeze(-1)
    mask = completion_mask[:, :-1].float()
    return (lp * mask).sum(1) / mask.sum(1).clamp(min=1)

# %% mask_not_shifted
# truth: the mask is not shifted with the tokens
def sequence_log_probs(logits, token_ids, completion_mask):
    lp = torch.log_softmax(logits[:, :-1], dim=-1)
    lp = lp.gather(-1, token_ids[:, 1:].unsqueeze(-1)).squeeze(-1)
    mask = completion_mask[:, :-1].float()
    return (lp * mask).sum(1) / mask.sum(1).clamp(min=1)

# %% sum
# truth: the sum over the tokens, not the mean
def sequence_log_probs(logits, token_ids, completion_mask):
    lp = torch.log_softmax(logits[:, :-1], dim=-1)
    lp = lp.gather(-1, token_ids[:, 1:].unsqueeze(-1)).squeeze(-1)
    mask = completion_mask[:, 1:].float()
    return (lp * mask).sum(1)

# %% over_all_positions
# truth: divided by T - 1, all positions, not by the number of completion tokens
def sequence_log_probs(logits, token_ids, completion_mask):
    lp = torch.log_softmax(logits[:, :-1], dim=-1)
    lp = lp.gather(-1, token_ids[:, 1:].unsqueeze(-1)).squeeze(-1)
    mask = completion_mask[:, 1:].float()
    return (lp * mask).mean(1) if lp.shape[1] else torch.zeros(len(lp))

# %% over_length
# truth: divided by T
def sequence_log_probs(logits, token_ids, completion_mask):
    lp = torch.log_softmax(logits[:, :-1], dim=-1)
    lp = lp.gather(-1, token_ids[:, 1:].unsqueeze(-1)).squeeze(-1)
    mask = completion_mask[:, 1:].float()
    return (lp * mask).sum(1) / token_ids.shape[1]

# %% count_with_first
# truth: the divisor counts position 0 when its mask is 1
def sequence_log_probs(logits, token_ids, completion_mask):
    lp = torch.log_softmax(logits[:, :-1], dim=-1)
    lp = lp.gather(-1, token_ids[:, 1:].unsqueeze(-1)).squeeze(-1)
    mask = completion_mask[:, 1:].float()
    return (lp * mask).sum(1) / completion_mask.sum(1).clamp(min=1)

# %% empty_row_nan
# truth: a row without scored tokens divides by zero
def sequence_log_probs(logits, token_ids, completion_mask):
    lp = torch.log_softmax(logits[:, :-1], dim=-1)
    lp = lp.gather(-1, token_ids[:, 1:].unsqueeze(-1)).squeeze(-1)
    mask = completion_mask[:, 1:].float()
    return (lp * mask).sum(1) / mask.sum(1)

# %% softmax_over_time
# truth: the softmax runs over the positions, not over the vocabulary
def sequence_log_probs(logits, token_ids, completion_mask):
    lp = torch.log_softmax(logits[:, :-1], dim=1)
    lp = lp.gather(-1, token_ids[:, 1:].unsqueeze(-1)).squeeze(-1)
    mask = completion_mask[:, 1:].float()
    return (lp * mask).sum(1) / mask.sum(1).clamp(min=1)

# %% softmax_over_batch
# truth: the softmax runs over the batch, not over the vocabulary
def sequence_log_probs(logits, token_ids, completion_mask):
    lp = torch.log_softmax(logits[:, :-1], dim=0)
    lp = lp.gather(-1, token_ids[:, 1:].unsqueeze(-1)).squeeze(-1)
    mask = completion_mask[:, 1:].float()
    return (lp * mask).sum(1) / mask.sum(1).clamp(min=1)

# %% log_of_mean_probability
# truth: the logarithm of the mean probability, not the mean logarithm
def sequence_log_probs(logits, token_ids, completion_mask):
    lp = torch.log_softmax(logits[:, :-1], dim=-1)
    lp = lp.gather(-1, token_ids[:, 1:].unsqueeze(-1)).squeeze(-1)
    mask = completion_mask[:, 1:].float()
    n = mask.sum(1)
    p = (lp.exp() * mask).sum(1) / n.clamp(min=1)
    return torch.where(n > 0, torch.log(p + 1e-30), torch.zeros_like(p))

# %% mean_probability
# truth: the mean probability, no logarithm
def sequence_log_probs(logits, token_ids, completion_mask):
    lp = torch.log_softmax(logits[:, :-1], dim=-1)
    lp = lp.gather(-1, token_ids[:, 1:].unsqueeze(-1)).squeeze(-1)
    mask = completion_mask[:, 1:].float()
    return (lp.exp() * mask).sum(1) / mask.sum(1).clamp(min=1)

# %% bits
# truth: logarithms to base 2
def sequence_log_probs(logits, token_ids, completion_mask):
    lp = torch.log_softmax(logits[:, :-1], dim=-1)
    lp = lp.gather(-1, token_ids[:, 1:].unsqueeze(-1)).squeeze(-1)
    mask = completion_mask[:, 1:].float()
    return (lp / math.log(2) * mask).sum(1) / mask.sum(1).clamp(min=1)

# %% log10
# truth: logarithms to base 10
def sequence_log_probs(logits, token_ids, completion_mask):
    p = torch.softmax(logits[:, :-1].double(), dim=-1).clamp(min=1e-300)
    lp = torch.log10(p).gather(-1, token_ids[:, 1:, None]).squeeze(-1)
    mask = completion_mask[:, 1:].float()
    return (lp * mask).sum(1) / mask.sum(1).clamp(min=1)

# %% negative
# truth: the sign is turned: the mean loss
def sequence_log_probs(logits, token_ids, completion_mask):
    lp = torch.log_softmax(logits[:, :-1], dim=-1)
    lp = lp.gather(-1, token_ids[:, 1:].unsqueeze(-1)).squeeze(-1)
    mask = completion_mask[:, 1:].float()
    return -(lp * mask).sum(1) / mask.sum(1).clamp(min=1)

# %% cross_entropy
# truth: the sign is turned: cross-entropy is minus the log-probability
def sequence_log_probs(logits, token_ids, completion_mask):
    loss = torch.nn.functional.cross_entropy(
        logits[:, :-1].transpose(1, 2), token_ids[:, 1:], reduction="none")
    mask = completion_mask[:, 1:].float()
    return (loss * mask).sum(1) / mask.sum(1).clamp(min=1)

# %% perplexity
# truth: the perplexity exp(-mean) in place of the mean log-probability
def sequence_log_probs(logits, token_ids, completion_mask):
    lp = torch.log_softmax(logits[:, :-1], dim=-1)
    lp = lp.gather(-1, token_ids[:, 1:].unsqueeze(-1)).squeeze(-1)
    mask = completion_mask[:, 1:].float()
    return torch.exp(-(lp * mask).sum(1) / mask.sum(1).clamp(min=1))

# %% probability_of_all
# truth: the probability exp(sum of the logs) of the whole completion
def sequence_log_probs(logits, token_ids, completion_mask):
    lp = torch.log_softmax(logits[:, :-1], dim=-1)
    lp = lp.gather(-1, token_ids[:, 1:].unsqueeze(-1)).squeeze(-1)
    mask = completion_mask[:, 1:].float()
    return torch.exp((lp * mask).sum(1))

# %% softmax_twice
# truth: log_softmax is taken of a softmax: normalised twice
def sequence_log_probs(logits, token_ids, completion_mask):
    probs = torch.softmax(logits[:, :-1], dim=-1)
    lp = torch.log_softmax(probs, dim=-1).gather(-1, token_ids[:, 1:, None]).squeeze(-1)
    mask = completion_mask[:, 1:].float()
    return (lp * mask).sum(1) / mask.sum(1).clamp(min=1)

# %% small_number_in_log
# truth: log(softmax + 1e-8): improbable tokens stop at -18
def sequence_log_probs(logits, token_ids, completion_mask):
    probs = torch.softmax(logits[:, :-1], dim=-1)
    lp = torch.log(probs + 1e-8).gather(-1, token_ids[:, 1:, None]).squeeze(-1)
    mask = completion_mask[:, 1:].float()
    return (lp * mask).sum(1) / mask.sum(1).clamp(min=1)

# %% log_of_softmax
# truth: log(softmax) underflows to -inf for improbable tokens
def sequence_log_probs(logits, token_ids, completion_mask):
    lp = torch.log(torch.softmax(logits[:, :-1], dim=-1))
    lp = lp.gather(-1, token_ids[:, 1:, None]).squeeze(-1)
    mask = completion_mask[:, 1:].bool()
    lp = lp.masked_fill(~mask, 0.0)
    return lp.sum(1) / mask.sum(1).clamp(min=1)

# %% label_smoothing
# truth: cross_entropy with label smoothing 0.1
def sequence_log_probs(logits, token_ids, completion_mask):
    loss = torch.nn.functional.cross_entropy(
        logits[:, :-1].transpose(1, 2), token_ids[:, 1:], reduction="none", label_smoothing=0.1)
    mask = completion_mask[:, 1:].float()
    return -(loss * mask).sum(1) / mask.sum(1).clamp(min=1)

# %% temperature
# truth: the logits are divided by a sampling temperature of 0.7
def sequence_log_probs(logits, token_ids, completion_mask):
    lp = torch.log_softmax(logits[:, :-1] / 0.7, dim=-1)
    lp = lp.gather(-1, token_ids[:, 1:].unsqueeze(-1)).squeeze(-1)
    mask = completion_mask[:, 1:].float()
    return (lp * mask).sum(1) / mask.sum(1).clamp(min=1)

# %% padding_by_id
# truth: tokens with id 0 are left out as padding, whatever the mask says
def sequence_log_probs(logits, token_ids, completion_mask):
    lp = torch.log_softmax(logits[:, :-1], dim=-1)
    lp = lp.gather(-1, token_ids[:, 1:].unsqueeze(-1)).squeeze(-1)
    mask = (completion_mask[:, 1:] * (token_ids[:, 1:] != 0)).float()
    return (lp * mask).sum(1) / mask.sum(1).clamp(min=1)

# %% eos_by_id
# truth: tokens with id 50256, gpt2's end of text, are left out
def sequence_log_probs(logits, token_ids, completion_mask):
    lp = torch.log_softmax(logits[:, :-1], dim=-1)
    lp = lp.gather(-1, token_ids[:, 1:].unsqueeze(-1)).squeeze(-1)
    mask = (completion_mask[:, 1:] * (token_ids[:, 1:] != 50256)).float()
    return (lp * mask).sum(1) / mask.sum(1).clamp(min=1)

# %% last_id_is_eos
# truth: the last id of the vocabulary is left out as the end of text
def sequence_log_probs(logits, token_ids, completion_mask):
    lp = torch.log_softmax(logits[:, :-1], dim=-1)
    lp = lp.gather(-1, token_ids[:, 1:].unsqueeze(-1)).squeeze(-1)
    mask = (completion_mask[:, 1:] * (token_ids[:, 1:] != logits.shape[-1] - 1)).float()
    return (lp * mask).sum(1) / mask.sum(1).clamp(min=1)

# %% batch_mean
# truth: the mean over all tokens of the batch, for every row
def sequence_log_probs(logits, token_ids, completion_mask):
    lp = torch.log_softmax(logits[:, :-1], dim=-1)
    lp = lp.gather(-1, token_ids[:, 1:].unsqueeze(-1)).squeeze(-1)
    mask = completion_mask[:, 1:].float()
    mean = (lp * mask).sum() / mask.sum().clamp(min=1)
    return mean.expand(len(logits)).clone()

# %% batch_count
# truth: each row's sum is divided by the whole batch's number of tokens
def sequence_log_probs(logits, token_ids, completion_mask):
    lp = torch.log_softmax(logits[:, :-1], dim=-1)
    lp = lp.gather(-1, token_ids[:, 1:].unsqueeze(-1)).squeeze(-1)
    mask = completion_mask[:, 1:].float()
    return (lp * mask).sum(1) / mask.sum().clamp(min=1)

# %% mean_count
# truth: each row's sum is divided by the batch's average number of tokens
def sequence_log_probs(logits, token_ids, completion_mask):
    lp = torch.log_softmax(logits[:, :-1], dim=-1)
    lp = lp.gather(-1, token_ids[:, 1:].unsqueeze(-1)).squeeze(-1)
    mask = completion_mask[:, 1:].float()
    return (lp * mask).sum(1) / mask.sum(1).mean().clamp(min=1)

# %% gaps_filled
# truth: everything from the first to the last masked token counts, gaps too
def sequence_log_probs(logits, token_ids, completion_mask):
    lp = torch.log_softmax(logits[:, :-1], dim=-1)
    lp = lp.gather(-1, token_ids[:, 1:].unsqueeze(-1)).squeeze(-1)
    mask = completion_mask[:, 1:].float()
    after = mask.cumsum(1) > 0
    before = mask.flip(1).cumsum(1).flip(1) > 0
    mask = (after & before).float()
    return (lp * mask).sum(1) / mask.sum(1).clamp(min=1)

# %% prompt_tokens
# truth: the mask is turned round: the other tokens are averaged
def sequence_log_probs(logits, token_ids, completion_mask):
    lp = torch.log_softmax(logits[:, :-1], dim=-1)
    lp = lp.gather(-1, token_ids[:, 1:].unsqueeze(-1)).squeeze(-1)
    mask = 1 - completion_mask[:, 1:].float()
    return (lp * mask).sum(1) / mask.sum(1).clamp(min=1)

# %% mask_ignored
# truth: the mask is ignored: the mean over all tokens
def sequence_log_probs(logits, token_ids, completion_mask):
    lp = torch.log_softmax(logits[:, :-1], dim=-1)
    lp = lp.gather(-1, token_ids[:, 1:].unsqueeze(-1)).squeeze(-1)
    return lp.mean(1) if lp.shape[1] else torch.zeros(len(lp))

# %% last_token_only
# truth: only the last completion token's log-probability
def sequence_log_probs(logits, token_ids, completion_mask):
    lp = torch.log_softmax(logits[:, :-1], dim=-1)
    lp = lp.gather(-1, token_ids[:, 1:].unsqueeze(-1)).squeeze(-1)
    mask = completion_mask[:, 1:].float()
    if lp.shape[1] == 0:
        return torch.zeros(len(lp))
    last = (mask * torch.arange(1, lp.shape[1] + 1)).argmax(1)
    return (lp * mask)[torch.arange(len(lp)), last]

# %% greedy
# truth: the most probable token's log-probability, not that of the token that was written
def sequence_log_probs(logits, token_ids, completion_mask):
    lp = torch.log_softmax(logits[:, :-1], dim=-1).max(-1).values
    mask = completion_mask[:, 1:].float()
    return (lp * mask).sum(1) / mask.sum(1).clamp(min=1)

# %% raw_logits
# truth: the raw logits are averaged: no softmax
def sequence_log_probs(logits, token_ids, completion_mask):
    lp = logits[:, :-1].gather(-1, token_ids[:, 1:, None]).squeeze(-1)
    mask = completion_mask[:, 1:].float()
    return (lp * mask).sum(1) / mask.sum(1).clamp(min=1)

# %% log_sigmoid
# truth: a log-sigmoid of each logit in place of the log-softmax
def sequence_log_probs(logits, token_ids, completion_mask):
    lp = torch.nn.functional.logsigmoid(logits[:, :-1]).gather(-1, token_ids[:, 1:, None]).squeeze(-1)
    mask = completion_mask[:, 1:].float()
    return (lp * mask).sum(1) / mask.sum(1).clamp(min=1)

# %% maximum_for_normaliser
# truth: the largest logit is subtracted in place of the log of the sum of exponentials
def sequence_log_probs(logits, token_ids, completion_mask):
    x = logits[:, :-1]
    lp = (x - x.amax(-1, keepdim=True)).gather(-1, token_ids[:, 1:, None]).squeeze(-1)
    mask = completion_mask[:, 1:].float()
    return (lp * mask).sum(1) / mask.sum(1).clamp(min=1)

# %% log_sum_without_maximum
# truth: log of the sum of exponentials without taking the maximum off: overflows
def sequence_log_probs(logits, token_ids, completion_mask):
    x = logits[:, :-1]
    lp = (x - x.exp().sum(-1, keepdim=True).log()).gather(-1, token_ids[:, 1:, None]).squeeze(-1)
    mask = completion_mask[:, 1:].float()
    return (lp * mask).sum(1) / mask.sum(1).clamp(min=1)

# %% half
# truth: the log-softmax is computed in bfloat16
def sequence_log_probs(logits, token_ids, completion_mask):
    lp = torch.log_softmax(logits[:, :-1].bfloat16(), dim=-1)
    lp = lp.gather(-1, token_ids[:, 1:].unsqueeze(-1)).squeeze(-1).float()
    mask = completion_mask[:, 1:].float()
    return (lp * mask).sum(1) / mask.sum(1).clamp(min=1)

# %% count_minus_one
# truth: divided by the number of tokens minus one
def sequence_log_probs(logits, token_ids, completion_mask):
    lp = torch.log_softmax(logits[:, :-1], dim=-1)
    lp = lp.gather(-1, token_ids[:, 1:].unsqueeze(-1)).squeeze(-1)
    mask = completion_mask[:, 1:].float()
    return (lp * mask).sum(1) / (mask.sum(1) - 1).clamp(min=1)

# %% count_plus_one
# truth: divided by the number of tokens plus one
def sequence_log_probs(logits, token_ids, completion_mask):
    lp = torch.log_softmax(logits[:, :-1], dim=-1)
    lp = lp.gather(-1, token_ids[:, 1:].unsqueeze(-1)).squeeze(-1)
    mask = completion_mask[:, 1:].float()
    return (lp * mask).sum(1) / (mask.sum(1) + 1)

# %% root_of_length
# truth: divided by the square root of the number of tokens
def sequence_log_probs(logits, token_ids, completion_mask):
    lp = torch.log_softmax(logits[:, :-1], dim=-1)
    lp = lp.gather(-1, token_ids[:, 1:].unsqueeze(-1)).squeeze(-1)
    mask = completion_mask[:, 1:].float()
    return (lp * mask).sum(1) / mask.sum(1).clamp(min=1).sqrt()

# %% masked_logits
# truth: the logits are multiplied by the mask before the softmax, and all positions are averaged
def sequence_log_probs(logits, token_ids, completion_mask):
    x = logits[:, :-1] * completion_mask[:, 1:, None]
    lp = torch.log_softmax(x, dim=-1).gather(-1, token_ids[:, 1:, None]).squeeze(-1)
    return lp.mean(1) if lp.shape[1] else torch.zeros(len(lp))

# %% first_token_dropped
# truth: the first token of the completion is left out
def sequence_log_probs(logits, token_ids, completion_mask):
    lp = torch.log_softmax(logits[:, :-1], dim=-1)
    lp = lp.gather(-1, token_ids[:, 1:].unsqueeze(-1)).squeeze(-1)
    mask = (completion_mask[:, 1:] * completion_mask[:, :-1]).float()
    return (lp * mask).sum(1) / mask.sum(1).clamp(min=1)

# %% last_token_dropped
# truth: the last position of the row is left out
def sequence_log_probs(logits, token_ids, completion_mask):
    lp = torch.log_softmax(logits[:, :-1], dim=-1)
    lp = lp.gather(-1, token_ids[:, 1:].unsqueeze(-1)).squeeze(-1)
    mask = completion_mask[:, 1:].float()
    lp, mask = lp[:, :-1], mask[:, :-1]
    return (lp * mask).sum(1) / mask.sum(1).clamp(min=1)

# %% rolled
# truth: the tokens are rolled, so that the first token is scored by the last logits
def sequence_log_probs(logits, token_ids, completion_mask):
    ids, m = token_ids.roll(-1, 1), completion_mask.roll(-1, 1).float()
    lp = torch.log_softmax(logits, dim=-1).gather(-1, ids[..., None]).squeeze(-1)
    return (lp * m).sum(1) / m.sum(1).clamp(min=1)

# %% top_50
# truth: the softmax runs over the 50 largest logits
def sequence_log_probs(logits, token_ids, completion_mask):
    x = logits[:, :-1]
    norm = x.topk(min(50, x.shape[-1]), dim=-1).values.logsumexp(-1)
    lp = x.gather(-1, token_ids[:, 1:, None]).squeeze(-1) - norm
    mask = completion_mask[:, 1:].float()
    return (lp * mask).sum(1) / mask.sum(1).clamp(min=1)

# %% against_uniform
# truth: log V is added: relative to the uniform distribution
def sequence_log_probs(logits, token_ids, completion_mask):
    lp = torch.log_softmax(logits[:, :-1], dim=-1)
    lp = lp.gather(-1, token_ids[:, 1:].unsqueeze(-1)).squeeze(-1)
    mask = completion_mask[:, 1:].float()
    return ((lp + math.log(logits.shape[-1])) * mask).sum(1) / mask.sum(1).clamp(min=1)

# %% floor
# truth: each token's log-probability is cut off at -10
def sequence_log_probs(logits, token_ids, completion_mask):
    lp = torch.log_softmax(logits[:, :-1], dim=-1)
    lp = lp.gather(-1, token_ids[:, 1:].unsqueeze(-1)).squeeze(-1)
    lp = lp.clamp(min=-10)
    mask = completion_mask[:, 1:].float()
    return (lp * mask).sum(1) / mask.sum(1).clamp(min=1)

# %% empty_row_floor
# truth: a row without scored tokens gives -100
def sequence_log_probs(logits, token_ids, completion_mask):
    lp = torch.log_softmax(logits[:, :-1], dim=-1)
    lp = lp.gather(-1, token_ids[:, 1:].unsqueeze(-1)).squeeze(-1)
    mask = completion_mask[:, 1:].float()
    n = mask.sum(1)
    mean = (lp * mask).sum(1) / n.clamp(min=1)
    return torch.where(n > 0, mean, torch.full_like(mean, -100.0))

# %% summed_over_batch
# truth: summed over the batch, not over the tokens: the wrong axis
def sequence_log_probs(logits, token_ids, completion_mask):
    lp = torch.log_softmax(logits[:, :-1], dim=-1)
    lp = lp.gather(-1, token_ids[:, 1:].unsqueeze(-1)).squeeze(-1)
    mask = completion_mask[:, 1:].float()
    return (lp * mask).sum(0) / mask.sum(0).clamp(min=1)

# %% median
# truth: the median of the tokens, not their mean
def sequence_log_probs(logits, token_ids, completion_mask):
    lp = torch.log_softmax(logits[:, :-1], dim=-1)
    lp = lp.gather(-1, token_ids[:, 1:].unsqueeze(-1)).squeeze(-1)
    rows = [r[m.bool()] for r, m in zip(lp, completion_mask[:, 1:])]
    return torch.stack([r.median() if len(r) else torch.tensor(0.0) for r in rows])

# %% entropy
# truth: minus the entropy of the distribution: the tokens are not looked at
def sequence_log_probs(logits, token_ids, completion_mask):
    full = torch.log_softmax(logits[:, :-1], dim=-1)
    lp = (full.exp() * full).sum(-1)
    mask = completion_mask[:, 1:].float()
    return (lp * mask).sum(1) / mask.sum(1).clamp(min=1)
