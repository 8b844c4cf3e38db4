"""A verdict in words: for the terminal, and for the student inside the grade cells."""

from grader.text import one_line, some_of
from grader.verdict import after_repair

WORDS = {
    "pass": "all laws hold",
    "partial": "partly right",
    "wrong": "not right yet",
    "not_implemented": "not implemented",
    "timeout": "took too long",
    "out_of_memory": "needed too much memory",
    "crash": "the process died",
    "tampered": "graded after a repair",
}
WAITS_FOR = {  # verdict.OPEN
    "needs_training": "a training run with your functions decides",
    "needs_manual": "a person reads it",
    "infrastructure": "a fault on our side, not yours",
}


def exercise_text(stem, exercise, notes=()):
    """What a student reads about one exercise: outcome, then every law, with the smallest counterexample of a broken one."""
    reason = no_law_ran(exercise)
    # of an answer that waits for a run or a reader, the heading says all
    note = "" if exercise["outcome"] in ("needs_training", "needs_manual") else exercise["note"]
    said = reason or note
    lines = [heading(stem, exercise)] + [f"  {said}"] * bool(said)
    lines += [f"  note: {text}" for text in notes if text != said]
    for law in [] if reason else exercise["laws"]:
        lines += law_lines(law)
    return "\n".join(map(own_lines, lines)) + "\n"


def missed(verdict, modules):
    """Notes on left-out modules that the notebook imports."""
    said = " ".join(law["got"] for e in verdict["exercises"].values() for law in e["laws"])
    names = {name for name in modules if f"No module named '{name}'" in said}
    files = some_of([one_line(f"{name}.py", 60) for name in sorted(names)])
    return [f"only the notebook is graded: put the code of {files} into it"] if names else []


def own_lines(text):
    """Further lines of a text stand far to the right: a student's words must not pass for the grader's."""
    return text.replace("\n", "\n" + " " * 15)


def no_law_ran(exercise):
    """Why no law has anything of its own to say: a stub, a cell that defines nothing, a fault of ours; or an empty string."""
    outcome, laws = after_repair(exercise), exercise["laws"]
    reasons = [law["got"] for law in laws if law.get("outcome") == outcome]
    undefined = outcome == "wrong" and len(reasons) == len(laws)
    whole = undefined or outcome in ("not_implemented", "infrastructure")
    return reasons[0] if reasons and whole else ""


def heading(stem, exercise):
    outcome, most = exercise["outcome"], f"{exercise['max_points']:g} points"
    if outcome in WAITS_FOR:
        return f"{stem}: not marked yet, {most}: {WAITS_FOR[outcome]}"
    words = "could not be read" if exercise.get("unreadable") else WORDS[outcome]
    if "repaired" in exercise:
        words += f": {WORDS[exercise['repaired']]}"
    return f"{stem}: {exercise['points']:g} of {most}, {words}"


def law_lines(law):
    main = ", the main law" if law.get("value") else ""
    worth = f" ({law['weight']:g}{main})" if "weight" in law else ""
    fields = {"at": "counterexample", "gave": "got", "want": "expected", "hint": "hint"}
    details = [(name, law.get(field, "")) for name, field in fields.items()]
    return [
        f"  {'holds ' if law['passed'] else 'BROKEN'}{worth}  {law['law']}",
        *(f"          {name:5}{text}" for name, text in details if text),
    ]


def verdict_text(verdict):
    lines = [
        f"{one_line(verdict['submission'])}: {verdict['total']:g} of {verdict['max_total']:g}"
        + ("" if verdict["complete"] else ", not complete")
    ]
    lines += [own_lines(f"note: {note}") for note in verdict["notes"]]
    texts = [exercise_text(stem, exercise) for stem, exercise in verdict["exercises"].items()]
    return "\n".join([*lines, *texts])
