"""The parts of a report: numbers that others work out too, texts that want to be more than text, and time that is bounded."""

import builtins
import io
import json
import math
import random
import time
import tokenize
from html.parser import HTMLParser
from pathlib import Path

import mutations
import numpy as np
import pytest
from scipy import stats
from toys import RIGHT, code, notebook

import grader.report.traces as module
from grader.__main__ import arguments
from grader.assignment import Exercise, Kind
from grader.judging.training_marks import state
from grader.lms.publish.results import Result, Table
from grader.reader import Unreadable, parse
from grader.report import charts
from grader.report.cohort import Cohort, Student, mark_of
from grader.report.document import discreet, without_names
from grader.report.items import FEW, correlation, items, word
from grader.report.lookalikes import connected, links, longest_run, most_of, rare_of
from grader.report.marks import histogram, marks, middle, width_of
from grader.report.mistakes import UNKNOWN, WITHHELD, causes, example, only_numbers
from grader.report.page import page
from grader.report.rows import rows
from grader.report.traces import MOST, given, passages, tokens, traces, words
from grader.report.training import figures, figures_of, number, training
from grader.store import write
from grader.verdict import Status

# --- numbers


@pytest.mark.parametrize("size", [1, 2, 3, 10, 101])
def test_quartiles_are_numpys(size):
    values = [random.Random(size).uniform(0, 20) for _ in range(size)]
    made = middle(values)
    want = [np.mean(values), *np.quantile(values, [0.5, 0.25, 0.75])]
    names = ("mean", "median", "lower_quartile", "upper_quartile")
    assert [made[name] for name in names] == pytest.approx(want, abs=1e-4)


def test_of_nothing_there_is_no_mean():
    assert middle([]) == {
        "count": 0,
        "mean": None,
        "median": None,
        "lower_quartile": None,
        "upper_quartile": None,
    }


@pytest.mark.parametrize("most", [0.5, 1, 2, 3, 10, 20, 25, 26, 100, 1000, 12345])
def test_every_mark_is_in_one_bar(most):
    rng = random.Random(most)
    totals = [0.0, most, most * 1.1, *(rng.uniform(0, most) for _ in range(200))]
    bars = histogram(totals, 100, most)
    assert sum(bar["final"] for bar in bars) == 100
    assert sum(bar["so_far"] for bar in bars) == len(totals) - 100
    assert len(bars) <= 27 and bars[-1]["to"] is None and width_of(most) > 0
    full = [bar for bar in histogram([most], 1, most) if bar["final"]]
    assert full[0]["from"] == pytest.approx(most, abs=width_of(most))


def test_discrimination_is_pearsons():
    rng = np.random.default_rng(0)
    rest = rng.normal(size=200)
    holds = [bool(x) for x in rest + rng.normal(size=200) > 0]
    assert correlation(holds, list(rest)) == pytest.approx(stats.pearsonr(holds, rest)[0], abs=1e-4)
    assert correlation([True] * 20, list(range(20))) is None
    assert correlation([True, False] * 10, [1.0] * 20) is None
    assert correlation([True] * (FEW - 1) + [False] * 90, list(map(float, range(99)))[:99]) is None


@pytest.mark.parametrize(
    ("failing", "judged", "r", "said"),
    [(0, 50, None, "nobody"), (50, 50, None, "everybody"), (5, 50, -0.3, "better"), (5, 50, 0.1, "little"), (5, 50, 0.5, ""), (5, 50, -0.1, "little"), (1, 50, None, "")],
)  # fmt: skip
def test_a_law_that_asks_for_a_look_gets_a_word(failing, judged, r, said):
    found = word(failing, judged, r)
    assert said in found and bool(said) == bool(found)


@pytest.mark.parametrize(
    "values", [[0.0], [1.0, 1.0], [0.3, 0.4], [-1.0, 5.0], [0.5, 50.0], [1e-9, 1e9], []]
)
def test_dots_lie_within_their_panel(values):
    figure = {"name": "x", "bound": 0.7, "sense": "at least"}
    made = charts.panel(figure, [*values, None], 100.0, 1.0)
    assert len(made["dots"]) == len(values)
    assert all(99.9 <= dot["y"] <= 100.1 + charts.PANEL for dot in made["dots"])
    assert [dot["fails"] for dot in made["dots"]] == [value < 0.7 for value in values]


# --- mistakes


def law(**changed):
    made = {"law": "a claim", "test": "test_value", "weight": 1.0, "value": True, "passed": False}
    return made | {"counterexample": "f(1)", "got": "2.0", "hint": "", "outcome": ""} | changed


def verdict(*laws, outcome="partial", note=""):
    return {"points": 1.0, "max_points": 2.0, "outcome": outcome, "note": note, "laws": list(laws)}


@pytest.mark.parametrize(
    ("exercise", "found"),
    [
        (verdict(law(hint="the sign is wrong"), law(got="KeyError: 'Zora'")), {"the sign is wrong", "KeyError is raised"}),
        (verdict(law(got="ZoraError: by Zora")), {"an error of the student's own kind is raised"}),
        (verdict(law()), {UNKNOWN}),
        (verdict(law(), law(hint="the sign is wrong")), {"the sign is wrong"}),
        (verdict(law(outcome="timeout", got="more than 5 s")), {"took too long"}),
        (verdict(law(), outcome="wrong", note="it returns what it was given"), {"it returns what it was given"}),
        (verdict(law(), outcome="not_implemented"), set()),
        (verdict(law(passed=True), outcome="pass"), set()),
        (verdict(law(hint="the sign is wrong"), outcome="tampered") | {"repaired": "partial"}, {"the sign is wrong"}),
    ],
)  # fmt: skip
def test_a_broken_law_counts_for_its_cause(exercise, found):
    assert set(causes(exercise)) == found


@pytest.mark.parametrize(
    ("got", "shown"),
    [
        ("float32[-1.22471, 0, nan, inf, 3e-05]", "float32[-1.22471, 0, nan, inf, 3e-05]"),
        ("[[1, 2], (3.5, None, True)]", "[[1, 2], (3.5, None, True)]"),
        ("float32[1, 2, …]", "float32[1, 2, …]"),
        ("KeyError: 'Zora'", "KeyError"),
        ("Zora: by Zora", WITHHELD),
        ("['Zora']", WITHHELD),
        ("<script>", WITHHELD),
        ("nanna", WITHHELD),
        ("e" * 2000, WITHHELD),
        ("1" * 2000 + "Z", WITHHELD),
    ],
)
def test_an_example_shows_numbers_and_no_word_of_a_student(got, shown):
    assert only_numbers(got) == shown


def test_an_example_is_the_shortest_call_of_a_main_law():
    long, side = law(counterexample="f(1, 2)"), law(value=False, counterexample="f()")
    assert example([long, side, law(got="[0.5]")])["call"] == "f(1)"
    lost = law(outcome="timeout", got="no answer within 5 seconds")
    assert example([lost])["got"] == "" and example([]) is None


# --- training


def test_a_mark_that_somebody_wrote_by_hand_may_hold_anything():
    odd = [
        None,
        1,
        {},
        {"name": 1, "value": 2, "bound": 3, "sense": "at least"},
        {"name": "x", "value": "y", "bound": None, "sense": "above"},
    ]
    right = {"name": "gain", "value": float("nan"), "bound": 0.3, "sense": "at least"}
    mark = {"share": 1, "laws": [{"law": "a", "passed": True, "figure": f} for f in [*odd, right]]}
    assert figures(mark) == [right]
    assert list(figures_of([mark, mark])) == ["gain"]
    assert number(float("nan")) is None and number(True) is None and number(2) == 2.0


MARKS = {
    "shared": {"share": 1.0, "laws": [{"law": "it rises", "passed": True, "figure": {"name": "gain", "value": 0.5, "bound": 0.3, "sense": "at least"}}]},
    "flat": {"share": 0.0, "laws": [{"law": "it rises", "passed": False, "figure": {"name": "gain", "value": 0.1, "bound": 0.3, "sense": "at least"}}]},
    "broke": {"share": 0.0, "outcome": "timeout", "note": "Zora hung", "laws": []},
    "own": {"share": 0.5, "note": "an instructor's word"},
}  # fmt: skip
TRAINED = {
    "ann": "shared",
    "bob": "shared",
    "cat": "flat",
    "dan": "broke",
    "eve": "own",
    "fay": None,
}


def cohort(students):
    plan = (
        Exercise("f", 2.0, Kind.LAWS, "f_laws"),
        Exercise("train", 1.0, Kind.TRAINING, "train_laws"),
    )
    results = {s.id: s.result for s in students}
    return Cohort(Table(None, plan, results, Path(), Path(), Path()), tuple(students))


def test_runs_are_counted_once_and_by_whom_they_are_shared(tmp_path):
    students = []
    for name, kind in TRAINED.items():
        mark = MARKS.get(kind)
        if mark and kind != "own":
            mark = mark | {"made_of": {"of": kind}}
        if mark:
            write(tmp_path / f"{kind}.json", mark)
        made = {"sha256": name, "training": state(kind or "", mark)}
        # what the verdict was made with, though another mark has taken its place since
        stale = {"sha256": name, "training": state(kind or "", {"share": 0.0})}
        assert mark_of(made, tmp_path) == mark and mark_of(stale, tmp_path) is None
        students.append(Student(Result(name, Status.GRADED), mark=mark))
    made = training(cohort(students))
    assert [(run["who"], run["figures"]) for run in made["runs"]] == [
        (["cat"], {"gain": 0.1}),
        (["ann", "bob"], {"gain": 0.5}),
    ]
    assert made["passed"] == 1 and made["by_hand"]["who"] == ["eve"]
    assert made["failed"] == [{"claim": "it rises", "runs": 1, "students": 1, "who": ["cat"]}]
    assert made["stopped"] == [
        {"outcome": "timeout", "note": "Zora hung", "students": 1, "who": ["dan"]}
    ]
    assert "Zora" not in json.dumps(without_names(made))


def test_what_a_replay_proved_and_the_audit_trained_is_one_run():
    ways = {"ann": "replayed", "bob": "trained", "cat": "replayed"}
    students = [
        Student(
            Result(name, Status.GRADED),
            mark={"share": 1.0, "note": how, "laws": [], "figures": [{"gain": 0.4}], "proof": how}
            | {"made_of": {"of": name}},
        )
        for name, how in ways.items()
    ]
    assert [run["who"] for run in training(cohort(students))["runs"]] == [[*ways]]


def test_the_rest_of_a_mark_is_all_but_the_law_itself():
    rng, students = random.Random(1), []
    for n in range(60):
        held = [rng.random() < 0.6 for _ in range(3)]
        laws = [law(test=f"test_{i}", weight=1.0 + i, passed=h) for i, h in enumerate(held)]
        gain = rng.random()
        exercises = {"f": verdict(*laws), "train": verdict()}
        told = {"status": Status.GRADED, "exercises": exercises}
        result = Result(
            f"s{n}", Status.GRADED, marks={"f": 1.0, "train": gain}, total=1.0 + gain, verdict=told
        )
        students.append((Student(result), held, gain))
    made = items(cohort([student for student, *_ in students]))
    assert made["left_out_of_the_rest"] == []
    for i, row in enumerate(made["laws"]):
        holds = [held[i] for _, held, _ in students]
        rest = [
            gain + sum((1.0 + j) * held[j] for j in range(3) if j != i)
            for _, held, gain in students
        ]
        assert row["discrimination"] == pytest.approx(stats.pearsonr(holds, rest)[0], abs=1e-4)
        assert row["failing"] == 60 - sum(holds)


def test_a_law_that_quotes_somebody_is_left_out_where_nobody_may_be_named():
    students = cohort([Student(Result("ann", Status.GRADED, "Anna Maria", "Abel"))])
    shown = {"law": "a claim", "call": "f('Maria')", "got": "1", "expected": ""}
    told = discreet({"cause": "it says ann, not 1", "students": 1, "example": shown}, students)
    assert told["cause"] == told["example"]["call"] == WITHHELD
    assert told["example"]["law"] == "a claim"


def test_who_took_the_work_away_is_missing_and_no_more():
    gone = Result("ann", Status.MISSING, marks={"f": 2.0, "train": 1.0}, late=60.0)
    there = Result("bob", Status.GRADED, marks={"f": 1.0, "train": 0.0}, total=1.0)
    made = marks(cohort([Student(gone), Student(there, attempts=2)]))
    assert (made["count"], made["mean"], made["missing"]["who"]) == (1, 1.0, ["ann"])
    assert made["exercises"][0]["mean"] == 1.0 and made["late"]["who"] == []
    assert made["attempts"] == {"known": 1, "counts": {"2": 1}}


# --- what notebooks show


def document(*sources, outputs=(), prose=()):
    made = notebook()
    made["cells"] += [code(source) for source in sources]
    made["cells"].append(code("# mine") | {"outputs": list(outputs)})
    made["cells"] += [{"cell_type": "markdown", "metadata": {}, "source": text} for text in prose]
    return made


def printed(text):
    return {"output_type": "stream", "name": "stdout", "text": text}


def test_what_the_course_gave_out_is_no_trace():
    whole = document(RIGHT, "import shop\nprint(shop)", prose=["one two three four five six"])
    known = given([whole])
    assert not any(vars(traces(whole, known)).values())
    more = document(RIGHT, prose=["one two three four five six", "seven eight nine ten eleven"])
    assert traces(more, known).prose == ["seven eight nine ten eleven"]


def test_all_that_was_given_out_is_known_however_much_it_is():
    long = document("\n".join(f"{n} + {n + 1}" for n in range(MOST)))
    assert len(traces(long).code) == MOST
    longer = document("\n".join(f"{n} + {n + 1}" for n in range(MOST + 100)))
    assert len(traces(longer, given([long])).code) < 3 * 100 + 10


def test_names_layout_and_comments_of_code_make_no_difference():
    one = "def mean(xs):\n    total = sum(xs)  # all\n    return total / len(xs)\n"
    other = 'def average( values ):\n  """Of all."""\n  s = sum(values)\n\n  return s/len( values )'
    made = [tokens(text, frozenset()) for text in (one, other)]
    assert [token for token in made[1] if token != "''"] == made[0]
    assert tokens("x.mean() ** 2", {"torch"}) == ["_", ".", "mean", "(", ")", "**", "2"]
    assert tokens("torch.x != f'a{b}'", {"torch"}) == ["torch", ".", "x", "!=", "''"]


@pytest.mark.parametrize(
    "text",
    ["'a", '"""a\nb', "'''" * 3 + "x", "r'\\'", "f(", ")))", "0x1f_0", "π = 1", "\\", "\x00", "a\n\tb\n c", "%%bash\nls | x", "# 'a", "'a' # b", "\ud800"],
)  # fmt: skip
def test_what_is_no_python_is_scanned_all_the_same(text):
    made = tokens(text, frozenset())
    assert all(token and not token.isspace() for token in made)


def test_the_scanner_sees_the_tokens_that_pythons_own_does():
    # what is in an f-string is text to the scanner, and code to Python 3.12
    text = Path(module.__file__).read_text().replace('f"', '"')
    own = tokenize.generate_tokens(io.StringIO(text).readline)
    want = [t.string for t in own if t.type in (tokenize.NAME, tokenize.OP, tokenize.NUMBER)]
    everything = set(dir(builtins)) | {t for t in want if t.isidentifier()}
    assert [token for token in tokens(text, everything) if token != "''"] == want


HEAVY = {
    "quotes": '"\\' * 149_000,
    "open texts": "'''" + "'" * 298_000,
    "brackets": "(" * 298_000,
    "nested": "[" * 149_000 + "]" * 149_000,
    "one name": "a" * 298_000,
    "digits": "1" * 298_000,
    "dots": "1." * 149_000,
    "hashes": "#" * 298_000,
    "indents": "".join(" " * (n % 700) + "x\n" for n in range(800)),
    "signs": "*" * 298_000,
    "seconds": "1 s " * 74_000,
}


@pytest.mark.parametrize("name", HEAVY)
def test_no_notebook_takes_long(name):
    text = HEAVY[name]
    made = document(text, outputs=[printed(text)] * 20, prose=[text])
    began = time.process_time()
    found = traces(parse(json.dumps(made).encode()))
    assert time.process_time() - began < 5
    assert all(len(part) <= MOST for part in vars(found).values())


def test_no_notebook_stops_the_report():
    chance = random.Random(0)
    for _ in range(300):
        data = mutations.mutated_bytes(notebook(), chance)
        if chance.random() < 0.8:
            data = json.dumps(
                mutations.mutated_json(document(outputs=[printed("1.5 s")]), chance)
            ).encode()
        try:
            made = parse(data)
        except Unreadable:
            continue
        json.dumps(vars(traces(made)))


def test_run_times_count_in_a_row():
    text = "epoch 1: 12.3 s\nepoch 2: 9 s, 4.1 it/s\n00:12<00:07"
    made = traces(document(outputs=[printed(text)]))
    assert made.run_times == ["12.3s 9s 4.1it/s 00:12", "9s 4.1it/s 00:12 00:07"]


# --- look-alikes


def brute_force(entries, most, least, share):
    names = sorted(entries)
    count = {e: sum(e in own for own in entries.values()) for own in entries.values() for e in own}
    rare = {name: {e for e in entries[name] if count[e] <= most} for name in names}
    return {
        (a, b)
        for a in names
        for b in names
        if a < b
        and len(rare[a] & rare[b]) >= least
        and len(rare[a] & rare[b]) >= share * min(len(rare[a]), len(rare[b]))
    }


@pytest.mark.parametrize("seed", range(20))
def test_links_are_those_of_comparing_everybody_with_everybody(seed):
    rng = random.Random(seed)
    entries = {
        f"s{n}": [str(rng.randrange(40)) for _ in range(rng.randrange(30))] for n in range(25)
    }
    entries = {name: list(dict.fromkeys(own)) for name, own in entries.items()}
    most = rng.randrange(2, 12)
    found = links(rare_of(entries, most), 3, 0.3, dict.fromkeys(entries, frozenset()))
    assert {link.pair for link in found} == brute_force(entries, most, 3, 0.3)


def test_who_handed_in_together_is_no_look_alike():
    entries = {name: list("abcdef") for name in ("ann", "bob")} | {"cat": ["x"], "dan": ["y"]}
    alone = dict.fromkeys(entries, frozenset())
    assert len(links(rare_of(entries, 2), 3, 0.3, alone)) == 1
    assert links(rare_of(entries, 2), 3, 0.3, alone | {"ann": frozenset({"bob"})}) == []


def test_what_a_large_share_of_the_class_has_counts_for_nobody():
    assert [most_of(n, 0.1) for n in (0, 1, 2, 5, 12, 20, 80, 5000)] == [0, 0, 1, 2, 6, 6, 8, 50]
    entries = {f"s{n}": list("abcdef") for n in range(20)}
    assert not any(rare_of(entries, most_of(20, 0.1)).values())


def test_groups_are_all_who_are_linked():
    pairs = [("a", "b"), ("c", "d"), ("b", "c"), ("x", "y")]
    assert sorted(map(sorted, connected(pairs))) == [["a", "b", "c", "d"], ["x", "y"]]
    assert connected([]) == []


def test_the_longest_passage_is_one_text():
    text = words("One two three four five six; seven eight nine ten eleven.")
    entries = list(passages(text, 5))
    assert (
        longest_run(entries, set(entries))
        == "one two three four five six seven eight nine ten eleven"
    )
    assert (
        longest_run(entries, {entries[0], entries[1], entries[4]}) == "one two three four five six"
    )


# --- the page

EVIL = {
    "script": "</title></style><script>alert(1)</script>",
    "attribute": '" onmouseover="alert(1)" x=\'',
    "entity": "&lt;img src=x onerror=alert(1)&gt;",
    "direction": "\u202egnp.exe \u2066x \u200f ابجد",
    "control": "a\x00b\x1b[31mc\x07\ud800\ufffe",
    "template": "{{ 7 * 7 }}{% raw %}{# x #}",
    "comment": "<!-- --> <![CDATA[ ]]>",
    "long": "<p>" * 350_000,
}
KEPT = {"kind", "sense", "made", "grader", "also"}
TAGS = {
    *("html", "head", "meta", "title", "style", "body", "header", "nav", "main", "section", "h1", "h2", "h3", "p", "a", "b", "i", "small"),
    *("div", "span", "strong", "code", "bdi", "blockquote", "ul", "ol", "li", "dl", "dt", "dd", "details", "summary", "figure", "figcaption"),
    *("table", "caption", "thead", "tbody", "tr", "th", "td", "svg", "line", "text", "rect", "circle", "path"),
}  # fmt: skip


class Reader(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.attributes, self.text = set(), set(), []

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data):
        self.text.append(data)


def spoilt(part, text, key=""):
    """Every text of a document replaced, but for the few words that are ours alone."""
    if isinstance(part, dict):
        keyed = key in ("names", "outcomes", "figures")
        return {text if keyed else name: spoilt(value, text, name) for name, value in part.items()}
    if isinstance(part, list):
        return [spoilt(each, text, "" if isinstance(each, dict) else key) for each in part]
    return text if isinstance(part, str) and key not in KEPT else part


def full_report():
    """A document with something in each of its places."""
    who = {"students": 1, "who": ["ann"]}
    claim = {"claim": "c", "runs": 1, **who}
    run = {"share": 0.5, "figures": {"gain": 0.1}, "failed": ["c"], **who}
    exercise = {
        "exercise": "f",
        "kind": "laws",
        "max_points": 2.0,
        **middle([1.0]),
        "full": 0,
        "none": 0,
        "open": 0,
        "by_hand": 0,
        "outcomes": {"pass": 1},
    }
    group = {**who, "shared": 3, "share": 0.5, "shown": ["x"], "also": ["prose"]}
    kind = {
        "kind": "code",
        "what": "w",
        "unit": "u",
        "least": 3,
        "least_share": 0.3,
        "most_sharing": 1,
        "groups": [group],
    }
    row = {
        "exercise": "f",
        "test": "t",
        "law": "l",
        "weight": 1.0,
        "main": True,
        "judged": 1,
        "failing": 1,
        "share_failing": 1.0,
        "discrimination": 0.5,
        "word": "w",
    }
    late = {**who, "hours_median": 1.0, "hours_most": 1.0, "points_off": 0.0}
    example = {"law": "l", "call": "f(1)", "got": "2", "expected": "3"}
    return {
        "schema": 1, "assignment": "toy", "grader": "1.0", "made": "2026-11-27T12:00:00Z", "anonymous": False,
        "class": {"students": 1, "handed_in": 1, "with_verdict": 1}, "names": {"ann": "Ann Abel"},
        "marks": {
            "max_total": 2.0, **middle([1.0]), "histogram": histogram([1.0], 1, 2.0), "exercises": [exercise], "final": 1, "open": who,
            "missing": who, "not_graded": who, "unreadable": who, "late": late, "attempts": {"known": 1, "counts": {"1": 1}},
        },
        "items": {"laws": [row], "verdicts": 1, "left_out_of_the_rest": ["essay"]},
        "mistakes": [{"exercise": "f", "cause": "c", "known": True, "share": 1.0, "example": example, **who}],
        "training": {
            "runs": [run], "figures": [{"name": "gain", "bound": 0.3, "sense": "at least"}], "passed": 0, "failed": [claim],
            "stopped": [{"outcome": "wrong", "note": "n", **who}], "by_hand": who,
        },
        "lookalikes": {"notebooks": 2, "not_read": 0, "pairs": 1, "kinds": [kind]},
    }  # fmt: skip


@pytest.mark.parametrize("name", EVIL)
def test_every_text_on_the_page_is_text(name):
    made = page(spoilt(full_report(), EVIL[name]))
    reader = Reader()
    reader.feed(made)
    assert reader.tags <= TAGS and not any(a.startswith("on") for a in reader.attributes)
    assert "script" not in reader.tags and "<!--" not in made
    assert not set("\x00\x1b\x07\u202e\u2066\ufffe") & set(made)
    made.encode("utf-8")
    if name in ("script", "attribute", "template"):
        assert EVIL[name] in "".join(reader.text)
    assert len(made) < 2_000_000


def test_the_page_needs_nothing_else():
    made = page(full_report())
    assert "http" not in made.replace("http-equiv", "") and "url(" not in made
    assert "default-src 'none'" in made and "prefers-color-scheme: dark" in made
    assert made.count('<svg role="img" aria-labelledby=') == 2
    assert math.isfinite(len(made))


def test_the_table_has_a_row_for_each_run_and_each_figure_of_it():
    made = [(item, measure, value) for part, _, item, measure, value in rows(full_report()) if part == "training"]  # fmt: skip
    run = full_report()["training"]["runs"][0]
    assert made[:2] == [("run 1", "share", run["share"]), ("run 1", "gain", run["figures"]["gain"])]
    for begin in ("run 1", "does not hold: ", "no run to its end: "):
        who = [row for row in made if row[0].startswith(begin) and row[1:] == ("who", "ann")]
        assert len(who) == 1, begin


@pytest.mark.parametrize("text", ["2", "-0.1", "nan", "half"])
def test_a_share_that_is_none_is_an_error(text, capsys):
    with pytest.raises(SystemExit) as left:
        arguments().parse_args(["run", "--train", "--audit", text])
    assert left.value.code == 2 and "--audit: a number from 0 to 1" in capsys.readouterr().err
