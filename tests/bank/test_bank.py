"""The bank in brief: each submission on its own exercise. `python -m tests.bank` judges it on all of them."""

import os

import pytest

from gate import ROOT
from gate.submissions import read
from grader.wall.isolation import LANDLOCK
from tests.asked import asked_for
from tests.bank import harm, judge

LONGEST = ("memory_shared_by_many", "memory_in_many_processes", "endless_c_code")


def in_brief():
    """All but what takes longest and three mutants of four, as long as each law has one that names it; `make long` judges the others."""
    kept, named = [], set()
    for number, (kind, name) in enumerate(judge.items()):
        laws = set(MUTANTS[name].notes["fails"].split()) if kind == "mutants" else set()
        new = {(name.partition("-")[0], law) for law in laws} - named
        if name.endswith(LONGEST):
            continue
        if kind != "mutants" or number % 4 == 0 or new:
            kept.append((kind, name))
            named |= new
    return kept


MUTANTS = {submission.id: submission for submission in read("mutants")}
BRIEF = in_brief()
BRIEF_MUTANTS = [item for item in BRIEF if item[0] == "mutants"]
ITEMS = [
    item if item in BRIEF else pytest.param(item, marks=pytest.mark.long) for item in judge.items()
]
# of each kind of attack one, to be judged behind Landlock alone, too; `python -m tests.bank hostile --isolation landlock` does all
TELLING = ("reads_the_course", "other_processes", "daemon")
ALSO_TELLING = (
    *("kill_everything", "fills_the_disk", "message_to_the_next", "network"),
    *("privileges", "kills_its_parents", "fork_bomb", "empty_files", "memory_in_many_processes"),
    *("segmentation_fault", "endless_loop", "laws_or_training", "watches_the_machine"),
)
HOSTILE = judge.items(["hostile"])
BEHIND_LANDLOCK = [item for item in HOSTILE if item[1].endswith((*TELLING, *ALSO_TELLING))]


@pytest.fixture(scope="module")
def judged_behind_landlock(request):
    """The same of the few that are judged there."""
    if refusal := LANDLOCK.refusal():
        pytest.skip(refusal)
    with judge.pool(os.cpu_count() or 1, LANDLOCK.name) as pool:
        items = asked_for(request, "item_there")
        yield {item: pool.submit(judge.judge, item, everything=False) for item in items}
    assert not harm.survivors()


@pytest.fixture(scope="module")
def judged(request):
    """A future row for every submission that this run of pytest asks for; all of them are judged side by side."""
    asked = asked_for(request, "item")
    if any(item.name == test_every_law_kills_a_mutant.__name__ for item in request.session.items):
        asked = list(dict.fromkeys([*asked, *BRIEF_MUTANTS]))
    before, pool = harm.fingerprint_of_course(), judge.pool(os.cpu_count() or 1)
    yield {item: pool.submit(judge.judge, item, everything=False) for item in asked}
    pool.shutdown(cancel_futures=True)
    assert harm.fingerprint_of_course() == before, "files of the course were changed"
    assert not harm.survivors()


@pytest.mark.parametrize("item", ITEMS, ids="-".join)
def test_judged_as_written_down(judged, item):
    assert judged[item].result()["faults"] == []


def test_the_telling_ones_are_there():
    assert len(BEHIND_LANDLOCK) == len(TELLING) + len(ALSO_TELLING)


@pytest.mark.parametrize(
    "item_there",
    [
        item if item[1].endswith(TELLING) else pytest.param(item, marks=pytest.mark.long)
        for item in BEHIND_LANDLOCK
    ],
    ids="-".join,
)
def test_judged_as_written_down_behind_landlock(judged_behind_landlock, item_there):
    assert judged_behind_landlock[item_there].result()["faults"] == []


def test_every_law_kills_a_mutant(judged):
    assert judge.idle_laws([judged[item].result() for item in BRIEF_MUTANTS]) == []


@pytest.mark.parametrize(("kind", "least"), [("mutants", 60), ("variants", 25), ("hostile", 40)])
def test_the_bank_is_large(kind, least):
    items = judge.items([kind])
    assert least <= len(items) == len(set(items))


@pytest.mark.parametrize(
    ("name", "where"),
    [
        ("reads_the_course", [str(ROOT)]),
        ("follows_its_own_traces", []),
        pytest.param("socket_buffers", [], marks=pytest.mark.slow),
    ],
)
def test_spies_do_find_what_is_there(name, where):
    """Outside the wall, where there is something to find: a spy that is blind proves nothing."""
    (spy,) = (submission for submission in read("hostile") if submission.name == name)
    namespace = {}
    exec(spy.cells[-1].partition("FOUND =")[0], namespace)
    assert namespace["look"](*where)
