"""The verdict for people and for CI: smoke.json, smoke.html, smoke.xml (JUnit)."""

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from grader.wall.isolation import ISOLATIONS
from lab.report import environment, pairs, pictures
from lab.runs import Run, load_run, write_json

HERE = Path(__file__).parent


def write_reports(verdict: dict[str, Any], out: Path) -> None:
    """Write the three files into `out`; `verdict` is `run_gate`'s, whose runs lie below `out` too."""
    out.mkdir(parents=True, exist_ok=True)
    write_json(out / "smoke.json", verdict)
    runs = [load_run(out / seed["run"]) for seed in verdict["seeds"]]
    (out / "smoke.html").write_text(html(verdict, runs), encoding="utf-8")
    junit(verdict).write(out / "smoke.xml", encoding="utf-8", xml_declaration=True)


def schema() -> dict[str, Any]:
    """Return the JSON Schema of smoke.json."""
    return json.loads((HERE / "smoke.schema.json").read_text(encoding="utf-8"))


def html(verdict: dict[str, Any], runs: list[Run]) -> str:
    """Return one page without scripts or links: verdict, checks, curves, histograms, before and after."""
    pages = [
        {"verdict": seed, "pairs": pairs(run), **pictures(run, f"seed {seed['seed']}")}
        for seed, run in zip(verdict["seeds"], runs, strict=True)
    ]
    notes = ISOLATIONS[verdict["isolation"]].notes
    template = environment(HERE).get_template("smoke.html.jinja")
    return template.render(verdict=verdict, pages=pages, isolation_notes=notes)


def junit(verdict: dict[str, Any]) -> ElementTree.ElementTree:
    """Return the checks as JUnit XML: a suite for the laws, one for each seed, a case for each check."""
    root = ElementTree.Element("testsuites", name="GRPO smoke run")
    laws = {stem: row["outcome"] for stem, row in verdict["laws"].items()}
    if laws:
        # a lesser law that is broken stops no run
        trained = verdict["stopped"] is None
        rows = [(stem, trained or outcome == "pass", outcome) for stem, outcome in laws.items()]
        suite(root, "laws", rows, 0.0)
    for seed in verdict["seeds"]:
        rows = [(c["name"], c["passed"], explained(c)) for c in seed["checks"]]
        suite(root, f"seed {seed['seed']}", rows, sum(seed["seconds"].values()))
    if verdict["stopped"]:
        stopped = verdict["stopped"]
        suite(root, "training", [(stopped["exercise"], False, stopped["words"])], 0.0)
    return ElementTree.ElementTree(root)


def suite(
    root: ElementTree.Element, name: str, rows: list[tuple[str, bool, str]], seconds: float
) -> None:
    """Add one suite; rows are name, passed, words."""
    failures = sum(not passed for _, passed, _ in rows)
    counts = {"tests": str(len(rows)), "failures": str(failures), "errors": "0"}
    about = {"name": name, "time": f"{seconds:.2f}", **counts}
    element = ElementTree.SubElement(root, "testsuite", about)
    for case, passed, words in rows:
        added = ElementTree.SubElement(element, "testcase", classname=f"smoke.{name}", name=case)
        if not passed:
            ElementTree.SubElement(added, "failure", message=words)


def explained(check: dict[str, Any]) -> str:
    """Return a check in words: figure, bound, claim, reason."""
    return f"{check['value']:.3f}, must be {check['sense']} {check['bound']:g}: {check['claim']} ({check['reason']})"
