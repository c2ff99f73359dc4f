"""Modules reach events and state as far as they are granted; what they do takes effect exactly once."""
import json
import random
import re
import shutil
import threading
import time
import unittest

from cluster import GUESTS, Cluster, wait_until

TALLY = """apiVersion: wasmatrix/v1
name: tally
buckets:
  tally: { size: 1MiB }
  seen: { size: 64MiB }
modules:
  tally:
    source: tally.wasm
    triggers:
      - topic: work/+
    retry: { attempts: 100, initial-delay: 10ms, maximum-delay: 200ms }
    capabilities:
      publish: [tallied/#]
      state:
        tally: { access: write }
  relay:
    source: relay.wasm
    capabilities:
      publish: [work/1]
      state:
        seen: { access: write, prefix: [a/, b/] }
        tally: { access: read }
  denied:
    source: relay.wasm
  half:
    source: tally.wasm
    triggers:
      - topic: half
    retry: { attempts: 2, initial-delay: 10ms, maximum-delay: 20ms }
    capabilities:
      publish: [nowhere]
      state:
        tally: { access: write }
"""


FILES = """apiVersion: wasmatrix/v1
name: files
modules:
  keeps:
    source: calls.wasm
    capabilities:
      files:
        scratch: { size: 64KiB, entries: 3, at: /work }
  bare:
    source: calls.wasm
  strict:
    source: calls.wasm
    capabilities:
      on-denial: end
      files:
        scratch: {}
  asks:
    source: relay.wasm
    capabilities:
      on-denial: end
      publish: [nowhere]
  sleeps:
    source: keeps-on.wasm
    limits: { wall: 1h }
    capabilities:
      files:
        scratch: {}
"""


def request(**call):
    return json.dumps(call).encode() + b"\n"


class Capabilities(unittest.TestCase):
    ROUNDS = 4

    def setUp(self):
        self.cluster = Cluster()
        self.addCleanup(self.cluster.__exit__)

    def start(self, text=TALLY):
        self.cluster.write_manifest(text, guests=["tally", "relay"])
        return self.cluster.start()

    def ask(self, *requests, module="relay"):
        """The answers of the platform to a guest's requests."""
        status, _, body = self.cluster.invoke(module, b"".join(requests))
        self.assertEqual(status, 200, body)
        return [json.loads(line) for line in body.splitlines()]

    def call(self, module, *lines):
        """What calls of WASI answer, made by a guest of the cluster."""
        status, _, body = self.cluster.invoke(module, "\n".join(lines).encode())
        return status, body.decode().splitlines()

    def start_files(self):
        self.cluster.write_manifest(FILES, guests=["calls", "relay"])
        # Makes a file and sleeps for an hour: the folder is there for as long as it does.
        (self.cluster.folder / "keeps-on.wasm").write_bytes((GUESTS / "linger.wasm").read_bytes())
        self.cluster.start()

    def test_each_instance_has_a_scratch_folder_of_its_own_that_is_gone_with_it(self):
        self.start_files()
        make = 'path_open 3 0 "f" 5 0x46 0 0'
        for _ in range(2):
            self.assertEqual(self.call("keeps", "fd_prestat_dir_name 3 5", make, 'fd_write @1 "mine"', "fd_pread @1 9 0",
                                       "fd_readdir 3 999 0"),
                             (200, ["0 /work", "0 5", "0 4", "0 mine", "0 76 3:. 3:.. 4:f"]))
        # Three entries and 64 KiB, and no more.
        self.assertEqual(
            self.call("keeps", make, 'path_create_directory 3 "a"', 'path_symlink "a" 3 "b"', 'path_create_directory 3 "c"',
                      "fd_pwrite @0 \"x\" 65535", "fd_pwrite @0 \"x\" 65536"),
            (200, ["0 5", "0", "0", "51", "0 1", "51"]))
        self.assertEqual(list((self.cluster.data / "scratch").iterdir()), [])
        self.assertEqual(self.call("bare", make, "fd_prestat_get 3"), (200, ["8", "8"]))

    def test_a_version_brings_its_files_along(self):
        self.cluster.write_manifest(
            "apiVersion: wasmatrix/v1\nname: app\nmodules:\n  packed:\n    source: packed.wasm\n"
            "    capabilities: { files: { bundle: { at: /assets }, scratch: {} } }\n", guests=["calls"])
        assets = self.cluster.folder / "assets"
        assets.mkdir()
        (assets / "text").write_text("packed")
        self.cluster.port = 1
        self.cluster.run("pack", "calls.wasm", "--files", "assets", "--out", "packed.wasm")
        self.cluster.start()
        expected = (200, ["0 /tmp", "0 /assets", "0 6", "0 packed", "76"])
        for _ in range(2):
            self.assertEqual(self.call("packed", "fd_prestat_dir_name 3 4", "fd_prestat_dir_name 4 7",
                                       'path_open 4 0 "text" 0 2 0 0', "fd_read 6 9", 'path_unlink_file 4 "text"'), expected)
        # Without files it is not deployed.
        shutil.copy(GUESTS / "calls.wasm", self.cluster.folder / "packed.wasm")
        wait_until(lambda: "has none" in self.cluster.log_text(), what="the refusal")

    def test_a_module_that_imports_sockets_is_not_deployed(self):
        self.cluster.write_manifest("apiVersion: wasmatrix/v1\nname: app\nmodules:\n  sockets:\n"
                                    "    source: sockets.wasm\n", guests=["sockets"])
        self.cluster.start(ready=False)
        wait_until(lambda: "sock_accept, sock_recv, sock_send, sock_shutdown" in self.cluster.log_text(),
                   what="the refusal")
        self.assertEqual(self.cluster.ready_modules(), set())

    def test_a_killed_node_leaves_no_scratch_folder(self):
        self.start_files()
        scratch = self.cluster.data / "scratch"
        running = threading.Thread(target=self.invoke_and_fail)
        running.start()
        wait_until(lambda: list(scratch.glob("*/kept")), what="a file of the guest")
        self.cluster.kill()
        running.join()
        self.assertTrue(list(scratch.glob("*/kept")))
        self.cluster.start()
        self.assertEqual(list(scratch.iterdir()), [])

    def invoke_and_fail(self):
        try:
            self.cluster.invoke("sleeps", b"")
        except OSError:
            pass

    def test_what_leads_out_of_a_folder_is_on_record_and_may_be_the_end(self):
        self.start_files()
        self.assertEqual(self.call("keeps", 'path_open 3 0 "../../catalog.sqlite" 0 2 0 0', "sched_yield"),
                         (200, ["76", "0"]))
        # A guest that insists is counted, and does not fill the log.
        lines = ['path_open 3 0 "../insists" 0 2 0 0'] * 300
        self.assertEqual(self.call("keeps", *lines), (200, ["76"] * 300))
        log = (self.cluster.folder / "dev.log").read_text(errors="replace")
        self.assertTrue(0 < log.count("../insists") <= 60, log.count("../insists"))
        self.assertRegex(self.cluster.request("GET", "/metrics")[2].decode(),
                         r'wasmatrix_capability_denials_total\{[^}]*module="keeps"[^}]*\} 30[0-9]')
        status, body = self.call("strict", 'path_unlink_file 3 "/etc/passwd"', "sched_yield")
        self.assertEqual((status, "capability_denied" in "".join(body)), (502, True))
        status, _, body = self.cluster.invoke("asks", request(publish={"topic": "elsewhere", "data": ""}))
        self.assertEqual((status, b"capability_denied" in body), (502, True))

        def recorded():
            events = self.cluster.run("audit", "list", "--json").stdout.decode()
            return ("path_open ../../catalog.sqlite" in events and "path_unlink_file /etc/passwd" in events
                    and "publish elsewhere" in events)
        wait_until(recorded, what="the record of the denials")
        metrics = self.cluster.request("GET", "/metrics")[2].decode()
        self.assertRegex(metrics, r'wasmatrix_capability_denials_total\{[^}]*capability="files"[^}]*\} [0-9]')
        self.assertIn("path_unlink_file", self.cluster.log_text())

    def state(self, bucket, key):
        status, _, body = self.cluster.request("GET", f"/v1/state/{bucket}/entry?key={key}")
        return json.loads(body)["value"]["text"] if status == 200 else None

    def test_a_guest_reads_and_writes_what_it_is_granted(self):
        self.start()
        answers = self.ask(
            request(set={"bucket": "seen", "key": "a/1", "value": "x"}),
            request(get={"bucket": "seen", "key": "a/1"}),
            request(merge={"bucket": "seen", "key": "b/n", "function": "add", "value": "5"}),
            request(list={"bucket": "seen", "prefix": "a/"}),
            request(get={"bucket": "seen", "key": "a/none", "consistency": "strong"}),
            b"garbage\n")
        self.assertEqual(answers[0], {"ok": True})
        self.assertEqual(answers[1], {"ok": True, "entry": {"key": "a/1", "value": "x"}})
        self.assertEqual(answers[3]["entries"], [{"key": "a/1", "value": "x"}])
        self.assertEqual(answers[4], {"ok": True, "entry": None})
        self.assertEqual(answers[5]["error"]["code"], "request_invalid")
        # What was answered is durable, and another activation sees it with its revision.
        self.assertEqual(self.state("seen", "a/1"), "x")
        entry = self.ask(request(get={"bucket": "seen", "key": "a/1"}))[0]["entry"]
        conflict, good = self.ask(
            request(set={"bucket": "seen", "key": "a/1", "value": "y", "ifRevision": 99999}),
            request(set={"bucket": "seen", "key": "a/1", "value": "y",
                         "ifRevision": entry["revision"]}))
        self.assertEqual(conflict["error"]["code"], "state_conflict")
        self.assertEqual(good, {"ok": True})
        self.assertEqual(self.state("seen", "a/1"), "y")

    def test_what_is_not_granted_is_refused_counted_logged_and_on_record(self):
        self.start()
        answers = self.ask(
            request(set={"bucket": "seen", "key": "c/1", "value": "x"}),
            request(set={"bucket": "tally", "key": "k", "value": "x"}),
            request(get={"bucket": "other", "key": "k"}),
            request(publish={"topic": "alarms/x", "data": "x"}))
        self.assertEqual([a["error"]["code"] for a in answers], ["denied"] * 4)
        self.assertIsNone(self.state("seen", "c/1"))
        events = json.loads(self.cluster.run("audit", "list", "--json").stdout)
        denied = [e["event"] if "event" in e else e for e in events if "capabilityDenied" in json.dumps(e)]
        self.assertEqual(len(denied), 4)
        self.assertIn("set seen/c/1", json.dumps(denied[0]))
        self.assertIn("relay@", json.dumps(denied[0]))
        metrics = self.cluster.request("GET", "/metrics")[2].decode()
        self.assertRegex(
            metrics, r'wasmatrix_capability_denials_total\{[^}]*module="relay"[^}]*\} [0-9]')
        self.assertIn("asked for what it is not granted", self.cluster.log_text())
        # Without any grant the descriptor is not there: the guest's write fails.
        self.assertEqual(self.cluster.invoke("denied", request(get={"bucket": "a", "key": "k"}))[0], 502)

    def test_what_an_invocation_publishes_is_routed(self):
        self.start()
        self.assertEqual(self.ask(request(publish={"topic": "work/1", "data": "x"})), [{"ok": True}])
        wait_until(lambda: self.state("tally", "events") == "1", 30, "the count")

    def test_an_activation_that_fails_leaves_no_effects(self):
        self.start()
        # It counts, is then refused to publish, and ends badly.
        status, _, body = self.cluster.publish("half", b"x")
        offset = json.loads(body)["offset"]
        self.assertEqual(status, 202)
        letter = self.cluster.get(f"/v1/events/{offset}?wait=30s")["deliveries"][0]
        self.assertEqual(letter["state"], "dead")
        self.assertEqual(letter["failure"]["code"], "guest_exited")
        self.assertIsNone(self.state("tally", "events"))

    def test_a_cached_bucket_is_remembered_and_follows_writes(self):
        self.start(TALLY.replace(
            "seen: { size: 64MiB }", "seen: { consistency: cached, staleness: 1h }"))
        self.ask(request(set={"bucket": "seen", "key": "a/1", "value": "old"}))
        cached = request(get={"bucket": "seen", "key": "a/1"})
        strong = request(get={"bucket": "seen", "key": "a/1", "consistency": "strong"})
        served = r'wasmatrix_state_cache_reads_total\{outcome="found"\} [1-9]'

        def is_remembered():
            self.assertEqual(self.ask(cached)[0]["entry"]["value"], "old")
            return re.search(served, self.cluster.request("GET", "/metrics")[2].decode())

        wait_until(is_remembered, 30, "a read from memory")
        self.cluster.run("state", "set", "seen", "a/1", "new")
        self.assertEqual(self.ask(strong)[0]["entry"]["value"], "new")
        # It may be an hour old; it is not, because the node watches the bucket.
        wait_until(lambda: self.ask(cached)[0]["entry"]["value"] == "new", 30, "the new value")
        self.assertEqual(
            self.ask(request(invalidate={"bucket": "seen", "key": "a/1"})), [{"ok": True}])

    def test_buckets_follow_the_manifest(self):
        self.start()
        manifest = self.cluster.folder / "other.yaml"
        plain = "apiVersion: wasmatrix/v1\nname: tally\nbuckets: { tally: { %s } }\nmodules: { relay: { source: relay.wasm } }\n"
        manifest.write_text(plain % "size: 2MiB")
        key = self.cluster.data / "dev-key"
        result = self.cluster.run("deploy", manifest, "--key", key)
        self.assertIn(b"bucket seen is not in the manifest any more; it stays", result.stderr + result.stdout)
        buckets = {b["name"]: b for b in self.cluster.get("/v1/state")["items"]}
        self.assertEqual(buckets["tally"]["maximumSizeBytes"], 2 << 20)
        self.assertIn("seen", buckets)
        manifest.write_text(plain % "consistency: cached")
        result = self.cluster.run("deploy", manifest, "--key", key, check=False)
        self.assertEqual(result.returncode, 5, result.stderr)
        self.assertIn(b"another consistency", result.stderr)

    def test_effects_are_exact_through_kill_9(self):
        seed = random.randrange(1 << 30)
        chance = random.Random(seed)
        self.cluster.write_manifest(TALLY, guests=["tally", "relay"])
        accepted, unknown = {}, set()
        for _ in range(self.ROUNDS):
            self.cluster.start()
            stop = threading.Event()
            threads = [threading.Thread(target=self.publish, args=(stop, accepted, unknown, n))
                       for n in range(4)]
            for thread in threads:
                thread.start()
            before = len(accepted)
            wait_until(lambda: len(accepted) > before + 60, 60, "60 accepted events")
            time.sleep(chance.random() * 0.3)
            self.cluster.kill()
            stop.set()
            for thread in threads:
                thread.join()
        self.cluster.start()
        counted = self.count_from_the_log(seed)
        sources = {payload for payload in counted if payload.startswith("p-")}
        self.assertLessEqual(set(accepted.values()), sources, f"seed {seed}")
        self.assertLessEqual(sources - set(accepted.values()), unknown, f"seed {seed}")
        self.assertEqual({p: n for p, n in counted.items() if n != 1}, {}, f"seed {seed}")
        self.assertEqual(self.state("tally", "events"), str(len(sources)), f"seed {seed}")

    def count_from_the_log(self, seed):
        """How often each payload was published as `tallied/event`, counted here and not by the program."""
        counted, works, offset = {}, 0, 1
        while True:
            status, _, body = self.cluster.request("GET", f"/v1/events/{offset}?wait=60s")
            if status == 404:
                self.assertEqual(works, len(counted), f"seed {seed}")
                return counted
            found = json.loads(body)
            event = found["event"]
            data = event.get("data", {})
            text = data.get("text") if isinstance(data, dict) else data
            for delivery in found["deliveries"]:
                if delivery["module"] == "tally":
                    works += 1
                    self.assertEqual(delivery["state"], "succeeded", f"seed {seed}: {found}")
            if event["topic"] == "tallied/event":
                counted[text] = counted.get(text, 0) + 1
            offset += 1

    def publish(self, stop, accepted, unknown, number):
        count = 0
        while not stop.is_set():
            payload = f"p-{number}-{count}-{random.getrandbits(40)}"
            count += 1
            unknown.add(payload)
            try:
                status, _, body = self.cluster.publish(f"work/{number}", payload.encode(), timeout=5)
            except Exception:
                # Not acknowledged: it may have been accepted, or not.
                return
            if status == 202:
                accepted[json.loads(body)["offset"]] = payload


if __name__ == "__main__":
    unittest.main()
