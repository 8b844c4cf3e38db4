"""A verdict in words: for the terminal, and for the student inside the grade cells."""

WORDS = {
    "pass": "all laws hold",
    "partial": "partly right",
    "wrong": "not right yet",
    "not_implemented": "not implemented",
    "timeout": "took too long",
    "out_of_memory": "needed too much memory",
    "crash": "the process died",
    "tampered": "graded after a repair",
    "needs_training": "waits for a training run",
    "needs_manual": "marked by hand",
    "infrastructure": "could not be graded: the grader's trouble, not yours",
}


def exercise_text(stem, exercise, notes=()):
    """What a student reads about one exercise: outcome, then every law, with the smallest counterexample of a broken one."""
    lines = [
        f"{stem}: {exercise['points']:g} of {exercise['max_points']:g} points, {WORDS[exercise['outcome']]}"
    ]
    lines += [f"  {exercise['note']}"] if exercise["note"] else []
    lines += [f"  note: {note}" for note in notes]
    if exercise["outcome"] == "not_implemented" and exercise["laws"]:
        return "\n".join([*lines, f"  {exercise['laws'][0]['got']}"]) + "\n"
    for law in exercise["laws"]:
        worth = f" ({law['weight']:g})" if "weight" in law else ""
        lines.append(f"  {'holds ' if law['passed'] else 'BROKEN'}{worth}  {law['law']}")
        if not law["passed"]:
            details = (("at", law["counterexample"]), ("gave", law["got"]), ("hint", law["hint"]))
            lines += [f"          {name:5}{text}" for name, text in details if text]
    return "\n".join(lines) + "\n"


def verdict_text(verdict):
    lines = [
        f"{verdict['submission']}: {verdict['total']:g} of {verdict['max_total']:g}"
        + ("" if verdict["complete"] else ", not complete")
    ]
    lines += [f"note: {note}" for note in verdict["notes"]]
    texts = [exercise_text(stem, exercise) for stem, exercise in verdict["exercises"].items()]
    return "\n".join([*lines, *texts])
