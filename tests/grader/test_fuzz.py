"""Fuzzing in brief: whatever is handed in is repaired or refused, and nobody else's mark changes; `make fuzz` does more."""

import json
import random

from fuzz import fuzz, neighbours
from hypothesis import given, settings
from hypothesis import strategies as st
from toys import notebook, whole

from grader.reader import Unreadable
from grader.submission.preflight import repair

trees = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda t: (
        st.lists(t, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                [
                    "id",
                    "cell_type",
                    "metadata",
                    "nbgrader",
                    "source",
                    "outputs",
                    "grade_id",
                    "points",
                    "data",
                    "text",
                    "attachments",
                ]
            ),
            t,
            max_size=4,
        )
    ),
    max_leaves=12,
)
odd_cells = st.fixed_dictionaries(
    {},
    optional={
        "cell_type": st.sampled_from(["code", "markdown", "raw", 3]),
        "metadata": trees,
        "source": trees,
        "outputs": trees,
        "id": trees,
        "attachments": trees,
    },
)


@settings(max_examples=300, deadline=None)
@given(st.lists(odd_cells | trees, max_size=4), trees, st.randoms(use_true_random=False))
def test_any_cells_around_ours_leave_them_whole(assignment, cells, metadata, chance):
    document = notebook()
    document["metadata"] = metadata
    for cell in cells:
        document["cells"].insert(chance.randrange(len(document["cells"]) + 1), cell)
    assert whole(repair(json.dumps(document).encode(), assignment))


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(
        [
            "cells.0",
            "cells.1",
            "cells.2",
            "cells.1.metadata",
            "cells.2.metadata",
            "cells.2.metadata.nbgrader",
            "cells.1.source",
            "metadata",
            "nbformat",
            "cells",
        ]
    ),
    trees,
)
def test_any_part_replaced_is_repaired_or_refused(assignment, path, tree):
    document = target = notebook()
    *steps, last = path.split(".")
    for step in steps:
        target = target[int(step) if step.isdigit() else step]
    target[int(last) if last.isdigit() else last] = tree
    try:
        assert whole(repair(json.dumps(document).encode(), assignment))
    except Unreadable as reason:
        assert str(reason)


def test_ten_thousand_mutated_files_never_crash(assignment):
    chance, original = random.Random(0), json.dumps(notebook()).encode()
    read = 0
    for _ in range(10_000):
        data = bytearray(original)
        for _ in range(chance.choice([1, 1, 2, 5])):
            at = chance.randrange(len(data))
            data[at : at + chance.choice([0, 1, 1, 9])] = bytes(
                chance.randrange(256) for _ in range(chance.choice([0, 1, 1, 4]))
            )
        try:
            assert whole(repair(bytes(data), assignment))
            read += 1
        except Unreadable:
            pass
    assert 0 < read < 10_000


def test_a_slice_of_make_fuzz(assignment):
    documents = [notebook(), notebook(before=["import math"], after=["1"])]
    outcomes = fuzz(assignment, documents, 1_000)
    assert sum(outcomes.values()) == 1_000 and len(outcomes) > 8


def test_a_slice_of_make_fuzz_graded_between_honest_students(assignment):
    assert sum(neighbours(assignment, [notebook()], 12).values()) == 12
