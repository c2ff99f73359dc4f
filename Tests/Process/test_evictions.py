"""Nodes that are let in no more while they are attached: evicted while they serve, forgotten while they are frozen, or
with a token that is revoked. Whoever was let in once must not stay for that."""
import json
import signal
import unittest

from cluster import wait_until
from fleet import Fleet
from test_fleet import ECHO

REFUSED = "does not let this node in"


class EvictionTests(unittest.TestCase):
    def deployed(self):
        """A fleet, and the node that serves."""
        fleet = Fleet().start()
        self.addCleanup(fleet.__exit__, None, None, None)
        fleet.join("a", "b", "c")
        fleet.deploy(ECHO, ("echo",))
        return fleet, fleet.wait_for_placement("echo", fallback=1)["active"].pop()

    def is_refused(self, fleet, name):
        wait_until(lambda: REFUSED in fleet.agent_log(name), 60, f"the refusal of {name}")
        self.assertIsNone(fleet.agents[name].poll(), "it goes on asking")

    def is_served(self, fleet, but):
        wait_until(lambda: fleet.invoke("echo", b"x")[::2] == (200, b"x"), 30, f"an answer without {but}")
        self.assertNotIn(but, fleet.wait_for_placement("echo")["active"])

    def test_a_live_node_is_evicted_and_its_work_goes_to_others(self):
        fleet, victim = self.deployed()
        refusal = fleet.run("forget", victim, check=False)
        self.assertEqual(refusal.returncode, 5)
        self.assertIn(f"wasmatrix forget {victim} --force", refusal.stderr.decode())
        self.assertNotIn(REFUSED, fleet.agent_log(victim))
        fleet.run("forget", victim, "--force")
        self.is_served(fleet, but=victim)
        self.is_refused(fleet, victim)
        self.assertNotIn(victim, fleet.states())
        events = json.loads(fleet.run("audit", "list", "--limit", 1000, "--json").stdout)
        self.assertEqual([event["detail"] for event in events if event["kind"] == "nodeChanged"], ["evict"])
        # It comes back as any that was forgotten does.
        fleet.kill_agent(victim)
        token = json.loads(
            fleet.run("token", "create", "--join", "--node", victim, "--json").stdout)["token"]
        fleet.start_agent(victim, token=token)
        fleet.wait_for(victim)

    def test_a_node_that_was_forgotten_while_it_was_frozen_is_refused_when_it_thaws(self):
        fleet, victim = self.deployed()
        fleet.signal_agent(victim, signal.SIGSTOP)
        fleet.wait_for(victim, state="unavailable")
        fleet.run("forget", victim)
        self.assertNotIn(victim, fleet.states())
        fleet.signal_agent(victim, signal.SIGCONT)
        self.is_refused(fleet, victim)
        self.assertNotIn(victim, fleet.states())
        self.is_served(fleet, but=victim)

    def test_with_a_token_that_is_revoked_the_node_that_joined_with_it_is_hung_up_on(self):
        fleet, victim = self.deployed()
        tokens = json.loads(fleet.run("token", "list", "--json").stdout)
        used = [token["name"] for token in tokens if token["kind"] == "join" and token.get("node") == victim]
        self.assertEqual(len(used), 1, tokens)
        fleet.run("token", "revoke", used[0])
        self.is_served(fleet, but=victim)
        self.is_refused(fleet, victim)
        fleet.wait_for(victim, state="unavailable")


if __name__ == "__main__":
    unittest.main()
