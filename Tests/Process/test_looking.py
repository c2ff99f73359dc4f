"""What verbs and metrics say of a fleet in which not all is well: who does not answer, who was lost, and why."""
import json
import re
import signal
import unittest

from cluster import wait_until
from fleet import Fleet

ECHO = """
apiVersion: wasmatrix/v1
name: plant
modules:
  echo: { source: echo.wasm, placement: { replicas: 1, fallbacks: 1 } }
"""


class LookingTests(unittest.TestCase):
    def fleet(self, *names):
        fleet = Fleet().start()
        self.addCleanup(fleet.__exit__, None, None, None)
        fleet.join(*names)
        return fleet

    def deployed(self, *names):
        fleet = self.fleet(*names)
        fleet.deploy(ECHO, ("echo",))
        return fleet, fleet.wait_for_placement("echo", fallback=1)["active"].pop()

    def shown(self, fleet, *verb):
        return json.loads(fleet.run(*verb, "--json").stdout)

    def wait_for_unanswered(self, fleet, verb, nodes):
        """What a verb shows when it names just these; others may be late for a moment."""
        def named():
            shown = self.shown(fleet, *verb)
            return shown if shown["unanswered"] == nodes else None
        return wait_until(named, 30, f"{verb} that names {nodes}")

    def metric(self, fleet, name):
        """The value of a series, with its labels as they are written."""
        text = fleet.request("GET", "/metrics")[2].decode()
        return int(re.search(rf"^{re.escape(name)} (\d+)$", text, re.M).group(1))

    def test_a_node_that_does_not_say_what_it_holds_is_named(self):
        fleet, victim = self.deployed("a", "b", "c")
        verbs = (["ps"], ["distribution"])
        for verb in verbs:
            self.wait_for_unanswered(fleet, verb, [])
            wait_until(lambda: fleet.run(*verb).stderr == b"", 30, "no warning")
        fleet.signal_agent(victim, signal.SIGSTOP)
        for verb in verbs:
            shown = self.wait_for_unanswered(fleet, verb, [victim])
            # What others say is shown.
            nodes = {item["node"] for item in shown["items"]}
            self.assertTrue(nodes)
            self.assertNotIn(victim, nodes)
            # It worked, as far as it could: the exit status says so.
            warning = f"{victim} does not answer".encode()
            wait_until(lambda: warning in fleet.run(*verb).stderr, 30, "the warning")
            self.assertIn(b"echo", fleet.run(*verb).stdout)
        # Also when it was given up: it may hold it all the same.
        fleet.wait_for(victim, state="unavailable")
        self.wait_for_unanswered(fleet, ["ps"], [victim])
        self.assertIn(victim, fleet.get("/v1/placements")["unanswered"])
        fleet.signal_agent(victim, signal.SIGCONT)
        fleet.wait_for(victim)
        self.wait_for_unanswered(fleet, ["ps"], [])
        # What is known to have ended holds nothing.
        fleet.signal_agent(victim, signal.SIGTERM)
        self.assertEqual(fleet.agents[victim].wait(30), 0)
        fleet.wait_for(victim, state="unavailable")
        self.wait_for_unanswered(fleet, ["ps"], [])

    def test_nodes_and_what_became_of_them_are_counted(self):
        fleet, victim = self.deployed("a", "b", "c")

        def counted(name, least):
            wait_until(lambda: self.metric(fleet, name) >= least, 30, f"{name} of {least}")
        counted('wasmatrix_nodes{state="healthy"}', 3)
        self.assertEqual(self.metric(fleet, "wasmatrix_circuit_breakers_open"), 0)
        self.assertEqual(self.metric(fleet, 'wasmatrix_node_losses_total{reason="leftOrderly"}'), 0)
        moved = self.metric(fleet, "wasmatrix_placements_moved_total")
        fleet.signal_agent(victim, signal.SIGSTOP)
        counted('wasmatrix_nodes{state="unavailable"}', 1)
        counted('wasmatrix_node_losses_total{reason="silent"}', 1)
        counted("wasmatrix_node_suspicions_total", 1)
        counted("wasmatrix_placements_moved_total", moved + 1)
        counted("wasmatrix_failover_seconds_count", 1)
        self.assertEqual(self.metric(fleet, "wasmatrix_placements_missing"), 0)
        fleet.signal_agent(victim, signal.SIGCONT)
        counted('wasmatrix_nodes{state="healthy"}', 3)
        fleet.signal_agent(victim, signal.SIGTERM)
        counted('wasmatrix_node_losses_total{reason="leftOrderly"}', 1)
        # They are there although there is nothing to count.
        for name in ["wasmatrix_node_suspicions_withdrawn_total", 'wasmatrix_node_losses_total{reason="forgotten"}']:
            self.assertGreaterEqual(self.metric(fleet, name), 0)

    def test_nodes_say_what_is_said_of_them_and_why_they_are_as_they_are(self):
        fleet = self.fleet("plain")
        heading = fleet.run("nodes").stdout.splitlines()[0]
        self.assertNotIn(b"FAULT DOMAIN", heading)
        self.assertNotIn(b"LABELS", heading)
        fleet.join("told", options=["--fault-domain", "hall", "--label", "line=3", "--label", "tier=edge"])
        nodes = {node["id"]: node for node in self.shown(fleet, "nodes")}
        self.assertEqual({node["breaker"] for node in nodes.values()}, {"closed"})
        self.assertEqual(nodes["told"]["capabilities"]["faultDomain"], "hall")
        self.assertEqual(nodes["told"]["capabilities"]["labels"],
                         [{"name": "line", "value": "3"}, {"name": "tier", "value": "edge"}])
        fleet.signal_agent("told", signal.SIGTERM)
        fleet.wait_for("told", state="unavailable")
        nodes = {node["id"]: node for node in self.shown(fleet, "nodes")}
        self.assertEqual(nodes["told"]["reason"], "leftOrderly")
        rows = fleet.run("nodes").stdout.decode().splitlines()
        self.assertRegex(rows[0], r"REASON +FAULT DOMAIN +LABELS$")
        self.assertRegex(rows[2], r"^told +unavailable .* leftOrderly +hall +line=3, tier=edge$")


if __name__ == "__main__":
    unittest.main()
