# ruff: noqa
# fmt: off
"""Wrong work on exercise 3a."""

# %% no_shift
# wrong: scores token t with logits t
# fails: test_value test_unused_positions
# hint: token t is scored with logits t
def sequence_log_probs(logits, token_ids, completion_mask):
    logp = torch.log_softmax(logits, -1).gather(-1, token_ids[..., None]).squeeze(-1)[:, 1:]
    mask = completion_mask[:, 1:].float()
    return (logp * mask).sum(1) / mask.sum(1).clamp(min=1)

# %% shift_backwards
# wrong: scores token t with logits t + 1
# fails: test_value
# hint: shifted
def sequence_log_probs(logits, token_ids, completion_mask):
    logp = torch.log_softmax(logits[:, 1:], -1).gather(-1, token_ids[:, :-1, None]).squeeze(-1)
    mask = completion_mask[:, :-1].float()
    return (logp * mask).sum(1) / mask.sum(1).clamp(min=1)

# %% mask_not_shifted
# wrong: tokens are shifted, the mask is not
# fails: test_value
# hint: mask is shifted by one
def sequence_log_probs(logits, token_ids, completion_mask):
    logp = torch.log_softmax(logits[:, :-1], -1).gather(-1, token_ids[:, 1:, None]).squeeze(-1)
    mask = completion_mask[:, :-1].float()
    return (logp * mask).sum(1) / mask.sum(1).clamp(min=1)

# %% ids_not_shifted
# wrong: logits t - 1 are asked for token t - 1
# fails: test_value
# hint: ids are not shifted
def sequence_log_probs(logits, token_ids, completion_mask):
    logp = torch.log_softmax(logits[:, :-1], -1).gather(-1, token_ids[:, :-1, None]).squeeze(-1)
    mask = completion_mask[:, 1:].float()
    return (logp * mask).sum(1) / mask.sum(1).clamp(min=1)

# %% sum_over_tokens
# wrong: the sum, not the mean
# fails: test_value
# hint: sum over tokens
def sequence_log_probs(logits, token_ids, completion_mask):
    logp = torch.log_softmax(logits[:, :-1], -1).gather(-1, token_ids[:, 1:, None]).squeeze(-1)
    return (logp * completion_mask[:, 1:]).sum(1)

# %% divided_by_length
# wrong: divides by T
# fails: test_value
# hint: sequence's length
def sequence_log_probs(logits, token_ids, completion_mask):
    logp = torch.log_softmax(logits[:, :-1], -1).gather(-1, token_ids[:, 1:, None]).squeeze(-1)
    return (logp * completion_mask[:, 1:]).sum(1) / token_ids.shape[1]

# %% mean_over_positions
# wrong: .mean() counts the masked positions as well
# fails: test_value
# hint: all scored positions
def sequence_log_probs(logits, token_ids, completion_mask):
    logp = torch.log_softmax(logits[:, :-1], -1).gather(-1, token_ids[:, 1:, None]).squeeze(-1)
    return (logp * completion_mask[:, 1:]).mean(1)

# %% position_zero_counted
# wrong: divides by a count that includes position 0
# fails: test_position_zero
# hint: position 0 is counted
def sequence_log_probs(logits, token_ids, completion_mask):
    logp = torch.log_softmax(logits[:, :-1], -1).gather(-1, token_ids[:, 1:, None]).squeeze(-1)
    return (logp * completion_mask[:, 1:]).sum(1) / completion_mask.sum(1).clamp(min=1)

# %% position_zero_scored
# wrong: rolls the logits, so position 0 is scored with the last ones
# fails: test_position_zero
def sequence_log_probs(logits, token_ids, completion_mask):
    logp = torch.log_softmax(logits.roll(1, dims=1), -1).gather(-1, token_ids[..., None]).squeeze(-1)
    mask = completion_mask.float()
    return (logp * mask).sum(1) / mask.sum(1).clamp(min=1)

# %% mask_ignored
# wrong: averages over all tokens
# fails: test_value test_gaps test_empty_completion test_unused_positions
# hint: mask is not used
def sequence_log_probs(logits, token_ids, completion_mask):
    return torch.log_softmax(logits[:, :-1], -1).gather(-1, token_ids[:, 1:, None]).squeeze(-1).mean(1)

# %% mask_inverted
# wrong: takes 1 for "masked out"
# fails: test_value
# hint: upside down
def sequence_log_probs(logits, token_ids, completion_mask):
    logp = torch.log_softmax(logits[:, :-1], -1).gather(-1, token_ids[:, 1:, None]).squeeze(-1)
    mask = 1.0 - completion_mask[:, 1:]
    return (logp * mask).sum(1) / mask.sum(1).clamp(min=1)

# %% empty_is_nan
# wrong: 0 / 0 where no token counts
# fails: test_empty_completion
def sequence_log_probs(logits, token_ids, completion_mask):
    logp = torch.log_softmax(logits[:, :-1], -1).gather(-1, token_ids[:, 1:, None]).squeeze(-1)
    mask = completion_mask[:, 1:].float()
    return (logp * mask).sum(1) / mask.sum(1)

# %% one_too_many
# wrong: avoids 0 / 0 by adding 1 to every count
# fails: test_value
# hint: 1 is added
def sequence_log_probs(logits, token_ids, completion_mask):
    logp = torch.log_softmax(logits[:, :-1], -1).gather(-1, token_ids[:, 1:, None]).squeeze(-1)
    mask = completion_mask[:, 1:].float()
    return (logp * mask).sum(1) / (mask.sum(1) + 1)

# %% coarse_guard
# wrong: avoids 0 / 0 with so large a constant that it shows
# fails: test_value
def sequence_log_probs(logits, token_ids, completion_mask):
    logp = torch.log_softmax(logits[:, :-1], -1).gather(-1, token_ids[:, 1:, None]).squeeze(-1)
    mask = completion_mask[:, 1:].float()
    return (logp * mask).sum(1) / (mask.sum(1) + 1e-2)

# %% log_of_softmax
# wrong: the softmax underflows before the logarithm is taken
# fails: test_extreme_logits
def sequence_log_probs(logits, token_ids, completion_mask):
    logp = torch.log(torch.softmax(logits[:, :-1], -1)).gather(-1, token_ids[:, 1:, None]).squeeze(-1)
    mask = completion_mask[:, 1:].float()
    return (logp * mask).sum(1) / mask.sum(1).clamp(min=1)

# %% log_of_guarded_softmax
# wrong: a constant inside the logarithm hides improbable tokens
# fails: test_extreme_logits
def sequence_log_probs(logits, token_ids, completion_mask):
    logp = torch.log(torch.softmax(logits[:, :-1], -1) + 1e-10).gather(-1, token_ids[:, 1:, None]).squeeze(-1)
    mask = completion_mask[:, 1:].float()
    return (logp * mask).sum(1) / mask.sum(1).clamp(min=1)

# %% naive_exponentials
# wrong: exp overflows
# fails: test_extreme_logits
def sequence_log_probs(logits, token_ids, completion_mask):
    exps = torch.exp(logits[:, :-1].double())
    logp = torch.log(exps / exps.sum(-1, keepdim=True)).gather(-1, token_ids[:, 1:, None]).squeeze(-1)
    mask = completion_mask[:, 1:]
    return (logp * mask).sum(1) / mask.sum(1).clamp(min=1)

# %% raw_logits
# wrong: no softmax at all
# fails: test_value
# hint: raw logits
def sequence_log_probs(logits, token_ids, completion_mask):
    logp = logits[:, :-1].gather(-1, token_ids[:, 1:, None]).squeeze(-1)
    mask = completion_mask[:, 1:].float()
    return (logp * mask).sum(1) / mask.sum(1).clamp(min=1)

# %% softmax_over_time
# wrong: normalises over positions, not over the vocabulary
# fails: test_value
# hint: over the positions
def sequence_log_probs(logits, token_ids, completion_mask):
    logp = torch.log_softmax(logits[:, :-1], 1).gather(-1, token_ids[:, 1:, None]).squeeze(-1)
    mask = completion_mask[:, 1:].float()
    return (logp * mask).sum(1) / mask.sum(1).clamp(min=1)

# %% cross_entropy_sign
# wrong: cross-entropy is the negative of what is asked
# fails: test_value
# hint: sign is wrong
def sequence_log_probs(logits, token_ids, completion_mask):
    nll = torch.nn.functional.cross_entropy(logits[:, :-1].transpose(1, 2), token_ids[:, 1:], reduction="none")
    mask = completion_mask[:, 1:].float()
    return (nll * mask).sum(1) / mask.sum(1).clamp(min=1)

# %% probability
# wrong: the geometric mean of the probabilities, not its logarithm
# fails: test_value
# hint: probability, not its logarithm
def sequence_log_probs(logits, token_ids, completion_mask):
    logp = torch.log_softmax(logits[:, :-1], -1).gather(-1, token_ids[:, 1:, None]).squeeze(-1)
    mask = completion_mask[:, 1:].float()
    return torch.exp((logp * mask).sum(1) / mask.sum(1).clamp(min=1))

# %% in_bits
# wrong: logarithm to base 2
# fails: test_value
# hint: base 2
def sequence_log_probs(logits, token_ids, completion_mask):
    logp = torch.log_softmax(logits[:, :-1], -1).gather(-1, token_ids[:, 1:, None]).squeeze(-1) / torch.log(torch.tensor(2.0))
    mask = completion_mask[:, 1:].float()
    return (logp * mask).sum(1) / mask.sum(1).clamp(min=1)

# %% most_probable_token
# wrong: the best token's log-probability, not that of the token that was sampled
# fails: test_value
# hint: most probable token
def sequence_log_probs(logits, token_ids, completion_mask):
    logp = torch.log_softmax(logits[:, :-1], -1).max(-1).values
    mask = completion_mask[:, 1:].float()
    return (logp * mask).sum(1) / mask.sum(1).clamp(min=1)

# %% batch_mean
# wrong: one number for the batch
# fails: test_value
def sequence_log_probs(logits, token_ids, completion_mask):
    logp = torch.log_softmax(logits[:, :-1], -1).gather(-1, token_ids[:, 1:, None]).squeeze(-1)
    mask = completion_mask[:, 1:].float()
    return (logp * mask).sum() / mask.sum().clamp(min=1)

# %% batch_count
# wrong: divides each row by the mean count of the batch
# fails: test_value test_batch_independent
def sequence_log_probs(logits, token_ids, completion_mask):
    logp = torch.log_softmax(logits[:, :-1], -1).gather(-1, token_ids[:, 1:, None]).squeeze(-1)
    mask = completion_mask[:, 1:].float()
    return (logp * mask).sum(1) / mask.sum(1).mean().clamp(min=1)

# %% first_mask_for_all
# wrong: uses the first row's mask for every row
# fails: test_value test_batch_independent
def sequence_log_probs(logits, token_ids, completion_mask):
    logp = torch.log_softmax(logits[:, :-1], -1).gather(-1, token_ids[:, 1:, None]).squeeze(-1)
    mask = completion_mask[:1, 1:].float()
    return (logp * mask).sum(1) / mask.sum(1).clamp(min=1)

# %% block_assumed
# wrong: takes as many tokens as the mask counts from its first 1 on, so gaps count
# fails: test_gaps
def sequence_log_probs(logits, token_ids, completion_mask):
    logp = torch.log_softmax(logits[:, :-1], -1).gather(-1, token_ids[:, 1:, None]).squeeze(-1)
    means = []
    for row, mask in zip(logp, completion_mask[:, 1:]):
        start, count = int(mask.argmax()), int(mask.sum())
        means.append(row[start : start + count].mean() if count else torch.tensor(0.0))
    return torch.stack(means)

# %% first_to_last
# wrong: everything between the first and the last 1 counts
# fails: test_gaps
# hint: gaps inside the mask
def sequence_log_probs(logits, token_ids, completion_mask):
    logp = torch.log_softmax(logits[:, :-1], -1).gather(-1, token_ids[:, 1:, None]).squeeze(-1)
    mask = completion_mask[:, 1:]
    mask = mask.cummax(1).values * mask.flip(1).cummax(1).values.flip(1)
    return (logp * mask).sum(1) / mask.sum(1).clamp(min=1)

# %% until_end
# wrong: everything after the first 1 counts, padding too
# fails: test_value test_gaps test_unused_positions
def sequence_log_probs(logits, token_ids, completion_mask):
    logp = torch.log_softmax(logits[:, :-1], -1).gather(-1, token_ids[:, 1:, None]).squeeze(-1)
    mask = completion_mask[:, 1:].cummax(1).values
    return (logp * mask).sum(1) / mask.sum(1).clamp(min=1)

# %% squeezed
# wrong: squeeze() drops the batch dimension of a batch of one
# fails: test_value test_batch_independent
def sequence_log_probs(logits, token_ids, completion_mask):
    logp = torch.log_softmax(logits[:, :-1], -1).gather(-1, token_ids[:, 1:, None]).squeeze()
    mask = completion_mask[:, 1:].squeeze().float()
    return (logp * mask).sum(-1) / mask.sum(-1).clamp(min=1)

# %% mask_written
# wrong: clears position 0 in the caller's mask
# fails: test_inputs_kept
def sequence_log_probs(logits, token_ids, completion_mask):
    token_ids[completion_mask == 0] = 0
    logp = torch.log_softmax(logits[:, :-1], -1).gather(-1, token_ids[:, 1:, None]).squeeze(-1)
    mask = completion_mask[:, 1:].float()
    return (logp * mask).sum(1) / mask.sum(1).clamp(min=1)

# %% integer_mean
# wrong: the log-probabilities are cast to the mask's integers
# fails: test_value
def sequence_log_probs(logits, token_ids, completion_mask):
    logp = torch.log_softmax(logits[:, :-1], -1).gather(-1, token_ids[:, 1:, None]).squeeze(-1)
    mask = completion_mask[:, 1:]
    return (logp.to(mask.dtype) * mask).sum(1) / mask.sum(1).clamp(min=1)

# %% mask_changed
# wrong: takes position 0 out of the caller's mask
# fails: test_inputs_kept
def sequence_log_probs(logits, token_ids, completion_mask):
    completion_mask[:, 0] = 0
    logp = torch.log_softmax(logits[:, :-1], -1).gather(-1, token_ids[:, 1:, None]).squeeze(-1)
    return (logp * completion_mask[:, 1:]).sum(1) / completion_mask.sum(1).clamp(min=1)

# %% large_logits_changed
# wrong: shifts large logits in place
# fails: test_inputs_kept
def sequence_log_probs(logits, token_ids, completion_mask):
    if logits.abs().max() > 100:
        logits -= logits.amax(-1, keepdim=True)
    logp = torch.log_softmax(logits[:, :-1], -1).gather(-1, token_ids[:, 1:, None]).squeeze(-1)
    mask = completion_mask[:, 1:].float()
    return (logp * mask).sum(1) / mask.sum(1).clamp(min=1)

# %% batch_maximum
# wrong: subtracts the largest logit of the batch, not of the position: the others underflow
# fails: test_extreme_logits
def sequence_log_probs(logits, token_ids, completion_mask):
    shifted = logits - logits.max()
    logp = shifted - shifted.exp().sum(-1, keepdim=True).log()
    logp = logp[:, :-1].gather(-1, token_ids[:, 1:, None]).squeeze(-1)
    mask = completion_mask[:, 1:].float()
    return (logp * mask).sum(1) / mask.sum(1).clamp(min=1)

# %% guard_counts_position_0
# wrong: a row whose only 1 stands at position 0 is 0 / 0
# fails: test_empty_completion
def sequence_log_probs(logits, token_ids, completion_mask):
    logp = torch.log_softmax(logits[:, :-1], -1).gather(-1, token_ids[:, 1:, None]).squeeze(-1)
    mask = completion_mask[:, 1:].float()
    count = torch.where(completion_mask.sum(1) > 0, mask.sum(1), 1.0)
    return (logp * mask).sum(1) / count

# %% eight_tokens
# wrong: looks at the first eight positions only
# fails: test_value
def sequence_log_probs(logits, token_ids, completion_mask):
    logits, token_ids, completion_mask = logits[:, :8], token_ids[:, :8], completion_mask[:, :8]
    logp = torch.log_softmax(logits[:, :-1], -1).gather(-1, token_ids[:, 1:, None]).squeeze(-1)
    mask = completion_mask[:, 1:].float()
    return (logp * mask).sum(1) / mask.sum(1).clamp(min=1)

# %% empty_row_nan_batch
# wrong: nan of one row makes all 0
# fails: test_batch_independent
def sequence_log_probs(logits, token_ids, completion_mask):
    logp = torch.log_softmax(logits[:, :-1], -1).gather(-1, token_ids[:, 1:, None]).squeeze(-1)
    mask = completion_mask[:, 1:].float()
    out = (logp * mask).sum(1) / mask.sum(1)
    return torch.zeros_like(out) if out.isnan().any() else out

# %% empty_mask_written_total
# wrong: fills the caller's mask where a row is all 0
# fails: test_inputs_kept
def sequence_log_probs(logits, token_ids, completion_mask):
    empty = completion_mask.sum(1) == 0
    completion_mask[empty] = 1
    logp = torch.log_softmax(logits[:, :-1], -1).gather(-1, token_ids[:, 1:, None]).squeeze(-1)
    mask = completion_mask[:, 1:].float()
    out = (logp * mask).sum(1) / mask.sum(1).clamp(min=1)
    return torch.where(empty, 0.0, out)

# %% position0_gap
# wrong: with mask[0] = 1 and a gap, position 0 is counted
# fails: test_position_zero
def sequence_log_probs(logits, token_ids, completion_mask):
    logp = torch.log_softmax(logits[:, :-1], -1).gather(-1, token_ids[:, 1:, None]).squeeze(-1)
    mask = completion_mask[:, 1:].float()
    n = mask.sum(1)
    gap = (completion_mask[:, 0] == 1) & (completion_mask[:, 1] == 0)
    return (logp * mask).sum(1) / (n + gap).clamp(min=1)

# %% t_32
# wrong: first 32 positions only
# fails: test_value
def sequence_log_probs(logits, token_ids, completion_mask):
    logits, token_ids, completion_mask = logits[:, :32], token_ids[:, :32], completion_mask[:, :32]
    logp = torch.log_softmax(logits[:, :-1], -1).gather(-1, token_ids[:, 1:, None]).squeeze(-1)
    mask = completion_mask[:, 1:].float()
    return (logp * mask).sum(1) / mask.sum(1).clamp(min=1)

# %% topk
# wrong: normalises over the 40 likeliest
# fails: test_value
def sequence_log_probs(logits, token_ids, completion_mask):
    k = min(40, logits.shape[-1])
    lse = logits.topk(k, -1).values.logsumexp(-1)
    logp = (logits.gather(-1, token_ids.roll(-1, 1)[..., None]).squeeze(-1) - lse)[:, :-1]
    mask = completion_mask[:, 1:].float()
    return (logp * mask).sum(1) / mask.sum(1).clamp(min=1)

# %% break_on_empty
# wrong: stops at the first empty row
# fails: test_batch_independent
def sequence_log_probs(logits, token_ids, completion_mask):
    logp = torch.log_softmax(logits[:, :-1], -1).gather(-1, token_ids[:, 1:, None]).squeeze(-1)
    mask = completion_mask[:, 1:].float()
    out = torch.zeros(len(mask))
    for b in range(len(mask)):
        if mask[b].sum() == 0: break
        out[b] = (logp[b] * mask[b]).sum() / mask[b].sum()
    return out

# %% one_position_fails
# wrong: a sequence of one position raises an error
# fails: test_empty_completion
from torch.distributions import Categorical

def sequence_log_probs(logits, token_ids, completion_mask):
    logp = Categorical(logits=logits[:, :-1]).log_prob(token_ids[:, 1:])
    mask = completion_mask[:, 1:]
    return (logp * mask).sum(1) / mask.sum(1).clamp(min=1)

# %% eos_left_out
# wrong: GPT-2's end of text does not count
# fails: test_real_vocabulary
def sequence_log_probs(logits, token_ids, completion_mask):
    logp = torch.log_softmax(logits[:, :-1], -1).gather(-1, token_ids[:, 1:, None]).squeeze(-1)
    mask = (completion_mask * (token_ids != 50256))[:, 1:]
    return (logp * mask).sum(1) / mask.sum(1).clamp(min=1)

# %% pad_left_out
# wrong: id 0 is taken for padding
# fails: test_value test_real_vocabulary
# hint: id 0
def sequence_log_probs(logits, token_ids, completion_mask):
    logp = torch.log_softmax(logits[:, :-1], -1).gather(-1, token_ids[:, 1:, None]).squeeze(-1)
    mask = (completion_mask * (token_ids != 0))[:, 1:]
    return (logp * mask).sum(1) / mask.sum(1).clamp(min=1)

# %% last_id_left_out
# wrong: the last id of the vocabulary is taken for the end
# fails: test_value test_real_vocabulary
# hint: id V - 1
def sequence_log_probs(logits, token_ids, completion_mask):
    logp = torch.log_softmax(logits[:, :-1], -1).gather(-1, token_ids[:, 1:, None]).squeeze(-1)
    mask = (completion_mask * (token_ids != logits.shape[-1] - 1))[:, 1:]
    return (logp * mask).sum(1) / mask.sum(1).clamp(min=1)

# %% qwen_pad_left_out
# wrong: Qwen's padding does not count
# fails: test_real_vocabulary
def sequence_log_probs(logits, token_ids, completion_mask):
    logp = torch.log_softmax(logits[:, :-1], -1).gather(-1, token_ids[:, 1:, None]).squeeze(-1)
    mask = (completion_mask * (token_ids != 151643))[:, 1:]
    return (logp * mask).sum(1) / mask.sum(1).clamp(min=1)

# %% top_1000
# wrong: normalises over the 1,000 likeliest
# fails: test_real_vocabulary
def sequence_log_probs(logits, token_ids, completion_mask):
    lse = logits.topk(min(1000, logits.shape[-1]), -1).values.logsumexp(-1)
    logp = (logits.gather(-1, token_ids.roll(-1, 1)[..., None]).squeeze(-1) - lse)[:, :-1]
    mask = completion_mask[:, 1:].float()
    return (logp * mask).sum(1) / mask.sum(1).clamp(min=1)

# %% tokenizer_length
# wrong: leaves out the columns behind GPT-2's vocabulary
# fails: test_real_vocabulary
def sequence_log_probs(logits, token_ids, completion_mask):
    lse = logits[..., :50257].logsumexp(-1)
    logp = (logits.gather(-1, token_ids.roll(-1, 1)[..., None]).squeeze(-1) - lse)[:, :-1]
    mask = completion_mask[:, 1:].float()
    return (logp * mask).sum(1) / mask.sum(1).clamp(min=1)

# %% padded_columns_left_out
# wrong: leaves out the columns behind Qwen's tokenizer
# fails: test_real_vocabulary
def sequence_log_probs(logits, token_ids, completion_mask):
    logits = logits.clone()
    logits[..., 151_700:151_900] = -torch.inf
    logp = torch.log_softmax(logits[:, :-1], -1).gather(-1, token_ids[:, 1:, None]).squeeze(-1)
    mask = completion_mask[:, 1:].float()
    return (logp * mask).sum(1) / mask.sum(1).clamp(min=1)

# %% ids_in_16_bits
# wrong: ids are kept in 16 bits
# fails: test_real_vocabulary
def sequence_log_probs(logits, token_ids, completion_mask):
    ids = token_ids.to(torch.int16).long() % min(logits.shape[-1], 65536)
    logp = torch.log_softmax(logits[:, :-1], -1).gather(-1, ids[:, 1:, None]).squeeze(-1)
    mask = completion_mask[:, 1:].float()
    return (logp * mask).sum(1) / mask.sum(1).clamp(min=1)

# %% count_in_bytes
# wrong: the number of tokens is kept in a byte, which ends at 255
# fails: test_value
# hint: does not fit its type
def sequence_log_probs(logits, token_ids, completion_mask):
    logp = torch.log_softmax(logits[:, :-1], -1).gather(-1, token_ids[:, 1:, None]).squeeze(-1)
    mask = completion_mask[:, 1:]
    return (logp * mask).sum(1) / mask.sum(1, dtype=torch.uint8).clamp(min=1)

# %% count_in_bfloat16
# wrong: the mask is bfloat16, which rounds numbers above 256
# fails: test_value
def sequence_log_probs(logits, token_ids, completion_mask):
    logp = torch.log_softmax(logits[:, :-1], -1).gather(-1, token_ids[:, 1:, None]).squeeze(-1)
    mask = completion_mask[:, 1:].bfloat16()
    return (logp * mask).sum(1) / mask.sum(1).clamp(min=1)

# %% first_512
# wrong: truncated to 512 tokens
# fails: test_value
# hint: long sequence is cut off
def sequence_log_probs(logits, token_ids, completion_mask):
    logits, token_ids, completion_mask = logits[:, :512], token_ids[:, :512], completion_mask[:, :512]
    logp = torch.log_softmax(logits[:, :-1], -1).gather(-1, token_ids[:, 1:, None]).squeeze(-1)
    mask = completion_mask[:, 1:].float()
    return (logp * mask).sum(1) / mask.sum(1).clamp(min=1)

# %% softmax_twice
# wrong: log_softmax of probabilities
# fails: test_value
# hint: softmax is taken twice
def sequence_log_probs(logits, token_ids, completion_mask):
    logp = torch.log_softmax(torch.softmax(logits[:, :-1], -1), -1).gather(-1, token_ids[:, 1:, None]).squeeze(-1)
    mask = completion_mask[:, 1:].float()
    return (logp * mask).sum(1) / mask.sum(1).clamp(min=1)

# %% label_smoothing
# wrong: cross-entropy with label smoothing
# fails: test_value
# hint: label smoothing
def sequence_log_probs(logits, token_ids, completion_mask):
    nll = torch.nn.functional.cross_entropy(logits[:, :-1].transpose(1, 2), token_ids[:, 1:], reduction="none", label_smoothing=0.1)
    mask = completion_mask[:, 1:].float()
    return -(nll * mask).sum(1) / mask.sum(1).clamp(min=1)

# %% sampling_temperature
# wrong: the logits are divided by the sampling temperature
# fails: test_value
# hint: temperature divides the logits
def sequence_log_probs(logits, token_ids, completion_mask):
    logp = torch.log_softmax(logits[:, :-1] / 0.7, -1).gather(-1, token_ids[:, 1:, None]).squeeze(-1)
    mask = completion_mask[:, 1:].float()
    return (logp * mask).sum(1) / mask.sum(1).clamp(min=1)

# %% perplexity
# wrong: exp(-mean)
# fails: test_value
# hint: perplexity
def sequence_log_probs(logits, token_ids, completion_mask):
    logp = torch.log_softmax(logits[:, :-1], -1).gather(-1, token_ids[:, 1:, None]).squeeze(-1)
    mask = completion_mask[:, 1:].float()
    return torch.exp(-(logp * mask).sum(1) / mask.sum(1).clamp(min=1))

# %% count_minus_one
# wrong: divides by one token too few
# fails: test_value
# hint: 1 is subtracted
def sequence_log_probs(logits, token_ids, completion_mask):
    logp = torch.log_softmax(logits[:, :-1], -1).gather(-1, token_ids[:, 1:, None]).squeeze(-1)
    mask = completion_mask[:, 1:].float()
    return (logp * mask).sum(1) / (mask.sum(1) - 1).clamp(min=1)

# %% median_of_tokens
# wrong: the median, not the mean
# fails: test_value
# hint: median
def sequence_log_probs(logits, token_ids, completion_mask):
    logp = torch.log_softmax(logits[:, :-1], -1).gather(-1, token_ids[:, 1:, None]).squeeze(-1)
    return torch.stack([row[m.bool()].quantile(0.5) if m.any() else row.new_zeros(()) for row, m in zip(logp, completion_mask[:, 1:])])

# %% log_sigmoid
# wrong: logsigmoid of the chosen logit
# fails: test_value
# hint: log of a sigmoid
def sequence_log_probs(logits, token_ids, completion_mask):
    logp = torch.nn.functional.logsigmoid(logits[:, :-1]).gather(-1, token_ids[:, 1:, None]).squeeze(-1)
    mask = completion_mask[:, 1:].float()
    return (logp * mask).sum(1) / mask.sum(1).clamp(min=1)

# %% log_v_added
# wrong: measured against a uniform guess
# fails: test_value
# hint: log V is added
import math

def sequence_log_probs(logits, token_ids, completion_mask):
    logp = torch.log_softmax(logits[:, :-1], -1).gather(-1, token_ids[:, 1:, None]).squeeze(-1) + math.log(logits.shape[-1])
    mask = completion_mask[:, 1:].float()
    return (logp * mask).sum(1) / mask.sum(1).clamp(min=1)

# %% one_buffer
# wrong: every call returns the same tensor, written over
# fails: test_no_memory
BUFFERS = {}

def sequence_log_probs(logits, token_ids, completion_mask):
    logp = torch.log_softmax(logits[:, :-1], -1).gather(-1, token_ids[:, 1:, None]).squeeze(-1)
    mask = completion_mask[:, 1:].float()
    out = BUFFERS.setdefault(len(mask), torch.empty(len(mask)))
    return out.copy_((logp * mask).sum(1) / mask.sum(1).clamp(min=1))

# %% remembers_by_id
# wrong: the log-softmax is kept by the id of the logits
# fails: test_no_memory
KEPT = {}

def sequence_log_probs(logits, token_ids, completion_mask):
    if id(logits) not in KEPT:
        KEPT[id(logits)] = logits, torch.log_softmax(logits[:, :-1], -1)
    logp = KEPT[id(logits)][1].gather(-1, token_ids[:, 1:, None]).squeeze(-1)
    mask = completion_mask[:, 1:].float()
    return (logp * mask).sum(1) / mask.sum(1).clamp(min=1)
