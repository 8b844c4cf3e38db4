"""The prompts: short, neutral openings of a movie review that the policy continues.

Two disjoint sets, one opening a line, written for this course: `prompts_train.txt` for GRPO and
`prompts_eval.txt`, held out, for every figure that is reported. Nothing in an opening says whether the
reviewer liked the film, so the sentiment of a completion is the model's own choice.
"""

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datasets import Dataset

SPLITS = ("train", "eval")


@cache
def prompt_texts(split: str) -> tuple[str, ...]:
    """Return the openings of one split, in file order, without importing anything heavy.

    Raises:
        ValueError: `split` is neither "train" nor "eval".

    >>> len(prompt_texts("train")) >= 120, len(prompt_texts("eval")) >= 40
    (True, True)
    """
    if split not in SPLITS:
        raise ValueError(f"unknown split {split!r}: choose one of {', '.join(SPLITS)}")
    lines = (
        (Path(__file__).parent / f"prompts_{split}.txt").read_text(encoding="utf-8").splitlines()
    )
    return tuple(line for line in lines if line)


def load_prompts(split: str, limit: int | None = None) -> "Dataset":
    """Return one split as a `datasets.Dataset` with the single column `prompt`, as TRL's trainer reads it.

    Args:
        split: "train" or "eval".
        limit: keep only the first `limit` openings (all when None).

    >>> load_prompts("eval", limit=2)["prompt"][:]
    ['This picture is', 'The picture begins with']
    """
    from datasets import Dataset

    return Dataset.from_dict({"prompt": list(prompt_texts(split)[:limit])})
