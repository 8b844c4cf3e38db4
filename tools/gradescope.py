"""Write what grades one notebook somewhere else: Gradescope's autograder.zip, and the course for the image `grade-one`.

python -m tools.gradescope    dist/autograder.zip (of several assignments dist/autograder-<name>.zip), build/grade-one/

Both hold the laws and the solutions: they are for Gradescope's instructors and for your own machines.
"""

import argparse
import re
import shlex
import shutil
import sys
import zipfile
from pathlib import Path

from gate import ROOT
from grader.assignment import LAWS, SETTINGS, Assignment, exercises, load_assignments
from grader.errors import CourseError, GraderError
from grader.lms.autograders.command import SHOWN
from grader.store import files
from lab.command import print_anything

SCRIPTS, PACKAGES, COURSE = ROOT / "ci/gradescope", ROOT / "dist", ROOT / "build/grade-one"
# beside the grader, the laws and the notebooks: what installs the environment, and where the course's folder is known by
BESIDE = (SETTINGS, "pyproject.toml", "requirements.txt", "requirements-lock.txt", "LICENSE", "NOTICE")  # fmt: skip
SHARE = 0.8  # of Gradescope's time in which a notebook must be judged; what is left is for starting and ending
LAST = 60  # seconds before Gradescope's end in which all must be over


def course_files(assignments: list[Assignment]) -> list[Path]:
    """What grading one notebook needs of the course, in order; neither models nor anybody's work."""
    found = {ROOT / name for name in BESIDE}
    found |= {*files(ROOT / "grader"), *files(ROOT / LAWS), *ROOT.glob("source/*/requirements.txt")}
    found |= {assignment.notebook for assignment in assignments}
    return sorted(found)


def run_autograder(assignment: Assignment, options: argparse.Namespace) -> str:
    """The script with its settings."""
    seconds = options.timeout * 60
    settings = ["--assignment", assignment.name, "--points", options.points]
    settings += ["--words", options.words, "--seconds", str(round(SHARE * seconds))]
    text = (SCRIPTS / "run_autograder").read_text(encoding="utf-8")
    for name, value in (("LIMIT", seconds - LAST), ("SETTINGS", f"({shlex.join(settings)})")):
        text, count = re.subn(rf"(?m)^{name}=\S+", f"{name}={value}", text)
        if count != 1:
            raise CourseError(f"{SCRIPTS}/run_autograder has no line {name}=")
    return text


def build_zip(target: Path, course: list[Path], script: str) -> None:
    """The archive, its two scripts at the root, as Gradescope wants them."""
    target.parent.mkdir(parents=True, exist_ok=True)
    setup = (SCRIPTS / "setup.sh").read_text(encoding="utf-8")
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in (("setup.sh", setup), ("run_autograder", script)):
            entry = zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0))
            entry.external_attr = 0o100755 << 16
            archive.writestr(entry, text, zipfile.ZIP_DEFLATED)
        for path in course:
            archive.write(path, Path("course", path.relative_to(ROOT)))


def build_course(course: list[Path], folder: Path = COURSE) -> None:
    """The same files as a folder, for `docker build --build-context course=build/grade-one`."""
    shutil.rmtree(folder, ignore_errors=True)
    for path in course:
        target = folder / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)


def minutes(text: str) -> int:
    """Gradescope's setting."""
    if not text.isdecimal() or not 2 <= int(text) <= 40:
        raise argparse.ArgumentTypeError("Gradescope's timeout in minutes, from 2 to 40")
    return int(text)


def parse_args(words: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        "python -m tools.gradescope",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    text = "Gradescope's own, in minutes, as the assignment's settings there have it (default: %(default)s)"
    parser.add_argument("--timeout", type=minutes, default=10, metavar="MINUTES", help=text)
    text = "when students see their points (default: %(default)s)"
    parser.add_argument("--points", choices=SHOWN, default=SHOWN[0], help=text)
    text = "when they see the laws' words on them (default: as --points)"
    parser.add_argument("--words", choices=SHOWN, help=text)
    options = parser.parse_args(words)
    options.words = options.words or options.points
    return options


def main() -> int:
    print_anything()
    options = parse_args()
    try:
        assignments = load_assignments(ROOT / LAWS)
        course = course_files(assignments)
        build_course(course)
        for assignment in assignments:
            several = len(assignments) > 1
            name = f"autograder-{assignment.name}.zip" if several else "autograder.zip"
            build_zip(PACKAGES / name, course, run_autograder(assignment, options))
            worth = sum(e.max_points for e in exercises(assignment) if e.kind == "laws")
            print(f"{PACKAGES / name}\nGradescope's autograder points: {worth:g}")
    except GraderError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
