"""The wire: what crosses comes out as it went in, and nothing that a worker writes can do more than fail."""

import io
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from grader.wall.inside import wire

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False)
    | st.text()
)
values = st.recursive(
    scalars, lambda v: st.lists(v) | st.tuples(v, v) | st.dictionaries(st.text(), v), max_leaves=10
)
some_arrays = arrays.arrays(
    st.sampled_from(sorted(wire.DTYPES)), arrays.array_shapes(min_dims=0, max_dims=3, min_side=0)
)


def reader(data):
    stream = io.BytesIO(data)

    def read(size):
        assert size <= wire.MAX_BUFFERS, "memory is asked for before its size was checked"
        got = stream.read(size)
        if len(got) < size:
            raise EOFError
        return got

    return read


def across(value):
    buffers = []
    tree = wire.pack(value, buffers)
    message, received = wire.read_frame(reader(wire.frame({"value": tree}, buffers)))
    return wire.unpack(message["value"], received)


@given(values)
def test_plain_values_cross_unchanged(value):
    assert across(value) == value


@given(some_arrays)
def test_arrays_keep_bytes_dtype_and_shape(array):
    got = across([array, {"again": array}])[1]["again"]
    assert (
        got.dtype == array.dtype and got.shape == array.shape and got.tobytes() == array.tobytes()
    )


@pytest.mark.parametrize(
    "value",
    [
        object(),
        {1: 2},
        range(3),
        2**70,
        np.array([None]),
        b"bytes",
        {1, 2},
        [0] * 10**6,
        np.zeros(10**7),
    ],
)
def test_what_cannot_cross_becomes_opaque(value):
    assert isinstance(across(value), wire.Opaque)


def test_lists_of_many_tensors_cross_in_reasonable_time():
    assert len(across([np.float32(x) for x in range(20_000)])) == 20_000


@settings(max_examples=500)
@given(st.binary(max_size=200))
def test_stray_bytes_are_refused(data):
    with pytest.raises((wire.WireError, EOFError)):
        message, buffers = wire.read_frame(reader(data))
        raise EOFError


json_trees = st.recursive(
    scalars,
    lambda v: st.lists(v, max_size=5) | st.dictionaries(st.text(max_size=3), v, max_size=3),
    max_leaves=20,
)
near_trees = st.tuples(
    st.sampled_from(["l", "t", "d", "a", "o", "x"]), json_trees, json_trees, json_trees
).map(list)


@settings(max_examples=500)
@given(json_trees | near_trees, st.lists(st.binary(max_size=8), max_size=2))
def test_forged_values_are_refused_or_plain(tree, buffers):
    try:
        value = wire.unpack(json.loads(json.dumps(tree)), buffers)
    except wire.WireError:
        return
    assert value is None or isinstance(
        value, (bool, int, float, str, list, tuple, dict, np.ndarray, wire.Opaque)
    )


@pytest.mark.parametrize(
    "header",
    [
        b"[" * 100_000,
        b'{"sizes": [-1]}',
        b'{"sizes": [1e9]}',
        b'{"sizes": [99999999999]}',
        b"[]",
        b"{}",
        b"9" * 10_000,
        b'{"sizes": "abc"}',
    ],
)
def test_forged_headers_are_refused(header):
    with pytest.raises(wire.WireError):
        wire.read_frame(reader(len(header).to_bytes(4, "big") + header))


def test_a_huge_length_is_refused_before_anything_is_read():
    with pytest.raises(wire.WireError):
        wire.read_frame(reader(b"\xff\xff\xff\xff"))


@pytest.mark.parametrize("number", [2**64, -(2**63) - 1, 10**400])
def test_a_whole_number_that_the_other_side_would_not_have_sent_is_no_value(number):
    """No float holds the last: it would fail wherever the trusted side reckons with it."""
    assert wire.unpack(["l", [2**64 - 1, -(2**63)]], []) == [2**64 - 1, -(2**63)]
    with pytest.raises(wire.WireError):
        wire.unpack(["l", [number]], [])


@pytest.mark.parametrize(
    "tree",
    [
        ["l", [["a", "uint8", [8], 0]] * 2],  # each would be a copy of the buffer
        ["l", [0] * 120_000],
        ["l", ["x" * 16_000] * 120],
        ["a", "uint8", [10**9, 0], 1],  # no bytes, and 10⁹ lists as a list
        ["a", "uint8", [-1], 0],
        ["a", "uint8", None, 0],
        ["a", "uint8", [8], 7],
        ["d", [[["l", []], 1]]],
        ["o", ["l", []]],
    ],
)
def test_a_value_that_would_grow_on_this_side_is_refused(tree):
    with pytest.raises(wire.WireError):
        wire.unpack(tree, [bytes(8), b""])


def test_what_is_too_deep_to_leave_is_too_deep_to_enter():
    tree = 1
    for _ in range(wire.MAX_DEPTH + 2):
        tree = ["l", [tree]]
    assert wire.unpack(tree[1][0], [])
    with pytest.raises(wire.WireError):
        wire.unpack(tree, [])


def test_an_empty_array_crosses_if_it_is_as_short_as_a_list():
    assert across(np.zeros((0, 768))).shape == (0, 768)
    assert isinstance(across(np.zeros((10**9, 0))), wire.Opaque)


def test_want_of_memory_while_a_value_is_read_is_no_value():
    def none_left(array):
        raise MemoryError

    with pytest.raises(wire.WireError):
        wire.unpack(["a", "uint8", [8], 0], [bytes(8)], none_left)
