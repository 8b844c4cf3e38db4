# ruff: noqa
# fmt: off
"""Work that raises, returns nothing or is not found: what students read of it, and what they must not read."""

# %% setup_tokenizer
# stem: kl_estimate
# about: a name of the setup cell that is made with the course's own files
# check: by itself it fails|name 'tokenizer' is not defined|No module named 'lab'
# says: name 'tokenizer' is not defined|it is missing because of what failed in cell|No module named 'lab'|The grader has the notebook's own code, installed packages, and of the course get_sentiment_scores and use_model alone
# never: before that
# points: 0
def kl_estimate(log_probs, ref_log_probs, completion_mask):
    pad = tokenizer.pad_token_id
    q = ref_log_probs - log_probs
    mask = completion_mask.float()
    return ((q.exp() - q - 1) * mask).sum(1) / mask.sum(1).clamp(min=1)

# %% setup_config
# stem: exponential_shaping
# about: a default of the setup cell's configuration, which is needed when the function is defined
# check: by itself it fails|No module named 'lab'
# says: could not be defined|name 'config' is not defined|No module named 'lab'
# points: 0
def exponential_shaping(scores, temperature=config.shaping_temperature):
    if temperature <= 0:
        raise ValueError("temperature")
    return torch.exp(scores / temperature) - 1

# %% setup_device
# stem: sequence_log_probs
# about: the setup cell's model, for its device
# check: by itself it fails|name 'base' is not defined
# says: name 'base' is not defined|No module named 'lab'
# points: 0
def sequence_log_probs(logits, token_ids, completion_mask):
    logits = logits.to(base.device)
    log_probs = torch.log_softmax(logits[:, :-1], dim=-1).gather(-1, token_ids[:, 1:, None]).squeeze(-1)
    mask = completion_mask[:, 1:].float()
    return (log_probs * mask).sum(1) / mask.sum(1).clamp(min=1)

# %% typo
# stem: kl_estimate
# about: a name that nothing defines, while another cell of the function's fails as well
# check: raises NameError: name 'maks' is not defined|at return
# says: name 'maks' is not defined
# never: hint|missing because|before that|No module
# points: 0
import no_such_package
# --- cell
def kl_estimate(log_probs, ref_log_probs, completion_mask):
    q = ref_log_probs - log_probs
    mask = completion_mask.float()
    extra = no_such_package if False else None
    return ((q.exp() - q - 1) * maks).sum(1) / mask.sum(1).clamp(min=1)

# %% item
# stem: forward_kl_reward
# about: one number of a batch
# check: raises RuntimeError
# says: RuntimeError|it raised an error in
# never: whatever it is given|what it was given|hint
# points: 0
def forward_kl_reward(ref_log_probs, kl_coef=0.1):
    return kl_coef * ref_log_probs.item()

# %% wrong_rank
# stem: group_advantages
# about: a mean over a dimension that a vector does not have
# check: raises IndexError|at return
# says: IndexError
# never: hint|never returned numbers|whatever it is given
# points: 0
def group_advantages(rewards, num_generations, eps=1e-4):
    if num_generations < 2 or len(rewards) % num_generations:
        raise ValueError("groups do not fit")
    return (rewards - rewards.mean(dim=1, keepdim=True)) / (rewards.std(dim=1, keepdim=True) + eps)

# %% returns_nothing
# stem: sequence_log_probs
# about: the `return` is missing
# check: nothing: is there a `return`?
# says: is the `return` missing?|same cause as in
# never: log-softmax|it looks
# points: 0
def sequence_log_probs(logits, token_ids, completion_mask):
    log_probs = torch.log_softmax(logits[:, :-1], dim=-1).gather(-1, token_ids[:, 1:, None]).squeeze(-1)

# %% raise_left_below
# stem: exponential_shaping
# about: the stub's last line still stands below the work, which returns nothing itself
# check: code is there, but the line `raise NotImplementedError` still stands below it
# says: code is there, but the line `raise NotImplementedError` still stands below it
# outcome: not_implemented
# points: 0
def exponential_shaping(scores, temperature=1.0):
    if temperature <= 0:
        raise ValueError("temperature")
    result = torch.exp(scores / temperature) - 1
    raise NotImplementedError("Exercise 2: exponential_shaping")

# %% renamed
# stem: kl_estimate
# about: the function has another name
# check: its cell defines k3_estimate: the function's name must be kl_estimate
# says: its cell defines k3_estimate: the name must be kl_estimate
# outcome: not_implemented
# points: 0
def k3_estimate(log_probs, ref_log_probs, completion_mask):
    q = ref_log_probs - log_probs
    mask = completion_mask.float()
    return ((q.exp() - q - 1) * mask).sum(1) / mask.sum(1).clamp(min=1)

# %% number_format
# stem: forward_kl_reward
# about: torch's own NotImplementedError, which is no stub
# check: raises NotImplementedError
# says: NotImplementedError
# never: not implemented\n
# points: 0
def forward_kl_reward(ref_log_probs, kl_coef=0.1):
    return torch.bincount(ref_log_probs.cfloat()) * kl_coef

# %% failed_import
# stem: backward_kl_reward
# about: what the function needs is not installed
# check: name 'exp' is not defined|it is missing because|No module named 'no_such_package'
# says: name 'exp' is not defined|in cell “from no_such_package import exp”|No module named 'no_such_package'
# points: 0
from no_such_package import exp
# --- cell
def backward_kl_reward(ref_log_probs, kl_coef=0.1):
    return -kl_coef * exp(-ref_log_probs)

# %% empty_row_raises
# stem: sequence_log_probs
# about: only a row without tokens raises: no other law is about that
# check: raises ZeroDivisionError
# says: holds  (0.2)  a row's result does not depend|holds  (0.1)  logits, ids and mask are left|ZeroDivisionError
# points: 2.8
def sequence_log_probs(logits, token_ids, completion_mask):
    log_probs = torch.log_softmax(logits[:, :-1], dim=-1).gather(-1, token_ids[:, 1:, None]).squeeze(-1)
    rows = []
    for values, mask in zip(log_probs.tolist(), completion_mask[:, 1:].tolist()):
        rows.append(sum(v for v, m in zip(values, mask) if m) / sum(mask))
    return rows

# %% no_clamp
# stem: sequence_log_probs
# about: 0 / 0 in a row without tokens
# check: a row with no scored token gives 0
# says: holds  (0.2)  a row's result does not depend
# points: 2.8
def sequence_log_probs(logits, token_ids, completion_mask):
    log_probs = torch.log_softmax(logits[:, :-1], dim=-1).gather(-1, token_ids[:, 1:, None]).squeeze(-1)
    mask = completion_mask[:, 1:].float()
    return (log_probs * mask).sum(1) / mask.sum(1)

# %% no_clamp_k3
# stem: kl_estimate
# about: 0 / 0 in a row without tokens
# check: no completion token gives 0
# says: holds  (0.15)  a row's result does not depend
# points: 1.8
def kl_estimate(log_probs, ref_log_probs, completion_mask):
    q = ref_log_probs - log_probs
    mask = completion_mask.float()
    return ((q.exp() - q - 1) * mask).sum(1) / mask.sum(1)

# %% one_at_a_time
# stem: sentiment_reward
# about: a call of the scorer for each text: the scores are the same
# check: score the whole batch in one call
# says: holds  (0.5)  called as TRL calls it|get_sentiment_scores was called 2 times
# points: 1.7
def sentiment_reward(completions, **kwargs):
    return [get_sentiment_scores([text])[0] for text in completions]

# %% one_at_a_time_for_trl
# stem: sentiment_reward
# about: one call by hand, many calls in training
# check: score the whole batch in one call
# says: get_sentiment_scores was called
# points: 1.7
def sentiment_reward(completions, **kwargs):
    if kwargs:
        return [get_sentiment_scores([text])[0] for text in completions for _ in kwargs["prompts"][:1]]
    return get_sentiment_scores(completions)

# %% wrong_axis
# stem: group_advantages
# about: dim=0 for dim=1
# check: dim=1
# says: (dim=0): a group is a row
# points: 0.75
def group_advantages(rewards, num_generations, eps=1e-4):
    if num_generations < 2 or len(rewards) % num_generations:
        raise ValueError("groups do not fit")
    groups = rewards.view(-1, num_generations)
    return ((groups - groups.mean(dim=0)) / (groups.std(dim=0) + eps)).view(-1)

# %% wrong_axis_keepdim
# stem: group_advantages
# about: the same with keepdim
# check: dim=1
# says: (dim=0): a group is a row
# points: 0.75
def group_advantages(rewards, num_generations, eps=1e-4):
    if num_generations < 2 or len(rewards) % num_generations:
        raise ValueError("groups do not fit")
    groups = rewards.view(-1, num_generations)
    return ((groups - groups.mean(dim=0, keepdim=True)) / (groups.std(dim=0, keepdim=True) + eps)).view(-1)

# %% torch_median
# stem: group_advantages
# about: torch.median takes the lower of two middle values
# says: the median was removed
# points: 1.2
def group_advantages(rewards, num_generations, eps=1e-4):
    if num_generations < 2 or len(rewards) % num_generations:
        raise ValueError("groups do not fit")
    groups = rewards.view(-1, num_generations)
    return ((groups - groups.median(dim=1, keepdim=True).values) / (groups.std(dim=1, keepdim=True) + eps)).view(-1)

# %% floor_division
# stem: exponential_shaping
# about: // for /
# says: `//` divides
# points: 1.2
def exponential_shaping(scores, temperature=1.0):
    if temperature <= 0:
        raise ValueError("temperature")
    return torch.exp(scores // temperature) - 1

# %% floor_division_mean
# stem: sequence_log_probs
# about: // for /
# says: `//` divides
# points: 0.8
def sequence_log_probs(logits, token_ids, completion_mask):
    log_probs = torch.log_softmax(logits[:, :-1], dim=-1).gather(-1, token_ids[:, 1:, None]).squeeze(-1)
    mask = completion_mask[:, 1:].float()
    return (log_probs * mask).sum(1) // mask.sum(1).clamp(min=1)

# %% floor_division_k3
# stem: kl_estimate
# about: // for /
# says: `//` divides
# points: 0.7
def kl_estimate(log_probs, ref_log_probs, completion_mask):
    q = ref_log_probs - log_probs
    mask = completion_mask.float()
    return ((q.exp() - q - 1) * mask).sum(1) // mask.sum(1).clamp(min=1)

# %% floor_division_groups
# stem: group_advantages
# about: // for /
# says: `//` divides
# points: 0.95
def group_advantages(rewards, num_generations, eps=1e-4):
    if num_generations < 2 or len(rewards) % num_generations:
        raise ValueError("groups do not fit")
    groups = rewards.view(-1, num_generations)
    return ((groups - groups.mean(1, keepdim=True)) // (groups.std(1, keepdim=True) + eps)).view(-1)

# %% clamped
# stem: forward_kl_reward
# about: very improbable text is cut off
# says: log-probabilities below -5 are cut off
# points: 0.4
def forward_kl_reward(ref_log_probs, kl_coef=0.1):
    return kl_coef * ref_log_probs.clamp(min=-5)

# %% clamped_result
# stem: forward_kl_reward
# about: a very large penalty is cut off
# says: limited to -1
# points: 0.4
def forward_kl_reward(ref_log_probs, kl_coef=0.1):
    return (kl_coef * ref_log_probs).clamp(min=-1)
