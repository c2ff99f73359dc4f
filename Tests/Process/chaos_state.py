"""Writes state through the API of a control plane that is being broken, and knows what was acknowledged."""
import base64
import json
import threading
import time
import urllib.parse

from cluster import LOST

BUCKET = "chaos"
JSON = {"Content-Type": "application/json"}


class Key:
    """What is known of a key that one writer has for itself.

    Of a write that has no answer nobody knows whether it took place, nor whether it will yet: it may have been read from a
    connection that is gone. One with a condition cannot, once a later one was acknowledged.
    """

    def __init__(self, name):
        self.name = name
        # Of the newest write that was acknowledged.
        self.revision, self.value = 0, None
        # The values of writes that have no answer.
        self.unknown = set()
        # The revision that it has now; nothing when it has to be looked at.
        self.base = 0

    def acknowledged(self, revision, value):
        """What is wrong with that, if anything is."""
        before, self.revision, self.value, self.base = self.revision, revision, value, revision
        return f"{self.name}: revision {revision} came after {before}" if revision <= before else None

    def wrong(self, revision, value):
        """What is wrong with finding it so, if anything is."""
        if (revision, value) == (self.revision, self.value) or (revision > self.revision and value in self.unknown):
            return None
        return (f"{self.name} is {value!r} of revision {revision}; acknowledged was {self.value!r} of {self.revision}, "
                f"without an answer were {sorted(self.unknown)[:5]}")


class StateLoad:
    """Sets keys, sets others only if nobody has, and counts in one that all share, until it is stopped."""

    WRITERS = 2
    KEYS = 10
    COUNTER = "counter"

    def __init__(self, fleet):
        self.fleet = fleet
        status, _, body = fleet.request("PUT", f"/v1/state/{BUCKET}", "{}", JSON)
        assert status == 200, body
        self.lock = threading.Lock()
        self.keys, self.complaints, self.failed = {}, [], []
        self.done = {"acknowledged": 0, "refused": 0, "without an answer": 0}
        # Of the shared counter.
        self.counted, self.may_have_counted = 0, 0
        self.stopped = threading.Event()
        self.threads = [threading.Thread(target=self._go_on, args=(writer,)) for writer in range(self.WRITERS)]
        for thread in self.threads:
            thread.start()

    def _go_on(self, writer):
        number = 0
        try:
            while not self.stopped.is_set():
                number += 1
                place = f"{writer}/{number % self.KEYS}"
                value = f"{writer}-{number}"
                self._set(self._key(f"set/{place}"), value)
                self._compare_and_set(self._key(f"cas/{place}"), value)
                self._count()
                time.sleep(0.02)
        except BaseException as error:
            self.failed.append(f"writer {writer} of state ended: {error!r}")
            raise

    def _key(self, name):
        with self.lock:
            return self.keys.setdefault(name, Key(name))

    def _complain(self, complaint):
        if complaint:
            with self.lock:
                self.complaints.append(complaint)

    def _write(self, name, value, revision=None):
        """(status, the revision that it made); status 0 when nobody knows what became of it, -1 when nobody was there."""
        write = {"bucket": BUCKET, "key": name, "value": {"base64": base64.b64encode(value.encode()).decode()}}
        if revision is not None:
            write["ifRevision"] = revision
        made = None
        try:
            status, _, body = self.fleet.request(
                "POST", "/v1/state", json.dumps({"writes": [write]}), JSON, timeout=30)
            if status == 200:
                made = json.loads(body)["revisions"][0]
        except ConnectionRefusedError:
            status = -1
        except LOST:
            status = 0
        if status >= 500:
            status = 0
        kind = {0: "without an answer", 200: "acknowledged"}.get(status, "refused")
        with self.lock:
            self.done[kind] += 1
        return status, made

    def read(self, name):
        """(revision, value); (0, None) when there is none, nothing when it cannot be read just now."""
        try:
            status, _, body = self.fleet.request(
                "GET", f"/v1/state/{BUCKET}/entry?key={urllib.parse.quote(name, safe='')}", timeout=30)
        except LOST:
            return None
        if status == 404 and json.loads(body)["code"] == "key_unknown":
            return 0, None
        if status != 200:
            return None
        entry = json.loads(body)
        return entry["revision"], entry["value"]["text"]

    def _set(self, key, value):
        status, revision = self._write(key.name, value)
        if status == 200:
            self._complain(key.acknowledged(revision, value))
        elif status == 0:
            key.unknown.add(value)

    def _compare_and_set(self, key, value):
        if key.base is None:
            found = self.read(key.name)
            if found is None:
                return
            self._complain(key.wrong(*found))
            key.base = found[0]
        status, revision = self._write(key.name, value, key.base)
        if status == 200:
            self._complain(key.acknowledged(revision, value))
            key.unknown.clear()
            return
        if status == 0:
            key.unknown.add(value)
        elif status == 409 and not key.unknown:
            self._complain(f"{key.name} was not of revision {key.base}, and nobody else writes it")
        key.base = None

    def _count(self):
        found = self.read(self.COUNTER)
        if found is None:
            return
        revision, value = found
        status, _ = self._write(self.COUNTER, str(int(value or 0) + 1), revision)
        with self.lock:
            self.counted += status == 200
            self.may_have_counted += status == 0

    def stop(self):
        self.stopped.set()
        for thread in self.threads:
            thread.join()

    def check(self):
        """What is not there of what was acknowledged, once everything is well again."""
        complaints = self.failed + self.complaints
        for key in self.keys.values():
            found = self.read(key.name)
            complaints.append(key.wrong(*found) if found else f"{key.name} cannot be read")
        count = self.read(self.COUNTER)
        counted = int(count[1] or 0) if count else -1
        if not self.counted <= counted <= self.counted + self.may_have_counted:
            complaints.append(
                f"{counted} was counted; {self.counted} times it was acknowledged, "
                f"{self.may_have_counted} times there was no answer")
        return [complaint for complaint in complaints if complaint]
