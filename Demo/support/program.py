"""Starts `wasmatrix dev`, talks to it over HTTP, stops it. Standard library only."""
import http.client
import json
import os
import pathlib
import signal
import subprocess
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = ROOT / ".build/release/wasmatrix"
START_SECONDS = 20
STOP_SECONDS = 15
FIRST_LINE = "WasmMatrix dev: "


class Missed(Exception):
    """Something that the demonstration promises did not happen."""


def expect(condition, message):
    if not condition:
        raise Missed(message)


class Program:
    """A whole cluster in one process of its own."""

    def __init__(self, manifest, folder):
        self.folder = pathlib.Path(folder)
        self.output = self.folder / "dev.out"
        self.log = self.folder / "dev.log"
        self.connections = threading.local()
        with open(self.output, "wb") as output, open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                [str(PROGRAM), "dev", str(manifest), "--listen", "127.0.0.1:0",
                 "--data", str(self.folder / "data")],
                stdin=subprocess.DEVNULL, stdout=output, stderr=log, cwd=ROOT,
                start_new_session=True)

    def wait_for_address(self):
        """Reads the address from the first line that the program prints."""
        line = self.wait(self._first_line, START_SECONDS, "the program did not say its address")
        expect(line.startswith(FIRST_LINE), f"the program's first line is {line!r}")
        self.url = line[len(FIRST_LINE):].strip()
        self.port = int(self.url.rsplit(":", 1)[1])

    def _first_line(self):
        expect(self.process.poll() is None, f"the program ended with {self.process.poll()}")
        text = self.output.read_text(errors="replace")
        return text.split("\n", 1)[0] if "\n" in text else None

    @staticmethod
    def wait(condition, seconds, message):
        end = time.monotonic() + seconds
        while True:
            value = condition()
            if value:
                return value
            expect(time.monotonic() < end, f"{message} within {seconds} s")
            time.sleep(0.02)

    def wait_until_deployed(self, count):
        def ready():
            items = self.get("/v1/deployments")["items"]
            for item in items:
                expect(item["state"] != "failed", f"{item['name']} failed: {item.get('problem')}")
            return len(items) == count and all(item["state"] == "ready" for item in items)
        self.wait(ready, START_SECONDS, f"{count} modules were not ready")

    def request(self, method, path, body=None, headers=None, retried=False):
        """(status, body): over one lasting connection for each thread."""
        connection = getattr(self.connections, "own", None)
        if connection is None:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
            self.connections.own = connection
        try:
            connection.request(method, path, body=body, headers=headers or {})
            answer = connection.getresponse()
            return answer.status, answer.read()
        except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError):
            # A server may close an idle connection; only what is safe to repeat is asked again.
            connection.close()
            self.connections.own = None
            if retried or method != "GET":
                raise
            return self.request(method, path, body, headers, retried=True)

    def get(self, path):
        status, body = self.request("GET", path)
        expect(status == 200, f"GET {path} answered {status}: {body[:300]!r}")
        return json.loads(body)

    def publish(self, topic, identifier, data):
        """The offset of the event, once it is on disk."""
        status, body = self.request("POST", "/v1/events", data.encode(), {
            "ce-specversion": "1.0", "ce-id": identifier, "ce-source": "/demo/nino12",
            "ce-type": "demo.reading", "ce-topic": topic, "Content-Type": "text/csv"})
        expect(status == 202, f"an event was answered with {status}: {body[:300]!r}")
        return json.loads(body)["offset"]

    def event(self, offset):
        """An event and what became of it, once all is settled; nothing if there is none."""
        status, body = self.request("GET", f"/v1/events/{offset}?wait=10s")
        if status == 404:
            return None
        expect(status == 200, f"event {offset} was answered with {status}: {body[:300]!r}")
        event = json.loads(body)
        expect(event["settled"], f"event {offset} was not settled within 10 s: {event}")
        return event

    def invoke(self, module, data=b""):
        return self.request("POST", f"/v1/invoke/{module}", data,
                            {"Content-Type": "application/octet-stream"})

    def stop(self):
        """As Ctrl-C does; its exit status, or nothing when it had to be killed."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        try:
            return self.process.wait(timeout=STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.kill(self.process.pid, signal.SIGKILL)
            self.process.wait()
            return None

    def log_tail(self):
        return self.log.read_text(errors="replace")[-3000:]
