"""`make pictures`: the images of README and docs, drawn from saved runs, a small class, a pretended one and a training run (4 minutes; chromium)."""

import argparse
import html
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import matplotlib
from PIL import Image, ImageChops

from gate import ROOT, SOURCE
from lab.command import print_anything
from lab.plots import COLOURS, MARKERS, STYLES, axes
from lab.runs import load_run
from tools.classroom import Classroom
from tools.formgrader import Formgrader
from tools.pretend import Pretend

PICTURES = ROOT / "docs" / "pictures"
# two runs whose reward looks alike, and what tells them apart
RUNS = {"the course's settings": "mine", "learning rate 3e-4, no KL term": "fast_no_term"}
SHOWN = {"mean_sentiment": "P(positive)", "perplexity": "perplexity under the base model"}
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
CLASS = {  # student: (what stands in the instructor's notebook, what is handed in instead)
    "ann": ("", ""),
    "bob": ("groups.std(dim=1, keepdim=True)", "groups.std(dim=1, keepdim=True, unbiased=False)"),
    "cat": ("    return get_sentiment_scores(completions)", "    while True:\\n        pass"),
}
# of a feedback page: the marks at its top, and one exercise's report; no code, which would be a solution
ONE_REPORT = (
    "<style>#notebook .cell:not([id='cell-id=group-advantages-laws']){display:none}</style>"
)
PRETENDED = 200  # students
COLUMNS = ("student", "status", "total", "max_total", "reasons", "notes")
TABLE = """<!doctype html><meta charset=utf-8><style>body{font:14px sans-serif;margin:12px;width:1150px}
table{border-collapse:collapse}td,th{border-bottom:1px solid #ccc;padding:5px 9px;text-align:left;vertical-align:top}
</style><table>"""


def reward_curve() -> None:
    """Draw `reward_curve.svg`: sentiment and perplexity on held-out prompts, of an honest run and of a hacked one."""
    figure, plots = axes(width=9.0, height=3.2, columns=2)
    runs = {label: load_run(SOURCE / "saved_runs" / name) for label, name in RUNS.items()}
    for plot, (key, words) in zip(plots, SHOWN.items(), strict=True):
        for index, (label, run) in enumerate(runs.items()):
            look: dict[str, Any] = {
                "color": COLOURS[index],
                "linestyle": STYLES[index],
                "marker": MARKERS[index],
            }
            plot.plot(*run.curve(f"validation/{key}"), label=label, **look)
        plot.set(xlabel="optimiser step (measured on held-out prompts)", title=words)
    plots[0].legend(frameon=False, loc="lower right")
    matplotlib.rcParams["svg.hashsalt"] = "pictures"  # the same file every time
    figure.savefig(PICTURES / "reward_curve.svg", metadata={"Date": None})


def classroom(folder: Path) -> Classroom:
    """Return a graded class with a few hand-ins: right, a typical slip, endless, none."""
    room = Classroom(folder)
    text = (SOURCE / "exercise.ipynb").read_text(encoding="utf-8")
    for student, (right, given) in CLASS.items():
        room.hand_in(student, text.replace(right, given).encode())
    (folder / "submitted" / "dan").mkdir()
    if (done := room.run("grader", "run")).returncode:
        sys.exit(done.stderr)
    room.nbgrader("generate_feedback", "sentiment", "--force")
    return room


def photograph(address: str, name: str, width: int, height: int) -> None:
    """Save what a browser shows of a page's top, without the empty margin below and to the right."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if not browser:
        sys.exit("Chromium is not installed: apt-get install chromium")
    target = PICTURES / f"{name}.png"
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
    # scripts have ten seconds of the browser's own time: Formgrader's tables come by them
    flags += ["--virtual-time-budget=10000", f"--window-size={width},{height}"]
    command = [browser, *flags, f"--screenshot={target}", address]
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
    with Image.open(target) as image:
        shot = image.convert("RGB")
    blank = Image.new("RGB", shot.size, shot.getpixel((shot.width - 1, shot.height - 1)))
    box = ImageChops.difference(shot, blank).getbbox()
    assert box, f"the picture of {address} is blank"
    _, _, right, bottom = box
    kept = (0, 0, min(right + 12, shot.width), min(bottom + 12, shot.height))
    shot.crop(kept).quantize(64).save(target, optimize=True)


def table(rows: list[dict[str, str]]) -> str:
    """Return rows of status.csv as a page."""
    head = "".join(f"<th>{column}" for column in COLUMNS)
    cells = [[html.escape(row[column]) for column in COLUMNS] for row in rows]
    body = "".join("<tr>" + "".join(f"<td>{cell}" for cell in row) for row in cells)
    return f"{TABLE}<tr>{head}{body}</table>"


def class_pictures(folder: Path) -> None:
    """Grade a class; photograph its table, a feedback page, and Formgrader's list of hand-ins."""
    room = classroom(folder)
    (folder / "table.html").write_text(table([*room.status().values()]), encoding="utf-8")
    photograph((folder / "table.html").as_uri(), "class", 1180, 600)
    page = folder / "feedback/bob/sentiment/exercise.html"
    page.write_text(page.read_text(encoding="utf-8") + ONE_REPORT, encoding="utf-8")
    photograph(page.as_uri(), "feedback", 1000, 1600)
    # without a token: a browser that takes one picture keeps no cookie for what the page asks next
    with Formgrader(folder, token="") as pages:
        photograph(f"{pages.base}/gradebook/sentiment/exercise", "formgrader", 1180, 600)


def report_picture(folder: Path) -> None:
    """Photograph the report on a class that nobody taught."""
    room = Pretend(folder, PRETENDED).room
    done = room.run("grader", "report")
    if done.returncode:
        sys.exit(done.stderr)
    photograph(
        (folder / "build/grading/sentiment/report/report.html").as_uri(), "report", 1000, 1900
    )


def gate_picture(folder: Path) -> None:
    """Train once, and photograph the verdict."""
    notebook = str((SOURCE / "exercise.ipynb").relative_to(ROOT))
    options = ["--notebook", notebook, "--seeds", "42", "--out", str(folder)]
    subprocess.run([sys.executable, "-m", "gate", *options], cwd=ROOT, check=True)
    photograph((folder / "smoke.html").as_uri(), "smoke", 1000, 1400)


def main() -> None:
    """Make them all."""
    print_anything()
    argparse.ArgumentParser(prog="python -m tools.pictures", description=__doc__).parse_args()
    PICTURES.mkdir(exist_ok=True)
    reward_curve()
    with tempfile.TemporaryDirectory() as scratch:
        class_pictures(Path(scratch))
    with tempfile.TemporaryDirectory() as scratch:
        report_picture(Path(scratch))
    with tempfile.TemporaryDirectory() as scratch:
        gate_picture(Path(scratch))


if __name__ == "__main__":
    main()
