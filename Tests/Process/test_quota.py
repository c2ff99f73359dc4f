"""The quota of the data folder: beyond it nothing more is taken in, what was begun ends, and room helps."""
import base64
import json
import re
import unittest

from cluster import Cluster, wait_until

MANIFEST = """apiVersion: wasmatrix/v1
name: app
modules:
  upper:
    source: upper.wasm
    triggers:
      - topic: words
  broken:
    source: trap.wasm
    triggers:
      - topic: bad
    retry: { attempts: 1 }
"""
MEBIBYTE = 1 << 20


class Quota(unittest.TestCase):
    def setUp(self):
        self.cluster = Cluster()
        self.addCleanup(self.cluster.__exit__)

    def start(self):
        self.cluster.write_manifest(MANIFEST, guests=["upper", "trap", "echo"])
        return self.cluster.start(options=["--quota-mebibytes", "16"])

    def problem(self, result):
        status, _, body = result
        self.assertEqual(status, 429, body)
        problem = json.loads(body)
        self.assertEqual(problem["code"], "data_quota_reached")
        self.assertIn("16MiB", problem["detail"])
        for part in ["events", "state", "modules", "compiled code"]:
            self.assertIn(part, problem["cause"])
        return problem

    def publish(self, topic):
        return self.cluster.request(
            "POST", "/v1/events", b"abc" * 20_000,
            {"ce-specversion": "1.0", "ce-id": topic + str(self.count), "ce-source": "/tests", "ce-type": "t",
             "ce-topic": topic})

    def set_state(self, key, size):
        write = {"bucket": "big", "key": key, "value": {"base64": base64.b64encode(b"x" * size).decode()}}
        body = json.dumps({"writes": [write]})
        return self.cluster.request("POST", "/v1/state", body, {"Content-Type": "application/json"})

    def fill(self):
        """Writes until hardly a page more is taken; returns the keys."""
        keys = []
        for size in (MEBIBYTE // 2, 16384, 2048):
            while True:
                result = self.set_state(f"k{self.count}-{len(keys)}", size)
                if result[0] != 200:
                    break
                keys.append(f"k{self.count}-{len(keys)}")
            self.problem(result)
        return keys

    def pad(self, name, size):
        """Makes a module longer by a section that means nothing."""
        content = b"\x01v" + bytes(size)
        length = len(content)
        encoded = bytes([length & 0x7f | 0x80, length >> 7 & 0x7f | 0x80, length >> 14])
        file = self.cluster.folder / name
        file.write_bytes(file.read_bytes() + b"\x00" + encoded + content)

    def parts(self):
        text = self.cluster.request("GET", "/metrics")[2].decode()
        found = dict(re.findall(r'wasmatrix_data_bytes\{part="(\w+)"\} (\d+)', text))
        self.assertIn(f"wasmatrix_data_quota_bytes {16 * MEBIBYTE}", text)
        return {part: int(size) for part, size in found.items()}

    def finding(self):
        findings = self.cluster.get("/v1/doctor")["items"]
        return next(item for item in findings if item["subject"] == "data folder")

    def test_beyond_the_quota_nothing_more_is_taken_in_until_there_is_room(self):
        cluster = self.start()
        self.count = 0
        cluster.run("state", "create", "big")
        self.assertEqual(self.publish("bad")[0], 202)
        wait_until(lambda: cluster.get("/v1/dead-letters")["items"], what="a dead letter")
        dead = cluster.get("/v1/dead-letters")["items"][0]["id"]
        self.assertEqual(self.finding()["verdict"], "ok")
        keys = self.fill()

        self.count += 1
        self.problem(self.publish("words"))
        refused = cluster.run("state", "set", "big", "more", "x" * 20_000, check=False)
        self.assertEqual(refused.returncode, 6)
        self.assertIn(b"data folder", refused.stderr)
        cluster.run("keygen", "--out", "keys")
        cluster.run("trust", "add", "keys/wasmatrix.pub", "--label", "me")
        self.pad("echo.wasm", 100_000)
        cluster.run("sign", "echo.wasm", "--key", "keys/wasmatrix.key")
        pushed = cluster.run("push", "echo.wasm", "--name", "echo", "--version", "1", check=False)
        self.assertEqual(pushed.returncode, 6, pushed.stderr)
        self.assertIn(b"--quota-mebibytes", pushed.stderr)
        self.assertEqual(self.finding()["verdict"], "failure")
        wait_until(lambda: self.parts()["state"] > 8 * MEBIBYTE, what="the measurement")

        # What makes no room goes on, and so does what makes some.
        cluster.run("events", "dead", "drop", dead)
        self.assertEqual(cluster.invoke("upper", b"abc")[0], 200)
        for key in keys[:6]:
            cluster.run("state", "delete", "big", key)
        wait_until(lambda: self.publish("words")[0] == 202, what="room")
        cluster.run("push", "echo.wasm", "--name", "echo", "--version", "1")
        self.assertEqual(self.set_state("again", 4096)[0], 200)
        self.assertNotEqual(self.finding()["verdict"], "failure")

        # The same after a start: what is there is counted at once. (A stop tidies up, which makes a little room.)
        self.fill()
        self.assertEqual(cluster.stop(), 0)
        cluster.start(options=["--quota-mebibytes", "16"])
        written = [self.set_state(f"after-{number}", MEBIBYTE // 2) for number in range(8)]
        refused = [result for result in written if result[0] != 200]
        self.assertTrue(refused)
        for result in refused:
            self.problem(result)
        self.assertEqual(cluster.stop(), 0)

    def test_without_a_quota_the_room_is_told_all_the_same(self):
        self.cluster.write_manifest(MANIFEST, guests=["upper", "trap"])
        self.cluster.start()
        self.assertIn("no quota", self.finding()["detail"])
        wait_until(lambda: 'wasmatrix_data_bytes{part="modules"}'
                   in self.cluster.request("GET", "/metrics")[2].decode(), what="a measurement")

    def test_a_quota_that_holds_nothing_is_refused(self):
        result = self.cluster_verb("--quota-mebibytes", "1")
        self.assertEqual(result.returncode, 64)
        self.assertIn(b"--quota-mebibytes", result.stderr)

    def cluster_verb(self, *options):
        self.cluster.port = 1
        return self.cluster.run("dev", *options, check=False)


if __name__ == "__main__":
    unittest.main()
