"""The grader's own tests run on a toy course, through the real sandbox: without bubblewrap they fail, never skip."""

import dataclasses
import json
import os
import shutil

import pytest
from hypothesis import settings
from server import NEEDED, Server, programs
from toys import TOY, ClassFolder, notebook, template
from walls import attack, isolation, wall  # noqa: F401

from grader.gradebook.plugins import find_alembic
from grader.submission.preflight import repair

settings.register_profile("tests", deadline=None)  # a busy machine is no failure
settings.load_profile("tests")
collect_ignore = ["toy"]  # those laws judge submissions, not the grader


@pytest.fixture(scope="session", autouse=True)
def bubblewrap():
    assert shutil.which("bwrap"), "the grader's tests need bubblewrap: apt-get install bubblewrap"


@pytest.fixture(scope="session")
def assignment():
    """The toy course, with little patience."""
    from grader.assignment import Limits, load_assignment

    limits = Limits(
        call_seconds=1.5,
        load_seconds=1.5,
        exercise_seconds=10,
        memory_mb=300,
        processes=30,
        scratch_mb=16,
    )
    return dataclasses.replace(load_assignment(TOY / "hidden"), limits=limits)


@pytest.fixture(scope="session")
def grader(assignment):
    from grader.judging.session import Grader

    with Grader(assignment) as grader:
        yield grader


@pytest.fixture(scope="session")
def submission():
    """The same as the bytes of a file."""
    return lambda *args, **kwargs: json.dumps(notebook(*args, **kwargs)).encode()


@pytest.fixture(scope="session")
def judge(grader, submission):
    """The verdict on the toy exercise for a solution cell."""
    return lambda *args, **kwargs: grader.check(submission(*args, **kwargs))["exercises"][
        "basket_total"
    ]


@pytest.fixture(scope="session")
def fix(assignment):
    """Preflight: the repaired submission for a document or for bytes."""
    return lambda data: repair(
        json.dumps(data).encode() if isinstance(data, dict) else data, assignment
    )


@pytest.fixture
def class_folder(tmp_path):
    """An nbgrader course of its own, with the assignment generated, and a way to hand in."""
    return ClassFolder(tmp_path)


@pytest.fixture(scope="session")
def server():
    """A PostgreSQL server; where Debian's package is not installed these tests are skipped, but not in CI."""
    if programs() is None:
        assert not os.environ.get("CI"), NEEDED
        pytest.skip(NEEDED)
    find_alembic()  # nbgrader looks for it in PATH when it makes a gradebook
    made = Server()
    yield made
    made.close()


@pytest.fixture(scope="session")
def generated(server):
    """The name of a database with the toy assignment generated, to be copied."""
    from grader.gradebook.moving import move

    move(f"sqlite:///{template()}/gradebook.db", server.create("generated"))
    server.leave("generated")
    return "generated"


@pytest.fixture
def in_postgres(server, class_folder, generated, request):
    """An nbgrader course whose gradebook a server keeps."""
    class_folder.database = name = request.node.name[:60]
    class_folder.url = server.create(name, generated)
    class_folder.configure(f"c.CourseDirectory.db_url = {class_folder.url!r}")
    (class_folder.folder / "gradebook.db").unlink()
    yield class_folder
    server.drop(name)


@pytest.fixture(scope="module")
def graders(grader):
    """Of a course with two assignments, by name."""
    from terms import two_assignments

    from grader.assignment import load_assignment
    from grader.judging.session import Grader

    with Grader(load_assignment(two_assignments() / "hidden/hw2")) as second:
        yield {"toy": grader, "hw2": second}


@pytest.fixture
def term(tmp_path_factory, graders, monkeypatch):
    """Terms of one course, each in a folder of its own."""
    from terms import Term

    from grader.gradebook import plugins

    running, used = plugins.running, []
    running.cache_clear()
    monkeypatch.setattr(plugins, "running", lambda *named: used.append(running(*named)) or used[-1])
    yield lambda: Term(tmp_path_factory.mktemp("term"), graders, monkeypatch)
    for made in {id(made): made for made in used}.values():
        made.__exit__()
    running.cache_clear()
