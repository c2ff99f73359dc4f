"""A backup made under load holds everything that was acknowledged before, and a server starts on it."""
import base64
import json
import threading
import unittest

from cluster import Cluster, wait_until

MANIFEST = """apiVersion: wasmatrix/v1
name: kept
modules:
  upper:
    source: upper.wasm
    triggers:
      - topic: work/+
"""


class Backup(unittest.TestCase):
    def publish(self, cluster, stopping, accepted, number):
        count = 0
        while not stopping.is_set():
            count += 1
            payload = f"payload-{number}-{count}"
            status, _, body = cluster.publish(f"work/{number}", payload.encode())
            if status == 202:
                accepted[json.loads(body)["offset"]] = payload

    def test_everything_acknowledged_before_is_restored(self):
        with Cluster() as cluster:
            cluster.write_manifest(MANIFEST, guests=["upper"])
            cluster.start()
            cluster.run("state", "create", "stock")
            cluster.run("state", "set", "stock", "bolts", "250")
            stopping, accepted = threading.Event(), {}
            threads = [threading.Thread(target=self.publish, args=(cluster, stopping, accepted, n))
                       for n in range(4)]
            for thread in threads:
                thread.start()
            try:
                wait_until(lambda: len(accepted) > 100, 60, "100 accepted events")
                before = dict(accepted)
                made = json.loads(cluster.run("backup", "copy", "--json").stdout)
            finally:
                stopping.set()
                for thread in threads:
                    thread.join()
            self.assertIn("catalog.sqlite", [file["name"] for file in made["files"]])
            cluster.run("state", "set", "stock", "bolts", "1")
            cluster.kill()
            restored = cluster.folder / "restored"
            again = json.loads(cluster.run("restore", "copy", "--data", restored, "--json").stdout)
            self.assertEqual(again, made)
            with Cluster(home=cluster.folder, data=restored) as other:
                # Without its manifest: what runs is what was deployed when the backup was made.
                other.start(ready=False)
                wait_until(lambda: "upper" in other.ready_modules(), 60, "the deployment")
                for offset, payload in before.items():
                    status = other.get(f"/v1/events/{offset}?wait=60s")
                    self.assertEqual(
                        [(d["state"], d["output"]["text"]) for d in status["deliveries"]],
                        [("succeeded", payload.upper())])
                entry = other.get("/v1/state/stock/entry?key=bolts")
                self.assertEqual(base64.b64decode(entry["value"]["base64"]), b"250")
                self.assertEqual(other.stop(), 0)

    def test_what_cannot_be_done_is_said(self):
        with Cluster() as cluster:
            cluster.start()
            cluster.run("backup", "copy")
            taken = cluster.run("backup", "copy", check=False)
            self.assertEqual((taken.returncode, b"already" in taken.stderr), (5, True), taken.stderr)
            used = cluster.run("restore", "copy", "--data", cluster.data, check=False)
            self.assertEqual((used.returncode, b"--data DIR" in used.stderr), (5, True), used.stderr)
            none = cluster.run("restore", "nothing", "--data", "new", check=False)
            self.assertEqual(none.returncode, 2, none.stderr)
            (cluster.folder / "copy/events.sqlite").write_bytes(b"not what it was")
            damaged = cluster.run("restore", "copy", "--data", "new", check=False)
            self.assertEqual(damaged.returncode, 2, damaged.stderr)
            self.assertFalse((cluster.folder / "new").exists())
            self.assertEqual(cluster.stop(), 0)


if __name__ == "__main__":
    unittest.main()
