"""A verdict in words: for the terminal, and for the student inside the grade cells."""

from collections.abc import Iterable, Sequence

from grader.text import one_line, some_of
from grader.verdict import ExerciseVerdict, LawVerdict, Outcome, Verdict, after_repair

WORDS = {
    Outcome.PASS: "all laws hold",
    Outcome.PARTIAL: "partly right",
    Outcome.WRONG: "not right yet",
    Outcome.NOT_IMPLEMENTED: "not implemented",
    Outcome.TIMEOUT: "took too long",
    Outcome.OUT_OF_MEMORY: "needed too much memory",
    Outcome.CRASH: "the process died",
    Outcome.TAMPERED: "graded after a repair",
}
WAITS_FOR = {  # verdict.OPEN
    Outcome.NEEDS_TRAINING: "a training run with your functions decides",
    Outcome.NEEDS_MANUAL: "a person reads it",
    Outcome.INFRASTRUCTURE: "a fault on our side, not yours",
}


def exercise_text(stem: str, exercise: ExerciseVerdict, notes: Iterable[str] = ()) -> str:
    """What a student reads about one exercise: outcome, then every law, with the smallest counterexample of a broken one."""
    reason = no_law_ran(exercise)
    # of an answer that waits for a run or a reader, the heading says all
    note = (
        ""
        if exercise["outcome"] in (Outcome.NEEDS_TRAINING, Outcome.NEEDS_MANUAL)
        else exercise["note"]
    )
    said = reason or note
    lines = [heading(stem, exercise), *([f"  {said}"] if said else [])]
    lines += [f"  note: {text}" for text in notes if text != said]
    for law in [] if reason else exercise["laws"]:
        lines += law_lines(law)
    return "\n".join(map(own_lines, lines)) + "\n"


def missed(verdict: Verdict, modules: Sequence[str]) -> list[str]:
    """Notes on left-out modules that the notebook imports."""
    said = " ".join(law["got"] for e in verdict["exercises"].values() for law in e["laws"])
    names = {name for name in modules if f"No module named '{name}'" in said}
    files = some_of([one_line(f"{name}.py", 60) for name in sorted(names)])
    return [f"only the notebook is graded: put the code of {files} into it"] if names else []


def own_lines(text: str) -> str:
    """Further lines of a text stand far to the right: a student's words must not pass for the grader's."""
    return text.replace("\n", "\n" + " " * 15)


def no_law_ran(exercise: ExerciseVerdict) -> str:
    """Why no law has anything of its own to say: a stub, a cell that defines nothing, a fault of ours; or an empty string."""
    outcome, laws = after_repair(exercise), exercise["laws"]
    reasons = [law["got"] for law in laws if law.get("outcome") == outcome]
    undefined = outcome == Outcome.WRONG and len(reasons) == len(laws)
    whole = undefined or outcome in (Outcome.NOT_IMPLEMENTED, Outcome.INFRASTRUCTURE)
    return reasons[0] if reasons and whole else ""


def heading(stem: str, exercise: ExerciseVerdict) -> str:
    outcome, most = exercise["outcome"], f"{exercise['max_points']:g} points"
    if outcome in WAITS_FOR:
        return f"{stem}: not marked yet, {most}: {WAITS_FOR[outcome]}"
    words = "could not be read" if exercise.get("unreadable") else WORDS[outcome]
    if "repaired" in exercise:
        words += f": {WORDS[exercise['repaired']]}"
    return f"{stem}: {exercise['points']:g} of {most}, {words}"


def law_lines(law: LawVerdict) -> list[str]:
    main = ", the main law" if law.get("value") else ""
    worth = f" ({law['weight']:g}{main})" if "weight" in law else ""
    fields = {"at": "counterexample", "gave": "got", "want": "expected", "hint": "hint"}
    details = [(name, law.get(field, "")) for name, field in fields.items()]
    if law.get("same_as"):
        details = [("same", f"cause as in “{law['same_as']}”")]
    return [
        f"  {'holds ' if law['passed'] else 'BROKEN'}{worth}  {law['law']}",
        *(f"          {name:5}{text}" for name, text in details if text),
    ]


def verdict_text(verdict: Verdict) -> str:
    """All of it, for the terminal."""
    lines = [
        f"{one_line(verdict['submission'])}: {verdict['total']:g} of {verdict['max_total']:g}"
        + ("" if verdict["complete"] else ", not complete")
    ]
    lines += [own_lines(f"note: {note}") for note in verdict["notes"]]
    for stem, exercise in verdict["exercises"].items():
        said = exercise.get("unreadable") and exercise["note"] in verdict["notes"]
        told: ExerciseVerdict = {**exercise, "note": ""} if said else exercise
        lines.append(exercise_text(stem, told))
    return "\n".join(lines)
