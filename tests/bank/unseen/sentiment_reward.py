# ruff: noqa
# fmt: off
"""Slips on exercise 1, written from the contract alone."""

# %% prompt_in_front
# truth: the prompt is put in front of each completion
def sentiment_reward(completions, **kwargs):
    prompts = kwargs.get("prompts") or [""] * len(completions)
    return get_sentiment_scores([p + c for p, c in zip(prompts, completions)])

# %% stripped
# truth: white space at both ends is taken off before scoring
def sentiment_reward(completions, **kwargs):
    return get_sentiment_scores([c.strip() for c in completions])

# %% lower_case
# truth: the texts are put in lower case before scoring
def sentiment_reward(completions, **kwargs):
    return get_sentiment_scores([text.lower() for text in completions])

# %% cut_to_20_characters
# truth: only the first 20 characters of each text are scored
def sentiment_reward(completions, **kwargs):
    return get_sentiment_scores([c[:20] for c in completions])

# %% first_sentence
# truth: only the first sentence is scored
def sentiment_reward(completions, **kwargs):
    return get_sentiment_scores([c.split(".")[0] for c in completions])

# %% negative_class
# truth: 1 - score, the probability of not being positive
def sentiment_reward(completions, **kwargs):
    return [1 - s for s in get_sentiment_scores(completions)]

# %% hard_label
# truth: 1 or 0 by the threshold 0.5 in place of the probability
def sentiment_reward(completions, **kwargs):
    scores = get_sentiment_scores(completions)
    return [1.0 if s > 0.5 else 0.0 for s in scores]

# %% minus_one_to_one
# truth: the score is stretched to [-1, 1] by 2 s - 1
def sentiment_reward(completions, **kwargs):
    return [2 * s - 1 for s in get_sentiment_scores(completions)]

# %% log_probability
# truth: the logarithm of the score is returned
def sentiment_reward(completions, **kwargs):
    return [math.log(s + 1e-8) for s in get_sentiment_scores(completions)]

# %% log_odds
# truth: the log odds of the score are returned
def sentiment_reward(completions, **kwargs):
    s = torch.tensor(get_sentiment_scores(completions))
    return torch.logit(s, eps=1e-6).tolist()

# %% one_call_each
# truth: the scorer is called once for each text
def sentiment_reward(completions, **kwargs):
    rewards = []
    for completion in completions:
        rewards.append(get_sentiment_scores([completion])[0])
    return rewards

# %% empty_gives_zero
# truth: an empty batch gives [0.0] instead of []
def sentiment_reward(completions, **kwargs):
    if not completions:
        return [0.0]
    return get_sentiment_scores(completions)

# %% centred
# truth: the batch's mean score is subtracted
def sentiment_reward(completions, **kwargs):
    if len(completions) == 0:
        return []
    s = np.array(get_sentiment_scores(completions))
    return (s - s.mean()).tolist()

# %% softmax_over_batch
# truth: a softmax over the batch follows the scorer
def sentiment_reward(completions, **kwargs):
    scores = torch.tensor(get_sentiment_scores(completions))
    return torch.softmax(scores, dim=0).tolist()

# %% times_length
# truth: each score is multiplied by the number of words
def sentiment_reward(completions, **kwargs):
    scores = get_sentiment_scores(completions)
    return [s * len(c.split()) for s, c in zip(scores, completions)]

# %% two_decimals
# truth: the scores are rounded to two decimals
def sentiment_reward(completions, **kwargs):
    return [round(s, 2) for s in get_sentiment_scores(completions)]

# %% mean_for_all
# truth: every completion gets the batch's mean score
def sentiment_reward(completions, **kwargs):
    scores = get_sentiment_scores(completions)
    if not scores:
        return []
    return [sum(scores) / len(scores)] * len(scores)

# %% sorted_texts
# truth: the texts are sorted first, so the scores come in another order
def sentiment_reward(completions, **kwargs):
    return get_sentiment_scores(sorted(completions, key=len))

# %% blank_skipped
# truth: blank texts get 0 without being scored
def sentiment_reward(completions, **kwargs):
    full = [c for c in completions if c.strip()]
    scores = iter(get_sentiment_scores(full)) if full else iter([])
    return [next(scores) if c.strip() else 0.0 for c in completions]

# %% duplicates_dropped
# truth: repeated texts are scored once and appear once in the result
def sentiment_reward(completions, **kwargs):
    unique = list(dict.fromkeys(completions))
    return get_sentiment_scores(unique)
