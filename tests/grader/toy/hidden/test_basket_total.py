"""The laws of the toy course's one exercise."""

from assignment import get_prices
from hypothesis import given
from hypothesis import strategies as st

from grader.laws import check, law, matching, near, raises, scalar

baskets = st.lists(st.text("abcdef", min_size=1, max_size=4), min_size=1, max_size=5)
discounts = st.floats(0, 0.9)


def likely_cause(call, got, expected):
    (items,), discount = call.args, call.kwargs["discount"]
    full = sum(get_prices(items))
    return matching(
        got,
        expected,
        {
            "it looks as if the discount is ignored": full,
            "it looks as if the discount itself is returned, not what is left to pay": full
            * discount,
        },
    )


@law(
    "the total is what remains of the prices' sum after the discount",
    weight=1,
    value=True,
    hint=likely_cause,
)
@given(items=baskets, discount=discounts)
def test_value(student, items, discount):
    near(scalar(student(items, discount=discount)), sum(get_prices(items)) * (1 - discount))


@law("prices are asked for once, for all items together", weight=0.5)
@given(items=baskets)
def test_one_call(student, items):
    student(items)
    check(
        len(student.last.callbacks) == 1,
        f"get_prices was called {len(student.last.callbacks)} times",
    )


@law("a negative discount is refused with ValueError", weight=0.5)
@given(discount=st.floats(-5, -0.01))
def test_refuses(student, discount):
    raises(ValueError, student, ["a"], discount=discount)
