"""`python -m tests.bank.walls`: every hostile submission behind each wall, graded by root and by an ordinary user.

Writes docs/hostile.md: what each of them tries, and what became of it. Started as root, or there is one user only. Ends at the
first wall where `python -m tests.bank hostile` finds a fault.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from datetime import date
from pathlib import Path

from gate import ROOT
from gate.submissions import read
from grader.wall.isolation import STRONGEST_FIRST

PAGE = ROOT / "docs" / "hostile.md"
USER = 10001  # nobody who owns anything here
AS_USER = ("setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups")
PROBE = "import os, sys; sys.exit(not os.access(sys._base_executable, os.X_OK))"
PAGE_TEXT = """# The hostile submissions

What {count} submissions try, and what became of each behind both [walls](security.md#the-two-walls). After each of them an honest notebook was graded
in the same sandbox and lost nothing; no line of the laws stood in a verdict, no file of the course had changed, no process was left.
Made by `make walls` ({when}, Linux {kernel}); the sources are `tests/bank/hostile/`.

Graded by {who}. "pass" is right work that looks around first and raises what it finds: full marks mean that it found nothing.

| in exercise | tries | {walls} |
|---|---|{rule}|
{rows}
"""


def main() -> int:
    sys.stdout.reconfigure(errors="backslashreplace")
    parser = argparse.ArgumentParser(
        prog="python -m tests.bank.walls",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.parse_args()
    if os.geteuid() == 0 and subprocess.run([*AS_USER, sys.executable, "-c", PROBE]).returncode:
        parser.error(
            f"user {USER} cannot run this Python: `make setup PYTHON=…` with one that everybody may run, in a folder"
            " that everybody may read"
        )
    users = [(), AS_USER] if os.geteuid() == 0 else [()]
    walls = [wall.name for wall in STRONGEST_FIRST]
    PAGE.write_text(page([[graded(wall, user) for user in users] for wall in walls], walls))
    print(f"written: {PAGE.relative_to(ROOT)}")
    return 0


def graded(wall, user):
    """{id: row of the bank} as this user grades; CalledProcessError where the bank found a fault, which it has printed."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o777)
        rows = Path(folder, "rows.jsonl")
        command = (sys.executable, "-m", "tests.bank", "hostile", "--isolation", wall)
        subprocess.run([*user, *command, "--rows", rows], cwd=ROOT, check=True)
        return {row["id"]: row for row in map(json.loads, rows.read_text().splitlines())}


def page(behind, walls):
    """The page; `behind` has for each wall the rows of each user."""
    submissions = read("hostile")
    lines = [
        f"| `{submission.stem}` | {submission.notes['hostile']} | "
        + " | ".join(became(submission.id, by_user) for by_user in behind)
        + " |"
        for submission in submissions
    ]
    alone = len(behind[0]) == 1
    return PAGE_TEXT.format(
        count=len(submissions),
        when=date.today(),
        kernel=platform.release().partition("-")[0],
        who=("root" if os.geteuid() == 0 else "an ordinary user")
        if alone
        else "root, and by an ordinary user, whose result stands second where it is another",
        walls=" | ".join(walls),
        rule="|".join("---" for _ in walls),
        rows="\n".join(lines),
    )


def became(identity, by_user):
    """Outcome and mark; a second user's only where it differs."""
    found = [f"{rows[identity]['outcome']}, {rows[identity]['points']:g}" for rows in by_user]
    return "; ".join(dict.fromkeys(found))


if __name__ == "__main__":
    sys.exit(main())
