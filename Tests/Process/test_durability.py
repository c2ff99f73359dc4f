"""After kill -9 in the middle of pushes, deployments and events, everything acknowledged is there."""
import json
import pathlib
import random
import threading
import time
import unittest

from cluster import Cluster, GUESTS, wait_until

MANIFEST = """apiVersion: wasmatrix/v1
name: durable
modules:
  upper:
    source: upper.wasm
    triggers:
      - topic: work/+
    publish: done/all
"""


class Durability(unittest.TestCase):
    ROUNDS = 6

    def test_events_survive_kill_9(self):
        seed = random.randrange(1 << 30)
        chance = random.Random(seed)
        with Cluster() as cluster:
            cluster.write_manifest(MANIFEST, guests=["upper"])
            accepted = {}
            for _ in range(self.ROUNDS):
                cluster.start()
                stop = threading.Event()
                threads = [
                    threading.Thread(target=self.publish, args=(cluster, stop, accepted, n))
                    for n in range(4)]
                for thread in threads:
                    thread.start()
                before = len(accepted)
                wait_until(lambda: len(accepted) > before + 50, 60, "50 accepted events")
                time.sleep(chance.random() * 0.3)
                cluster.kill()
                stop.set()
                for thread in threads:
                    thread.join()
            cluster.start()
            self.assertGreater(len(accepted), 50 * self.ROUNDS)
            for offset, payload in sorted(accepted.items()):
                status = cluster.get(f"/v1/events/{offset}?wait=60s")
                states = [d["state"] for d in status["deliveries"]]
                self.assertEqual(states, ["succeeded"], f"seed {seed}, offset {offset}: {status}")
                self.assertIn(payload.upper(), json.dumps(status), f"seed {seed}")
            self.assertEqual(cluster.stop(), 0)

    def publish(self, cluster, stop, accepted, number):
        count = 0
        while not stop.is_set():
            payload = f"payload-{number}-{count}-{len(accepted)}"
            count += 1
            try:
                status, _, body = cluster.publish(f"work/{number}", payload.encode(), timeout=5)
            except OSError:
                return
            except Exception:
                # The connection died in the middle of an answer: not acknowledged.
                return
            if status == 202:
                accepted[json.loads(body)["offset"]] = payload

    def test_pushes_and_deployments_survive_kill_9(self):
        with Cluster() as cluster:
            module = cluster.folder / "echo.wasm"
            pushed, deployed = {}, None
            for round_number in range(self.ROUNDS):
                cluster.start()
                module.write_bytes((GUESTS / "echo.wasm").read_bytes())
                cluster.run("sign", module, "--key", cluster.data / "dev-key")
                killer = threading.Timer(0.4 + 0.3 * random.random(), cluster.kill)
                killer.start()
                for count in range(200):
                    version = f"{round_number}.{count}.0"
                    result = cluster.run(
                        "push", module, "--name", "echo", "--version", version, check=False)
                    if result.returncode != 0:
                        break
                    pushed[version] = True
                    manifest = cluster.folder / "app.yaml"
                    manifest.write_text(
                        "apiVersion: wasmatrix/v1\nname: durable\nmodules:\n  echo:\n"
                        f"    version: {version}\n")
                    result = cluster.run("deploy", manifest, check=False)
                    if result.returncode != 0:
                        # It may have become durable before the answer was lost.
                        deployed = {deployed, version} if isinstance(deployed, str) else deployed
                        break
                    deployed = version
                killer.join()
                cluster.start()
                there = {v["version"] for v in cluster.get("/v1/modules/echo")["items"]}
                self.assertLessEqual(set(pushed), there)
                if deployed:
                    wait_until(lambda: "echo" in cluster.ready_modules(), 30, "echo again")
                    now = cluster.get("/v1/deployments")["items"][0]["version"]
                    allowed = deployed if isinstance(deployed, set) else {deployed}
                    self.assertIn(now, allowed)
                    deployed = now
                    status, _, body = cluster.invoke("echo", b"still here")
                    self.assertEqual((status, body), (200, b"still here"))
                self.assertEqual(cluster.stop(), 0)
            self.assertGreater(len(pushed), self.ROUNDS)


if __name__ == "__main__":
    unittest.main()
