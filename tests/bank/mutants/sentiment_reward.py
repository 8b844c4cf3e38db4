# ruff: noqa
# fmt: off
"""Wrong work on exercise 1. Each "# %%" begins a submission: its notes, then the cell that replaces the solution."""

# %% negative_sentiment
# wrong: P(negative) instead of P(positive)
# fails: test_value test_repeated_and_empty test_trl_keywords
# hint: negative sentiment
def sentiment_reward(completions, **kwargs):
    return [1 - score for score in get_sentiment_scores(completions)]

# %% rescaled
# wrong: scores stretched to [-1, 1]
# fails: test_value
# hint: rescaled
def sentiment_reward(completions, **kwargs):
    return [2 * score - 1 for score in get_sentiment_scores(completions)]

# %% hard_labels
# wrong: 1 or 0 instead of the probability
# fails: test_value
# hint: labels 0 and 1
def sentiment_reward(completions, **kwargs):
    return [1.0 if score > 0.5 else 0.0 for score in get_sentiment_scores(completions)]

# %% log_scores
# wrong: the logarithm of the probability
# fails: test_value
# hint: logarithm
def sentiment_reward(completions, **kwargs):
    return torch.log(torch.tensor(get_sentiment_scores(completions)))

# %% centred
# wrong: the batch mean is removed already here
# fails: test_value
# hint: centred
def sentiment_reward(completions, **kwargs):
    scores = torch.tensor(get_sentiment_scores(completions))
    return scores - scores.mean()

# %% one_call_per_text
# wrong: the scorer is called once for each completion
# fails: test_one_batched_call
def sentiment_reward(completions, **kwargs):
    return [get_sentiment_scores([completion])[0] for completion in completions]

# %% called_twice
# wrong: the whole batch is scored twice
# fails: test_one_batched_call
def sentiment_reward(completions, **kwargs):
    if len(get_sentiment_scores(completions)) == 0:
        return []
    return get_sentiment_scores(completions)

# %% prompts_prepended
# wrong: scores prompt and completion together when TRL gives prompts
# fails: test_trl_keywords
# hint: prompts were put before
def sentiment_reward(completions, prompts=None, **kwargs):
    if prompts is not None:
        completions = [prompt + completion for prompt, completion in zip(prompts, completions)]
    return get_sentiment_scores(completions)

# %% scores_prompts
# wrong: scores the prompts instead of the completions
# fails: test_trl_keywords
# hint: prompts were scored
def sentiment_reward(completions, **kwargs):
    return get_sentiment_scores(kwargs.get("prompts", completions))

# %% no_extra_keywords
# wrong: takes no further keywords, so TRL's call fails
# fails: test_trl_keywords
def sentiment_reward(completions):
    return get_sentiment_scores(completions)

# %% forwards_keywords
# wrong: hands TRL's keywords on to the scorer, which does not know them
# fails: test_trl_keywords
def sentiment_reward(completions, **kwargs):
    return get_sentiment_scores(completions, **kwargs)

# %% prompts_come_first
# wrong: the parameters in another order than asked for
# fails: test_value
def sentiment_reward(prompts, completions=None, **kwargs):
    return get_sentiment_scores(completions)

# %% stripped
# wrong: strips white space, so other texts than the given are scored
# fails: test_value
# hint: white space
def sentiment_reward(completions, **kwargs):
    return get_sentiment_scores([completion.strip() for completion in completions])

# %% lower_cased
# wrong: lower-cases the texts
# fails: test_value
# hint: lower-cased
def sentiment_reward(completions, **kwargs):
    return get_sentiment_scores([completion.lower() for completion in completions])

# %% cut_short
# wrong: keeps only the first 200 characters
# fails: test_value
# hint: cut after 200 characters
def sentiment_reward(completions, **kwargs):
    return get_sentiment_scores([completion[:200] for completion in completions])

# %% deduplicated
# wrong: one score for each different text, so repeated ones are lost
# fails: test_repeated_and_empty
def sentiment_reward(completions, **kwargs):
    return get_sentiment_scores(list(dict.fromkeys(completions)))

# %% skips_blank
# wrong: blank completions get no score
# fails: test_repeated_and_empty
def sentiment_reward(completions, **kwargs):
    return get_sentiment_scores([completion for completion in completions if completion.strip()])

# %% blank_is_neutral
# wrong: invents a score for blank completions
# fails: test_repeated_and_empty
def sentiment_reward(completions, **kwargs):
    scores = get_sentiment_scores(completions)
    return [score if completion.strip() else 0.5 for completion, score in zip(completions, scores)]

# %% sorted_by_length
# wrong: sorts the caller's list and forgets to restore the order
# fails: test_value test_inputs_kept
def sentiment_reward(completions, **kwargs):
    completions.sort(key=len)
    return get_sentiment_scores(completions)

# %% best_first
# wrong: scores sorted from high to low
# fails: test_value
# hint: another order
def sentiment_reward(completions, **kwargs):
    return sorted(get_sentiment_scores(completions), reverse=True)

# %% clears_its_input
# wrong: empties the caller's list on the way
# fails: test_inputs_kept
def sentiment_reward(completions, **kwargs):
    texts = []
    while completions:
        texts.append(completions.pop(0))
    return get_sentiment_scores(texts)

# %% batch_mean
# wrong: one number for the whole batch
# fails: test_value
def sentiment_reward(completions, **kwargs):
    scores = get_sentiment_scores(completions)
    return sum(scores) / max(len(scores), 1)

# %% no_empty_batch
# wrong: fails on an empty batch
# fails: test_empty_batch
def sentiment_reward(completions, **kwargs):
    return torch.stack([torch.tensor(score) for score in get_sentiment_scores(completions)])

# %% text_to_score
# wrong: a dict from text to score
# fails: test_value
def sentiment_reward(completions, **kwargs):
    return dict(zip(completions, get_sentiment_scores(completions)))

# %% chunks_of_64
# wrong: more than 64 texts are scored in several calls
# fails: test_one_batched_call
def sentiment_reward(completions, **kwargs):
    scores = []
    for start in range(0, len(completions), 64):
        scores += get_sentiment_scores(completions[start : start + 64])
    return scores

# %% prompt_cut_off
# wrong: a completion that begins as its prompt does loses that beginning
# fails: test_trl_keywords
def sentiment_reward(completions, prompts=None, **kwargs):
    prompts = prompts or [""] * len(completions)
    return get_sentiment_scores([c.removeprefix(p) for c, p in zip(completions, prompts)])

# %% quotes_stripped
# wrong: quotation marks are taken off
# fails: test_value
def sentiment_reward(completions, **kwargs):
    return get_sentiment_scores([completion.strip("\"'") for completion in completions])

# %% normalised_text
# wrong: ligatures and spaces are replaced
# fails: test_value
import unicodedata

def sentiment_reward(completions, **kwargs):
    return get_sentiment_scores([unicodedata.normalize("NFKC", completion) for completion in completions])

# %% never_sure
# wrong: scores are kept away from 0 and 1
# fails: test_value
def sentiment_reward(completions, **kwargs):
    return [min(max(score, 0.001), 0.999) for score in get_sentiment_scores(completions)]

# %% empties_the_prompts
# wrong: clears a list that TRL passes
# fails: test_inputs_kept
def sentiment_reward(completions, **kwargs):
    kwargs.get("prompts", []).clear()
    return get_sentiment_scores(completions)

# %% sorted
# wrong: scores in alphabetical order
# fails: test_value
# hint: another order
def sentiment_reward(completions, **kwargs):
    return get_sentiment_scores(sorted(completions))

# %% cut_4000
# wrong: first 4000 characters only
# fails: test_value
# hint: it looks as if long texts were cut
def sentiment_reward(completions, **kwargs):
    return get_sentiment_scores([c[:4000] for c in completions])

# %% two_calls_dupes
# wrong: repeated texts are scored in a second call
# fails: test_one_batched_call
# hint: get_sentiment_scores was called 2 times for 4 completions
def sentiment_reward(completions, **kwargs):
    seen = {}; first, again = [], []
    for c in completions: (again if c in seen else first).append(c); seen[c] = 1
    a = iter(get_sentiment_scores(first)); d = dict(zip(first, a))
    if again: e = get_sentiment_scores(again)
    return [d[c] for c in completions]

# %% one_call_unless_trl
# wrong: single calls when prompts are given
# fails: test_one_batched_call
# hint: get_sentiment_scores was called 2 times for 2 completions
def sentiment_reward(completions, **kwargs):
    if 'prompts' in kwargs: return [get_sentiment_scores([c])[0] for c in completions]
    return get_sentiment_scores(completions)

# %% cleans_pipeline
# wrong: a usual cleaning pipeline: URLs, mentions, HTML breaks, emoji
# fails: test_value
import re, html
def clean(t):
    t = html.unescape(t)
    t = re.sub(r"<br\s*/?>", " ", t)
    t = re.sub(r"https?://\S+|www\.\S+", "", t)
    t = re.sub(r"@\w+", "", t)
    return re.sub("[\U0001F300-\U0001FAFF]", "", t)
def sentiment_reward(completions, **kwargs):
    return get_sentiment_scores([clean(c) for c in completions])

# %% remembers_by_id
# wrong: scores are kept by the list's id
# fails: test_no_memory
KEPT = {}

def sentiment_reward(completions, **kwargs):
    key = (id(completions), len(completions))
    if key not in KEPT:
        KEPT[key] = completions, get_sentiment_scores(completions)
    return list(KEPT[key][1])

# %% remembers_by_length
# wrong: scores are kept by the batch's first text, last text and length
# fails: test_no_memory
KEPT = {}

def sentiment_reward(completions, **kwargs):
    key = (tuple(completions[:1]), tuple(completions[-1:]), sum(map(len, completions)), len(completions))
    if key not in KEPT:
        KEPT[key] = get_sentiment_scores(completions)
    return list(KEPT[key])

# %% one_list
# wrong: every call returns the same list, written over
# fails: test_no_memory
SCORES = []

def sentiment_reward(completions, **kwargs):
    SCORES[:] = get_sentiment_scores(completions)
    return SCORES

# %% zero_width_removed
# wrong: zero-width characters are removed
# fails: test_value
# hint: zero-width
import re

def sentiment_reward(completions, **kwargs):
    return get_sentiment_scores([re.sub("[\u200b-\u200d\u2060\ufeff]", "", text) for text in completions])

# %% byte_order_mark_removed
# wrong: a byte order mark is removed
# fails: test_value
# hint: byte order mark
def sentiment_reward(completions, **kwargs):
    return get_sentiment_scores([text.lstrip("\ufeff") for text in completions])

# %% replacement_removed
# wrong: U+FFFD is removed
# fails: test_value
# hint: U+FFFD
def sentiment_reward(completions, **kwargs):
    return get_sentiment_scores([text.replace("\ufffd", "") for text in completions])

# %% composed
# wrong: texts are put into NFC
# fails: test_value
# hint: normal form NFC
import unicodedata

def sentiment_reward(completions, **kwargs):
    return get_sentiment_scores([unicodedata.normalize("NFC", text) for text in completions])

# %% decomposed
# wrong: texts are put into NFD
# fails: test_value
# hint: normal form NFD
import unicodedata

def sentiment_reward(completions, **kwargs):
    return get_sentiment_scores([unicodedata.normalize("NFD", text) for text in completions])

# %% directions_removed
# wrong: marks of direction are removed
# fails: test_value
import re

def sentiment_reward(completions, **kwargs):
    return get_sentiment_scores([re.sub("[\u200e\u200f\u202a-\u202e]", "", text) for text in completions])

# %% through_utf8
# wrong: what UTF-8 cannot hold is replaced
# fails: test_value
# hint: UTF-8 cannot hold
def sentiment_reward(completions, **kwargs):
    return get_sentiment_scores([text.encode("utf-8", "replace").decode() for text in completions])

# %% surrogates_ignored
# wrong: half pairs are dropped
# fails: test_value
# hint: UTF-8 cannot hold was removed
def sentiment_reward(completions, **kwargs):
    return get_sentiment_scores([text.encode("utf-8", "ignore").decode() for text in completions])

# %% tabs_expanded
# wrong: tabs become spaces
# fails: test_value
def sentiment_reward(completions, **kwargs):
    return get_sentiment_scores([text.expandtabs() for text in completions])

# %% ends_of_lines
# wrong: \r\n becomes \n
# fails: test_value
def sentiment_reward(completions, **kwargs):
    return get_sentiment_scores([text.replace("\r\n", "\n") for text in completions])

# %% no_nul
# wrong: NUL is removed
# fails: test_value
def sentiment_reward(completions, **kwargs):
    return get_sentiment_scores([text.replace("\x00", "") for text in completions])

# %% last_newline_cut
# wrong: the last new line is cut off
# fails: test_value
def sentiment_reward(completions, **kwargs):
    return get_sentiment_scores([text.removesuffix("\n") for text in completions])

# %% cut_50000
# wrong: only the first 50,000 characters
# fails: test_value
# hint: long texts were cut
def sentiment_reward(completions, **kwargs):
    return get_sentiment_scores([text[:50_000] for text in completions])

# %% unprintable_removed
# wrong: what cannot be printed is removed
# fails: test_value
# hint: cannot be printed
def sentiment_reward(completions, **kwargs):
    return get_sentiment_scores(["".join(filter(str.isprintable, text)) for text in completions])

# %% percent
# wrong: scores in percent
# fails: test_value
# hint: times 100
def sentiment_reward(completions, **kwargs):
    return [100 * score for score in get_sentiment_scores(completions)]

# %% from_0_to_1
# wrong: scores rescaled to run from 0 to 1
# fails: test_value
# hint: run from 0 to 1
def sentiment_reward(completions, **kwargs):
    return [(s - min(scores)) / (max(scores) - min(scores) + 1e-12) for s in scores] if (scores := get_sentiment_scores(completions)) else []

# %% cut_at_eos
# wrong: texts are cut at <|endoftext|>
# fails: test_value
# hint: cut at <|endoftext|>
def sentiment_reward(completions, **kwargs):
    return get_sentiment_scores([text.split("<|endoftext|>")[0] for text in completions])

# %% eos_removed
# wrong: <|endoftext|> is removed
# fails: test_value
# hint: <|endoftext|> was removed
def sentiment_reward(completions, **kwargs):
    return get_sentiment_scores([text.replace("<|endoftext|>", "") for text in completions])

# %% stars
# wrong: 1 to 5 stars
# fails: test_value
# hint: stars
def sentiment_reward(completions, **kwargs):
    return [1 + 4 * score for score in get_sentiment_scores(completions)]

# %% lines_joined
# wrong: new lines become spaces
# fails: test_value
# hint: new lines became spaces
def sentiment_reward(completions, **kwargs):
    return get_sentiment_scores([text.replace("\n", " ") for text in completions])

# %% one_space
# wrong: runs of white space become one space
# fails: test_value
# hint: became one space
def sentiment_reward(completions, **kwargs):
    return get_sentiment_scores([" ".join(text.split()) for text in completions])

# %% mean_for_all
# wrong: every completion gets the mean
# fails: test_value
# hint: batch's mean
def sentiment_reward(completions, **kwargs):
    return [sum(scores) / len(scores)] * len(scores) if (scores := get_sentiment_scores(completions)) else []

# %% from_the_end
# wrong: reversed order
# fails: test_value
# hint: order
def sentiment_reward(completions, **kwargs):
    return get_sentiment_scores(completions)[::-1]
