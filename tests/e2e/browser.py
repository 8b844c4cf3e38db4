"""`make browser`: what an instructor and a student see of a class full of scripts, in a real browser.

Opens every page of formgrader and every feedback page in headless Chromium, clicks what can be clicked, and fails if any
page answers anything but 200, if a script of a student's ran, or if anything was loaded from where a student said.
"""

import argparse
import re
import sys
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

from tests.e2e.chromium import Chromium
from tests.e2e.classroom import EVIL_NAME, RENAMED, HostileClass
from tools.formgrader import TOKEN, Formgrader

CLICKS = {
    "manage_students": "$('.edit a').click(); $('th').click(); $('input[type=search]').val('<img src=x>').trigger('keyup')",
    "manage_submissions": "$('th').click(); $('.panel-title a').click()",
    "gradebook": "$('th').click()",
    "submissions": "toggle_name(true); $('[data-toggle=tooltip],.glyphicon').tooltip('show'); $('input,textarea').focus()",
    "file:": "document.querySelectorAll('a[href^=\"#\"]').forEach(link => link.click())",
}


class Home:
    """Where students' scripts and pictures would call."""

    def __init__(self, port):
        self.port = port

    def __enter__(self):
        calls = self.calls = []

        class Answer(BaseHTTPRequestHandler):
            def do_GET(self):
                calls.append(self.path)
                self.send_response(204)
                self.end_headers()

            do_POST = do_GET

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", self.port), Answer)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.address = f"http://127.0.0.1:{self.server.server_port}"
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


def main():
    parser = argparse.ArgumentParser(prog="python -m tests.e2e.browser", description=__doc__)
    parser.add_argument(
        "--pictures", type=Path, default=Path("build/browser"), help="where screenshots go"
    )
    parser.add_argument(
        "--port", type=int, default=0, help="where students' scripts call (default: any)"
    )
    parser.add_argument(
        "--folder", type=Path, help="keep the class here, for another run with the same port"
    )
    options = parser.parse_args()
    options.pictures.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch, Home(options.port) as home:
        room = classroom(options.folder or Path(scratch), home.address)
        with Formgrader(room.folder) as formgrader, Chromium() as browser:
            faults = Visit(browser, home, formgrader, options.pictures).everything(room)
        if (room.folder / "taken-over").exists():
            faults.append("a student's nbgrader_config.py was run")
    print(f"{len(faults)} faults")
    return 1 if faults else 0


def classroom(folder, home):
    room = HostileClass(folder, home)
    if (folder / "feedback").exists():
        return room
    room.everybody_hands_in()
    done = room.run("grader", "run", "--jobs", "2")
    print(done.stderr.strip().rpartition("\r")[2], flush=True)
    assert done.returncode == 0, done.stderr
    for student in RENAMED:
        room.rename(student, EVIL_NAME, EVIL_NAME)
    room.nbgrader("generate_feedback", "sentiment")
    return room


class Visit:
    def __init__(self, browser, home, formgrader, pictures):
        self.browser, self.home, self.formgrader, self.pictures = (
            browser,
            home,
            formgrader,
            pictures,
        )
        self.seen, self.faults = 0, []

    def everything(self, room):
        numbers = {
            s["id"]: s["student"]
            for s in self.formgrader.listed("api/submitted_notebooks/sentiment/exercise")
        }
        self.browser.open(f"{self.formgrader.base}/manage_assignments?token={TOKEN}")
        for page in self.formgrader.pages():
            name = unquote(page)
            for number, student in numbers.items():
                name = name.replace(number, student)
            if not page.startswith("api/"):
                self.look(f"{self.formgrader.base}/{page}", name)
        self.buttons(numbers)
        for path in sorted(room.folder.glob("feedback/*/*/*.html")):
            self.look(path.as_uri(), f"feedback/{path.parts[-3]}")
        return self.faults

    def look(self, url, name):
        """Open a page, click, and say what came of it."""
        answers = self.browser.open(url)
        place = self.browser.run("document.activeElement.id")
        if name.startswith("submissions/") and place != "analysis":
            self.faults.append(f"{name} opens at {place!r}, not at the written answer")
        for start, clicks in CLICKS.items():
            if name.startswith(start) or url.startswith(start):
                self.browser.run(clicks)
                self.browser.settle()
        self.report(name, answers)

    def buttons(self, numbers):
        """Autograde and generate feedback again, by formgrader's own buttons."""
        answers = self.browser.open(f"{self.formgrader.base}/manage_submissions/sentiment")
        for button in ("autograde", "generate-feedback"):
            self.browser.run(
                f"$('td.student-id:contains(payloads)').parent().find('.{button} a').click()"
            )
            self.browser.settle(most=120)
            self.report(f"manage_submissions {button}", answers)
            if "Success" not in (self.browser.run("$('.modal-title').text()") or ""):
                self.faults.append(f"{button}: {self.browser.run('$(`.modal`).text()')}"[:500])
            self.browser.run("$('.modal').modal('hide')")

    def report(self, name, answers):
        browser, home = self.browser, self.home
        bad = {
            url: status for url, status in answers.items() if status != 200 and "favicon" not in url
        }
        strange = {
            u
            for u in browser.asked
            if urlsplit(u).scheme not in ("data", "file", "about") and not self.ours(u)
        }
        title = browser.run("document.title") or ""
        found = [f"{status} {url}" for url, status in bad.items()] + [
            f"ran: {what}" for what in browser.ran
        ]
        found += [f"called home: {call}" for call in home.calls] + [
            f"asked: {url}" for url in strange
        ]
        found += [f"title: {title}"] if "pwned" in title and "pwned" not in name else []
        found += [f"error: {error}" for error in browser.errors]
        self.seen += 1
        browser.screenshot(
            self.pictures / f"{self.seen:03}-{re.sub(r'[^a-z0-9-]+', '_', name.lower())[:60]}.png"
        )
        print(
            f"{'FAULT' if found else 'ok':6}{name[:90]:92}{len(answers)} answers",
            *found,
            sep="\n      ",
            flush=True,
        )
        self.faults += found
        browser.ran.clear()
        home.calls.clear()

    def ours(self, url):
        return urlsplit(url).netloc == urlsplit(self.formgrader.base).netloc


if __name__ == "__main__":
    sys.exit(main())
