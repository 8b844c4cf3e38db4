"""A class of honest, hostile and odd hand-ins to the real course, in a folder of its own, driven by an instructor's commands."""

import json
import shutil
import subprocess
import sys

from gate import ROOT
from gate.submissions import read
from tests.bank.damage import EDITS
from tests.e2e import payloads
from tools.classroom import Classroom

HONEST = ("ann", "bob", "cat")  # right, nothing done, a mistake
ODD_NAMES = ("<img src=x onerror=window.pwned=1>", "o'brien & \"co\"", "{{7+7}}", "50%25 off#1", "ünïcode", '";window.pwned=1;"')  # fmt: skip
# to names full of scripts, an honest student too: their pages can be compared
RENAMED = ("ann", "payloads")
TIMESTAMPS = {
    "time-1999": b"1999-12-31 23:59:59 UTC",
    "time-garbage": b"<script>window.pwned=1</script>",
    "time-binary": bytes(range(256)),
    "time-huge": b"9" * 10_000_000,
    "time-year": b"99999-01-01 00:00:00 UTC",
}
EVIL_NAME = "<script>window.pwned=1</script><img src=x onerror=window.pwned=1>"


class HostileClass(Classroom):
    def __init__(self, folder, home="http://127.0.0.1:9"):
        """`home`: where scripts call."""
        self.home = home
        super().__init__(folder)

    def everybody_hands_in(self):
        solved, blank = json.dumps(self.source).encode(), json.dumps(self.blank).encode()
        wrong = next(s for s in read("mutants") if s.stem == "forward_kl_reward")
        for student, data in zip(HONEST, (solved, blank, wrong.notebook(self.source)), strict=True):
            self.hand_in(student, data)
        for submission in texts():
            self.hand_in(f"text-{submission.name}", submission.notebook(self.source))
        for edit in EDITS:
            if edit.name.endswith("_as_attack") or edit.name == "other_kernel":
                self.hand_in(f"damage-{edit.name}", edit.notebook(self.source))
        self.hand_in("payloads", payloads.scripts_everywhere(self.blank, self.home))
        self.hand_in("prose-without-end", payloads.prose_without_end(self.blank))
        for name in ODD_NAMES:
            self.hand_in(name, blank)
        self.hand_in("<b>file", blank, "<img src=x onerror=window.pwned=1>.ipynb")
        self.bad_timestamps(blank)
        self.no_notebooks()
        self.hand_in("config", blank)
        trap = f"open({str(self.folder / 'taken-over')!r}, 'w').close()\n"
        self.hand_in("config", trap.encode(), "sentiment/nbgrader_config.py")

    def bad_timestamps(self, data):
        for student, moment in TIMESTAMPS.items():
            self.hand_in(student, data)
            self.hand_in(student, moment, "sentiment/timestamp.txt")
        self.hand_in("time-folder", data)
        (self.folder / "submitted/time-folder/sentiment/timestamp.txt").mkdir()
        self.hand_in("time-link", data)
        (self.folder / "submitted/time-link/sentiment/timestamp.txt").symlink_to("/etc/passwd")
        self.hand_in("time-alone", TIMESTAMPS["time-garbage"], "sentiment/timestamp.txt")

    def no_notebooks(self):
        (self.folder / "submitted/nothing").mkdir()
        (self.folder / "submitted/nothing-inside/sentiment").mkdir(parents=True)
        self.hand_in("essay", b"%PDF", "sentiment/essay.pdf")
        self.hand_in("unreadable", b"{")
        self.hand_in("unreadable-reason", b'{"why_not": "<script>window.pwned=1</script>"}')
        self.hand_in("unreadable-several", b"{}", "sentiment/<script>window.pwned=1<script>.ipynb")
        self.hand_in("unreadable-several", b"{}", "sentiment/other.ipynb")

    def keep(self, students):
        """Send the others home."""
        for folder in (self.folder / "submitted").iterdir():
            if folder.name not in students:
                shutil.rmtree(folder)

    def rename(self, student, first_name, last_name):
        """As a learning platform's list of names would have it."""
        program = (
            "import sys\nfrom nbgrader.api import Gradebook\nwith Gradebook(sys.argv[1]) as book:\n"
            "    book.update_or_create_student(sys.argv[2], first_name=sys.argv[3], last_name=sys.argv[4])"
        )
        names = [f"sqlite:///{self.folder}/gradebook.db", student, first_name, last_name]
        subprocess.run([sys.executable, "-c", program, *names], check=True)


def texts():
    """The bank's submissions whose words are the weapon."""
    lines = (ROOT / "tests/bank/hostile/texts.py").read_text().split("\n")
    names = {line.removeprefix("# %% ") for line in lines if line.startswith("# %% ")}
    return [submission for submission in read("hostile") if submission.name in names]
