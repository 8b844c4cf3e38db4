"""The mark of exercise 5 from the gate's verdict, in the form that `grader --training` reads."""

from typing import Any

from grader.verdict import Outcome

# outcomes that tell of the exercise that stopped the run, not of `train`
OTHERS = (Outcome.PARTIAL, Outcome.TAMPERED, Outcome.NOT_IMPLEMENTED)
# figures that `grader report` draws of all runs of a class
DRAWN = {
    "gain": "gain in P(positive)",
    "distinct_2_ratio": "distinct-2, divided by the base model's",
    "perplexity_ratio": "perplexity, divided by the base model's",
}

REPLAYED = (
    ": at every step your functions gave the trainer exactly the numbers that the reference solution's gave it,"
    " so its run is yours"
)


def training_mark(verdict: dict[str, Any]) -> dict[str, Any]:
    """Return share of the marks, outcome, note and one line a check, how it was proved if there was a run, and every seed's figures.

    All of them for a verdict that passes; half when the model provably learned but its text did not stay text; nothing
    without a proven gain, whatever the text is like: an untrained model writes well.
    """
    if verdict["stopped"]:
        stopped = verdict["stopped"]
        outcome = Outcome.WRONG if stopped["outcome"] in OTHERS else stopped["outcome"]
        proof = {"proof": verdict["proof"]} if verdict["proof"] else {}
        mark = {"share": 0.0, "outcome": outcome, "note": stopped["words"], "laws": []}
        return {**mark, **proof, "figures": []}
    learned = all(
        check["passed"]
        for seed in verdict["seeds"]
        for check in seed["checks"]
        if check["group"] == "gain"
    )
    share = 0.5 if learned else 0.0
    if verdict["passed"]:
        share = 1.0
    return {
        "share": share,
        "note": note_on(verdict),
        "laws": laws_of(verdict),
        "proof": verdict["proof"],
        "figures": [seed["figures"] for seed in verdict["seeds"]],
    }


def note_on(verdict: dict[str, Any]) -> str:
    """Return one sentence with the gain of every seed, and one on a run that did not have to be repeated."""
    gains = ", ".join(
        f"from {seed['figures']['base']:.2f} to {seed['figures']['trained']:.2f}"
        for seed in verdict["seeds"]
    )
    words = f"GRPO with your rewards took P(positive) on held-out prompts {gains}"
    return words + REPLAYED if verdict["proof"] == "replayed" else words


def laws_of(verdict: dict[str, Any]) -> list[dict[str, Any]]:
    """Return a line for every check: it holds when it holds for every seed; what it gave is the worst seed's figure."""
    lines, needs = [], {"at least": "is needed", "at most": "is allowed"}
    for checks in zip(*(seed["checks"] for seed in verdict["seeds"]), strict=True):
        first, passed = checks[0], all(check["passed"] for check in checks)
        worst = min if first["sense"] == "at least" else max
        value = worst(check["value"] for check in checks)
        got = f"{value:.3f}; {first['sense']} {first['bound']:g} {needs[first['sense']]}"
        line = {
            "law": first["claim"],
            "passed": passed,
            "got": got,
            "hint": "" if passed else first["reason"],
        }
        lines.append(line | drawn(first, value))
    return lines


def drawn(check: dict[str, Any], value: float) -> dict[str, Any]:
    """Return what a report on the class draws of a check, if it draws it."""
    if check["figure"] not in DRAWN:
        return {}
    about = {"name": DRAWN[check["figure"]], "value": value}
    return {"figure": about | {"bound": check["bound"], "sense": check["sense"]}}
