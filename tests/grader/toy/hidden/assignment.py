"""A toy course: one exercise, one provided function, no tensors. It shows that the grader knows no course by name."""

from pathlib import Path

from grader.assignment import Assignment, Limits


def get_prices(items):
    if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
        raise TypeError("get_prices takes a list of str")
    return [1.0 + sum(map(ord, item)) % 97 / 7 for item in items]


ASSIGNMENT = Assignment(
    notebook=Path(__file__).parents[1] / "source/toy/exercise.ipynb",
    provides={"shop.get_prices": get_prices},
    limits=Limits(call_seconds=2),
)
