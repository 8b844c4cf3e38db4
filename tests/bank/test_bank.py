"""The bank in brief: each submission on its own exercise. `python -m tests.bank` judges it on all of them."""

import os

import pytest

from gate import ROOT
from gate.submissions import read
from grader.wall.isolation import LANDLOCK
from tests.bank import harm, judge

ITEMS = judge.items()


# of each kind of attack one, to be judged behind Landlock alone, too; `python -m tests.bank hostile --isolation landlock` does all
TELLING = (
    *("reads_the_course", "other_processes", "network", "privileges", "message_to_the_next"),
    *(
        "kill_everything",
        "kills_its_parents",
        "fork_bomb",
        "daemon",
        "fills_the_disk",
        "empty_files",
    ),
    *("memory_in_many_processes", "segmentation_fault", "endless_loop", "laws_or_training"),
    "watches_the_machine",
)
BEHIND_LANDLOCK = [item for item in judge.items(["hostile"]) if item[1].endswith(TELLING)]


@pytest.fixture(scope="module")
def judged_behind_landlock():
    """The same of the few that are judged there."""
    if refusal := LANDLOCK.refusal():
        pytest.skip(refusal)
    with judge.pool(os.cpu_count() or 1, LANDLOCK.name) as pool:
        yield {item: pool.submit(judge.judge, item, everything=False) for item in BEHIND_LANDLOCK}
    assert not harm.survivors()


@pytest.fixture(scope="module")
def judged(request):
    """A future row for every submission that this run of pytest asks for; all of them are judged side by side."""
    asked = [
        item.callspec.params["item"]
        for item in request.session.items
        if hasattr(item, "callspec") and "item" in item.callspec.params
    ]
    if any(item.name == test_every_law_kills_a_mutant.__name__ for item in request.session.items):
        asked = list(dict.fromkeys([*asked, *judge.items(["mutants"])]))
    before, pool = harm.fingerprint_of_course(), judge.pool(os.cpu_count() or 1)
    yield {item: pool.submit(judge.judge, item, everything=False) for item in asked}
    pool.shutdown(cancel_futures=True)
    assert harm.fingerprint_of_course() == before, "files of the course were changed"
    assert not harm.survivors()


@pytest.mark.parametrize("item", ITEMS, ids="-".join)
def test_judged_as_written_down(judged, item):
    assert judged[item].result()["faults"] == []


def test_the_telling_ones_are_there():
    assert len(BEHIND_LANDLOCK) == len(TELLING)


@pytest.mark.parametrize("item_there", BEHIND_LANDLOCK, ids="-".join)
def test_judged_as_written_down_behind_landlock(judged_behind_landlock, item_there):
    assert judged_behind_landlock[item_there].result()["faults"] == []


def test_every_law_kills_a_mutant(judged):
    assert judge.idle_laws([judged[item].result() for item in judge.items(["mutants"])]) == []


@pytest.mark.parametrize(("kind", "least"), [("mutants", 60), ("variants", 25), ("hostile", 40)])
def test_the_bank_is_large(kind, least):
    items = judge.items([kind])
    assert least <= len(items) == len(set(items))


@pytest.mark.parametrize(
    ("name", "where"),
    [
        ("reads_the_course", [str(ROOT)]),
        ("follows_its_own_traces", []),
        ("socket_buffers", []),
    ],
)
def test_spies_do_find_what_is_there(name, where):
    """Outside the wall, where there is something to find: a spy that is blind proves nothing."""
    (spy,) = (submission for submission in read("hostile") if submission.name == name)
    namespace = {}
    exec(spy.cells[-1].partition("FOUND =")[0], namespace)
    assert namespace["look"](*where)
