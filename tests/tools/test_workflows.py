"""CI on GitHub and GitLab, the image and their scripts: what can be checked without running them. `make lint-ci` does the rest."""

import importlib.metadata
import re
import subprocess
import tomllib

import pytest
import yaml
from packaging.specifiers import SpecifierSet

from gate import ROOT
from grader.doctor import CONTAINER

STAGES = ["lint", "tests", "bank", "drift", "smoke", "grade"]
ON_GPU = {"smoke", "grade"}
SMOKE = {"build/smoke/smoke.json", "build/smoke/smoke.html", "build/smoke/smoke.xml"}
GRADES = {f"build/grading/{name}" for name in ("status.csv", "grades.csv", "class.tar.gz")}

GITHUB = yaml.safe_load((ROOT / ".github/workflows/course.yml").read_text())
GITLAB = yaml.safe_load((ROOT / ".gitlab-ci.yml").read_text())
JOBS = {name: job for name, job in GITLAB.items() if isinstance(job, dict) and "stage" in job}
DOCKERFILE = (ROOT / "ci/Dockerfile").read_text()
STEPS = [(name, step) for name, job in GITHUB["jobs"].items() for step in job["steps"]]
SHELL = {
    "course.yml": "\n".join(step.get("run", "") for _, step in STEPS),
    ".gitlab-ci.yml": "\n".join(line for job in JOBS.values() for line in job["script"]),
    "Dockerfile": re.sub("^#.*", "", DOCKERFILE, flags=re.MULTILINE),
    **{path.name: path.read_text() for path in sorted((ROOT / "ci").glob("*.sh"))},
}


def promised_python():
    """The oldest Python that the project promises to run on."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return project["requires-python"].removeprefix(">=")


# --- what both do


def test_there_is_one_workflow():
    assert [path.name for path in (ROOT / ".github/workflows").iterdir()] == ["course.yml"]


def test_every_stage_waits_for_the_one_before():
    stages = {name: job for name, job in GITHUB["jobs"].items() if name != "no-runner"}
    assert list(stages) == STAGES
    assert [job.get("needs") for job in stages.values()] == [None, *STAGES[:-1]]
    assert GITLAB["stages"] == STAGES
    assert [(name, job["stage"]) for name, job in JOBS.items()] == [(s, s) for s in STAGES]
    assert not any("needs" in job for job in JOBS.values())  # it would jump the queue


@pytest.mark.parametrize("name", [".github/workflows/course.yml", ".gitlab-ci.yml"])
def test_nothing_turns_red_into_green(name):
    text = (ROOT / name).read_text()
    assert not re.search(r"continue-on-error|allow_failure|always\(\)|\|\| true", text)


@pytest.mark.parametrize("name", SHELL)
def test_make_targets_exist(name, tmp_path):
    targets = set(re.findall(r"^[\s\w&|;-]*?\bmake ([a-z-]+)", SHELL[name], re.MULTILINE))
    assert targets or name in ("grade.sh", "lint_ci.sh")
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


def test_only_the_last_two_stages_ask_for_the_gpu_runner_and_only_where_there_is_one():
    for name, job in GITHUB["jobs"].items():
        assert (job["runs-on"] == ["self-hosted", "gpu"]) == (name in ON_GPU)
    # grade needs smoke
    assert GITHUB["jobs"]["smoke"]["if"].startswith("vars.GPU_RUNNER == 'true' &&")
    for name, job in JOBS.items():
        assert (job.get("tags") == ["gpu"]) == (name in ON_GPU)
        asked = [rule for rule in job.get("rules", []) if rule.get("when") != "never"]
        assert len(asked) == (name in ON_GPU)
        assert all('$GPU_RUNNER == "true"' in rule["if"] for rule in asked)


def test_code_that_nobody_has_read_stays_off_the_machine_with_the_gradebook():
    jobs, branch = GITHUB["jobs"], "github.event.repository.default_branch"
    assert jobs["smoke"]["if"].endswith("&& github.event_name != 'pull_request'")
    assert jobs["grade"]["if"].endswith(f"&& github.ref_name == {branch}")
    assert '$CI_PIPELINE_SOURCE != "merge_request_event"' in JOBS["smoke"]["rules"][0]["if"]
    assert "&& $CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH" in JOBS["grade"]["rules"][0]["if"]


def test_results_of_an_earlier_run_go_before_anything_can_fail():
    github = {
        name: [step.get("run", "") for step in GITHUB["jobs"][name]["steps"]] for name in ON_GPU
    }
    for name in ON_GPU:
        for lines in (github[name][1:], JOBS[name]["script"]):
            gone = lines[0].partition(" #")[0].split()[2:]
            kept = [path for path in gone if "training" in path or "gradebook" in path]
            assert lines[0].startswith("rm -") and not kept
            assert gone == (
                ["build/smoke"]
                if name == "smoke"
                else ["build/grading/*.csv", "build/grading/class.tar.gz", "feedback/*/"]
            )


def test_grading_without_a_runner_is_red():
    job = GITHUB["jobs"]["no-runner"]
    assert "inputs.grade &&" in job["if"] and "vars.GPU_RUNNER != 'true' ||" in job["if"]
    assert "needs" not in job
    assert job["steps"][-1]["run"].strip().endswith("exit 1")


def test_the_runner_keeps_what_grading_needs_again():
    checkouts = {job: s["with"] for job, s in STEPS if "checkout" in s.get("uses", "")}
    assert {job for job, given in checkouts.items() if given.get("clean") is False} == ON_GPU
    kept = {
        n for n, job in JOBS.items() if job.get("variables", {}).get("GIT_CLEAN_FLAGS") == "none"
    }
    assert kept == ON_GPU


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
    text = (ROOT / ".github/workflows/course.yml").read_text()
    assert GITHUB["permissions"] == {"contents": "read"}
    assert not any("permissions" in job for job in GITHUB["jobs"].values())
    assert not re.search(r"secrets\.|github\.token|pull_request_target|workflow_run", text)
    # a value reaches a shell as a variable, never as source
    assert "${{" not in SHELL["course.yml"]


def test_actions_are_pinned_and_leave_no_token_behind():
    used = [step for _, step in STEPS if "uses" in step]
    assert all(re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40}", step["uses"]) for step in used)
    checkouts = [step for step in used if "/checkout@" in step["uses"]]
    assert len(checkouts) == len(STAGES)
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)


# --- the environment


def test_caches_follow_the_requirements():
    for _, step in STEPS:
        for pattern in step.get("with", {}).get("cache-dependency-path", "").split():
            assert list(ROOT.glob(pattern)), pattern
    assert all((ROOT / name).is_file() for name in GITLAB["default"]["cache"]["key"]["files"])


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
        for line in re.findall(r"^COPY (.*)", DOCKERFILE, re.MULTILINE)
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
