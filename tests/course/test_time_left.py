"""How far a run is and how long it still takes, where somebody looks at it."""

import doctest
import io
import sys
from types import SimpleNamespace

import pytest

from lab import time_left
from lab.time_left import Terminal, TimeLeft, line_shower, silent, words


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


@pytest.mark.parametrize("begun", [0, 20])
def test_what_is_left_follows_the_steps_but_for_the_first(clock, monkeypatch, begun):
    shown, told = [], TimeLeft()
    told.show = lambda text, last=False: shown.append(text)
    state = SimpleNamespace(global_step=begun, max_steps=begun + 11, is_world_process_zero=True)
    told.on_train_begin(None, state, None)
    for step in range(1, 12):
        clock.seconds += 30 if step == 1 else 2
        state.global_step = begun + step
        told.on_step_end(None, state, None)
    told.on_train_end(None, state, None)
    assert shown[0] == words(begun + 1, begun + 11, None) and "left" not in shown[0]
    assert shown[5].endswith("about 10 s left") and shown[-2].endswith("about 1 s left")
    assert shown[-1] == f"{begun + 11} steps in 50 s"


def test_other_processes_are_silent_and_quick_steps_are_not_all_told(clock):
    shown, told = [], TimeLeft()
    told.show = lambda text, last=False: shown.append(text)
    state = SimpleNamespace(global_step=0, max_steps=100, is_world_process_zero=True)
    told.on_train_begin(None, state, None)
    for state.global_step in range(1, 101):
        clock.seconds += 0.1
        told.on_step_end(None, state, None)
    assert 15 <= len(shown) <= 25
    state.is_world_process_zero = False
    clock.seconds += 9
    told.on_step_end(None, state, None)
    told.on_train_end(None, state, None)
    assert len(shown) <= 25


def test_a_terminal_has_one_line_that_longer_output_hides(monkeypatch):
    screen = Screen()
    monkeypatch.setattr(sys, "stderr", screen)
    assert isinstance(line_shower(), Terminal)
    show = Terminal()
    show("step 9 of 10, about 12 s left")
    show("short")
    show("10 steps in 5 s", last=True)
    first, second, third = screen.getvalue().split("\r")
    assert len(second) == len(first) and third == "10 steps in 5 s\n"


def test_a_log_stays_as_it_was(trained):
    assert line_shower() is silent
    assert "left" not in (trained.parent / "stdout.txt").read_text()


def test_the_examples_hold():
    assert doctest.testmod(time_left).failed == 0
