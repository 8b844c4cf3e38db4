"""Preflight: whatever is handed in, the marks are those of the untampered notebook, or a reason is given."""

import json
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from toys import notebook

from grader import outputs
from grader.preflight import MAX_BYTES, Unreadable, repair
from grader.text import clean


@pytest.fixture(scope="module")
def fix(course):
    return lambda data: repair(
        data if isinstance(data, bytes) else json.dumps(data).encode(), course
    )


def graded(submission):
    cells = [cell for cell in submission.notebook["cells"] if cell["metadata"]]
    return {cell["metadata"]["nbgrader"]["grade_id"]: cell for cell in cells}


def whole(submission):
    """Both graded cells are there once, in order, as the source has them, and the worker gets no grade cell."""
    source = [c["metadata"]["nbgrader"] for c in notebook()["cells"] if c["metadata"]]
    found = [c["metadata"]["nbgrader"] for c in submission.notebook["cells"] if c["metadata"]]
    return found == source and all(cell["id"] != "basket_total_laws" for cell in submission.cells)


def test_an_untouched_notebook_passes_without_a_word(fix):
    submission = fix(notebook())
    assert whole(submission) and not submission.notes and not submission.tampered


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "not valid JSON"),
        (b"%PDF-1.4", "not valid JSON"),
        (b'{"cells": [', "not valid JSON"),
        (b"\xff\xfe\x00", "UTF-8"),
        (b"\x89PNG\r\n", "UTF-8"),
        (b"[]", "no notebook"),
        (b'{"cells": {}}', "no notebook"),
        (json.dumps(notebook("x" * 400_000)).encode(), "code is longer"),
        (b'{"worksheets": [], "nbformat": 3}', "old format"),
        (b'{"cells": [], "nbformat": 99}', "format is not 4"),
        (b"[" * 200_000, "not valid JSON"),
        (b'{"a": ' + b"9" * 10_000 + b"}", "not valid JSON"),
        (b" " * (MAX_BYTES + 1), "larger than"),
        (json.dumps({"nbformat": 4, "cells": [{}] * 3000}).encode(), "more than"),
    ],
)
def test_what_cannot_be_read_says_why(fix, data, reason):
    with pytest.raises(Unreadable, match=reason):
        fix(data)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_other_unicode_encodings_are_read(fix, encoding):
    assert whole(fix(json.dumps(notebook()).encode(encoding)))


def damaged(change):
    document = notebook()
    change(document, document["cells"])
    return document


DAMAGE = {
    "points raised": lambda d, c: c[2]["metadata"]["nbgrader"].update(points=400),
    "points not a number": lambda d, c: c[2]["metadata"]["nbgrader"].update(points="many"),
    "grade flag off": lambda d, c: c[2]["metadata"]["nbgrader"].update(grade=False),
    "schema 1": lambda d, c: c[1]["metadata"]["nbgrader"].update(schema_version=1),
    "schema 99": lambda d, c: c[1]["metadata"]["nbgrader"].update(schema_version=99),
    "grade cell gone": lambda d, c: c.pop(2),
    "metadata gone": lambda d, c: c[1].update(metadata={}),
    "all metadata gone": lambda d, c: [cell.update(metadata={}) for cell in c],
    "grade cell made markdown": lambda d, c: c[2].update(cell_type="markdown"),
    "solution made raw": lambda d, c: c[1].update(cell_type="raw"),
    "locked text changed": lambda d, c: c[2].update(source="print('full marks')"),
    "metadata a list": lambda d, c: c[1].update(metadata=[1]),
    "nbgrader a string": lambda d, c: c[1].update(metadata={"nbgrader": "x"}),
    "grade id a list": lambda d, c: c[1]["metadata"]["nbgrader"].update(grade_id=["x"]),
    "grade id renamed": lambda d, c: c[2]["metadata"]["nbgrader"].update(grade_id="bonus"),
}


@pytest.mark.parametrize("change", DAMAGE.values(), ids=DAMAGE)
def test_damage_is_repaired_reported_and_costs_nothing(fix, grader, change):
    submission = fix(damaged(change))
    assert whole(submission) and submission.tampered == {"basket_total"} and submission.notes
    exercise = grader.check(json.dumps(damaged(change)).encode())["exercises"]["basket_total"]
    assert (exercise["points"], exercise["outcome"]) == (2.0, "tampered")


HARMLESS = {
    "kernel": lambda d, c: d["metadata"].update(
        kernelspec={"name": "julia", "language": "julia", "display_name": "J"}
    ),
    "copied graded cell": lambda d, c: c.append(dict(c[2])),
    "copied solution": lambda d, c: c.append(dict(c[1])),
    "a cell that is none": lambda d, c: c.append("cell"),
    "odd ids": lambda d, c: [cell.update(id="same id !") for cell in c],
    "no ids": lambda d, c: [cell.pop("id", 0) for cell in c],
    "source as lines": lambda d, c: c[1].update(source=c[1]["source"].splitlines(keepends=True)),
    "metadata of the notebook gone": lambda d, c: d.pop("metadata"),
    "minor format": lambda d, c: d.update(nbformat_minor=0),
    "outputs broken": lambda d, c: c[1].update(
        outputs=[{"output_type": "stream", "text": 3}, 7, {"output_type": "?"}]
    ),
}


@pytest.mark.parametrize("change", HARMLESS.values(), ids=HARMLESS)
def test_harmless_damage_changes_neither_mark_nor_outcome(fix, grader, change):
    submission = fix(damaged(change))
    assert whole(submission) and not submission.tampered
    ids = [cell["id"] for cell in submission.notebook["cells"]]
    assert len(set(ids)) == len(ids)
    assert (
        grader.check(json.dumps(damaged(change)).encode())["exercises"]["basket_total"]["outcome"]
        == "pass"
    )


def test_a_missing_solution_is_not_filled_with_ours(fix, grader):
    document = damaged(lambda d, c: c.pop(1))
    assert "return" not in graded(fix(document))["basket_total"]["source"]
    assert grader.check(json.dumps(document).encode())["total"] == 0


def test_an_unreadable_notebook_is_a_verdict_too(grader):
    verdict = grader.check(b"%PDF")
    assert (verdict["status"], verdict["total"], verdict["complete"]) == ("unreadable", 0, True)
    assert "not valid JSON" in verdict["exercises"]["basket_total"]["note"]


def test_saved_outputs_stay_but_harmless(fix):
    document = notebook(after=["1"])
    document["cells"][-1]["outputs"] = [
        {
            "output_type": "execute_result",
            "metadata": {},
            "data": {
                "text/html": "<script>",
                "text/plain": "\x1b[31m20",
                "image/svg+xml": "<svg/>",
                "image/png": "aGk=",
            },
        },
        {"output_type": "display_data", "data": {"image/png": '"><script>'}, "metadata": {}},
        {
            "output_type": "display_data",
            "data": {"application/javascript": "alert(1)"},
            "metadata": {},
        },
        {"output_type": "stream", "name": "stdout", "text": "y" * 10**6},
        *[{"output_type": "stream", "name": "stderr", "text": "z"}] * 100,
    ]
    kept = fix(document).notebook["cells"][-1]["outputs"]
    assert kept[0] == {
        "output_type": "display_data",
        "data": {"image/png": "aGk=", "text/plain": "20"},
        "metadata": {},
    }
    assert len(kept) <= outputs.MAX_OUTPUTS and len(kept[1]["text"]) <= outputs.MAX_TEXT
    assert "script" not in json.dumps(kept)


def test_markdown_of_a_student_is_disarmed_and_ours_is_not(fix):
    document = notebook()
    texts = [
        "[x](javascript:alert(1)) [y](\n java&#115;cript:z) [z]: vbscript:x",
        "[ok](https://example.org) ![p](attachment:p.png) [1]: https://example.org",
        r"$\href{javascript:alert(1)}{x}$",
        "<script>alert(1)</script>",
        "a < b and `x<y`",
        '<img src=x onerror="alert(1)">',
        "</details><b>",
    ]
    document["cells"] += [
        {"cell_type": "markdown", "metadata": {}, "source": text} for text in texts
    ]
    shown = [cell["source"] for cell in fix(document).notebook["cells"][-7:]]
    assert not any(outputs.TAG.search(text) for text in shown)
    assert shown[:3] == [
        "[x] (javascript:alert(1)) [y] (\n java&#115;cript:z) [z] : vbscript:x",
        texts[1],
        r"$href{javascript:alert(1)}{x}$",
    ]
    assert shown[4] == "a < b and `x&lt;y`"


@given(st.text(max_size=400))
def test_cleaned_text_is_short_and_plain(text):
    got = clean(text, 100)
    got.encode("utf-8")
    assert len(got) <= 100 and "\x1b" not in got and "\x00" not in got


# Fuzzing: bytes, JSON and cells, mutated; never a crash, never other marks than those of the two graded cells.

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
def test_any_cells_around_ours_leave_them_whole(course, cells, metadata, chance):
    document = notebook()
    document["metadata"] = metadata
    for cell in cells:
        document["cells"].insert(chance.randrange(len(document["cells"]) + 1), cell)
    assert whole(repair(json.dumps(document).encode(), course))


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
def test_any_part_replaced_is_repaired_or_refused(course, path, tree):
    document = target = notebook()
    *steps, last = path.split(".")
    for step in steps:
        target = target[int(step) if step.isdigit() else step]
    target[int(last) if last.isdigit() else last] = tree
    try:
        assert whole(repair(json.dumps(document).encode(), course))
    except Unreadable as reason:
        assert str(reason)


def test_ten_thousand_mutated_files_never_crash(course):
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
            assert whole(repair(bytes(data), course))
            read += 1
        except Unreadable:
            pass
    assert 0 < read < 10_000
