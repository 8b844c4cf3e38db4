# ruff: noqa
# fmt: off
"""Work that does not fit: memory, results, arguments, recursion."""

# %% memory_list
# stem: exponential_shaping
# hostile: a list that grows without end
# outcome: out_of_memory timeout
def exponential_shaping(scores, temperature=1.0):
    hoard = []
    while True:
        hoard.append(bytearray(1 << 24))

# %% memory_tensor
# stem: sequence_log_probs
# hostile: one tensor of 40 GB
# outcome: out_of_memory
def sequence_log_probs(logits, token_ids, completion_mask):
    return torch.ones(10**10).sum()

# %% huge_result
# stem: exponential_shaping
# hostile: returns 40 MB
# outcome: wrong
def exponential_shaping(scores, temperature=1.0):
    return torch.zeros(10_000_000)

# %% expanded_result
# stem: exponential_shaping
# hostile: returns a view of one number that claims to be 40 GB
# outcome: wrong out_of_memory
def exponential_shaping(scores, temperature=1.0):
    return torch.rand(1).expand(10**10)

# %% huge_list
# stem: exponential_shaping
# hostile: returns ten million numbers (wrong, were it packed in time)
# outcome: wrong timeout out_of_memory
def exponential_shaping(scores, temperature=1.0):
    return [0.5] * 10_000_000

# %% huge_string
# stem: exponential_shaping
# hostile: returns 9 MB of text
# outcome: wrong
def exponential_shaping(scores, temperature=1.0):
    return "yes" * 3_000_000

# %% huge_integer
# stem: exponential_shaping
# hostile: returns an integer of a hundred thousand digits
# outcome: wrong
def exponential_shaping(scores, temperature=1.0):
    return [10**100_000 for _ in scores]

# %% cyclic_result
# stem: exponential_shaping
# hostile: a list that contains itself
# outcome: wrong
def exponential_shaping(scores, temperature=1.0):
    result = [0.5]
    result.append(result)
    return result

# %% cyclic_argument
# stem: sentiment_reward
# hostile: hands the scorer a list that contains itself
# outcome: wrong
def sentiment_reward(completions, **kwargs):
    completions = [*completions]
    completions.append(completions)
    return get_sentiment_scores(completions)[:-1]

# %% nested_result
# stem: exponential_shaping
# hostile: a list nested a hundred thousand deep
# outcome: wrong
def exponential_shaping(scores, temperature=1.0):
    result = []
    for _ in range(100_000):
        result = [result]
    return result

# %% infinite_generator
# stem: exponential_shaping
# hostile: a generator without end
# outcome: wrong
def exponential_shaping(scores, temperature=1.0):
    while True:
        yield 0.5

# %% infinite_list
# stem: exponential_shaping
# hostile: a list subclass whose iteration never ends
# outcome: timeout out_of_memory wrong
class Endless(list):
    def __iter__(self):
        while True:
            yield 0.5

def exponential_shaping(scores, temperature=1.0):
    return Endless([1.0])

# %% infinite_recursion
# stem: exponential_shaping
# hostile: calls itself
# outcome: wrong
def exponential_shaping(scores, temperature=1.0):
    return exponential_shaping(scores, temperature) - 1

# %% scorer_given_far_too_much
# stem: sentiment_reward
# hostile: 140 calls of 99,000 short texts each, written on the channel by itself
# outcome: crash
import gc, json, struct

def sentiment_reward(completions, **kwargs):
    link = next(thing for thing in gc.get_objects() if type(thing).__name__ == "Link")
    texts = ["l", ["ab"] * 99_000]
    message = {"n": link.number, "is": "callback", "name": "sentiment.get_sentiment_scores", "args": ["t", [texts]], "kwargs": ["d", []], "sizes": []}
    header = json.dumps(message).encode()
    for _ in range(140):
        link.sock.sendall(struct.pack(">I", len(header)) + header)
        link.receive()
    return [0.5] * len(completions)

# %% scorer_given_what_it_refuses
# stem: sentiment_reward
# hostile: long lists that are no texts, again and again: what is refused is neither kept nor free
# outcome: crash
def sentiment_reward(completions, **kwargs):
    for _ in range(150):
        try:
            get_sentiment_scores(["ab"] * 40_000 + [7])
        except TypeError:
            pass
    return get_sentiment_scores(completions)
