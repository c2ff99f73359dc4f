"""After a power cut at any moment everything acknowledged is there, and nothing is there by half.

Killing a process keeps what it wrote and did not sync, a power cut does not. So the program runs once under
load above a recorder of its writes and syncs (powercut/recorder.c), and its disk is made again as a power
cut at many random moments could have left it (powercut/disk.py); the program must come up on each of them.

    WASMATRIX_POWER_CUTS=300 scripts/test-processes test_power_cut     more of them than by default
    WASMATRIX_POWER_CUT_SEED=7 scripts/test-processes test_power_cut   the same choices again
"""
import base64
import http.client
import json
import os
import pathlib
import random
import shutil
import threading
import time
import unittest

from cluster import Cluster, GUESTS, scratch_folder, wait_until
from powercut import disk

CUTS = int(os.environ.get("WASMATRIX_POWER_CUTS", "16"))
SEED = int(os.environ.get("WASMATRIX_POWER_CUT_SEED", random.randrange(1 << 30)))
SECONDS_OF_LOAD = 4

MANIFEST = """apiVersion: wasmatrix/v1
name: durable
modules:
  upper:
    source: upper.wasm
    triggers:
      - topic: work/+
    publish: done/all
"""


class Load:
    """Publishes, writes state and pushes modules, and marks in the log what was acknowledged."""

    def __init__(self, cluster, log):
        self.cluster, self.log = cluster, log
        self.stopping = threading.Event()
        self.threads = [threading.Thread(target=self.repeat, args=(self.publish, n)) for n in range(3)]
        self.threads += [threading.Thread(target=self.repeat, args=(self.write, n)) for n in range(2)]
        self.threads.append(threading.Thread(target=self.repeat, args=(self.push, 0)))

    def __enter__(self):
        status, _, body = self.cluster.request("PUT", "/v1/state/counts", "{}", {
            "Content-Type": "application/json"})
        assert status == 200, body
        disk.mark(self.log, json.dumps(["bucket"]))
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        for thread in self.threads:
            thread.join()

    def repeat(self, work, number):
        count = 0
        while not self.stopping.is_set():
            count += 1
            try:
                acknowledged = work(number, count)
            except (OSError, ValueError, http.client.HTTPException):
                # It was killed in the middle of an answer: not acknowledged.
                return
            if acknowledged:
                disk.mark(self.log, json.dumps(acknowledged))

    def publish(self, number, count):
        payload = f"payload-{number}-{count}-" + "x" * (count % 7 * 700)
        status, _, body = self.cluster.publish(f"work/{number}", payload.encode(), timeout=10)
        return ["event", json.loads(body)["offset"], payload] if status == 202 else None

    def write(self, number, count):
        value = base64.b64encode(str(count).encode()).decode()
        writes = [{"bucket": "counts", "key": f"{name}/{number}", "value": {"base64": value}}
                  for name in ("first", "second", "third")]
        status, _, _ = self.cluster.request(
            "POST", "/v1/state", json.dumps({"writes": writes}), {"Content-Type": "application/json"},
            timeout=10)
        return ["state", number, count] if status == 200 else None

    def push(self, _, count):
        version = f"1.{count}.0"
        module = self.cluster.folder / "pushed.wasm"
        # Another digest each time, so that another file is written.
        name = version.encode()
        module.write_bytes((GUESTS / "echo.wasm").read_bytes() + bytes([0, len(name) + 2, 1]) + b"v" + name)
        self.cluster.run("sign", module, "--key", self.cluster.data / "dev-key")
        result = self.cluster.run("push", module, "--name", "echo", "--version", version, check=False)
        return ["push", version] if result.returncode == 0 else None


def record(cluster, recorder, log, load_seconds):
    """Runs a cluster above the recorder, under load when it is ready, and kills it."""
    cluster.environment = {"LD_PRELOAD": str(recorder), "POWERCUT_ROOT": str(cluster.data),
                           "POWERCUT_LOG": str(log)}
    cluster.start()
    with Load(cluster, log):
        time.sleep(load_seconds)
        cluster.kill()
    return disk.read_records(log)


class PowerCut(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(os.path.realpath(scratch_folder("wasmatrix-power-")))
        cls.recorder = disk.build_recorder(cls.folder)
        with cls.cluster(cls.folder / "home") as cluster:
            cls.root = cluster.data
            cluster.data.mkdir(mode=0o700)
            cls.records = record(cluster, cls.recorder, cls.folder / "log", SECONDS_OF_LOAD)

    @staticmethod
    def cluster(home):
        home.mkdir(exist_ok=True)
        cluster = Cluster(home=home)
        cluster.write_manifest(MANIFEST, guests=["upper"])
        return cluster

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.folder, ignore_errors=True)

    def image(self, cut, chance, ignores=lambda path: False):
        """The disk after a power cut at a record, and what was acknowledged before."""
        return self.replay(disk.Disk(self.root, ignores), self.records[:cut], chance)

    def replay(self, image, records, chance):
        for happening in records:
            image.apply(happening)
        self.assertEqual(image.not_understood, [])
        image.cut(chance)
        return image, [json.loads(text) for text in image.acknowledged]

    def violations(self, image, acknowledged):
        """What is not as it must be after a start on such a disk."""
        home = pathlib.Path(scratch_folder("wasmatrix-image-"))
        try:
            image.write_to(home / "data")
            with self.cluster(home) as cluster:
                try:
                    cluster.start()
                    return list(self.missing(cluster, acknowledged))
                except AssertionError as error:
                    return [f"it does not start: {error}"]
        finally:
            shutil.rmtree(home, ignore_errors=True)

    def missing(self, cluster, acknowledged):
        counts = {}
        for kind, *facts in acknowledged:
            if kind == "event":
                yield from self.missing_event(cluster, *facts)
            elif kind == "state":
                counts[facts[0]] = facts[1]
        pushed = {facts[0] for kind, *facts in acknowledged if kind == "push"}
        if pushed:
            there = {item["version"] for item in cluster.get("/v1/modules/echo")["items"]}
            yield from (f"version {version} is gone" for version in pushed - there)
        if ["bucket"] not in acknowledged:
            return
        entries = {item["key"]: int(item["value"]["text"])
                   for item in cluster.get("/v1/state/counts?limit=100")["items"]}
        for number in range(2):
            values = {entries.get(f"{name}/{number}", 0) for name in ("first", "second", "third")}
            if len(values) != 1:
                yield f"a batch was written by half: {entries}"
            if min(values) < counts.get(number, 0):
                yield f"state {number} is {values}, acknowledged was {counts[number]}"

    def missing_event(self, cluster, offset, payload):
        status, _, body = cluster.request("GET", f"/v1/events/{offset}?wait=60s")
        if status != 200:
            yield f"event {offset} is gone: {status} {body[:200]}"
            return
        event = json.loads(body)
        deliveries = [(d["state"], d.get("output", {}).get("text")) for d in event["deliveries"]]
        if deliveries != [("succeeded", payload.upper())]:
            yield f"event {offset}: {deliveries} {body[:300]}"

    def cuts(self, chance, count):
        marks = [i for i, record in enumerate(self.records) if record.kind == "a"]
        self.assertGreater(len(marks), 50, "too little was acknowledged")
        for number in range(count):
            # Now and then while it starts for the first time, where files and folders are made.
            low, high = (1, marks[0]) if number % 5 == 0 else (marks[0], len(self.records))
            yield chance.randrange(low, high + 1)

    def test_everything_acknowledged_survives(self):
        chance = random.Random(SEED)
        for cut in self.cuts(chance, CUTS):
            image, acknowledged = self.image(cut, random.Random(SEED + cut))
            self.assertEqual(
                self.violations(image, acknowledged), [],
                f"seed {SEED}, cut {cut} of {len(self.records)}")

    def test_a_second_power_cut_does_no_more_harm(self):
        """The one that comes while the program comes up after the first."""
        chance = random.Random(SEED)
        for number in range(max(1, CUTS // 8)):
            first = chance.randrange(len(self.records) // 2, len(self.records))
            image, acknowledged = self.image(first, random.Random(chance.random()))
            home = self.folder / f"second-{number}"
            with self.cluster(home) as cluster:
                image.write_to(cluster.data)
                image.write_to(home / "before")
                records = record(cluster, self.recorder, home / "log", 0.2)
            begun = next(i for i, happening in enumerate(records) if happening.kind == "a")
            for _ in range(3):
                second = chance.randrange(1, begun)
                again, more = self.replay(
                    disk.Disk(cluster.data, before=home / "before"), records[:second],
                    random.Random(chance.random()))
                self.assertEqual(
                    self.violations(again, acknowledged + more), [],
                    f"seed {SEED}, cuts {first} and {second}")

    def test_a_missing_sync_would_be_noticed(self):
        """One sync is taken away, and something acknowledged is lost."""
        for file in ("events.journal-", "events.sqlite-wal", "catalog.sqlite-wal"):
            chance = random.Random(SEED)
            for cut in (len(self.records) - n * 10 for n in range(20)):
                image, acknowledged = self.image(
                    cut, random.Random(chance.random()), lambda path: file in path)
                if self.violations(image, acknowledged):
                    break
            else:
                self.fail(f"seed {SEED}: nobody noticed that {file} was never synced")


if __name__ == "__main__":
    unittest.main()
