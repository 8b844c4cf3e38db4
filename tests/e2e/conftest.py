"""One small class of the real course, graded by `python -m grader run`, with feedback, for all tests of this folder."""

import pytest

from tests.e2e.classroom import EVIL_NAME, HONEST, ODD_NAMES, RENAMED, HostileClass

STUDENTS = (*HONEST, "payloads", "time-garbage", "unreadable", "unreadable-reason", "unreadable-several", *ODD_NAMES)  # fmt: skip


@pytest.fixture(scope="session")
def room(tmp_path_factory):
    room = HostileClass(tmp_path_factory.mktemp("room"))
    room.everybody_hands_in()
    room.keep(STUDENTS)
    done = room.run("grader", "run", "--jobs", "2")
    assert done.returncode == 0, done.stderr
    for student in RENAMED:
        room.rename(student, EVIL_NAME, EVIL_NAME)
    room.nbgrader("generate_feedback", "sentiment")
    return room
