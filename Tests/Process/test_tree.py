"""Every part of every process is killed in turn, under load: it comes back, and nothing that was accepted is lost."""
import json
import signal
import threading
import time
import unittest

from cluster import Cluster, wait_until
from fleet import Fleet
from test_fleet import ECHO

NAP = """
apiVersion: wasmatrix/v1
name: nap
modules:
  sleep:
    source: sleep.wasm
    limits: { wall: 1h }
    placement: { replicas: 1, fallbacks: 1 }
"""

# A supervisor gives up at more than 3 restarts within 5 s; what is killed here is not to be that.
KILL_INTERVAL = 2


class Load:
    """Publishes and calls until it is stopped; knows what was accepted."""

    def __init__(self, cluster):
        self.cluster = cluster
        self.offsets, self.wrong = [], []
        self.calls = 0
        self.stopped = threading.Event()
        self.threads = [threading.Thread(target=work) for work in (self._publish, self._call)]
        for thread in self.threads:
            thread.start()

    def _publish(self):
        number = 0
        while not self.stopped.is_set():
            number += 1
            try:
                status, _, body = self.cluster.publish("in/x", f"{number}".encode(), f"event-{number}")
            except OSError:
                continue
            if status == 202:
                self.offsets.append(json.loads(body)["offset"])

    def _call(self):
        while not self.stopped.is_set():
            self.calls += 1
            data = f"{self.calls}".encode()
            try:
                status, _, body = self.cluster.invoke("echo", data)
            except OSError:
                continue
            if status == 200 and body != data:
                self.wrong.append(body)

    def goes_on(self):
        """Waits until events are accepted and calls are answered anew."""
        events, calls = len(self.offsets), self.calls
        wait_until(lambda: len(self.offsets) >= events + 3 and self.calls >= calls + 3, 60, "more of the load")

    def stop(self):
        self.stopped.set()
        for thread in self.threads:
            thread.join()


def parts(tree, path=""):
    """{path: status} of everything below."""
    found = {}
    for child in tree.get("children", []):
        name = f"{path}/{child['name']}"
        found[name] = child
        found |= parts(child, name)
    return found


class TreeTests(unittest.TestCase):
    def tree(self, cluster, *node):
        if cluster.process.poll() is not None:
            raise AssertionError(f"the program ended with {cluster.process.returncode}:\n{cluster.log_text()}")
        try:
            answer = cluster.run("doctor", "--json", *node, check=False).stdout
            return parts(json.loads(answer)["supervision"], "main")
        except (ValueError, KeyError, TypeError):
            return {}  # Its API is being started again.

    def kill_all(self, cluster, load, *node):
        """Kills each part that runs, the leaves and what holds them."""
        def runs():
            tree = self.tree(cluster, *node)
            return tree and all(status["state"] in ("running", "ended") for status in tree.values()) and tree
        killed = 0
        next_kill = time.monotonic()
        for path in sorted(wait_until(runs, 60, "the whole tree")):
            with self.subTest(path=path, node=node):
                before = wait_until(runs, 60, "the whole tree")
                if before[path]["state"] == "ended":
                    continue
                def back():
                    after = runs()
                    return after and after[path]["restarts"] > before[path]["restarts"] and after
                wait_until(lambda: time.monotonic() >= next_kill, 60, "the time of the next kill")
                next_kill = time.monotonic() + KILL_INTERVAL
                # Whoever is asked may be what is killed: then there is no answer, and its restart is seen.
                cluster.run("chaos", "kill", path, *node, check=False)
                after = wait_until(back, 60, f"{path} back")
                self.assertTrue(after[path]["lastExit"].startswith("failed"), after[path])
                load.goes_on()
                killed += 1
        return killed

    def nothing_is_lost(self, cluster, load):
        load.stop()
        self.assertGreater(len(load.offsets), 20)
        self.assertEqual(load.wrong, [])
        for offset in load.offsets:
            def settled():
                status = cluster.get(f"/v1/events/{offset}")
                return status["settled"] and status
            states = [each["state"] for each in wait_until(settled, 60, f"event {offset}")["deliveries"]]
            self.assertEqual(states, ["succeeded"], offset)

    def test_a_call_has_an_answer_when_its_node_is_silent_and_the_scheduler_was_killed(self):
        fleet = Fleet().start()
        self.addCleanup(fleet.__exit__)
        fleet.join("a", "b")
        fleet.deploy(NAP, ("sleep",))
        victim = fleet.placements("sleep")["active"].pop()
        answers = []

        def call():
            status, _, body = fleet.invoke("sleep", b"600000")
            answers.append((status, json.loads(body)["code"]))
        thread = threading.Thread(target=call)
        thread.start()
        wait_until(
            lambda: any(item["running"] for item in fleet.get("/v1/placements")["items"]), 30, "the call runs")
        fleet.signal_agent(victim, signal.SIGSTOP)
        try:
            # Before its silence is noticed.
            status, _, body = fleet.request(
                "POST", "/v1/supervision/kill", json.dumps({"child": "main/scheduling/scheduler"}).encode(),
                {"Content-Type": "application/json"})
            self.assertLess(status, 300, body)
            # The node stays silent, and the call may take an hour.
            wait_until(lambda: answers, 50, "the answer")
        finally:
            fleet.signal_agent(victim, signal.SIGCONT)
            thread.join()
        self.assertEqual(answers, [(503, "outcome_unknown")])
        fleet.wait_for("a", "b")

    def test_every_part_of_a_control_plane_can_be_killed_under_load(self):
        fleet = Fleet().start()
        self.addCleanup(fleet.__exit__, None, None, None)
        fleet.join("a", "b")
        fleet.deploy(ECHO, ("echo",))
        fleet.wait_for_placement("echo", fallback=1)
        load = Load(fleet)
        self.addCleanup(load.stop)
        load.goes_on()
        self.assertGreater(self.kill_all(fleet, load), 15)
        # The agents went on, and so did what they hold.
        self.assertTrue(all(agent.poll() is None for agent in fleet.agents.values()))
        self.nothing_is_lost(fleet, load)

    def test_every_part_of_an_agent_can_be_killed_under_load(self):
        fleet = Fleet().start()
        self.addCleanup(fleet.__exit__, None, None, None)
        fleet.join("a", "b")
        fleet.deploy(ECHO, ("echo",))
        fleet.wait_for_placement("echo", fallback=1)
        load = Load(fleet)
        self.addCleanup(load.stop)
        load.goes_on()
        for node in "ab":
            self.assertGreater(self.kill_all(fleet, load, "--node", node), 4)
            fleet.wait_for("a", "b")
        self.nothing_is_lost(fleet, load)
        # It was the same process all the time.
        self.assertTrue(all(agent.poll() is None for agent in fleet.agents.values()))
        refused = fleet.run("chaos", "kill", "main/none", "--node", "a", check=False)
        self.assertEqual(refused.returncode, 3)
        self.assertIn(b"nothing runs at main/none", refused.stderr)
        self.assertEqual(fleet.run("doctor", "--node", "nobody", check=False).returncode, 7)

    def test_every_part_of_dev_and_its_nodes_can_be_killed_under_load(self):
        cluster = Cluster()
        self.addCleanup(cluster.__exit__, None, None, None)
        cluster.write_manifest(ECHO, ["echo"])
        cluster.start(options=["--nodes", "2"])
        load = Load(cluster)
        self.addCleanup(load.stop)
        load.goes_on()
        self.assertGreater(self.kill_all(cluster, load), 18)
        self.nothing_is_lost(cluster, load)


if __name__ == "__main__":
    unittest.main()
