"""Every part of every process is killed in turn, under load: it comes back, and nothing that was accepted is lost."""
import json
import signal
import threading
import time
import unittest

from cluster import Cluster, wait_until
from fleet import Fleet
from secure_fleet import SecureFleet
from test_fleet import ECHO
from tree_load import Load
from trees import KILL_INTERVAL, parts, tree

NAP = """
apiVersion: wasmatrix/v1
name: nap
modules:
  sleep:
    source: sleep.wasm
    limits: { wall: 1h }
    placement: { replicas: 1, fallbacks: 1 }
"""

# Seconds of a certificate's life. It is renewed with a third of that left.
CERTIFICATE_LIFE = 30


class TreeTests(unittest.TestCase):
    def secure_fleet(self, options=()):
        """A fleet with all that a process can have, under load."""
        fleet = SecureFleet()
        self.addCleanup(fleet.__exit__, None, None, None)
        fleet.start(options=options)
        fleet.join("a", "b")
        fleet.deploy(ECHO, ("echo",))
        fleet.wait_for_placement("echo", fallback=1)
        return fleet, self.load(fleet)

    def load(self, cluster):
        load = Load(cluster)
        self.addCleanup(load.stop)
        load.goes_on()
        return load

    def runs(self, cluster, node=None):
        """All parts and how they are, once each of them runs."""
        if cluster.process.poll() is not None:
            raise AssertionError(f"the program ended with {cluster.process.returncode}:\n{cluster.log_text()}")
        found = tree(cluster, node)
        return all(status["state"] in ("running", "ended") for status in found.values()) and found

    def paths(self, cluster, node=None):
        """What there is to kill, as the program itself says: the leaves and what holds them."""
        wait_until(lambda: self.runs(cluster, node), 60, "the whole tree")
        shown = cluster.run("doctor", "--json", *(["--node", node] if node else []), check=False)
        found = parts(json.loads(shown.stdout)["supervision"])
        # What was there to be done once is killed with what holds it.
        return sorted(path for path, status in found.items() if status["state"] != "ended")

    def kill_all(self, cluster, load, node=None):
        """Kills each part in turn; returns which those were."""
        killed = []
        next_kill = time.monotonic()
        for path in self.paths(cluster, node):
            with self.subTest(path=path, node=node):
                before = wait_until(lambda: self.runs(cluster, node), 60, "the whole tree")

                def back():
                    after = self.runs(cluster, node)
                    return after and after[path]["restarts"] > before[path]["restarts"] and after
                wait_until(lambda: time.monotonic() >= next_kill, 60, "the time of the next kill")
                next_kill = time.monotonic() + KILL_INTERVAL
                # Whoever is asked may be what is killed: then there is no answer, and its restart is seen.
                cluster.run("chaos", "kill", path, *(["--node", node] if node else []), check=False)
                after = wait_until(back, 60, f"{path} back")
                self.assertTrue(after[path]["lastExit"].startswith("failed"), after[path])
                self.assertEqual(after.keys(), before.keys())
                load.goes_on()
                killed.append(path)
        return killed

    def nothing_is_lost(self, cluster, load):
        load.stop()
        self.assertEqual(load.wrong, [])
        for work, count in load.done.items():
            self.assertGreater(count, 20, work)

        def logged():
            """All events, once those that were accepted are in the log."""
            events = list(cluster.logged())
            return load.accepted.keys() <= {event["id"] for _, event in events} and events
        events = wait_until(logged, 60, "everything accepted in the log")
        names = [event["id"] for _, event in events if event["topic"] == "in/x"]
        self.assertEqual(len(names), len(set(names)), "an event is in the log twice")
        offsets = {event["id"]: offset for offset, event in events if event["topic"] == "in/x"}
        told = {name: offset for name, offset in load.accepted.items() if offset is not None}
        self.assertEqual({name: offsets[name] for name in told}, told)
        # What nobody has settled by then is in the answer as such.
        paths = (f"/v1/events/{offsets[name]}?wait=30s" for name in load.accepted)
        for name, status in zip(load.accepted, cluster.get_all(paths)):
            states = [each["state"] for each in status["deliveries"]]
            # A node that did not hear of the control plane may have handled what came to it.
            self.assertIn(states, [["succeeded"]] if name in told else [["succeeded"], []], (name, status))
            self.assertTrue(status["settled"], (name, status))
        # What came of each is in the log, too.
        results = {event["data"]["text"] for _, event in cluster.logged() if event["topic"] == "out/echo"}
        self.assertEqual(load.accepted.keys() - results, set())

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
        fleet, load = self.secure_fleet()
        killed = self.kill_all(fleet, load)
        self.assertGreater(len(killed), 18)
        self.assertLessEqual({"main/access", "main/agents/listener", "main/api/listener"}, set(killed))
        # The agents went on, and so did what they hold.
        self.assertTrue(all(agent.poll() is None for agent in fleet.agents.values()))
        self.nothing_is_lost(fleet, load)

    def test_every_part_of_an_agent_can_be_killed_under_load(self):
        fleet, load = self.secure_fleet(["--certificate-life", f"{CERTIFICATE_LIFE}s"])
        for node in "ab":
            killed = self.kill_all(fleet, load, node)
            self.assertLessEqual(
                {"main/api/listener", "main/identity/renewal", "main/node/agent", "main/node/engine",
                 "main/outbox/forwarder", "main/tools/listener"}, set(killed))
            fleet.wait_for("a", "b")
        # The certificates of before are replaced by what renews them now.
        before = {node: set(wait_until(lambda: fleet.certificates(node), 30, "a certificate")) for node in "ab"}
        for node in "ab":
            def renewed():
                serials = fleet.certificates(node)
                return serials and before[node].isdisjoint(serials)
            wait_until(renewed, 2 * CERTIFICATE_LIFE, f"another certificate of {node}, at its entrance and for tools")
        load.goes_on()
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
        load = self.load(cluster)
        self.assertGreater(len(self.kill_all(cluster, load)), 18)
        self.nothing_is_lost(cluster, load)


if __name__ == "__main__":
    unittest.main()
