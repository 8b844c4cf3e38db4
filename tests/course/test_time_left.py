"""How far a run is and how long it still takes, where somebody looks at it."""

import doctest
import io
import sys
from types import SimpleNamespace

import pytest

from lab import time_left
from lab.time_left import Pace, Terminal, TimeLeft, bar, bar_shower


class Screen(io.StringIO):
    """A terminal."""

    def isatty(self):
        return True


@pytest.fixture
def clock(monkeypatch):
    """A clock that is set by hand."""
    now = SimpleNamespace(seconds=100.0)
    monkeypatch.setattr(time_left.time, "perf_counter", lambda: now.seconds)
    return now


def told(pace):
    """A callback that keeps what it shows."""
    shown, callback = [], TimeLeft(pace)
    callback.show = lambda text, last=False: shown.append(text)
    return shown, callback


@pytest.mark.parametrize("begun", [0, 20])
def test_what_is_left_follows_the_steps_but_for_the_first(clock, begun):
    shown, callback = told(Pace(begun + 11, 0))
    state = SimpleNamespace(global_step=begun, is_world_process_zero=True)
    callback.on_train_begin(None, state, None)
    for step in range(1, 12):
        clock.seconds += 30 if step == 1 else 2
        state.global_step = begun + step
        callback.on_step_end(None, state, None)
        callback.on_log(None, state, None, logs={"reward": step / 8})
    callback.on_train_end(None, state, None)
    assert f"{begun + 1}/{begun + 11} [00:30, " in shown[0] and "<" not in shown[0]
    assert "[00:40<00:10,  2.00s/step, reward 0.625]" in shown[5]
    assert "<00:02, " in shown[9] and "<00:00, " in shown[10]
    assert shown[-1] == f"{begun + 11} steps in 50 s"


def test_validations_have_a_time_of_their_own(clock):
    """10 steps of 2 s and, after 0, 3, 6, 9 and 10, validations of 5 s."""
    pace = Pace(10, 3)

    def validate(step):
        clock.seconds += 5
        pace.validated(step, 5)

    pace.begin(0)
    validate(0)
    for step in range(1, 11):
        clock.seconds += 20 if step == 1 else 2
        pace.ended(step)
        due = step % 3 == 0 and step < 10
        expected = 2 * (10 - step) + 5 * (1 + 3 - (step - 1) // 3 if step > 1 else 0)
        assert pace.left() == (expected if step > 1 else None)
        if due:
            validate(step)
            assert pace.left() == expected - 5


def test_other_processes_are_silent_and_quick_steps_are_not_all_told(clock):
    shown, callback = told(Pace(100, 0))
    state = SimpleNamespace(global_step=0, is_world_process_zero=True)
    callback.on_train_begin(None, state, None)
    for state.global_step in range(1, 101):
        clock.seconds += 0.1
        callback.on_step_end(None, state, None)
    assert 15 <= len(shown) <= 25
    state.is_world_process_zero = False
    clock.seconds += 9
    callback.on_step_end(None, state, None)
    callback.on_train_end(None, state, None)
    assert len(shown) <= 25


def test_nbgrader_and_a_log_have_no_bar_and_a_log_one_line(clock, monkeypatch, capsys):
    monkeypatch.setattr(sys, "stderr", Screen())
    monkeypatch.setenv("NBGRADER_EXECUTION", "autograde")
    assert bar_shower() is None
    monkeypatch.delenv("NBGRADER_EXECUTION")
    assert bar_shower() is not None
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    callback = TimeLeft(Pace(40, 0))
    state = SimpleNamespace(global_step=0, is_world_process_zero=True)
    for state.global_step in range(1, 41):
        clock.seconds += 1
        callback.on_step_end(None, state, None)
    callback.on_train_end(None, state, None)
    assert capsys.readouterr().out == "step    3/40  about 37 s to go\n"


@pytest.mark.parametrize(("encoding", "sign"), [("utf-8", "█"), ("cp1252", "#")])
def test_a_bar_has_signs_that_the_output_holds(clock, monkeypatch, encoding, sign):
    monkeypatch.setattr(sys, "stderr", SimpleNamespace(encoding=encoding))
    pace = Pace(4, 0)
    pace.ended(2)
    text = bar(pace, 1.0, None)
    assert sign in text and len(text) <= 88 and text.encode(encoding)


def test_a_terminal_has_one_line_that_longer_output_hides(monkeypatch):
    screen = Screen()
    monkeypatch.setattr(sys, "stderr", screen)
    assert isinstance(bar_shower(), Terminal)
    show = Terminal()
    show("step 9 of 10, about 12 s left")
    show("short")
    show("10 steps in 5 s", last=True)
    first, second, third = screen.getvalue().split("\r")
    assert len(second) == len(first) and third == "10 steps in 5 s\n"


def test_a_log_stays_as_it_was(trained):
    assert bar_shower() is None
    assert "left" not in (trained.parent / "stdout.txt").read_text()


def test_the_examples_hold():
    assert doctest.testmod(time_left).failed == 0
