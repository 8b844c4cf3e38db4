"""Why a result is wrong: the one typical mistake that explains every example on which a law failed, or none.

A wrong cause costs a student more than none, so a cause is named only on the evidence of several wrong numbers.
"""

import contextlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextvars import ContextVar
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

LEAST = 3  # distinct wrong numbers without which no cause is named
MOST = 200  # of them are kept of one example
ROUNDING = 2.0**-8  # half precision, relatively: bfloat16 has 8 bits
WHOLE = "it looks as if the results were cut to whole numbers"
HALF = "it looks as if something is computed in half precision"
NEARLY = "it is nearly right: is something rounded, or computed in half precision?"
VAGUE, COMMON, DESCRIBED, LAST = 1, 10, 20, 30  # ranks; an exercise's own causes have 0
SUSPECTS: ContextVar[Collection[str] | None] = ContextVar("suspects", default=None)  # None: all
Array = NDArray[Any]  # [B]
Pair = tuple[float, ...]  # (got, expected)
Candidate = ArrayLike | Callable[[], ArrayLike]  # what a mistake gives


class Fits(dict[str, int]):
    """The words of each cause that explains one result, with its rank; `wrong` holds its wrong (got, expected).

    A right result has none of these: it is explained by the causes that change nothing there.
    """

    wrong: frozenset[Pair] = frozenset()


@contextlib.contextmanager
def among(words: Collection[str] | None) -> Iterator[None]:
    """Within it `matching` tries these causes alone, None: all; what a law's earlier examples refute explains no later one."""
    before = SUSPECTS.set(words)
    try:
        yield
    finally:
        SUSPECTS.reset(before)


def suspects(seen: Sequence[Fits]) -> Collection[str] | None:
    """The causes that explain every wrong result so far; None where there is none yet."""
    wrong = [set(fits) for fits in seen if fits.wrong]
    return set.intersection(*wrong) if wrong else None


def matching(
    got: ArrayLike,
    expected: ArrayLike,
    causes: Mapping[str, Candidate],
    vague: Mapping[str, Candidate] | None = None,
) -> Fits:
    """Which causes explain one wrong result, for a law's `hint`.

    Args:
        got, expected: [B], what the student's function gave and what is right.
        causes: words → the result that this mistake gives, or a function that computes it; rank 0.
        vague: the same for causes that explain too much to compete with those; rank 1, 2, …

    After these come the mistakes that any function may show. A law names the one cause of the lowest rank that
    explains every example it fails on, if it is only one.
    """
    got, expected = np.atleast_1d(np.asarray(got)), np.atleast_1d(np.asarray(expected))
    off = np.abs(got - expected) > 1e-6 + 1e-4 * np.abs(expected)
    fits, suspected = Fits(), SUSPECTS.get()
    for words, value, rank in _ranked(got, expected, causes, vague or {}, suspected):
        if words not in fits and _explains(value, got, expected, off):
            fits[words] = rank
    fits |= dict.fromkeys(precision(got, expected), LAST)
    pairs = np.stack([got[off], expected[off]], axis=1)[:MOST]
    fits.wrong = frozenset(tuple(float(f"{x:.6g}") for x in pair) for pair in pairs)
    return fits


def _ranked(
    got: Array,
    expected: Array,
    causes: Mapping[str, Candidate],
    vague: Mapping[str, Candidate],
    suspected: Collection[str] | None,
) -> Iterator[tuple[str, Candidate, int]]:
    """Words, result and rank of each cause to be tried."""
    if suspected is not None and not suspected:
        return
    ranked = [(causes, 0), *(({words: vague[words]}, VAGUE + n) for n, words in enumerate(vague))]
    for found, rank in (*ranked, (common(expected), COMMON), (described(got, expected), DESCRIBED)):
        for words, value in found.items():
            if suspected is None or words in suspected:
                yield words, value, rank


def common(right: Array) -> dict[str, Candidate]:
    """What may be done to a right result [B]: words → what comes of it."""
    size, mean = len(right), right.mean()
    span, std = np.ptp(right) or 1, (size > 1 and right.std(ddof=1)) or 1
    powers = np.exp(right - right.max())
    return {
        "the sign is wrong": -right,
        "it looks as if the sign was dropped": np.abs(right),
        "it looks as if 1 was added": right + 1,
        "it looks as if 1 was subtracted": right - 1,
        "it looks as if the result was taken from 1": 1 - right,
        "it looks as if the results are percent: times 100": 100 * right,
        "it looks as if the results were squared": right**2,
        "it looks as if a square root was taken": lambda: np.sqrt(right),
        "it looks as if the reciprocal was taken": lambda: 1 / right,
        "it looks as if an exponential was taken at the end": lambda: np.exp(right),
        "it looks as if an exponential was taken at the end, and 1 subtracted": lambda: np.expm1(
            right
        ),
        "it looks as if a logarithm was taken at the end": lambda: np.log(right),
        "it looks as if log(1 + x) was taken at the end": lambda: np.log1p(right),
        "it looks as if the results went through tanh": np.tanh(right),
        "it looks as if the results went through a sigmoid": lambda: 1 / (1 + np.exp(-right)),
        "it looks as if the results were turned into log-odds": lambda: np.log(right / (1 - right)),
        "it looks as if the results were divided by the size of the batch": right / size,
        "it looks as if the results were multiplied by the size of the batch": right * size,
        "it looks as if the batch's mean was subtracted": right - mean,
        "it looks as if the batch's median was subtracted": right - np.median(right),
        "it looks as if the batch's largest result was subtracted": right - right.max(),
        "it looks as if the batch's smallest result was subtracted": right - right.min(),
        "it looks as if the first row's result was subtracted": right - right[0],
        "it looks as if every row gets the batch's mean": np.full(size, mean),
        "it looks as if every row gets the batch's sum": np.full(size, right.sum()),
        "it looks as if every row gets the batch's largest result": np.full(size, right.max()),
        "it looks as if every row gets the batch's smallest result": np.full(size, right.min()),
        "it looks as if every row gets the first row's result": np.full(size, right[0]),
        "it looks as if the results were divided by the batch's sum": lambda: right / right.sum(),
        "it looks as if the results were divided by the batch's mean": lambda: right / mean,
        "it looks as if the results were divided by the batch's largest": lambda: (
            right / right.max()
        ),
        "it looks as if the results were divided by the largest absolute result of the batch": (
            lambda: right / np.abs(right).max()
        ),
        "it looks as if the results were divided by the batch's norm": lambda: (
            right / np.linalg.norm(right)
        ),
        "it looks as if the results were rescaled to run from 0 to 1 over the batch": lambda: (
            (right - right.min()) / span
        ),
        "it looks as if the results were standardised over the batch": lambda: (right - mean) / std,
        "it looks as if the results were standardised over the batch (population std)": lambda: (
            (right - mean) / (right.std() or 1)
        ),
        "it looks like a softmax over the batch at the end": powers / powers.sum(),
        "it looks as if the results were added up from row to row": np.cumsum(right),
        "it looks as if the rows came back in reverse order": right[::-1],
        "it looks as if the results were sorted": np.sort(right),
        "it looks as if the results were sorted, the largest first": np.sort(right)[::-1],
        "it looks as if the rows were ranked": np.argsort(np.argsort(right)),
        "it looks as if the rows were moved by one": np.roll(right, 1),
        "it looks as if the rows were moved by one, the other way": np.roll(right, -1),
        "it looks as if negative results were set to 0": np.maximum(right, 0),
        "it looks as if positive results were set to 0": np.minimum(right, 0),
        "it looks as if the results were limited to 0 … 1": np.clip(right, 0, 1),
        "it looks as if the results were limited to -1 … 1": np.clip(right, -1, 1),
        WHOLE: np.trunc(right),
        "it looks as if the results were rounded to whole numbers": np.round(right),
        **{
            f"it looks as if the results were rounded to {digits} decimals": np.round(right, digits)
            for digits in (1, 2, 3, 4, 5)
        },
    }


def described(got: Array, right: Array) -> dict[str, Candidate]:
    """What can be said of a result [B] without knowing why; a number in the words must be the same in every example."""
    largest, smallest = np.argmax(np.abs(right)), np.argmin(np.abs(right))
    factor, offset = got[largest] / right[largest], got[smallest] - right[smallest]
    low, high = got.min(), got.max()
    found = {
        f"every result is {factor:.3g} times what is asked for": right * factor,
        f"every result is {abs(offset):.3g} too {'large' if offset > 0 else 'small'}": right
        + offset,
        "some results are 0 that should not be": np.where(got == 0, 0.0, right),
    }
    if (right > high).any():
        found[f"no result is above {high:.6g}: are large ones cut off?"] = np.minimum(right, high)
    if (right < low).any():
        found[f"no result is below {low:.6g}: are large negative ones cut off?"] = np.maximum(
            right, low
        )
    if len(right) > 2:
        found["only the last row is wrong"] = np.append(right[:-1], got[-1])
        found["only the first row is wrong"] = np.append(got[0], right[1:])
    return found


def precision(got: Array, right: Array) -> list[str]:
    """The words for a result that is right but for rounding: in half precision exactly, or in some other way."""
    error, scale = np.abs(got - right), np.abs(right)
    found = [NEARLY] if (error <= 1e-3 + ROUNDING * scale).all() else []
    if (error <= 1e-3 + 4 * ROUNDING * scale).all() and _is_half(got):
        found += [HALF]
    return found


def _is_half(values: Array) -> bool:
    """Whether every number is one that float16 or bfloat16 can hold."""
    single = np.asarray(values, dtype=np.float32)
    exact = (single == values).all() and np.isfinite(single).all()
    in_float16 = (single.astype(np.float16) == single).all()
    return bool(exact and (in_float16 or not (single.view(np.uint32) & 0xFFFF).any()))


def _explains(candidate: Candidate, got: Array, expected: Array, off: Array) -> bool:
    """Whether the result of a mistake is what the student got: nearly, and where that is `off`, far nearer than what is right."""
    try:
        value = np.asarray(candidate() if callable(candidate) else candidate, dtype=np.float64)
        value = value if value.shape == got.shape else np.broadcast_to(value, got.shape)
    except (ValueError, TypeError, ArithmeticError, IndexError):
        return False
    distance = np.abs(value - got)
    if not (distance <= 0.2 * np.abs(got - expected))[off].all():
        return False
    # np.allclose(value, got, rtol=2e-4, atol=1e-5) in a third of its time: hundreds of mistakes are tried
    size = np.abs(np.asarray(got, dtype=np.result_type(got, 1.0)))
    near = (distance <= 1e-5 + 2e-4 * size) & np.isfinite(size)
    return bool((near | (value == got)).all())


def common_cause(fits: Sequence[Fits]) -> str | None:
    """The words of the one cause of the lowest rank that explains all of `fits`, which `matching` gave; None if there is not just one."""
    wrong = frozenset().union(*(f.wrong for f in fits))
    if len(wrong) < LEAST:
        return None
    ranks = {words: rank for f in fits for words, rank in f.items() if explains(words, rank, fits)}
    if HALF in ranks or not _both_ways(wrong):
        ranks.pop(NEARLY, None)
    if not any(got for got, _ in wrong):  # nothing but zeros: rounding explains too many
        ranks = {words: rank for words, rank in ranks.items() if rank not in (COMMON, LAST)}
    best = [words for words, rank in ranks.items() if rank == min(ranks.values())]
    return best[0] if len(best) == 1 else None


def explains(words: str, rank: int, fits: Sequence[Fits]) -> bool:
    """Whether a cause explains every wrong result and, if it is an exact one, changes no right one."""
    exact = rank in (0, COMMON)
    return all(words in f for f in fits if f.wrong or exact)


def _both_ways(wrong: frozenset[Pair]) -> bool:
    """Whether the errors look like rounding: many, and of both signs. A small term too many is off one way."""
    above = sum(got > expected for got, expected in wrong)
    return len(wrong) >= 2 * LEAST and min(above, len(wrong) - above) >= len(wrong) / 5
