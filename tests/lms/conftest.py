"""Shared by the tests of all systems."""

import pytest

from grader.lms.downloads.download import open_download
from grader.lms.downloads.systems import Told, recognise


@pytest.fixture
def read(tmp_path):
    """What a download holds, of which one system alone may say that it is its own."""

    def reading(path, name, **told):
        opened = open_download(path)
        assert [system.name for system in recognise(opened)] == [name]
        (system,) = recognise(opened)
        told = Told(**{"clones": tmp_path / "clones", **told})
        contents = system.hand_ins(opened, told)
        assert opened.refused == ()
        return contents

    return reading


def owners(contents, key):
    """Whose the hand-ins are, by one key, and the notebook of each."""
    return {
        one.by[0][key]: {entry.own: entry.read() for entry in one.files}
        for one in contents.hand_ins
    }
