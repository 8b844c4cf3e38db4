"""Which tests are slow, and in which order and company all of them run on several cores."""

from pathlib import Path

import pytest
from xdist.scheduler import LoadScopeScheduling

HERE = Path(__file__).parent
# The longest first, so that no core waits for one of them at the end; the first and smoke's use all cores themselves.
LONGEST = (
    "bank/test_bank.py", "gate/test_judges.py", "grader/test_late.py", "grader/test_training.py", "grader/test_open_marks.py",
    "grader/test_batch.py", "grader/test_cluster.py", "grader/test_gradebook_file.py", "grader/test_postgres.py", "lms/test_class.py", "e2e/test_smoke.py", "e2e/test_formgrader.py", "e2e/test_leaks.py",
    "e2e/test_installed.py", "course/test_train.py", "course/test_train_resume.py", "tools/test_build.py", "course/test_output.py", "grader/test_command.py",
)  # fmt: skip
# Their tests share little or nothing with their neighbours: each goes wherever a core is free.
SPREAD = {
    "grader/test_late.py", "grader/test_training.py", "grader/test_open_marks.py", "grader/test_batch.py",
    "grader/test_gradebook_file.py", "e2e/test_smoke.py", "course/test_output.py", "grader/test_command.py",
}  # fmt: skip
# What they share is made once: all of these run in one process.
SHARED = {
    "e2e/test_formgrader.py": "room",
    "e2e/test_leaks.py": "room",
    "grader/test_migrate.py": "server",
    "grader/test_postgres.py": "server",
    "e2e/test_smoke.py::test_honest_rewards_pass": "tried",
    "e2e/test_smoke.py::test_a_negative_control": "tried",
}
# A test that uses one of these starts commands, trains, judges many submissions, or waits for what never answers; so does every
# test of these files, and what is marked so in its place.
SLOW_FIXTURES = {
    "class_folder", "forked", "graded", "judged", "judged_behind_landlock", "python", "quick", "release", "room", "server", "term", "trained",
    "tried", "ungrouped",
}  # fmt: skip
SLOW_FILES = {
    "bank/test_strategies.py", "course/test_decoding_models.py", "course/test_evaluate.py", "course/test_output.py",
    "course/test_submit.py", "course/test_train_settings.py", "e2e/test_formgrader.py", "e2e/test_grade_one.py",
    "e2e/test_gradescope.py", "e2e/test_installed.py", "e2e/test_leaks.py", "e2e/test_smoke.py", "gate/test_judges.py",
    "gate/test_replay.py", "gate/test_walled_rewards.py", "grader/test_assignments.py", "grader/test_batch.py",
    "grader/test_cluster.py", "grader/test_command.py", "grader/test_containers.py", "grader/test_environment.py",
    "grader/test_explain.py", "grader/test_forged.py", "grader/test_fuzz.py", "grader/test_gradients.py",
    "grader/test_marks.py", "grader/test_new.py", "grader/test_patience.py", "grader/test_preflight.py",
    "grader/test_replays.py", "grader/test_sessions.py", "grader/test_wall_ends.py", "grader/test_wall_limits.py",
    "grader/test_wall_lost.py", "grader/test_wall_timers.py", "lms/test_classroom.py", "lms/test_download.py",
    "lms/test_publish.py", "lms/test_serve_one.py", "lms/test_systems.py", "tools/test_build.py",
    "tools/test_models.py",
}  # fmt: skip
# `make long` alone: each says again, of other cases or at length, what a test beside it says.
LONG = (
    "e2e/test_gradescope.py::test_hostile_work_finds_nothing",
    "e2e/test_installed.py::test_stock_nbgrader_gives_the_same_marks_from_nothing",
    "e2e/test_smoke.py::test_a_run_killed_at_random_moments",
    "e2e/test_smoke.py::test_other_settings_in_the_same_folder_are_another_run",
    "gate/test_judges.py::test_committed_weights",
    "grader/test_batch.py::test_a_run_killed_at_any_moment",
    "grader/test_containers.py::test_a_container_without_privileges_grades_behind_landlock[docker]",
    "grader/test_containers.py::test_a_container_without_privileges_grades_behind_landlock[sysctl]",
    "grader/test_containers.py::test_a_container_without_privileges_grades_behind_landlock[user]",
    "grader/test_containers.py::test_bubblewrap_refuses_there_and_the_doctor_says_what_works[docker]",
    "grader/test_containers.py::test_bubblewrap_refuses_there_and_the_doctor_says_what_works[sysctl]",
    "grader/test_containers.py::test_bubblewrap_refuses_there_and_the_doctor_says_what_works[user]",
    "grader/test_fuzz.py::test_a_slice_of_make_fuzz",
    "lms/test_class.py::test_a_class_goes_from_its_systems_download_to_its_marks[gradescope]",
    "lms/test_class.py::test_what_is_no_student_becomes_none[moodle",
)


def pytest_ignore_collect(collection_path, config):
    """`make check` does not even import what it leaves out."""
    left_out = "not slow" in config.option.markexpr
    return (left_out and any(collection_path.match(f"tests/{file}") for file in SLOW_FILES)) or None


def pytest_collection_modifyitems(items):
    for item in items:
        if item.nodeid.removeprefix("tests/").startswith(LONG):
            item.add_marker(pytest.mark.long)
        if place(item) in SLOW_FILES or set(item.fixturenames) & SLOW_FIXTURES:
            item.add_marker(pytest.mark.slow)
    items.sort(key=lambda item: LONGEST.index(place(item)) if place(item) in LONGEST else 99)


class Company(LoadScopeScheduling):
    """Files go to processes whole, but for what SPREAD and SHARED say."""

    def _split_scope(self, nodeid):
        name = nodeid.removeprefix("tests/")
        shared = [company for start, company in SHARED.items() if name.startswith(start)]
        file = name.partition("::")[0]
        alone = name if file in SPREAD else file
        return shared[0] if shared else alone


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Not `--dist loadgroup`: what it writes into node ids, pytest 9.2 does not read."""
    return Company(config, log)


def place(item):
    """The test's file, below this folder."""
    return item.path.relative_to(HERE).as_posix()
