"""What this machine can do for grading, and how to mend what is missing."""

import os
import platform
import shutil
import subprocess
import sys
from importlib.util import find_spec
from itertools import chain
from pathlib import Path

from grader.assignment import Assignment, exercises, load_assignments
from grader.errors import GraderError
from grader.gradebook import database as gradebooks
from grader.gradebook import people
from grader.store import version
from grader.text import program
from grader.wall.cgroup import hierarchies
from grader.wall.choice import first_worker
from grader.wall.inside import seccomp
from grader.wall.isolation import STRONGEST_FIRST
from grader.wall.mounts import check_outside
from grader.wall.root import NO_USER

PACKAGES = ("numpy", "pytest", "hypothesis", "nbgrader", "nbconvert", "nbformat", "tqdm")
SIGNS = {True: "ok", False: "MISSING", None: "note"}
# what was looked at, whether it is fine (None: not needed), what was found, how to mend it
Finding = tuple[str, bool | None, str, str]
IMAGE = Path("ci/Dockerfile")  # of a course that brings one
FLAGS = (
    "--security-opt seccomp=unconfined --security-opt apparmor=unconfined"
    " --security-opt systempaths=unconfined"
)
WITHOUT = "Without these options the container's own filters leave Landlock alone, where its kernel has it."
CONTAINER = f"""\
  docker build -t course-grader -f {IMAGE} .
  docker run --rm -it {FLAGS} -v "${{PWD}}:/course" course-grader make grade"""


def report(laws: Path, name: str | None = None, gradebook: bool = True) -> int:
    """Print one line a finding; 1 if grading cannot work here. `gradebook`: look at it, too."""
    declared = assignments(laws, name)
    machine = [system(), *walls(), cgroups(), system_calls(), packages(declared)]
    findings = [*machine, *course(laws, name)]
    if any(assignment.trainer for assignment in declared):
        findings += [gpu(), *compiler(), models()]
    if gradebook:
        findings.append(database(laws, name))
    for name, fine, detail, remedy in findings:
        print(f"{SIGNS[fine]:7} {name:12} {detail}")
        if remedy and not fine:
            print(f"{'':21}to mend it: {remedy}")
    print(f"\nOn macOS and Windows grade in a container (Docker or Podman){container()}")
    return int(any(fine is False for _, fine, _, _ in findings))


def assignments(laws: Path, name: str | None) -> list[Assignment]:
    """None where they cannot be loaded: `course` says why."""
    try:
        return load_assignments(laws, name)
    except GraderError:
        return []


def container() -> str:
    if IMAGE.is_file():
        return f", from the course's folder:\n{CONTAINER}\n{WITHOUT}"
    return f" of Linux with bubblewrap and nbgrader-laws; start it with\n  {FLAGS}\n{WITHOUT}"


def system() -> Finding:
    fine = sys.platform == "linux" and sys.version_info >= (3, 11)
    return (
        "system",
        fine,
        f"{platform.platform()}, Python {platform.python_version()}",
        "use Linux with Python 3.11 or later, or the container below",
    )


def walls() -> list[Finding]:
    """A line for each, really tried, and which of them is taken; one that works is enough."""
    tried = {way: first_worker(way.name) for way in STRONGEST_FIRST}
    working = [way.name for way, (user, _) in tried.items() if user is not None]
    lines: list[Finding] = []
    for way, (user, refusal) in tried.items():
        if user is None:
            fine = None if working else False
            lines.append((way.name, fine, refusal, "" if NO_USER in refusal else way.remedy))
        else:
            lines.append((way.name, True, f"a worker runs as {whose(user)}: {way.covers}", ""))
    taken = f"{working[0]} is taken (--isolation auto)" if working else "none works here"
    return [*lines, ("sandbox", bool(working), taken, "what one of the lines above says")]


def whose(user: int) -> str:
    same = " (you; only the wall parts it from your files)" if user == os.getuid() else ""
    return f"user {user}{same}"


def cgroups() -> Finding:
    """What they limit here, and what is not limited without them."""
    files = [file for names in hierarchies().values() for file in names]
    shared = any(file.startswith("cpu.") for file in files)
    if files:
        detail = "memory is limited for all processes of a worker together"
        if shared:
            detail += "; so is its share of the processors"
    else:
        detail = (
            "none to use here: the kernel limits memory for each process by itself; for all of a worker's together it is"
            " added up 50 times a second, so they may take more for a moment, and buffers of pipes and tables of the kernel"
            " are not counted. Each of a worker's processes counts by itself where processors are shared out"
        )
    return (
        "cgroups",
        True if shared else None,
        detail,
        "run as root on the host, or under systemd as yourself: systemd-run --user --scope COMMAND",
    )


def system_calls() -> Finding:
    known = platform.machine() in seccomp.MACHINES
    detail = "a worker has those that are listed" if known else f"no list for {platform.machine()}"
    remedy = "x86_64 or aarch64 have one; elsewhere only the other walls stand"
    return "system calls", True if known else None, detail, remedy


def packages(declared: list[Assignment]) -> Finding:
    """The grader's own, the assignments', and what a worker imports before any student code."""
    names = [*PACKAGES, *chain.from_iterable(a.packages for a in declared)]
    versions = {name: version(name) for name in names}
    modules = {module.partition(".")[0] for a in declared for module in a.preload} - set(versions)
    versions |= {name: "" for name in sorted(modules) if find_spec(name) is None}
    missing = [name for name, found in versions.items() if not found]
    remedy = f"{program('pip')} install {' '.join(missing)}"
    return (
        "packages",
        not missing,
        ", ".join(f"{name} {found or 'MISSING'}" for name, found in versions.items()),
        "make setup" if Path("Makefile").is_file() else remedy,
    )


def course(laws: Path, name: str | None) -> list[Finding]:
    """One finding an assignment."""
    try:
        return [fitting(assignment) for assignment in load_assignments(laws, name)]
    except GraderError as error:
        return [("course", False, str(error), "")]


def fitting(assignment: Assignment) -> Finding:
    """Whether laws, notebook and place of an assignment go together."""
    from grader.judging.suite import check_weights, configure_hypothesis

    try:
        plan = exercises(assignment)
        configure_hypothesis()
        check_weights(assignment, plan)
        files = (assignment.folder, assignment.notebook, *assignment.training_files)
        check_outside(*files, Path.cwd())
    except (GraderError, OSError) as error:
        return "course", False, str(error), ""
    points = sum(exercise.max_points for exercise in plan)
    count = "1 exercise" if len(plan) == 1 else f"{len(plan)} exercises"
    detail = f"{count}, {points:g} points, the laws' weights agree with the notebook"
    return "course", True, f"{assignment.name}: {detail}", ""


def gpu() -> Finding:
    tool = shutil.which("nvidia-smi")
    names = (
        subprocess.run([tool, "-L"], capture_output=True, text=True).stdout.strip() if tool else ""
    )
    return (
        "GPU",
        True if names else None,
        names or "none: grading needs none, full training runs do",
        "",
    )


def compiler() -> list[Finding]:
    """Where a GPU is: TRL's loss is compiled there at its first use."""
    if not shutil.which("nvidia-smi"):
        return []
    names = (os.environ.get("CC", ""), "gcc", "clang", "cc")
    found = next((path for name in names if name and (path := shutil.which(name))), "")
    missing = "none: training on the GPU takes a slower way for its loss"
    return [
        ("C compiler", True if found else None, found or missing, "apt-get install gcc libc6-dev")
    ]


def models() -> Finding:
    found = [path.parent.name for path in Path("models").glob("*/config.json")]
    return (
        "models",
        True if found else None,
        ", ".join(sorted(found)) or "no models/ here: grading needs none",
        "",
    )


def database(laws: Path, name: str | None) -> Finding:
    """Of the gradebook that nbgrader_config.py names."""
    try:
        url = people.course().db_url
        if not gradebooks.is_there(url):
            made = f"`{program()} -m grader run` makes it"
            return "database", None, f"no {gradebooks.named(url)} here yet", made
        gradebooks.check(url)
        for assignment in load_assignments(laws, name):
            gradebooks.check_exercises(url, assignment)
        names = ", ".join(gradebooks.assignments(url))
    except GraderError as error:
        return "database", False, str(error), ""
    return "database", True, f"{gradebooks.named(url)} knows {names or 'no assignment yet'}", ""
