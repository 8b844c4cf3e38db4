"""A headless Chromium, driven over its debugging port with the websocket client that Jupyter brings along."""

import base64
import contextlib
import json
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import websocket

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
]
FLAGS += [
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-port=0",
    "--window-size=1300,1600",
]
NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
SPY = """
window.alert = window.confirm = window.prompt = (...words) => { window.pwned = 1; ran('dialog: ' + words.join()); };
Object.defineProperty(window, 'pwned', {set: value => ran('pwned'), get: () => undefined});
"""


class Chromium:
    """`with Chromium() as browser: browser.open(url)`; `ran` collects what scripts of students did."""

    def __enter__(self):
        program = next(filter(None, map(shutil.which, NAMES)), None)
        assert program, "Chromium is not installed: apt-get install chromium"
        self.profile = tempfile.mkdtemp(prefix="chromium-")
        command = [program, *FLAGS, f"--user-data-dir={self.profile}", "about:blank"]
        self.process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        self.number, self.ran, self.answers, self.errors, self.asked = 0, [], {}, [], []
        self.socket = websocket.create_connection(
            self._address(), suppress_origin=True, timeout=120
        )
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.send("Target.attachToTarget", targetId=target, flatten=True)[
            "sessionId"
        ]
        for domain in ("Page", "Runtime", "Network"):
            self.send(f"{domain}.enable")
        self.send("Runtime.addBinding", name="ran")
        self.send("Page.addScriptToEvaluateOnNewDocument", source=SPY)
        return self

    def __exit__(self, *_):
        with contextlib.suppress(Exception):
            self.socket.close()
        self.process.terminate()
        self.process.wait()
        shutil.rmtree(self.profile, ignore_errors=True)

    def _address(self):
        port = Path(self.profile, "DevToolsActivePort")
        for _ in range(600):
            if port.exists() and port.read_text().count("\n"):
                number, path = port.read_text().split()[:2]
                return f"ws://127.0.0.1:{number}{path}"
            time.sleep(0.1)
        raise TimeoutError("Chromium did not start")

    def send(self, method, **parameters):
        """Ask for something and give the answer; what happens meanwhile is noted."""
        number = self.post(method, **parameters)
        while True:
            answer = json.loads(self.socket.recv())
            if answer.get("id") == number:
                assert "error" not in answer, f"{method}: {answer['error']}"
                return answer["result"]
            self.note(answer.get("method"), answer.get("params", {}))

    def post(self, method, **parameters):
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters}
        if hasattr(self, "session"):
            message["sessionId"] = self.session
        self.socket.send(json.dumps(message))
        return self.number

    def note(self, event, given):
        if event == "Runtime.bindingCalled":
            self.ran.append(given["payload"])
        elif event == "Page.javascriptDialogOpening":
            self.ran.append(f"dialog: {given['message']}")
        elif event == "Runtime.exceptionThrown":
            details = given["exceptionDetails"]
            self.errors.append(
                f"{details['text']} {details.get('exception', {}).get('description', '')}"[:300]
            )
        elif event == "Network.responseReceived":
            self.answers[given["response"]["url"]] = given["response"]["status"]
        elif event == "Network.requestWillBeSent":
            self.asked.append(given["request"]["url"])

    def open(self, url, quiet=1.0):
        """Load a page and wait until it has been quiet; gives what it was answered: {url: HTTP status}."""
        self.answers, self.errors, self.asked = {}, [], []
        self.send("Page.navigate", url=url)
        self.settle(quiet)
        return self.answers

    def settle(self, quiet=1.0, most=30):
        end, seen, since = time.monotonic() + most, -1, time.monotonic()
        while time.monotonic() < end and time.monotonic() - since < quiet:
            time.sleep(0.1)
            ready = (
                self.run("document.readyState + ((window.jQuery || {}).active || 0)") == "complete0"
            )
            if len(self.answers) != seen or not ready:
                seen, since = len(self.answers), time.monotonic()

    def run(self, script):
        return self.send("Runtime.evaluate", expression=script)["result"].get("value")

    def screenshot(self, path):
        data = self.send("Page.captureScreenshot", captureBeyondViewport=False)["data"]
        path.write_bytes(base64.b64decode(data))
