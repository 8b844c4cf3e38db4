"""Which tests are slow, and in which order and company all of them run on several cores."""

from pathlib import Path

import pytest

HERE = Path(__file__).parent
# The longest first, so that no core waits for one of them at the end; the first and smoke's use all cores themselves.
LONGEST = (
    "bank/test_bank.py", "gate/test_judges.py", "grader/test_late.py", "grader/test_training.py", "grader/test_open_marks.py",
    "grader/test_batch.py", "grader/test_gradebook_file.py", "lms/test_class.py", "e2e/test_smoke.py", "e2e/test_formgrader.py", "e2e/test_leaks.py",
    "e2e/test_installed.py", "course/test_train.py", "course/test_train_resume.py", "tools/test_build.py", "course/test_output.py", "grader/test_command.py",
)  # fmt: skip
# Their tests share little or nothing with their neighbours: each goes wherever a core is free.
SPREAD = {
    "grader/test_late.py", "grader/test_training.py", "grader/test_open_marks.py", "grader/test_batch.py",
    "grader/test_gradebook_file.py", "e2e/test_smoke.py", "course/test_output.py", "grader/test_command.py", "lms/test_class.py",
}  # fmt: skip
# What these fixtures give is made once: all that use one of them run in one process.
SHARED = ("room", "tried")
# A test that uses one of these starts commands, trains, or judges many submissions; so does every test of these files.
SLOW_FIXTURES = {
    "class_folder", "forked", "graded", "judged", "judged_behind_landlock", "python", "quick", "release", "room", "term", "trained", "tried", "ungrouped",
}  # fmt: skip
SLOW_FILES = {
    "bank/test_strategies.py", "course/test_evaluate.py", "course/test_output.py", "course/test_train_settings.py",
    "e2e/test_formgrader.py", "e2e/test_grade_one.py", "e2e/test_gradescope.py", "e2e/test_installed.py", "e2e/test_leaks.py",
    "e2e/test_smoke.py", "gate/test_judges.py", "grader/test_assignments.py", "grader/test_batch.py", "grader/test_command.py",
    "grader/test_containers.py", "grader/test_environment.py", "grader/test_fuzz.py", "grader/test_new.py",
    "grader/test_preflight.py", "grader/test_wall_timers.py", "lms/test_classroom.py", "lms/test_download.py",
    "lms/test_publish.py", "lms/test_serve_one.py", "lms/test_systems.py", "tools/test_build.py", "tools/test_models.py",
}  # fmt: skip


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items):
    for item in items:
        file, fixtures = place(item), set(item.fixturenames)
        if file in SLOW_FILES or fixtures & SLOW_FIXTURES:
            item.add_marker(pytest.mark.slow)
        shared = [name for name in SHARED if name in fixtures]
        alone = item.nodeid if file in SPREAD else file
        item.add_marker(pytest.mark.xdist_group(shared[0] if shared else alone))
    items.sort(key=lambda item: LONGEST.index(place(item)) if place(item) in LONGEST else 99)


def place(item):
    """The test's file, below this folder."""
    return item.path.relative_to(HERE).as_posix()
