"""CI on GitHub and GitLab, the image and their scripts: what can be checked without running them. `make lint-ci` does the rest."""

import importlib.metadata
import json
import re
import subprocess
import tomllib

import pytest
import yaml
from packaging.specifiers import SpecifierSet

from gate import ROOT
from grader.doctor import CONTAINER
from tools import gradescope

STAGES = ["lint", "tests", "bank", "drift", "smoke", "grade"]
KEPT = {"smoke", "grade"}  # jobs on machines that keep what a run leaves
SMOKE = {"build/smoke/smoke.json", "build/smoke/smoke.html", "build/smoke/smoke.xml"}
GRADES = {f"build/grading/{name}" for name in ("status.csv", "grades.csv", "class.tar.gz")}

GITHUB = yaml.safe_load((ROOT / ".github/workflows/course.yml").read_text())
GITLAB = yaml.safe_load((ROOT / ".gitlab-ci.yml").read_text())
CLASSROOM = yaml.safe_load((ROOT / ".github/workflows/classroom.yml").read_text())
TEMPLATE = yaml.safe_load((ROOT / "ci/classroom/autograding.yml").read_text())
JOBS = {name: job for name, job in GITLAB.items() if isinstance(job, dict) and "stage" in job}
DOCKERFILE = (ROOT / "ci/Dockerfile").read_text()
STEPS = [(name, step) for name, job in GITHUB["jobs"].items() for step in job["steps"]]
SHELL = {
    "course.yml": "\n".join(step.get("run", "") for _, step in STEPS),
    ".gitlab-ci.yml": "\n".join(line for job in JOBS.values() for line in job["script"]),
    "Dockerfile": re.sub("^#.*", "", DOCKERFILE, flags=re.MULTILINE),
    **{path.name: path.read_text() for path in sorted((ROOT / "ci").rglob("*.sh"))},
}


def promised_python():
    """The oldest Python that the project promises to run on."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return project["requires-python"].removeprefix(">=")


# --- what both do


def test_there_are_two_workflows():
    names = sorted(path.name for path in (ROOT / ".github/workflows").iterdir())
    assert names == ["classroom.yml", "course.yml"]


def test_every_stage_waits_for_the_one_before_and_grading_for_no_training():
    stages = {name: job for name, job in GITHUB["jobs"].items() if name != "not-graded"}
    assert list(stages) == STAGES
    assert [job.get("needs") for job in stages.values()] == [None, *STAGES[:-2], "drift"]
    assert GITLAB["stages"] == STAGES
    assert [(name, job["stage"]) for name, job in JOBS.items()] == [(s, s) for s in STAGES]
    # what needs something by name jumps the queue
    needs = {name: job["needs"] for name, job in JOBS.items() if "needs" in job}
    assert needs == {"grade": ["drift"]}


@pytest.mark.parametrize(
    "name", [".github/workflows/course.yml", ".github/workflows/classroom.yml", ".gitlab-ci.yml"]
)
def test_nothing_turns_red_into_green(name):
    text = (ROOT / name).read_text()
    assert not re.search(r"continue-on-error|allow_failure|always\(\)|\|\| true", text)


@pytest.mark.parametrize("name", SHELL)
def test_make_targets_exist(name, tmp_path):
    targets = set(re.findall(r"^[\s\w&|;-]*?\bmake ([a-z-]+)", SHELL[name], re.MULTILINE))
    assert targets or name in ("grade.sh", "lint_ci.sh", "postgresql.sh", "setup.sh")
    for target in targets:
        command = ["make", "-n", "-C", str(ROOT), f"VENV={tmp_path}", target]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", SHELL)
def test_scripts_exist(name):
    for script in re.findall(r"(?:bash|python) ([\w/.]+\.(?:sh|py))", SHELL[name]):
        assert (ROOT / script).is_file(), script


def test_all_jobs_end_at_last_and_stop_at_the_first_error():
    assert all(job["timeout-minutes"] for job in GITHUB["jobs"].values())
    assert all(job["timeout"] for job in JOBS.values())
    assert "-euo pipefail" in GITHUB["defaults"]["run"]["shell"]
    assert GITLAB["default"]["before_script"] == ["set -euo pipefail"]
    assert not any("before_script" in job for job in JOBS.values())


def test_only_smoke_asks_for_a_gpu():
    assert GITHUB["jobs"]["smoke"]["runs-on"] == ["self-hosted", "gpu"]
    assert GITHUB["jobs"]["smoke"]["if"].startswith("vars.GPU_RUNNER == 'true' &&")
    hosted = {name for name, job in GITHUB["jobs"].items() if job["runs-on"] == "ubuntu-24.04"}
    assert hosted == set(GITHUB["jobs"]) - KEPT
    assert JOBS["smoke"]["tags"] == ["gpu"] and JOBS["grade"]["tags"] == ["$GRADE_RUNNER"]
    assert not any("tags" in job for name, job in JOBS.items() if name not in KEPT)
    [rule] = JOBS["smoke"]["rules"]
    assert '$GPU_RUNNER == "true"' in rule["if"]


def test_grading_goes_where_the_variable_says_and_else_to_a_machine_of_the_systems():
    job = GITHUB["jobs"]["grade"]
    assert job["runs-on"].startswith("${{ vars.GRADE_RUNNER && ")
    assert job["runs-on"].endswith(" || 'ubuntu-24.04' }}")
    [prepare] = [step for step in job["steps"] if "prepare.sh" in step.get("run", "")]
    assert prepare["env"]["KIND"] == "${{ vars.GRADE_RUNNER == 'gpu' && 'gpu' || 'cpu' }}"
    assert GITLAB["variables"]["GRADE_RUNNER"]["value"] != "gpu"
    for text in (str(job), str(JOBS["grade"])):
        assert "GPU_RUNNER" not in text


def test_code_that_nobody_has_read_stays_off_the_machine_with_the_gradebook():
    jobs, branch = GITHUB["jobs"], "github.event.repository.default_branch"
    assert jobs["smoke"]["if"].endswith("&& github.event_name != 'pull_request'")
    assert jobs["grade"]["if"].endswith(f"&& github.ref_name == {branch}")
    assert '$CI_PIPELINE_SOURCE != "merge_request_event"' in JOBS["smoke"]["rules"][0]["if"]
    assert "&& $CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH" in JOBS["grade"]["rules"][0]["if"]


def test_results_of_an_earlier_run_go_before_anything_can_fail():
    github = {
        name: [step.get("run", "") for step in GITHUB["jobs"][name]["steps"]] for name in KEPT
    }
    results = {"build/grading/*.csv", "build/grading/class.tar.gz", "feedback/*/"}
    for name in KEPT:
        for lines in (github[name][1:], JOBS[name]["script"]):
            gone = lines[0].partition(" #")[0].split()[2:]
            kept = [path for path in gone if "training" in path or "gradebook" in path]
            assert lines[0].startswith("rm -") and not kept
            assert set(gone) >= ({"build/smoke"} if name == "smoke" else results)


def test_what_was_downloaded_for_an_earlier_run_is_not_graded_again():
    first = GITHUB["jobs"]["grade"]["steps"][1]["run"].split()
    taken = [
        s["with"]["path"]
        for s in GITHUB["jobs"]["grade"]["steps"]
        if "download" in s.get("uses", "")
    ]
    assert taken == ["build/handed-in", "build/earlier"] and set(taken) <= set(first)


def test_grading_from_another_branch_is_red():
    job = GITHUB["jobs"]["not-graded"]
    assert "inputs.grade &&" in job["if"] and "github.ref_name != " in job["if"]
    assert "needs" not in job
    assert job["steps"][-1]["run"].strip().endswith("exit 1")


def test_the_runner_keeps_what_grading_needs_again():
    checkouts = {job: s["with"] for job, s in STEPS if "checkout" in s.get("uses", "")}
    assert {job for job, given in checkouts.items() if given.get("clean") is False} == KEPT
    kept = {
        n for n, job in JOBS.items() if job.get("variables", {}).get("GIT_CLEAN_FLAGS") == "none"
    }
    assert kept == KEPT


def test_grading_starts_by_hand():
    assert "workflow_dispatch" in GITHUB["jobs"]["grade"]["if"]
    assert "inputs.grade" in GITHUB["jobs"]["grade"]["if"]
    [rule] = JOBS["grade"]["rules"]
    assert '$CI_PIPELINE_SOURCE == "web" && $GRADE == "true"' in rule["if"]
    assert GITLAB["variables"]["GRADE"]["value"] == "false"


@pytest.mark.parametrize(
    ("name", "expected"),
    [("bank", {"build/bank/matrix.log"}), ("smoke", SMOKE), ("grade", GRADES)],
)
def test_artefacts_are_kept_whatever_the_verdict(name, expected):
    [upload] = [s for job, s in STEPS if job == name and "upload-artifact" in s.get("uses", "")]
    assert set(upload["with"]["path"].split()) == expected
    assert upload["if"] == "${{ !cancelled() }}"
    assert set(JOBS[name]["artifacts"]["paths"]) == expected
    assert JOBS[name]["artifacts"]["when"] == "always"


def test_gitlab_shows_the_smoke_verdict_as_tests():
    assert JOBS["smoke"]["artifacts"]["reports"] == {"junit": "build/smoke/smoke.xml"}


# --- what nobody may get at


def test_github_gives_no_rights_and_no_secrets():
    text = "".join(path.read_text() for path in (ROOT / ".github/workflows").iterdir())
    assert GITHUB["permissions"] == CLASSROOM["permissions"] == {"contents": "read"}
    given = {
        name: job["permissions"] for name, job in GITHUB["jobs"].items() if "permissions" in job
    }
    # grading reads artifacts of other runs, in two steps that run no code of ours or of a student's
    assert given == {"grade": {"contents": "read", "actions": "read"}}
    with_token = [step for _, step in STEPS if "github.token" in str(step)]
    assert len(with_token) == text.count("github.token") == 2
    assert all("/download-artifact@" in step["uses"] for step in with_token)
    assert not re.search(r"secrets\.|pull_request_target|workflow_run\b", text)
    # a value reaches a shell as a variable, never as source
    assert "${{" not in SHELL["course.yml"]


def test_actions_are_pinned_and_leave_no_token_behind():
    used = [step for _, step in STEPS if "uses" in step]
    used += [step for step in CLASSROOM["jobs"]["grade"]["steps"] if "uses" in step]
    assert all(re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40}", step["uses"]) for step in used)
    checkouts = [step for step in used if "/checkout@" in step["uses"]]
    assert len(checkouts) == len(STAGES) + 1
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)


# --- GitHub Classroom


def test_a_students_repository_decides_nothing_on_the_machine_with_the_laws():
    job = CLASSROOM["jobs"]["grade"]
    assert (
        set(CLASSROOM[True]) == {"workflow_call"}
        and "inputs" not in CLASSROOM[True]["workflow_call"]
    )
    assert job["runs-on"] == ["self-hosted", "grader"] and job["timeout-minutes"]
    [run] = [step["run"] for step in job["steps"] if "run" in step]
    assert "${{" not in run and "--network none" in run and ":ro" in run
    assert "course-grade-one" in run and "course-grade-one" in DOCKERFILE


def test_the_reporter_finds_the_points():
    """As its source looks for them: the check's name, and the runner's id in capitals."""
    job = TEMPLATE["jobs"]["run-autograding-tests"]
    [step] = job["steps"]
    name = step["with"]["runners"].upper()
    called = TEMPLATE["jobs"][job["needs"]]
    assert step["env"] == {f"{name}_RESULTS": "${{ needs.notebook.outputs.result }}"}
    assert called["uses"].endswith("/.github/workflows/classroom.yml@main")
    assert "result" in CLASSROOM[True]["workflow_call"]["outputs"]


# --- the environment


def test_caches_follow_the_requirements():
    for _, step in STEPS:
        for pattern in step.get("with", {}).get("cache-dependency-path", "").split():
            assert list(ROOT.glob(pattern)), pattern
    assert all((ROOT / name).is_file() for name in GITLAB["default"]["cache"]["key"]["files"])


def test_the_image_for_one_notebook_is_what_gradescope_gets():
    stages = re.findall(r"^FROM (\S+) AS (\S+)$", DOCKERFILE, re.MULTILINE)
    assert [name for _, name in stages] == ["environment", "grade-one", "course-grader"]
    assert f"course={gradescope.COURSE.relative_to(ROOT)} " in DOCKERFILE  # the build context
    one = DOCKERFILE.partition(" AS grade-one\n")[2].partition("\nFROM ")[0]
    [entry] = re.findall(r"^ENTRYPOINT (.*)", one, re.MULTILINE)
    assert json.loads(entry) == ["python", "-m", "grader", "serve-one"]
    assert "USER" not in one  # it stays the ordinary user of the environment


def test_every_python_is_one_that_the_course_promises():
    promised = promised_python()
    [base] = re.findall(r"^ARG BASE=python:(\d+\.\d+)-", DOCKERFILE, re.MULTILINE)
    tried = GITHUB["jobs"]["tests"]["strategy"]["matrix"]["python"]
    given = {s["with"]["python-version"] for _, s in STEPS if "setup-python" in s.get("uses", "")}
    assert given == {base, "${{ matrix.python }}"}
    assert base == re.match(r"python:(\d+\.\d+)-", GITLAB["default"]["image"])[1] == tried[0]
    assert JOBS["tests"]["parallel"]["matrix"] == [{"PYTHON_VERSION": tried}]
    assert tuple(map(int, base.split("."))) >= tuple(map(int, promised.split(".")))


def test_pinned_packages_install_on_the_oldest_promised_python():
    lock = re.findall(
        r"^([\w.-]+)==(\S+)", (ROOT / "requirements-lock.txt").read_text(), re.MULTILINE
    )
    for name, version in lock:
        try:
            package = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            continue  # another platform's
        if package.version.partition("+")[0] == version:
            wanted = SpecifierSet(package.metadata["Requires-Python"] or "")
            assert wanted.contains(f"{promised_python()}.0"), f"{name} {version} wants {wanted}"


def test_the_image_copies_what_is_there_and_nothing_of_the_course():
    copied = [
        source
        for line in re.findall(r"^COPY (?!--from=course )(.*)", DOCKERFILE, re.MULTILINE)
        for source in line.split()[:-1]
    ]
    assert all((ROOT / source).is_file() for source in copied)
    everything, *allowed = [
        line
        for line in (ROOT / ".dockerignore").read_text().splitlines()
        if not line.startswith("#")
    ]
    assert everything == "*"
    assert sorted(allowed) == sorted(f"!{source}" for source in copied)


def test_the_image_runs_as_an_ordinary_user():
    assert re.findall(r"^USER (.*)", DOCKERFILE, re.MULTILINE)[-1] not in ("root", "0")


def test_the_doctor_and_the_image_give_the_same_command():
    comment = re.search(r"^#   docker build.*?make grade$", DOCKERFILE, re.MULTILINE | re.DOTALL)[0]
    assert comment.replace("\\", "").replace("#", "").split() == CONTAINER.split()
    assert f"-t {GITLAB['variables']['GPU_IMAGE']} " in CONTAINER
