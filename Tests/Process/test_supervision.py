"""Every service of `dev` is killed under load: it comes back, and nothing that was acknowledged is lost."""
import http.client
import json
import threading
import unittest

from cluster import Cluster, wait_until

MANIFEST = """
apiVersion: wasmatrix/v1
name: drills
modules:
  upper:
    source: upper.wasm
    triggers:
      - topic: work/#
    retry: { attempts: 1 }
"""

# Below `main`; each owns something that can fail.
SERVICES = [
    "modules/registry", "modules/verifiers", "events/bus", "events/router", "scheduling/balancer",
    "scheduling/scheduler", "nodes/attach", "nodes/heartbeats", "data/meter", "node/engine", "node/agent",
    "development/logs", "development/files", "api/listener",
]


def services(tree, path=""):
    """Every service of a tree with its path, in the order of their start."""
    path = f"{path}/{tree['name']}" if path else tree["name"]
    if tree["kind"] == "worker":
        yield path, tree
    for child in tree["children"]:
        yield from services(child, path)


class Load:
    """Publishes and invokes all the time; remembers what was acknowledged, and every answer that is none."""

    def __init__(self, cluster, workers=4):
        self.cluster, self.ending = cluster, threading.Event()
        self.accepted, self.refusals, self.wrong = [], [], []
        self.threads = [threading.Thread(target=self.work, args=(number,)) for number in range(workers)]
        for thread in self.threads:
            thread.start()

    def work(self, worker):
        number = 0
        while not self.ending.is_set():
            number += 1
            text = f"event {worker}-{number}"
            try:
                status, _, body = self.cluster.publish("work/a", text.encode(), f"{worker}-{number}")
                if status == 202:
                    self.accepted.append((json.loads(body)["offset"], text))
                elif status != 503:
                    self.wrong.append((status, body))
                status, _, body = self.cluster.invoke("upper", text.encode())
                if status == 200 and body != text.upper().encode() or status not in (200, 503):
                    self.wrong.append((status, body))
                elif status == 503:
                    self.refusals.append(json.loads(body)["code"])
            except (OSError, http.client.HTTPException) as error:
                # The listener was killed: whoever hears nothing asks again.
                self.refusals.append(type(error).__name__)

    def end(self):
        self.ending.set()
        for thread in self.threads:
            thread.join()


class Supervision(unittest.TestCase):
    def runs(self, cluster, path):
        try:
            return dict(services(cluster.get("/v1/supervision")))[f"main/{path}"]["state"] == "running"
        except (OSError, AssertionError):
            return False

    def restarts(self, cluster, path):
        return dict(services(cluster.get("/v1/supervision")))[f"main/{path}"]["restarts"]

    def test_every_service_comes_back_under_load_and_nothing_is_lost(self):
        with Cluster() as cluster:
            cluster.write_manifest(MANIFEST, ["upper"])
            cluster.start()
            shown = [path.removeprefix("main/") for path, _ in services(cluster.get("/v1/supervision"))]
            self.assertEqual(sorted(shown), sorted(SERVICES + ["development/key"]))
            load = Load(cluster)
            try:
                for path in SERVICES:
                    with self.subTest(path):
                        # What comes after the one before may be on its way back yet.
                        wait_until(lambda: self.runs(cluster, path), 30, f"{path} runs")
                        before = len(load.accepted)
                        cluster.run("chaos", "kill", f"main/{path}")
                        def is_back():
                            try:
                                return self.restarts(cluster, path) == 1
                            except (OSError, AssertionError):
                                return False
                        wait_until(is_back, 30, f"the restart of {path}")
                        wait_until(lambda: len(load.accepted) > before + 5, 30, f"events after {path}")
            finally:
                load.end()
            self.assertEqual(load.wrong, [])
            for offset, text in load.accepted:
                status = cluster.get(f"/v1/events/{offset}?wait=30s")
                self.assertEqual([item["state"] for item in status["deliveries"]], ["succeeded"],
                                 f"event {offset}: {status}")
                self.assertEqual(status["deliveries"][0]["output"]["text"], text.upper())
            self.assertEqual(cluster.get("/v1/dead-letters")["items"], [])
            doctor = cluster.run("doctor").stdout.decode()
            for path in SERVICES:
                self.assertRegex(doctor, rf"(?m)^ +{path.split('/')[1]} +running +1 ", path)
            exposition = cluster.request("GET", "/metrics")[2].decode()
            for path in SERVICES:
                self.assertIn(f'wasmatrix_supervision_restarts_total{{child="main/{path}"}} 1', exposition)
            self.assertEqual(cluster.stop(), 0)

    def test_a_whole_supervisor_can_be_killed(self):
        # Each in a cluster of its own: more than three within five seconds are given up.
        for path in ["modules", "events", "scheduling", "nodes", "node", "api"]:
            with self.subTest(path), Cluster() as cluster:
                cluster.write_manifest(MANIFEST, ["upper"])
                cluster.start()
                cluster.run("chaos", "kill", f"main/{path}")
                def works(request, *arguments):
                    try:
                        return request(*arguments)
                    except (OSError, http.client.HTTPException):
                        return None, None, b""
                wait_until(lambda: works(cluster.publish, "work/a", b"x")[0] == 202, 30, "events")
                wait_until(lambda: works(cluster.invoke, "upper", b"x")[2] == b"X", 30, "invocations")
                self.assertEqual(cluster.stop(), 0)

    def test_what_fails_again_and_again_ends_the_process_for_its_outer_supervisor(self):
        with Cluster() as cluster:
            cluster.start()
            while cluster.process.poll() is None:
                try:
                    # Not by the verb: its process takes as long to start as a busy machine likes.
                    cluster.request("POST", "/v1/supervision/kill", '{"child": "main/events/bus"}',
                                    {"content-type": "application/json"})
                except OSError:
                    break
            self.assertEqual(cluster.process.wait(timeout=60), 70)
            self.assertRegex(cluster.log_text(), "main/events.* had to be restarted too often")
            cluster.process.stdout.close()
            cluster.log.close()
            cluster.start()
            self.assertEqual(cluster.get("/healthz"), {"status": "ready"})

    def test_a_child_that_is_not_there_is_said_so(self):
        with Cluster() as cluster:
            cluster.start()
            result = cluster.run("chaos", "kill", "main/events/none", check=False)
            self.assertEqual(result.returncode, 3)
            self.assertIn(b"nothing runs at main/events/none", result.stderr)
            self.assertIn(b"wasmatrix doctor", result.stderr)


if __name__ == "__main__":
    unittest.main()
