"""Runs the real program for tests: starts it, talks to it, kills it. Standard library only."""
import atexit
import http.client
import json
import os
import pathlib
import re
import select
import shutil
import signal
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = os.environ.get("WASMATRIX_PROGRAM", str(ROOT / ".build/release/wasmatrix"))
GUESTS = ROOT / "Guests/build"
# How a request ends that has no answer, or half of one.
LOST = (OSError, http.client.HTTPException)


def wait_until(condition, seconds=30, what="condition"):
    """Waits for a condition, and says which one never came."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"{what} did not come within {seconds} s")
        time.sleep(0.01)


def scratch_folder(prefix):
    """A folder that is gone when the tests end, however they end."""
    folder = tempfile.mkdtemp(prefix=prefix)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def event_headers(topic, identifier=None):
    """Of an event whose data is the body."""
    return {"ce-specversion": "1.0", "ce-type": "test", "ce-source": "/tests",
            "ce-id": identifier or os.urandom(8).hex(), "ce-topic": topic,
            "Content-Type": "application/octet-stream"}


class Cluster:
    """One `wasmatrix dev` on a free port, with a data folder that outlives it."""

    def __init__(self, manifest=None, data=None, wrapper=(), home=None):
        self.folder = pathlib.Path(home or scratch_folder("wasmatrix-test-"))
        self.own_folder = home is None
        self.data = pathlib.Path(data or self.folder / "data")
        self.manifest = manifest
        self.wrapper = list(wrapper)
        self.environment = {}
        self.process = None
        self.port = None

    def write_manifest(self, text, guests=()):
        """Writes a manifest and copies guests beside it."""
        for guest in guests:
            shutil.copy(GUESTS / f"{guest}.wasm", self.folder / f"{guest}.wasm")
        self.manifest = self.folder / "wasmatrix.yaml"
        self.manifest.write_text(text)

    def start(self, ready=True, options=()):
        command = self.wrapper + [PROGRAM, "dev"]
        if self.manifest:
            command.append(str(self.manifest))
        command += ["--listen", "127.0.0.1:0", "--data", str(self.data), *options]
        self.log = open(self.folder / "dev.log", "ab")
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self.log, cwd=self.folder,
            env=dict(os.environ, **self.environment))
        self.port = int(self._first_line().rsplit(":", 1)[1])
        if ready and self.manifest:
            names = re.findall(r"^  ([a-z0-9-]+):\s*$", pathlib.Path(self.manifest).read_text(), re.M)
            wait_until(lambda: self.ready_modules() >= set(names), 60, f"deployment of {names}")
        return self

    def _first_line(self):
        buffer = b""
        end = time.monotonic() + 60
        while b"\n" not in buffer:
            if time.monotonic() > end or self.process.poll() is not None:
                raise AssertionError(f"dev did not start:\n{self.log_text()}")
            if select.select([self.process.stdout], [], [], 0.5)[0]:
                piece = os.read(self.process.stdout.fileno(), 4096)
                if not piece:
                    continue
                buffer += piece
        # Keep the pipe empty for as long as the program lives.
        os.set_blocking(self.process.stdout.fileno(), False)
        return buffer.split(b"\n")[0].decode()

    def log_text(self):
        return (self.folder / "dev.log").read_text(errors="replace")[-4000:]

    def pid(self):
        """The program itself, also beneath a wrapper."""
        if not self.wrapper:
            return self.process.pid
        children = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return int(wait_until(lambda: children.read_text().split(), 10, "the wrapped program")[0])

    def kill(self):
        """As a power cut would: no chance to clean up."""
        os.kill(self.pid(), signal.SIGKILL)
        self.process.wait()
        self.process.stdout.close()
        self.log.close()

    def stop(self):
        """As Ctrl-C; returns the exit status."""
        os.kill(self.pid(), signal.SIGINT)
        status = self.process.wait(timeout=60)
        self.process.stdout.close()
        self.log.close()
        return status

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process and self.process.poll() is None:
            self.kill()
        if self.own_folder:
            shutil.rmtree(self.folder, ignore_errors=True)

    def connect(self, timeout):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)

    def credentials(self):
        """What a request that is made by hand says of who asks."""
        return {}

    def request(self, method, path, body=None, headers=None, timeout=60):
        """(status, headers, body bytes)"""
        connection = self.connect(timeout)
        try:
            connection.request(method, path, body=body, headers=headers or {})
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()
        finally:
            connection.close()

    def get(self, path):
        status, _, body = self.request("GET", path)
        assert status == 200, f"GET {path}: {status} {body[:500]}"
        return json.loads(body)

    def get_all(self, paths):
        """What is at each of them, asked for one after the other on one connection."""
        connection = self.connect(60)
        try:
            for path in paths:
                connection.request("GET", path, headers=self.credentials())
                answer = connection.getresponse()
                body = answer.read()
                assert answer.status == 200, f"GET {path}: {answer.status} {body[:500]}"
                yield json.loads(body)
        finally:
            connection.close()

    def lines(self, path, timeout=60):
        """What it answers line by line, for as long as it does; each is JSON."""
        connection = self.connect(timeout)
        try:
            connection.request("GET", path, headers=self.credentials())
            answer = connection.getresponse()
            assert answer.status == 200, f"GET {path}: {answer.status} {answer.read()[:500]}"
            for line in answer:
                yield json.loads(line)
        finally:
            connection.close()

    def logged(self):
        """(offset, event) of everything that the event log has now, in its order."""
        last = os.urandom(8).hex()
        status, _, body = self.publish("marks/last", b"", last)
        assert status == 202, body
        for line in self.lines("/v1/events/tail?since=0&topic=%23"):
            event = line.get("event")
            if event and event["id"] == last:
                return
            if event:
                yield line["offset"], event

    def ready_modules(self):
        items = self.get("/v1/deployments")["items"]
        return {item["name"] for item in items if item["state"] == "ready"}

    def publish(self, topic, data=b"", identifier=None, timeout=60):
        return self.request("POST", "/v1/events", data, event_headers(topic, identifier), timeout)

    def invoke(self, module, data=b""):
        return self.request("POST", f"/v1/invoke/{module}", data)

    def run(self, *arguments, check=True, **options):
        """One verb of the program against this cluster."""
        environment = dict(os.environ, WASMATRIX_SERVER=f"http://127.0.0.1:{self.port}")
        result = subprocess.run(
            [PROGRAM, *map(str, arguments)], capture_output=True, env=environment,
            cwd=self.folder, timeout=120, **options)
        if check and result.returncode != 0:
            raise AssertionError(f"{arguments}: {result.returncode}\n{result.stderr.decode()}")
        return result

    def resident_kilobytes(self):
        text = pathlib.Path(f"/proc/{self.pid()}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", text).group(1))
