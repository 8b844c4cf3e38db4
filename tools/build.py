"""Derive everything that comes from `source/`: release, solutions, saved runs, the student's zip; for every assignment.

python -m tools.build release      release/ by nbgrader, and a look for solution text in it
python -m tools.build solutions    solutions/ by nbgrader (executes the notebook), source/<assignment>/saved_runs/, release/
python -m tools.build package      dist/<assignment>-student.zip: release + what belongs to it, for an empty folder, offline
python -m tools.build check        fail when release/ or solutions/ is not what source/ gives
"""

import argparse
import filecmp
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterable
from pathlib import Path

from nbgrader.api import Gradebook

from gate import ROOT
from grader.assignment import LAWS, Assignment, load_assignments, refuse_hidden_tests
from grader.errors import GraderError
from lab.command import print_anything
from tools.solutions import cell_sources, exported, leaked_lines

RELEASES, SOLUTIONS, PACKAGES = ROOT / "release", ROOT / "solutions", ROOT / "dist"


def executed(assignment: Assignment) -> Path:
    """Return where the instructor's notebook lies once it has been executed."""
    return SOLUTIONS / assignment.name / assignment.notebook.name


def nbgrader(command: str, assignment: Assignment, *options: str) -> None:
    """Run an nbgrader command on the assignment with a throw-away gradebook: building is not grading."""
    refuse_hidden_tests(assignment.cells(), assignment.folder)
    os.environ["PATH"] = f"{Path(sys.executable).parent}:{os.environ['PATH']}"  # it calls alembic
    with tempfile.TemporaryDirectory() as scratch:
        database = f"sqlite:///{scratch}/gradebook.db"
        with Gradebook(database) as gradebook:
            gradebook.add_assignment(assignment.name)  # generate_solution asks for it
        subprocess.run(
            [sys.executable, "-m", "nbgrader", command, assignment.name]
            + ["--force", "--log-level=WARN", f"--db={database}", *options],
            cwd=ROOT,
            check=True,
        )


def build_release(assignment: Assignment, folder: Path = RELEASES) -> Path:
    """Generate the students' version below `folder` and check that no solution text is in it."""
    nbgrader("generate_assignment", assignment, f"--CourseDirectory.release_directory={folder}")
    leaks = leaked_lines(folder / assignment.name, assignment)
    if leaks:
        sys.exit("solution text in the release:\n" + "\n".join(leaks))
    return folder / assignment.name


def build_solutions(assignment: Assignment) -> Path:
    """Execute the instructor's notebook into solutions/, and keep its training runs as the saved results."""
    source = assignment.notebook.parent
    runs = source / "runs"  # nbgrader executes the notebook where it lies
    shutil.rmtree(runs, ignore_errors=True)
    # the figures that the instructor's answers quote: sums in another order, and other threads mean that, train another model
    os.environ["OMP_NUM_THREADS"] = "1"
    nbgrader("generate_solution", assignment)
    for name, text in exported(assignment).items():
        (SOLUTIONS / name).write_text(text, encoding="utf-8")
    prune_solutions(assignment)
    if runs.is_dir():
        keep_runs(runs, source / "saved_runs")
    build_release(assignment)  # it holds the saved runs, too
    return executed(assignment)


def keep_runs(runs: Path, saved: Path) -> None:
    """Put what a notebook's training runs tell in place of that which was saved before."""
    shutil.rmtree(saved, ignore_errors=True)
    for run in sorted(path for path in runs.iterdir() if path.is_dir()):
        (saved / run.name).mkdir(parents=True)
        for name in ("run.json", "history.jsonl", "completions.json"):
            shutil.copy(run / name, saved / run.name / name)
    shutil.rmtree(runs)


def prune_solutions(assignment: Assignment) -> None:
    """Remove what nbgrader copied beside the executed notebook: it lies in source/ and is no solution."""
    notebook = executed(assignment)
    for path in notebook.parent.iterdir():
        if path == notebook:
            continue
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


def build_package(assignment: Assignment, release: Path | None = None) -> Path:
    """Write the students' zip: the released assignment (default: as it lies in release/), and what belongs to it beside it."""
    release = release or RELEASES / assignment.name
    target = PACKAGES / f"{assignment.name}-student.zip"
    target.parent.mkdir(exist_ok=True)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in released_files(release):
            archive.write(path, Path(assignment.name) / path.relative_to(release))
        for folder in assignment.enclosed:
            for path in released_files(folder):
                archive.write(path, Path(assignment.name) / path.relative_to(ROOT))
        for name in ("LICENSE", "NOTICE"):
            archive.write(ROOT / name, Path(assignment.name) / name)
    return target


def released_files(folder: Path) -> list[Path]:
    """Return the files of a generated folder, without what running the code there leaves behind."""
    skipped = {"__pycache__", ".ipynb_checkpoints", "runs", "handin", "wandb"}
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return [
        path
        for path in files
        if not skipped & set(path.relative_to(folder).parts)
        and not path.relative_to(folder).parts[0].startswith("outputs")
    ]


def drift(assignment: Assignment) -> list[str]:
    """Return what in release/ and solutions/ differs from what source/ gives now."""
    with tempfile.TemporaryDirectory() as scratch:
        fresh = build_release(assignment, Path(scratch))
        changed = differences(fresh, RELEASES / assignment.name)
    found = [f"release/{assignment.name}: {line}" for line in changed]
    notebook = executed(assignment)
    if not notebook.is_file() or cell_sources(assignment.notebook) != cell_sources(notebook):
        found.append(f"solutions/{assignment.name}: {notebook.name}")
    for name, text in exported(assignment).items():
        path = SOLUTIONS / name
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            found.append(f"solutions: {name}")
    return found


def strangers(assignments: Iterable[Assignment], folder: Path = SOLUTIONS) -> list[str]:
    """Return what lies in solutions/ beside the executed notebooks and the exported functions."""
    own = {Path(a.name, a.notebook.name) for a in assignments}
    own |= {Path(name) for a in assignments for name in a.exported}
    names = [path.relative_to(folder) for path in released_files(folder)]
    return [str(name) for name in names if name not in own]


def differences(fresh: Path, committed: Path) -> list[str]:
    """Return the files that differ between two folders, or that only one of them has."""
    names = {path.relative_to(root) for root in (fresh, committed) for path in released_files(root)}
    same = {
        name
        for name in names
        if (fresh / name).is_file()
        and (committed / name).is_file()
        and filecmp.cmp(fresh / name, committed / name, shallow=False)
    }
    return sorted(map(str, names - same))


def check(assignments: list[Assignment]) -> int:
    """Print what is out of step; 1 if there is anything."""
    found = [line for assignment in assignments for line in drift(assignment)]
    found += [f"solutions: {name} does not belong there" for name in strangers(assignments)]
    if found:
        print("out of step with source/ (make release, make solutions):", *found, sep="\n")
    else:
        print("release/ and solutions/ are in step")
    return int(bool(found))


def main() -> int:
    """Run one step; 1 when `check` finds drift, or when an assignment cannot be used."""
    print_anything()
    parser = argparse.ArgumentParser(
        "python -m tools.build",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    steps = {"release": build_release, "solutions": build_solutions, "package": build_package}
    parser.add_argument("step", choices=[*steps, "check"])
    step = parser.parse_args().step
    try:
        assignments = load_assignments(ROOT / LAWS)
        if step == "check":
            return check(assignments)
        for assignment in assignments:
            print(steps[step](assignment))
    except GraderError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
