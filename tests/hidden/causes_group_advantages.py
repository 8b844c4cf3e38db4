"""Typical mistakes of exercise 4a, and what each gives: words → result."""

import numpy as np
import oracles
from causes import nearest

CAPS = 1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0
CLOSE = 0.01  # of its level: a spread that code may take for none


def likely(call, got, expected):
    """All of them, and the vague ones."""
    rewards, size = call.args[0].astype(np.float64), call.args[1]
    eps = call.args[2] if len(call.args) > 2 else call.kwargs.get("eps", 1e-4)
    table = rewards.reshape(-1, size)
    causes = (
        other_groups(rewards, size, eps, got)
        | other_baselines(table, eps)
        | other_scales(table, eps)
        | other_eps(table, eps, got)
        | of_results(expected, size, got)
        | of_close_rewards(table, eps, got, expected)
    )
    return flat(causes), flat(vague(table, eps))


def flat(causes):
    """The same, each result [B], of groups [B / G, G] or of [B]."""
    return {
        words: lambda value=value: np.ravel(value() if callable(value) else value)
        for words, value in causes.items()
    }


def centred(table):
    return table - table.mean(1, keepdims=True)


def std(table, ddof=1):
    return table.std(1, keepdims=True, ddof=ddof)


def other_groups(rewards, size, eps, got):
    """Rows of other groups, or of the whole batch."""
    table, interleaved = rewards.reshape(-1, size), rewards.reshape(size, -1)
    batch = [rewards.std(ddof=ddof) + eps for ddof in (1, 0)]

    def along(table):
        """[G, n]: normalised down each column."""
        middle = table - table.mean(0)
        return middle / (np.sqrt((middle**2).sum(0) / (len(table) - 1)) + eps)

    return {
        "it looks as if the whole batch was normalised at once, not each group": lambda: nearest(
            got, *((rewards - rewards.mean()) / scale for scale in batch)
        ),
        "it looks as if the whole batch's mean was removed, not each group's": lambda: (
            (table - rewards.mean()) / (std(table) + eps)
        ),
        "it looks as if the whole batch's mean was removed, and nothing divides": lambda: (
            rewards - rewards.mean()
        ),
        "it looks as if each group was centred, but scaled with the whole batch's std": lambda: (
            nearest(got, *(centred(table).ravel() / scale for scale in batch))
        ),
        "it looks as if groups were taken apart: rows of one group are adjacent": lambda: along(
            interleaved
        ),
        "it looks as if rewards at the same place in different groups were compared (dim=0): a group is a row": lambda: (
            along(table) if len(table) > 1 else centred(table) / (std(table) + eps)
        ),
        "it looks as if the groups' means and stds meet the wrong rows: `repeat` for `repeat_interleave`": lambda: (
            (rewards - np.tile(table.mean(1), size)) / (np.tile(std(table)[:, 0], size) + eps)
        ),
    }


def other_baselines(table, eps):
    """Something else than the group's mean is removed."""
    size, scale = table.shape[1], std(table) + eps
    baselines = {
        "the mean was not removed": 0,
        "the median was removed, not the mean": np.median(table, axis=1, keepdims=True),
        "the median was removed, not the mean (and `torch.median` takes the lower of two middle ones)": np.sort(
            table, axis=1
        )[:, (size - 1) // 2, None],
        "the group's best reward was removed, not the mean": table.max(1, keepdims=True),
        "the group's worst reward was removed, not the mean": table.min(1, keepdims=True),
        "the group's first reward was removed, not the mean": table[:, :1],
        "the group's last reward was removed, not the mean": table[:, -1:],
        "the group's sum was removed, not the mean": table.sum(1, keepdims=True),
        "the middle between best and worst was removed, not the mean": (
            table.max(1, keepdims=True) + table.min(1, keepdims=True)
        )
        / 2,
    }
    words = "it looks as if {}"
    alone = "it looks as if {}, and nothing divides"
    return (
        {words.format(what): (table - value) / scale for what, value in baselines.items()}
        | {alone.format(what): table - value for what, value in baselines.items()}
        | {
            "it looks as if the baseline leaves out the completion's own reward": (
                centred(table) / scale * size / (size - 1)
            ),
            "it looks as if the baseline leaves out the completion's own reward, and nothing divides": (
                centred(table) * size / (size - 1)
            ),
        }
    )


def other_scales(table, eps):
    """Something else than the sample std divides."""
    middle, size = centred(table), table.shape[1]
    scales = {
        "the range divides, not the std": np.ptp(table, axis=1, keepdims=True),
        "the variance divides, not the std": std(table) ** 2,
        "the population variance divides, not the sample std": std(table, 0) ** 2,
        "the length of the vector of differences (L2 norm) divides, not the std": np.sqrt(
            size * std(table, 0) ** 2
        ),
        "the mean absolute difference divides, not the std": np.abs(middle).mean(1, keepdims=True),
        "the summed absolute differences (L1 norm) divide, not the std": np.abs(middle).sum(
            1, keepdims=True
        ),
        "the largest absolute difference divides, not the std": np.abs(middle).max(
            1, keepdims=True
        ),
        "the mean divides, not the std": table.mean(1, keepdims=True),
        "the best reward divides, not the std": table.max(1, keepdims=True),
        "the number of completions divides, not the std": size,
        "the standard error (std over the root of G) divides, not the std": std(table)
        / np.sqrt(size),
        "the root of the mean square divides, not the std": np.sqrt(
            (table**2).mean(1, keepdims=True)
        ),
        "the root of the std divides": np.sqrt(std(table)),
    }
    return {f"it looks as if {what}": middle / (scale + eps) for what, scale in scales.items()} | {
        "it looks like the population std (ddof=0): use the sample std (ddof=1)": middle
        / (std(table, 0) + eps),
        "it looks as if only the mean was removed: the division is missing": middle,
        "it looks as if `//` divides, which cuts to whole numbers: use `/`": middle
        // (std(table) + eps),
        "it looks as if the std multiplies: it divides": middle * (std(table) + eps),
        "it looks as if rewards were spread over [0, 1] (min-max): centre them and divide by the std": (
            (table - table.min(1, keepdims=True)) / (np.ptp(table, axis=1, keepdims=True) + eps)
        ),
        "it looks like a softmax over the group": softmax(table),
        "it looks as if the length of the group's rewards (L2 norm) divides, uncentred": table
        / (np.sqrt((table**2).sum(1, keepdims=True)) + eps),
    }


def softmax(table):
    exps = np.exp(table - table.max(1, keepdims=True))
    return exps / exps.sum(1, keepdims=True)


def other_eps(table, eps, got):
    """eps at another place, or not at all."""
    middle, sample = centred(table), std(table)
    return {
        "it looks as if eps is added under the square root: it belongs outside": nearest(
            got, *((middle / np.sqrt(sample**2 + e)).ravel() for e in (eps, eps**2))
        ),
        "it looks as if eps is subtracted from the std: it is added": middle / (sample - eps),
        "it looks as if the eps passed in is not used": middle / (sample + 1e-4),
        "it looks as if no eps is added": middle / sample,
    }


def of_results(expected, size, got):
    """The right advantages, but something was done to them."""
    table = expected.reshape(-1, size)
    return {
        "the sign is wrong: rewards above the mean have positive advantages": -expected,
        "it looks as if each group was sorted: results belong to the rewards in their order": lambda: (
            nearest(got, np.sort(table, 1).ravel(), np.sort(table, 1)[:, ::-1].ravel())
        ),
        "it looks as if the results were sorted: they belong to the rewards in their order": lambda: (
            nearest(got, np.sort(expected), np.sort(expected)[::-1])
        ),
        "it looks as if the table of results is flattened the wrong way: its rows are the groups": (
            table.T.ravel()
        ),
        "it looks as if the groups come back in another order": table[::-1].ravel(),
        "it looks as if advantages are cut off at a bound: none is asked for": lambda: nearest(
            got, *(np.clip(expected, -cap, cap) for cap in CAPS)
        ),
        "it looks as if negative advantages are cut off": np.maximum(expected, 0),
        "it looks as if the advantages' absolute values are returned": np.abs(expected),
        "it looks as if only the sign of the advantages is returned": np.sign(expected),
        "it looks as if the advantages are squashed by tanh": np.tanh(expected),
    }


def of_close_rewards(table, eps, got, expected):
    """What shows where rewards hardly differ, away from zero: groups that become 0, while all others are right."""
    close = np.ptp(table, axis=1) < CLOSE * np.abs(table).max(1)
    rows, right = got.reshape(table.shape), expected.reshape(table.shape)
    rounding = oracles.advantage_tolerance(table.ravel(), table.shape[1], eps)
    good = np.abs(got - expected) <= rounding + 1e-4 * np.abs(expected)
    kept = good.reshape(table.shape).all(1) | (close & ~rows.any(1))
    return {
        "it looks as if rewards that hardly differ are taken for equal: only equal ones give 0": (
            np.where(kept[:, None], rows, right)
        ),
    }


def vague(table, eps):
    """They explain too much to compete with the others."""
    middle, sample = centred(table), std(table)
    population = std(table, 0)
    return {
        "it looks like `layer_norm`: population variance (ddof=0), and eps under the square root": (
            middle / np.sqrt(population**2 + eps)
        ),
        "it looks as if eps is a lower bound of the std: it is added to it": middle
        / np.maximum(sample, eps),
        "it looks as if eps is added to the advantage, not to the std": middle / sample + eps,
    }
