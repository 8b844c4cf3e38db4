"""Derive everything that comes from `source/`: release, solutions, saved runs, the student's zip.

python -m tools.build release      release/ by nbgrader, and a look for solution text in it
python -m tools.build solutions    solutions/ by nbgrader (executes the notebook), source/sentiment/saved_runs/, release/
python -m tools.build package      dist/sentiment-student.zip: release + embedded models, for an empty folder, offline
python -m tools.build check        fail when release/ or solutions/ is not what source/ gives
"""

import argparse
import ast
import filecmp
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from nbgrader.api import Gradebook

from gate import ROOT
from grader.assignment import CourseError, refuse_hidden_tests
from lab.command import print_anything
from lab.exercises import TABLE

ASSIGNMENT = "sentiment"
SOURCE = ROOT / "source" / ASSIGNMENT
RELEASE = ROOT / "release" / ASSIGNMENT
SOLUTIONS = ROOT / "solutions"
LAWS = Path("tests/hidden")
NOTEBOOK = "exercise.ipynb"
MODELS = ("tiny-gpt2", "tiny-sentiment")
REGION = re.compile(r"### BEGIN SOLUTION\n(.*?)### END SOLUTION", re.DOTALL)


def nbgrader(command: str, *options: str) -> None:
    """Run an nbgrader command on the assignment with a throw-away gradebook: building is not grading."""
    try:
        refuse_hidden_tests(json.loads((SOURCE / NOTEBOOK).read_bytes())["cells"], LAWS)
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


def solution_cells() -> dict[str, str]:
    """Return the source of every solution cell of the instructor's notebook, by grade id."""
    cells = json.loads((SOURCE / NOTEBOOK).read_text(encoding="utf-8"))["cells"]
    marked = [(cell["metadata"].get("nbgrader", {}), "".join(cell["source"])) for cell in cells]
    return {meta["grade_id"]: source for meta, source in marked if meta.get("solution")}


def leaked_lines(folder: Path) -> list[str]:
    """Return the released lines that also stand in a solution: any line of it that says more than a name or a bracket.

    Lines that the instructor's notebook holds outside its solutions too are no leak.
    """
    cells = json.loads((SOURCE / NOTEBOOK).read_text(encoding="utf-8"))["cells"]
    public = {
        line.strip()
        for cell in cells
        for line in REGION.sub("", "".join(cell["source"])).splitlines()
    }
    secret = {
        line.strip()
        for source in solution_cells().values()
        for region in REGION.findall(source)
        for line in region.splitlines()
        if len(line.strip()) > 12
    } - public
    leaks = []
    for path in sorted(p for p in folder.rglob("*") if p.suffix in {".ipynb", ".py", ".md"}):
        lines = path.read_text(encoding="utf-8").splitlines()
        if path.suffix == ".ipynb":
            lines = [
                line
                for cell in json.loads("\n".join(lines))["cells"]
                for line in "".join(cell["source"]).splitlines()
            ]
        leaks += [
            f"{path.name}:{n}: {line.strip()}"
            for n, line in enumerate(lines, 1)
            if line.strip() in secret or "SOLUTION" in line
        ]
    return leaks


def export_solutions() -> str:
    """Return `rewards_solution.py`: the reference functions of exercises 1 to 4, as a module that `--rewards` takes."""
    parts = [
        '"""The reference solutions of exercises 1 to 4, exported from the notebook: do not edit, do not distribute."""\n\nimport torch\n'
    ]
    parts.append("from sentiment import get_sentiment_scores\n")
    for stem, source in solution_cells().items():
        if stem not in TABLE:
            continue
        lines = [line for line in source.splitlines() if "### " not in line]
        lines = [line for line in lines if not line.startswith("    raise NotImplementedError(")]
        parts.append("\n\n" + "\n".join(lines).rstrip() + "\n")
    text = "".join(parts)
    ast.parse(text)
    return text


def build_solutions() -> None:
    """Execute the instructor's notebook into solutions/, and keep its training runs as the saved results."""
    runs = SOURCE / "runs"  # nbgrader executes the notebook where it lies
    shutil.rmtree(runs, ignore_errors=True)
    # the figures that the instructor's answers quote: sums in another order, and other threads mean that, train another model
    os.environ["OMP_NUM_THREADS"] = "1"
    nbgrader("generate_solution")
    (SOLUTIONS / "rewards_solution.py").write_text(export_solutions(), encoding="utf-8")
    for root in (SOURCE, SOLUTIONS / ASSIGNMENT):
        shutil.rmtree(root / "saved_runs", ignore_errors=True)
        for run in sorted(path for path in runs.iterdir() if path.is_dir()):
            target = root / "saved_runs" / run.name
            target.mkdir(parents=True, exist_ok=True)
            for name in ("run.json", "history.jsonl", "completions.json"):
                shutil.copy(run / name, target / name)
    shutil.rmtree(runs)
    build_release()  # it holds the saved runs, too


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
    for path in released_files(SOURCE):
        copy = SOLUTIONS / ASSIGNMENT / path.relative_to(SOURCE)
        if path.name != NOTEBOOK and not (
            copy.is_file() and filecmp.cmp(path, copy, shallow=False)
        ):
            found.append(f"solutions: {path.relative_to(SOURCE)}")
    executed, exported = SOLUTIONS / ASSIGNMENT / NOTEBOOK, SOLUTIONS / "rewards_solution.py"
    if not executed.is_file() or cell_sources(SOURCE / NOTEBOOK) != cell_sources(executed):
        found.append(f"solutions: {NOTEBOOK}")
    if not exported.is_file() or exported.read_text(encoding="utf-8") != export_solutions():
        found.append("solutions: rewards_solution.py")
    return found


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


def cell_sources(path: Path) -> list[str]:
    """Return the sources of a notebook's cells; outputs, which an execution changes, do not count."""
    return [
        "".join(cell["source"]) for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]
    ]


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
    print(
        {"release": build_release, "solutions": build_solutions, "package": build_package}[step]()
        or "solutions/ is built"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
