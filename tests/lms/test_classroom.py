"""GitHub Classroom: clones, their times, Classroom's table, and repositories that mean harm."""

import os
import shutil
from datetime import UTC, datetime, timedelta

import pytest

from grader.lms.downloads import classroom, repository
from grader.lms.downloads.download import open_download
from grader.lms.downloads.repository import committed
from grader.lms.handins import Key, Told
from grader.reader import MAX_BYTES
from tests.lms import archives
from tests.lms.archives import NOTEBOOK, class_of, commit, git, students, when
from tests.lms.conftest import owners

LATER = datetime(2026, 11, 25, 12, 0, 0, tzinfo=UTC)


def rewrite(path, change):
    path.write_text(change(path.read_text()))


@pytest.fixture
def clone(tmp_path):
    """One student's clone, of one commit."""
    return archives.classroom(tmp_path, class_of(1, b"{}")) / "toy-sheet-S000-codes"


def test_everybody_of_a_class_is_found_by_the_clones_names_and_commits(tmp_path, read):
    class_ = class_of(8, lambda one: b"%d" % one.number)
    contents = read(archives.classroom(tmp_path, class_), "classroom")
    found = owners(contents, Key.GITHUB)
    assert {name: files[NOTEBOOK] for name, files in found.items()} == {
        one.github: data for one, data in class_.items()
    }
    assert contents.refused == ()
    assert [one.moment for one in contents.hand_ins] == [when(one) for one in class_]
    assert "student's machine" in contents.hand_ins[0].clock


def test_the_tables_time_is_that_of_the_push_and_goes_before_the_commits(tmp_path, read):
    class_ = class_of(3, b"{}")
    contents = read(archives.classroom(tmp_path, class_, table=True), "classroom")
    assert [one.moment for one in contents.hand_ins] == [
        when(one) + timedelta(seconds=10) for one in class_
    ]
    assert {one.clock for one in contents.hand_ins} == {classroom.PUSHED}
    assert [one.by for one in contents.hand_ins] == [
        ({Key.GITHUB: one.github, Key.EMAIL: one.email},) for one in class_
    ]
    assert contents.refused == ()


def test_a_table_without_times_leaves_it_to_git(tmp_path, read):
    place = archives.classroom(tmp_path, class_of(2, b"{}"), table=True)
    rewrite(
        place / "grades.csv", lambda text: text.replace(":10Z", "").replace("2026-11-20T10:", "")
    )
    contents = read(place, "classroom")
    assert {one.clock for one in contents.hand_ins} == {classroom.COMMITTED}


def test_members_of_a_group_share_a_repository(tmp_path, read):
    place = archives.classroom(tmp_path, class_of(2, b"{}"), table=True)
    ann, bob, cem = students(3)
    row = f"Toy sheet,,,{cem.github},{cem.email},org/toy-sheet-{ann.github},,2026-11-24T10:00:00Z,0,20\n"
    rewrite(place / "grades.csv", lambda text: text + row)
    first, second = read(place, "classroom").hand_ins
    assert [keys[Key.GITHUB] for keys in first.by] == [ann.github, cem.github]
    assert first.moment == datetime(2026, 11, 24, 10, tzinfo=UTC), "the last push of any"
    assert [keys[Key.GITHUB] for keys in second.by] == [bob.github]


def test_whose_a_single_clone_is_nobody_guesses(tmp_path, read):
    place = archives.classroom(tmp_path, class_of(1, b"{}"))
    contents = read(place, "classroom")
    assert contents.hand_ins == ()
    assert "CSV" in contents.refused[0].why
    (one,) = read(place, "classroom", assignment="toy-sheet").hand_ins
    assert one.by == ({Key.GITHUB: "S000-codes"},)


def test_a_loose_file_beside_the_clones_is_a_row(tmp_path, read):
    place = archives.classroom(tmp_path, class_of(2, b"{}"))
    (place / "notes.txt").write_text("mine")
    assert [row.path for row in read(place, "classroom").refused] == ["notes.txt"]


def test_another_table_is_not_classrooms(tmp_path):
    path = archives.classroom_roster(tmp_path, students(3))
    assert not classroom.recognised(open_download(path))


# --- the table alone


def test_the_table_alone_is_enough(tmp_path, read):
    class_ = class_of(4, lambda one: b"%d" % one.number)
    contents = read(archives.classroom_csv(tmp_path, class_), "classroom", assignment="toy")
    assert {name: files[NOTEBOOK] for name, files in owners(contents, Key.GITHUB).items()} == {
        one.github: data for one, data in class_.items()
    }
    assert contents.refused == ()
    assert sorted(path.name for path in (tmp_path / "clones/toy").iterdir()) == [
        f"toy-sheet-{one.github}" for one in class_
    ]
    assert not list((tmp_path / "clones").rglob(NOTEBOOK)), "nothing is checked out"


def test_a_clone_is_brought_up_to_date(tmp_path, read):
    class_ = class_of(1, b"old")
    path = archives.classroom_csv(tmp_path, class_)
    rewrite(path, lambda text: text.replace("2026-11-20T10:00:10Z", ""))
    (before,) = read(path, "classroom").hand_ins
    there = tmp_path / "remote/toy-sheet-submissions/toy-sheet-S000-codes"
    (there / NOTEBOOK).write_bytes(b"new")
    commit(there, LATER)
    (after,) = read(path, "classroom").hand_ins
    assert [entry.read() for entry in after.files if entry.own == NOTEBOOK] == [b"new"]
    assert (before.moment, after.moment) == (archives.WHEN, LATER)
    assert after.order > before.order


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("file:///nowhere/at/all", "could not be cloned"),
        ("ext::touch {0}/owned", "could not be cloned"),
        ("--upload-pack=touch {0}/owned", "could not be cloned"),
        ("http://127.0.0.1:9/x", "could not be cloned"),
        ("", "could not be cloned"),
    ],
)
def test_an_address_that_is_none_is_a_row_and_the_others_are_cloned(
    tmp_path, read, monkeypatch, address, why
):
    (tmp_path / ".gitconfig").write_text('[protocol "ext"]\n  allow = always\n')
    monkeypatch.setenv("HOME", str(tmp_path))  # whatever the instructor's own settings allow
    path = archives.classroom_csv(tmp_path, class_of(2, b"{}"))
    uri = (tmp_path / "remote/toy-sheet-submissions/toy-sheet-S000-codes").as_uri()
    rewrite(path, lambda text: text.replace(uri, address.format(tmp_path)))
    contents = read(path, "classroom")
    assert [one.by[0][Key.GITHUB] for one in contents.hand_ins] == ["S001-codes"]
    (row,) = contents.refused
    assert why in row.why and "\n" not in row.why
    assert not (tmp_path / "owned").exists()


@pytest.mark.parametrize("name", ["..", ".git", "a b", "a/..", "-x y", ""])
def test_a_name_that_is_no_repositorys_is_a_row(tmp_path, read, name):
    path = archives.classroom_csv(tmp_path, class_of(1, b"{}"))
    rewrite(path, lambda text: text.replace(",toy-sheet-S000-codes,", f",{name},"))
    contents = read(path, "classroom")
    assert contents.hand_ins == ()
    assert [row.why for row in contents.refused] == ["no name of a repository"]
    assert not (tmp_path / "clones").exists()


def test_of_a_name_with_folders_the_last_part_counts(tmp_path, read):
    path = archives.classroom_csv(tmp_path, class_of(1, b"{}"))
    rewrite(path, lambda text: text.replace(",toy-sheet-S000-codes,", ",../../evil,"))
    assert len(read(path, "classroom").hand_ins) == 1
    assert [place.name for place in tmp_path.rglob("evil")] == ["evil"]
    assert (tmp_path / "clones/classroom/evil/HEAD").is_file()


def test_an_empty_repository_is_a_hand_in_of_nothing(tmp_path, read):
    path = archives.classroom_csv(tmp_path, class_of(1, b"{}"))
    there = tmp_path / "remote/toy-sheet-submissions/toy-sheet-S000-codes"
    shutil.rmtree(there)
    there.mkdir()
    git(there, "init", "--quiet")
    (one,) = read(path, "classroom").hand_ins
    assert one.files == ()


def test_links_in_a_repository_are_no_files_and_large_ones_are_cut(tmp_path, read):
    path = archives.classroom_csv(tmp_path, class_of(1, b"{}"))
    there = tmp_path / "remote/toy-sheet-submissions/toy-sheet-S000-codes"
    (there / "link.ipynb").symlink_to("/etc/passwd")
    (there / "large.bin").write_bytes(bytes(MAX_BYTES + 1000))
    (there / "with blank é\nline.ipynb").write_bytes(b"{}")
    commit(there, LATER)
    (one,) = read(path, "classroom").hand_ins
    sizes = {entry.own: (entry.size, len(entry.read())) for entry in one.files}
    assert sizes == {
        "README.md": (8, 8),
        NOTEBOOK: (2, 2),
        "large.bin": (MAX_BYTES + 1000, MAX_BYTES + 1),
    }


# --- times from git


def test_the_commit_that_counts_is_the_notebooks(clone):
    (clone / "README.md").write_text("more\n")
    commit(clone, LATER)
    assert committed(clone, NOTEBOOK) == archives.WHEN
    assert committed(clone, ".") == LATER


def test_work_that_was_never_committed_has_no_time(clone):
    (clone / "other.ipynb").write_bytes(b"{}")
    assert committed(clone, "other.ipynb") is None
    assert committed(clone, "*.ipynb") is None, "a name is no pattern"


def test_packed_branches_and_a_commit_without_a_branch_are_found(clone):
    git(clone, "pack-refs", "--all")
    git(clone, "gc", "--quiet")
    assert committed(clone, NOTEBOOK) == archives.WHEN
    git(clone, "checkout", "--quiet", "--detach")
    assert committed(clone, NOTEBOOK) == archives.WHEN


def test_a_repository_of_longer_names_is_read(tmp_path):
    (tmp_path / NOTEBOOK).write_bytes(b"{}")
    git(tmp_path, "init", "--quiet", "--object-format=sha256")
    commit(tmp_path, LATER)
    assert committed(tmp_path, NOTEBOOK) == LATER


@pytest.mark.parametrize(
    "moment", [datetime(1970, 1, 1, tzinfo=UTC), datetime(3005, 1, 1, tzinfo=UTC)]
)
def test_a_clock_that_was_never_set_tells_nothing(tmp_path, moment):
    (tmp_path / NOTEBOOK).write_bytes(b"{}")
    git(tmp_path, "init", "--quiet")
    commit(tmp_path, moment)
    assert committed(tmp_path, NOTEBOOK) is None


def harmful(clone, owned):
    """Settings, hooks and attributes that run a program whenever git does something here."""
    program = clone / ".git/evil"
    program.write_text(f"#!/bin/sh\ntouch {owned}\n")
    program.chmod(0o755)
    names = (
        "core.fsmonitor", "core.pager", "core.editor", "core.sshCommand", "core.askPass", "core.gitProxy",
        "core.alternateRefsCommand", "gpg.program", "gpg.ssh.program", "diff.external", "diff.evil.textconv",
        "filter.evil.smudge", "filter.evil.clean", "uploadpack.packObjectsHook", "credential.helper",
        "alias.log", "pager.log", "log.mailmap", "mailmap.file", "sequence.editor",
    )  # fmt: skip
    for name in names:
        git(clone, "config", name, f"!{program}" if name.startswith("alias") else str(program))
    git(clone, "config", "log.showSignature", "true")
    (clone / ".gitattributes").write_text("* diff=evil filter=evil\n")
    for hook in ("post-checkout", "pre-commit", "reference-transaction", "post-index-change"):
        shutil.copy(program, clone / ".git/hooks" / hook)


def test_a_repository_that_runs_programs_runs_none(clone, tmp_path):
    owned = tmp_path / "owned"
    harmful(clone, owned)
    git(clone, "status", "--short")
    assert owned.exists(), "with its own settings it would have"
    owned.unlink()
    assert committed(clone, NOTEBOOK) == archives.WHEN
    place = clone.parent
    contents = classroom.hand_ins(open_download(place), Told(assignment="toy-sheet"))
    assert contents.hand_ins[0].moment == archives.WHEN
    assert repository.fetched(clone.as_uri(), tmp_path / "clones/x") == ""
    assert [entry.own for entry in repository.files(tmp_path / "clones/x", "x")] == [
        "README.md",
        NOTEBOOK,
    ]
    assert not owned.exists()


def test_what_the_caller_has_set_for_git_does_not_matter(clone, tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "log.date")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "nonsense")
    assert committed(clone, NOTEBOOK) == archives.WHEN


def move_away(clone):
    there = clone.parent / "elsewhere"
    (clone / ".git").rename(there)
    return there


@pytest.mark.parametrize(
    "way", ["file", "link", "objects", "pipe", "branch", "none", "broken", "climb"]
)
def test_what_is_no_plain_clone_has_no_time(clone, way):
    head = clone / ".git/HEAD"
    if way == "file":
        there = move_away(clone)
        (clone / ".git").write_text(f"gitdir: {there}\n")
    elif way == "link":
        (clone / ".git").symlink_to(move_away(clone))
    elif way == "objects":
        (clone / ".git/objects").rename(clone.parent / "objects")
        (clone / ".git/objects").symlink_to(clone.parent / "objects")
    elif way == "pipe":
        head.unlink()
        os.mkfifo(head)
    elif way == "branch":
        head.write_text("ref: refs/heads/unborn\n")
    elif way == "none":
        shutil.rmtree(clone / ".git")
    elif way == "broken":
        head.write_bytes(b"\xff\0" * 50)
    else:
        shutil.copy(clone / ".git/refs/heads/main", clone.parent / "main")
        head.write_text("ref: refs/heads/../../../../main\n")
    assert committed(clone, NOTEBOOK) is None


def test_a_repository_that_lets_git_wait_is_left_after_a_while(clone, monkeypatch):
    monkeypatch.setattr(repository, "SECONDS", 2)
    os.mkfifo(clone / ".git/objects/info/alternates")
    assert committed(clone, NOTEBOOK) is None


def test_without_git_there_is_no_time_and_an_error_says_what_to_install(
    clone, tmp_path, monkeypatch
):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert committed(clone, NOTEBOOK) is None
    with pytest.raises(repository.CourseError, match="install git"):
        repository.fetched(clone.as_uri(), tmp_path / "clones/x")
