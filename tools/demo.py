"""`make demo`: the whole course once, on real input, from the instructor's notebook to a trained and measured model.

1. compile source/ to release/ with nbgrader   2. execute the instructor's notebook   3. train with the reference
solution (`--preset smoke`)   4. compare base and trained model on held-out prompts   5. a table and a figure
"""

import argparse
import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import nbformat
from nbconvert.preprocessors import ExecutePreprocessor

from gate import ROOT, SOURCE
from grader.assignment import LAWS, the_assignment
from lab.command import print_anything
from tools.build import build_release
from tools.solutions import exported

OUT = ROOT / "build" / "demo"
NOTEBOOK = "exercise.ipynb"
CELL_SECONDS = 600  # the longest cell makes five training runs


def execute_notebook() -> Path:
    """Execute the instructor's notebook in a copy of its folder, cell by cell, and return the executed copy."""
    folder = OUT / "sentiment"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(
        SOURCE, folder, ignore=shutil.ignore_patterns("runs", "outputs*", "__pycache__")
    )
    notebook = nbformat.read(folder / NOTEBOOK, as_version=4)
    total = len(notebook.cells)

    def announce(cell: nbformat.NotebookNode, cell_index: int, **_: object) -> None:
        if cell.cell_type == "code":
            print(f"  cell {cell_index + 1:>2}/{total}  {cell.id}", flush=True)

    executor = ExecutePreprocessor(
        timeout=CELL_SECONDS, kernel_name="python3", on_cell_start=announce
    )
    try:
        executor.preprocess(notebook, {"metadata": {"path": str(folder)}})
    finally:
        nbformat.write(notebook, folder / NOTEBOOK)
    return folder / NOTEBOOK


def script(name: str, *arguments: str) -> None:
    """Run one of the course's scripts as a student would."""
    subprocess.run([sys.executable, str(SOURCE / name), *arguments], check=True)


def final_table(compared: Path, seconds: float) -> str:
    """Return base against trained: mean sentiment, positive ratio, change, seconds of training."""
    base, trained = json.loads(compared.read_text(encoding="utf-8"))["models"]
    change = trained["mean_sentiment"] - base["mean_sentiment"]
    rows = [f"{'':<10}{'mean sentiment':>16}{'positive ratio':>16}{'change':>9}{'seconds':>9}"]
    rows.append(f"{'base':<10}{base['mean_sentiment']:>16.3f}{base['positive_ratio']:>16.0%}")
    rows.append(
        f"{'trained':<10}{trained['mean_sentiment']:>16.3f}{trained['positive_ratio']:>16.0%}{change:>+9.3f}{seconds:>9.1f}"
    )
    return "\n".join(rows)


def main() -> int:
    """Run the demo; any failure ends it with that step's own message."""
    print_anything()
    parser = argparse.ArgumentParser(
        "python -m tools.demo",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--skip_notebook", action="store_true", help="leave step 2 out")
    skip_notebook = parser.parse_args().skip_notebook
    sentiment = the_assignment(ROOT / LAWS, SOURCE.name)
    OUT.mkdir(parents=True, exist_ok=True)
    started = time.perf_counter()
    print("1/4  source/ → release/", flush=True)
    build_release(sentiment)
    if not skip_notebook:
        print(f"\n2/4  executing {NOTEBOOK}", flush=True)
        print(f"  executed: {execute_notebook()}")
    print("\n3/4  GRPO with the reference solution, --preset smoke", flush=True)
    [(name, text)] = exported(sentiment).items()
    solutions = OUT / name
    solutions.write_text(text, encoding="utf-8")
    run_folder = OUT / "run"
    shutil.rmtree(run_folder, ignore_errors=True)
    script(
        "train.py",
        "--preset",
        "smoke",
        "--rewards",
        str(solutions),
        "--output_dir",
        str(run_folder),
    )
    print("\n4/4  base against trained on held-out prompts", flush=True)
    compared, figure = OUT / "compare.json", OUT / "compare.png"
    names = ["compare", "tiny-gpt2", str(run_folder / "final"), "--preset", "smoke"]
    script("evaluate.py", *names, "--json", str(compared), "--figure", str(figure))
    seconds = json.loads((run_folder / "run.json").read_text(encoding="utf-8"))["seconds"]["train"]
    print(f"\n{final_table(compared, seconds)}\n\nfigure: {figure}")
    print(f"whole demo: {time.perf_counter() - started:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
