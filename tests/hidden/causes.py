"""What typical mistakes give, for the hints of several exercises: means over masked tokens that go wrong."""

import numpy as np
import oracles

SHORTER = 8, 16, 32, 64, 128, 256, 512  # positions after which code may stop


def nearest(got, *candidates):
    """Of the results that variants of one mistake give, the one that comes nearest to `got`."""
    off = [np.nanmax(np.abs(value - got), initial=0) for value in candidates]
    return candidates[int(np.argmin(off))]


def filled(mask):
    """Ones from each row's first to its last one."""
    return until_end(mask) * from_start(mask)


def until_end(mask):
    return np.maximum.accumulate(mask, 1)


def from_start(mask):
    return np.maximum.accumulate(mask[:, ::-1], 1)[:, ::-1]


def first_only(mask):
    return mask * (np.cumsum(mask, 1) == 1)


def last_only(mask):
    return first_only(mask[:, ::-1])[:, ::-1]


def of_each_row(function, values, mask):
    """[B]: of the values that count in each row, 0 where there are none."""
    rows = [v[(m == 1) & ~np.isnan(v)] for v, m in zip(values, mask, strict=True)]
    return np.array([function(row) if len(row) else 0.0 for row in rows])


def in_small_type(count):
    """The counts in number types that cannot hold them: uint8, int8, bfloat16."""
    bfloat16 = (count.astype(np.float32).view(np.uint32) + 0x8000 & 0xFFFF0000).view(np.float32)
    return [count % 256, (count + 128) % 256 - 128, bfloat16.astype(np.float64)]


def averaging(values, mask, got, expected):
    """Words → result of the means that go wrong over values [B, T]; nan where a position has none."""
    counted = np.where(np.isnan(values), 0, mask)
    count = counted.sum(1)
    total, mean, length = expected * count, oracles.masked_mean, mask.shape[1]
    return {
        "it looks like the sum over tokens: divide by the number of completion tokens": total,
        "it looks as if the sum is divided by the sequence's length, not by the number of completion tokens": (
            total / length
        ),
        "it looks as if the mask is not used": lambda: mean(values, np.ones_like(mask)),
        "it looks as if the mask is used upside down: 1 means the token counts": lambda: mean(
            values, 1 - mask
        ),
        "it looks like the sum over tokens, with the wrong sign": -total,
        "it looks as if the gaps inside the mask were counted": lambda: mean(values, filled(mask)),
        "it looks as if everything after the first completion token counts, masked or not": lambda: (
            mean(values, until_end(mask))
        ),
        "it looks as if everything up to the last completion token counts, masked or not": lambda: (
            mean(values, from_start(mask))
        ),
        "it looks like one mean over the whole batch: each row has its own": lambda: np.full(
            len(mask), total.sum() / count.sum()
        ),
        "it looks as if the number of tokens in the whole batch divides: each row has its own": (
            lambda: total / count.sum()
        ),
        "it looks as if the batch's mean number of tokens divides: each row has its own": lambda: (
            total / count.mean()
        ),
        "it looks as if the number of rows divides, not the number of completion tokens": lambda: (
            total / len(mask)
        ),
        "it looks as if the first row's mask is used for every row": lambda: mean(
            values, np.broadcast_to(mask[:1], mask.shape)
        ),
        "it looks as if each row's first completion token is left out": lambda: mean(
            values, counted - first_only(counted)
        ),
        "it looks as if each row's last completion token is left out": lambda: mean(
            values, counted - last_only(counted)
        ),
        "it looks as if the last position is left out": lambda: mean(values[:, :-1], mask[:, :-1]),
        "it looks as if only the first completion token is looked at": lambda: mean(
            values, first_only(counted)
        ),
        "it looks as if only the last completion token is looked at": lambda: mean(
            values, last_only(counted)
        ),
        "it looks like the median over the tokens, not the mean": lambda: of_each_row(
            np.median, values, mask
        ),
        "it looks like the largest of the tokens' values, not their mean": lambda: of_each_row(
            np.max, values, mask
        ),
        "it looks like the smallest of the tokens' values, not their mean": lambda: of_each_row(
            np.min, values, mask
        ),
        "it looks as if the square root of the number of tokens divides": lambda: (
            total / np.sqrt(count)
        ),
        "it looks as if 1 is subtracted from every row's number of tokens": lambda: nearest(
            got, total / np.maximum(count - 1, 1), total / (count - 1)
        ),
        "it looks as if the number of tokens does not fit its type (uint8 ends at 255, bfloat16 rounds above 256)": (
            lambda: nearest(got, *(total / n for n in in_small_type(count)))
        ),
        "it looks as if a long sequence is cut off": lambda: nearest(
            got, *(mean(values[:, :n], mask[:, :n]) for n in (*SHORTER, length))
        ),
        "it looks as if `//` divides, which cuts to whole numbers: use `/`": lambda: np.floor(
            expected
        ),
        "it looks like a logarithm to base 2: use nats": expected / np.log(2),
        "it looks like a logarithm to base 10: use nats": expected / np.log(10),
    }


def one_more(count, expected):
    """A vague cause: it explains too much to compete with the others."""
    return {
        "it looks as if 1 is added to every row's number of tokens": expected * count / (count + 1)
    }
