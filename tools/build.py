"""Derive everything that comes from `source/`: release, solutions, saved runs, the student's zip.

python -m tools.build release      release/ by nbgrader, and a look for solution text in it
python -m tools.build solutions    solutions/ by nbgrader (executes the notebook), source/sentiment/saved_runs/, release/
python -m tools.build package      dist/sentiment-student.zip: release + embedded models, for an empty folder, offline
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
from pathlib import Path

from nbgrader.api import Gradebook

from gate import ROOT, SOURCE
from grader.assignment import refuse_hidden_tests
from grader.errors import CourseError
from lab.command import print_anything
from tools.solutions import NOTEBOOK, cell_sources, cells, export_solutions, leaked_lines

ASSIGNMENT = "sentiment"
RELEASE = ROOT / "release" / ASSIGNMENT
SOLUTIONS = ROOT / "solutions"
LAWS = Path("tests/hidden")
EXECUTED = SOLUTIONS / ASSIGNMENT / NOTEBOOK
EXPORTED = SOLUTIONS / "rewards_solution.py"
MODELS = ("tiny-gpt2", "tiny-sentiment")


def nbgrader(command: str, *options: str) -> None:
    """Run an nbgrader command on the assignment with a throw-away gradebook: building is not grading."""
    try:
        refuse_hidden_tests(cells(SOURCE / NOTEBOOK), LAWS)
    except CourseError as error:
        sys.exit(f"error: {error}")
    os.environ["PATH"] = f"{Path(sys.executable).parent}:{os.environ['PATH']}"  # it calls alembic
    with tempfile.TemporaryDirectory() as scratch:
        database = f"sqlite:///{scratch}/gradebook.db"
        with Gradebook(database) as gradebook:
            gradebook.add_assignment(ASSIGNMENT)  # generate_solution asks for it
        subprocess.run(
            [sys.executable, "-m", "nbgrader", command, ASSIGNMENT]
            + ["--force", "--log-level=WARN", f"--db={database}", *options],
            cwd=ROOT,
            check=True,
        )


def build_release(folder: Path = ROOT / "release") -> Path:
    """Generate the students' version below `folder` and check that no solution text is in it."""
    nbgrader("generate_assignment", f"--CourseDirectory.release_directory={folder}")
    leaks = leaked_lines(folder / ASSIGNMENT)
    if leaks:
        sys.exit("solution text in the release:\n" + "\n".join(leaks))
    return folder / ASSIGNMENT


def build_solutions() -> None:
    """Execute the instructor's notebook into solutions/, and keep its training runs as the saved results."""
    runs = SOURCE / "runs"  # nbgrader executes the notebook where it lies
    shutil.rmtree(runs, ignore_errors=True)
    # the figures that the instructor's answers quote: sums in another order, and other threads mean that, train another model
    os.environ["OMP_NUM_THREADS"] = "1"
    nbgrader("generate_solution")
    EXPORTED.write_text(export_solutions(), encoding="utf-8")
    prune_solutions()
    shutil.rmtree(SOURCE / "saved_runs", ignore_errors=True)
    for run in sorted(path for path in runs.iterdir() if path.is_dir()):
        target = SOURCE / "saved_runs" / run.name
        target.mkdir(parents=True)
        for name in ("run.json", "history.jsonl", "completions.json"):
            shutil.copy(run / name, target / name)
    shutil.rmtree(runs)
    build_release()  # it holds the saved runs, too


def prune_solutions() -> None:
    """Remove what nbgrader copied beside the executed notebook: it lies in source/ and is no solution."""
    for path in (SOLUTIONS / ASSIGNMENT).iterdir():
        if path == EXECUTED:
            continue
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


def build_package() -> Path:
    """Write dist/sentiment-student.zip: the released assignment with the embedded models beside it."""
    target = ROOT / "dist" / "sentiment-student.zip"
    target.parent.mkdir(exist_ok=True)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in released_files(RELEASE):
            archive.write(path, Path(ASSIGNMENT) / path.relative_to(RELEASE))
        for model in MODELS:
            for path in released_files(ROOT / "models" / model):
                archive.write(path, Path(ASSIGNMENT) / "models" / model / path.name)
        archive.write(ROOT / "LICENSE", Path(ASSIGNMENT) / "LICENSE")
        archive.write(ROOT / "NOTICE", Path(ASSIGNMENT) / "NOTICE")
    return target


def released_files(folder: Path) -> list[Path]:
    """Return the files of a generated folder, without what running the code there leaves behind."""
    skipped = {"__pycache__", ".ipynb_checkpoints", "runs", "wandb"}
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return [
        path
        for path in files
        if not skipped & set(path.relative_to(folder).parts)
        and not path.relative_to(folder).parts[0].startswith("outputs")
    ]


def drift() -> list[str]:
    """Return what in release/ and solutions/ differs from what source/ gives now."""
    with tempfile.TemporaryDirectory() as scratch:
        fresh = build_release(Path(scratch))
        found = [f"release: {line}" for line in differences(fresh, RELEASE)]
    if not EXECUTED.is_file() or cell_sources(SOURCE / NOTEBOOK) != cell_sources(EXECUTED):
        found.append(f"solutions: {NOTEBOOK}")
    if not EXPORTED.is_file() or EXPORTED.read_text(encoding="utf-8") != export_solutions():
        found.append(f"solutions: {EXPORTED.name}")
    return found + [f"solutions: {name} does not belong there" for name in strangers(SOLUTIONS)]


def strangers(folder: Path) -> list[str]:
    """Return what lies in solutions/ beside the executed notebook and the exported functions."""
    names = [path.relative_to(folder) for path in released_files(folder)]
    own = {path.relative_to(SOLUTIONS) for path in (EXECUTED, EXPORTED)}
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


def main() -> int:
    """Run one step; 1 when `check` finds drift."""
    print_anything()
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("step", choices=["release", "solutions", "package", "check"])
    step = parser.parse_args().step
    if step == "check":
        found = drift()
        print(
            "\n".join(["out of step with source/ (make release, make solutions):", *found])
            if found
            else "release/ and solutions/ are in step"
        )
        return bool(found)
    if step == "solutions":
        build_solutions()
        print("solutions/ is built")
    else:
        print(build_release() if step == "release" else build_package())
    return 0


if __name__ == "__main__":
    sys.exit(main())
