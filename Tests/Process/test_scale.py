"""The number of nodes that serve a module, and invocations that are asked of what serves nowhere."""

import json
import unittest

from cluster import Cluster, wait_until

MANIFEST = """apiVersion: wasmatrix/v1
name: scaled
modules:
  echo: { source: echo.wasm, idempotent: true, triggers: [ { topic: in } ], placement: { fallbacks: 0 } }
  sleeper: { source: spin.wasm, limits: { cpu: 60s, wall: 60s } }
"""


class Scale(unittest.TestCase):
    def test_to_nothing_and_back(self):
        with Cluster() as cluster:
            cluster.write_manifest(MANIFEST, guests=["echo", "spin"])
            cluster.start()
            wait_until(lambda: len(cluster.ready_modules()) == 2, what="the modules")
            self.assertEqual(cluster.run("invoke", "echo", "--data", "x").stdout, b"x")

            planned = cluster.run("scale", "echo", "0", "--dry-run", "--json")
            self.assertEqual(json.loads(planned.stdout)["decision"]["selectedNodes"], [])
            self.assertEqual(cluster.run("invoke", "echo", "--data", "x").stdout, b"x")

            scaled = json.loads(cluster.run("scale", "echo", "0", "--json").stdout)
            self.assertEqual([d["replicas"] for d in scaled], [0])
            refused = cluster.run("invoke", "echo", "--data", "x", check=False)
            self.assertEqual(refused.returncode, 5)
            self.assertIn("wasmatrix scale echo 1", refused.stderr.decode())
            offset = json.loads(cluster.publish("in", b"waits")[2])["offset"]

            cluster.run("scale", "echo", "1")
            self.assertEqual(cluster.run("invoke", "echo", "--data", "x").stdout, b"x")
            wait_until(
                lambda: [delivery["state"] for delivery in
                         cluster.get(f"/v1/events/{offset}")["deliveries"]] == ["succeeded"],
                what="the event that waited")
            history = json.loads(cluster.run("modules", "echo", "--json").stdout)["history"]
            self.assertEqual([entry["replicas"] for entry in history], [1, 0, 1])

            # There is one node only, and who asked for more hears so.
            self.assertNotIn(b"can run it now", cluster.run("scale", "echo", "1").stderr)
            self.assertIn(b"only 1 of 9 nodes can run it now", cluster.run("scale", "echo", "9").stderr)

    def test_what_is_wrong_is_told(self):
        with Cluster() as cluster:
            cluster.write_manifest(MANIFEST, guests=["echo", "spin"])
            cluster.start()
            wait_until(lambda: len(cluster.ready_modules()) == 2, what="the modules")
            for arguments, status in [
                (("scale", "echo", "1001"), 64),
                (("scale", "nobody", "1"), 3),
                (("invoke", "echo", "--timeout", "2h"), 64),
            ]:
                ended = cluster.run(*arguments, check=False)
                self.assertEqual(ended.returncode, status, ended.stderr)
            ended = cluster.run("invoke", "sleeper", "--data", "x", "--timeout", "300ms", check=False)
            self.assertEqual(ended.returncode, 1)
            self.assertIn("--timeout", ended.stderr.decode())


if __name__ == "__main__":
    unittest.main()
