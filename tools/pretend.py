"""A class of hundreds that nobody taught: real verdicts on the bank's work, put together at random into students.

Each student has an ability, from which follows in which exercises the work is right; right and wrong work, and the verdicts on it, are the
bank's. Notebooks are the executed one of solutions/ with that work in its cells, figures of one of three kinds of machine, run
times and prose of the student's own. Some groups hand in one another's: a report should find these and no others.
"""

import json
import math
import os
import random
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from gate import ROOT
from gate.mark import DRAWN, drawn
from gate.submissions import HIDDEN, helper, read, solution_cell
from gate.thresholds import THRESHOLDS
from grader.assignment import Kind, exercises, load_assignment
from grader.judging.session import Grader
from grader.judging.training_marks import Mark, state
from grader.lms.collect.attempts import Archive, Attempt, Kept
from grader.store import StateFile, made_with, sha256, write
from grader.verdict import (
    ExerciseVerdict,
    Outcome,
    Verdict,
    open_verdict,
    training_verdict,
    verdict,
)
from lab.thresholds import Threshold
from tools.classroom import NOTEBOOK, Classroom

Piece = tuple[str, ExerciseVerdict]  # work on an exercise, and the verdict on it
DUE = datetime(2026, 11, 20, 12)
ROUNDS = 16  # notebooks that are judged: so many pieces of work an exercise
COPIED = (2, 2, 3, 5)  # sizes of the groups
MACHINES = (0.6, 0.3, 0.1)
FIRST = ("Ada", "Ben", "Cleo", "Dora", "Emil", "Finn", "Gita", "Hugo", "Ines", "Jon", "Kira", "Luis", "Mina", "Noor", "Otto", "Pia", "Rosa", "Sami")  # fmt: skip
LAST = ("Abel", "Brandt", "Cruz", "Diaz", "Engel", "Frey", "Gupta", "Haas", "Ito", "Jensen", "Kaya", "Lopez", "Meyer", "Novak", "Okafor", "Park")  # fmt: skip
NEEDED = ("sentiment_reward", "exponential_shaping", "sequence_log_probs", "forward_kl_reward")
CLAIMS = [told for told in THRESHOLDS if told.figure in DRAWN]
FIGURE = re.compile(r"\d+\.\d+")
SYLLABLES = ("ra", "ne", "to", "li", "ma", "ku", "se", "vo", "di", "pa", "re", "no", "ti", "la", "mo", "su", "ve", "do", "pi", "ga")  # fmt: skip


def judged(rng: random.Random) -> dict[str, tuple[list[Piece], list[Piece]]]:
    """{exercise: (right work, wrong work)}, each a list of (text, verdict on the exercise)."""
    assignment = load_assignment(HIDDEN)
    stems = [e.stem for e in exercises(assignment) if e.kind == Kind.LAWS]
    bank = [
        s for kind in ("variants", "mutants", "unseen") for s in read(kind) if len(s.cells) == 1
    ]
    own = {stem: [s.cells[0] for s in bank if s.stem == stem] for stem in stems}
    for pieces in own.values():
        rng.shuffle(pieces)
    source = json.loads(assignment.notebook.read_text(encoding="utf-8"))
    found: dict[str, tuple[list[Piece], list[Piece]]] = {stem: ([], []) for stem in stems}
    with Grader(assignment) as grader:
        for number in range(ROUNDS):
            texts = {stem: own[stem][number % len(own[stem])] for stem in stems}
            for stem, text in texts.items():
                solution_cell(source, stem)["source"] = text
            made = grader.check(json.dumps(source).encode(), stems)["exercises"]
            for stem, text in texts.items():
                found[stem][made[stem]["outcome"] != Outcome.PASS].append((text, made[stem]))
    return found


class Pretend:
    """`Pretend(folder, size)` makes the class below the folder, as `grader run --train` would leave it."""

    def __init__(self, folder: Path, size: int, seed: int = 0) -> None:
        self.rng = random.Random(seed)
        self.room = Classroom(folder)
        self.folder = folder
        self.assignment = load_assignment(HIDDEN)
        self.plan, self.made_with = exercises(self.assignment), made_with(self.assignment)
        self.work = judged(self.rng)
        executed = ROOT / "solutions/sentiment/exercise.ipynb"
        self.executed = json.loads(executed.read_text(encoding="utf-8"))
        self.ids = [f"s{number:04}" for number in range(size)]
        self.copies = self._copies()
        self.handed_in: dict[str, Verdict] = {}
        for name in self.ids:
            if self.rng.random() > 0.03 or name in self.copies:
                self.handed_in[name] = self._hand_in(name)
        self._enter()

    def _copies(self) -> dict[str, str]:
        """{who: whose}"""
        free = self.rng.sample(self.ids, sum(COPIED)) if len(self.ids) >= 2 * sum(COPIED) else []
        made: dict[str, str] = {}
        for size in COPIED if free else ():
            first, *others = sorted(free.pop() for _ in range(size))
            made |= dict.fromkeys([first, *others], first)
        return made

    def _hand_in(self, name: str) -> Verdict:
        """The verdict of a student, whose notebook and state then lie where they belong."""
        whose = self.copies.get(name, name)
        chosen = self._choose(random.Random(f"work {whose}"))
        data = self._notebook(name, whose, {stem: text for stem, (text, _) in chosen.items()})
        marked = {stem: made for stem, (_, made) in chosen.items()}
        uses = sha256("".join(chosen[stem][0] for stem in NEEDED).encode())
        mark = self._train(uses, data, all(marked[s]["outcome"] == Outcome.PASS for s in NEEDED))
        for exercise in self.plan:
            if exercise.kind == Kind.TRAINING:
                marked[exercise.stem] = training_verdict(exercise, mark)
            elif exercise.kind == Kind.MANUAL:
                marked[exercise.stem] = open_verdict(exercise, Outcome.NEEDS_MANUAL)
        marked = {exercise.stem: marked[exercise.stem] for exercise in self.plan}
        made = verdict(name, sha256(data), marked, "bwrap", self.made_with) | {
            "training": state(uses, mark)
        }
        self.room.hand_in(name, data)
        staged = self.folder / "build/grading/sentiment/submitted" / name / NOTEBOOK
        staged.parent.mkdir(parents=True)
        os.link(self.folder / "submitted" / name / NOTEBOOK, staged)
        StateFile(self.folder, "sentiment", name).change(verdict=made, recorded=made["sha256"])
        tries = [
            Attempt(sha256(f"{name} {n}".encode()), "canvas") for n in range(self.rng.randint(0, 3))
        ]
        kept = Kept((*tries, Attempt(made["sha256"], "canvas")))
        Archive(self.folder, "sentiment").write(name, kept)
        return made

    def _choose(self, rng: random.Random) -> dict[str, Piece]:
        """{exercise: (text, verdict)}: the better the student, the more of it right; a few slips are what most slip on."""
        ability, chosen = rng.gauss(1, 1.2), dict[str, Piece]()
        for hard, (stem, (right, wrong)) in enumerate(self.work.items()):
            well = rng.random() < 1 / (1 + math.exp(0.35 * hard - 0.6 - ability))
            pieces = (right if well else wrong) or right or wrong
            chosen[stem] = pieces[min(int(rng.expovariate(0.5)), len(pieces) - 1)]
        return chosen

    def _train(self, uses: str, data: bytes, right: bool) -> Mark:
        """The mark of the run that this code shares, or of the notebook that no run was made of."""
        words = (
            "Not trained, so 0 marks: not all of exercises 1, 2, 3a and 3b have their marks yet."
        )
        mark, name = {"share": 0.0, "outcome": "wrong", "note": words, "laws": []}, sha256(data)
        if right:
            rng, name = random.Random(uses), uses
            hacked = rng.random() < 0.2
            values = (
                rng.gauss(0.42, 0.04),
                rng.gauss(0.45 if hacked else 0.95, 0.05),
                math.exp(rng.gauss(1.5 if hacked else 0, 0.15)),
            )
            laws = [claim(told, value) for told, value in zip(CLAIMS, values, strict=True)]
            learned = laws[0]["passed"]
            share = 1.0 if all(law["passed"] for law in laws) else 0.5 * learned
            mark = {"share": share, "note": "trained", "laws": laws}
        mark |= {"made_of": {"of": name, "isolation": "bwrap", "inputs": ""}}
        write(self.folder / "build/grading/training" / f"{name}.json", mark)
        return mark

    def _notebook(self, name: str, whose: str, texts: dict[str, str]) -> bytes:
        """The bytes of a notebook: who copies renames, and changes a word here and there."""
        document = json.loads(json.dumps(self.executed))
        rng, own = random.Random(f"notebook {whose}"), random.Random(f"own {name}")
        machine = rng.choices(range(len(MACHINES)), MACHINES)[0]
        for stem, text in texts.items():
            cell = solution_cell(document, stem)
            cell["source"] = with_own_lines(text, rng, f"x{own.randrange(100)}")
        for exercise in self.plan:
            if exercise.kind == Kind.MANUAL:
                words = [word(rng) for _ in range(160)]
                words = [word(own) if own.random() < 0.02 else w for w in words]
                solution_cell(document, exercise.grade_id)["source"] = " ".join(words)
        for cell in document["cells"]:
            for output in cell.get("outputs", ()):
                for place in (output, output.get("data", {})):
                    for kind in {"text", "text/plain"} & place.keys():
                        text = "".join(place[kind])
                        place[kind] = re.sub(
                            r"\b\d+ s\b",
                            f"{rng.uniform(12, 60):.1f} s",
                            elsewhere(text, machine, rng),
                        )
        lines = [f"run {n}: 40 steps in {rng.uniform(12, 60):.1f} s" for n in range(8)]
        document["cells"].append(helper("# my runs", "my-runs") | {"outputs": [stream(lines)]})
        document["metadata"]["handed_in_by"] = name
        return json.dumps(document).encode()

    def _enter(self) -> None:
        """The gradebook, as after `grader run`, with seven of ten answers marked by hand."""
        from nbgrader.api import Gradebook

        with Gradebook(f"sqlite:///{self.folder / 'gradebook.db'}") as book:
            book.find_assignment("sentiment").duedate = DUE
            for name in self.ids:
                rng = random.Random(f"person {name}")
                about = {"first_name": rng.choice(FIRST), "last_name": rng.choice(LAST)}
                book.add_student(name, **about, email=f"{name}@example.org")
                if name not in self.handed_in:
                    continue
                hours = rng.uniform(-90, -0.1) if rng.random() < 0.9 else rng.uniform(0.1, 70)
                when = DUE + timedelta(hours=hours)
                submission = book.add_submission("sentiment", name, timestamp=when)
                for grade in submission.notebooks[0].grades:
                    made = self.handed_in[name]["exercises"][grade.name.removesuffix("_laws")]
                    if made["outcome"] != Outcome.NEEDS_MANUAL:
                        grade.auto_score = made["points"]
                    elif rng.random() < 0.7:
                        grade.manual_score = min(
                            made["max_points"], max(0, round(2 * rng.gauss(2, 0.8)) / 2)
                        )
                    grade.needs_manual_grade = (
                        grade.manual_score is None and grade.auto_score is None
                    )
                path = self.folder / "submitted" / name / NOTEBOOK
                moment = when.replace(tzinfo=UTC).timestamp()
                os.utime(path, (moment, moment))
            book.db.commit()


def claim(told: Threshold, value: float) -> dict[str, Any]:
    """One line of a training mark, as the gate writes it."""
    check = {"figure": told.figure, "bound": told.bounds["smoke"], "sense": told.sense}
    passed = told.holds({told.figure: value}, "smoke")
    line = {"law": told.claim, "passed": passed, "got": f"{value:.3f}", "hint": ""}
    return line | drawn(check, value)


def stream(lines: list[str]) -> dict[str, str]:
    """What a cell printed."""
    return {"output_type": "stream", "name": "stdout", "text": "\n".join(lines)}


def word(rng: random.Random) -> str:
    """One of no language."""
    return "".join(rng.choices(SYLLABLES, k=rng.randint(1, 4)))


def with_own_lines(text: str, rng: random.Random, name: str) -> str:
    """The work, with lines between its own that do nothing, as no two students write them."""
    lines = []
    for line in text.rstrip("\n").split("\n"):
        lines.append(line)
        if rng.random() < 0.5:
            terms = [rng.choice([name, str(rng.randrange(1000))]) for _ in range(rng.randint(3, 9))]
            signs = rng.choices("+-*/%", k=len(terms) - 1)
            parts = [part for pair in zip(terms, [*signs, ""], strict=True) for part in pair]
            lines.append(f"    {name} = {' '.join(parts)}".rstrip())
    return "\n".join(lines)


def elsewhere(text: str, machine: int, rng: random.Random) -> str:
    """The figures as another kind of machine gives them; of a run's, one in six is the student's own, who tried a setting."""

    def digit(match: re.Match[str]) -> str:
        last = random.Random(f"{machine} {match[0]}" if rng.random() > 0.17 else rng.random())
        return match[0][:-1] + str(last.randrange(10))

    return FIGURE.sub(digit, text)
