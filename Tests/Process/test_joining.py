"""How machines become nodes, and nodes again: new tokens where a certificate is renewed no more, and machines that
are there before their control plane."""
import json
import shutil
import signal
import time
import unittest

from alone import ALONE
from cluster import wait_until
from fleet import Fleet

# Seconds of a certificate's life, and of the grace after it.
LIFE = GRACE = 4


class JoiningCase(unittest.TestCase):
    def fleet(self, options=()):
        fleet = Fleet().start(options=options)
        self.addCleanup(fleet.__exit__, None, None, None)
        return fleet

    def token(self, fleet, *options):
        return json.loads(fleet.run("token", "create", "--join", *options, "--json").stdout)["token"]

    def restart(self, fleet, name, token=""):
        """Starts the agent again, and returns what tells whether it has said something since."""
        if name in fleet.agents and fleet.agents[name].poll() is None:
            fleet.kill_agent(name)
        log = fleet.folder / f"{name}.log"
        mark = log.stat().st_size if log.exists() else 0
        fleet.start_agent(name, token=token)

        def says(text):
            with open(log, "rb") as file:
                file.seek(mark)
                return text.encode() in file.read()
        return says

    def wait_for(self, says, text):
        wait_until(lambda: says(text), 60, f"{text!r} in the log")

    def count(self, fleet, kind):
        events = json.loads(fleet.run("audit", "list", "--limit", 1000, "--json").stdout)
        return sum(event["kind"] == kind for event in events)


class JoiningAnewTests(JoiningCase):
    def test_a_node_that_was_away_beyond_the_grace_joins_anew_with_a_new_token_and_no_other(self):
        fleet = self.fleet(
            ["--certificate-life", f"{LIFE}s", "--certificate-grace", f"{GRACE}s"])
        old = self.token(fleet)
        fleet.start_agent("a", token=old)
        fleet.wait_for("a")
        fleet.deploy(ALONE, ("echo",))
        fleet.wait_for_placement("echo")
        fleet.kill_agent("a")
        # The certificate in it was issued just before.
        end = (fleet.folder / "a/identity/identity.json").stat().st_mtime + LIFE + GRACE + 1
        wait_until(lambda: time.time() > end, what="the end of the grace")
        says = self.restart(fleet, "a")
        self.wait_for(says, "too long ago to be renewed")
        self.assertTrue(says("needs a new token"))
        self.assertTrue(says("wasmatrix token create --join --node a"))
        says = self.restart(fleet, "a", old)
        self.wait_for(says, "the one it joined with")
        self.assertIsNone(fleet.agents["a"].poll())
        new = self.token(fleet, "--node", "a")
        says = self.restart(fleet, "a", new)
        self.wait_for(says, "has joined anew")
        fleet.wait_for("a")
        wait_until(lambda: fleet.invoke("echo", b"back")[::2] == (200, b"back"), 30, "an answer")
        # The token stays where it is, and is not tried again.
        refusals = self.count(fleet, "accessRefused")
        fleet.kill_agent("a")
        fleet.wait_for("a", state="unavailable")
        says = self.restart(fleet, "a", new)
        fleet.wait_for("a")
        self.assertFalse(says("gets no new certificate"))
        self.assertEqual(self.count(fleet, "accessRefused"), refusals)
        self.assertEqual(self.count(fleet, "nodeJoined"), 2)

    def test_a_node_that_was_forgotten_joins_anew_with_a_new_token_and_no_other(self):
        fleet = self.fleet()
        fleet.join("a")
        taken = self.token(fleet)
        fleet.start_agent("b", token=taken)
        fleet.wait_for("b")
        fleet.kill_agent("a")
        fleet.wait_for("a", state="unavailable")
        wait_until(lambda: fleet.request("DELETE", "/v1/nodes/a")[0] == 200, 30, "the end of node a")
        says = self.restart(fleet, "a")
        self.wait_for(says, "does not let this node in")
        self.assertNotIn("a", fleet.states())
        says = self.restart(fleet, "a", taken)
        self.wait_for(says, "was used at")
        self.assertNotIn("a", fleet.states())
        says = self.restart(fleet, "a", self.token(fleet, "--node", "a"))
        self.wait_for(says, "has joined anew")
        fleet.wait_for("a", "b")

    def test_a_new_token_that_is_not_needed_is_not_used(self):
        fleet = self.fleet()
        fleet.join("a")
        spare = self.token(fleet, "--node", "a")
        self.restart(fleet, "a", spare)
        wait_until(lambda: self.count(fleet, "certificateRenewed") == 1, 30, "a renewal")
        fleet.wait_for("a")
        # What is no token does not keep a node from coming back.
        says = self.restart(fleet, "a", "rubbish")
        self.wait_for(says, "is not looked at")
        fleet.wait_for("a")
        self.assertEqual(self.count(fleet, "nodeJoined"), 1)
        self.assertEqual(self.count(fleet, "accessRefused"), 0)

    def test_a_node_follows_its_cluster_to_a_new_authority_with_a_new_token(self):
        fleet = self.fleet()
        fleet.join("a")
        fleet.kill()
        fleet.kill_agent("a")
        shutil.rmtree(fleet.data / "authority")
        fleet.start()
        # Without one it is not let in, and stays up.
        self.wait_for(self.restart(fleet, "a"), "the control plane is not there")
        self.assertIsNone(fleet.agents["a"].poll())
        says = self.restart(fleet, "a", self.token(fleet, "--node", "a"))
        self.wait_for(says, "has joined anew")
        # The way that it began to open with what it had is given up first.
        fleet.wait_for("a", seconds=60)


class FirstJoinTests(JoiningCase):
    def test_a_machine_that_is_there_first_waits_for_its_control_plane(self):
        fleet = self.fleet()
        token = self.token(fleet)
        fleet.stop()
        self.wait_for(self.restart(fleet, "a", token), "is not there yet")
        self.assertIsNone(fleet.agents["a"].poll())
        fleet.start()
        fleet.wait_for("a", seconds=60)
        # It has not used up the signal that it waited for meanwhile.
        self.assertIsNone(fleet.agents["a"].poll())
        fleet.signal_agent("a", signal.SIGTERM)
        self.assertEqual(fleet.agents["a"].wait(30), 0)

    def test_an_agent_that_waits_for_its_control_plane_ends_when_it_is_told_to(self):
        fleet = self.fleet()
        token = self.token(fleet)
        fleet.stop()
        for number in (signal.SIGTERM, signal.SIGINT):
            self.wait_for(self.restart(fleet, "a", token), "is not there yet")
            fleet.signal_agent("a", number)
            self.assertEqual(fleet.agents["a"].wait(10), 0, number)

    def test_a_refusal_ends_it_at_once(self):
        fleet = self.fleet()
        token = self.token(fleet)
        kind, fingerprint, secret = token.split(".")
        end = "AAAA" if not secret.endswith("AAAA") else "BBBA"
        unknown = ".".join((kind, fingerprint, secret[:-4] + end))
        foreign = ".".join((kind, "A" * len(fingerprint), secret))
        for wrong, said in [("rubbish", "is none"), (unknown, "not known here"), (foreign, "another cluster")]:
            says = self.restart(fleet, "b", wrong)
            self.assertEqual(fleet.agents["b"].wait(30), 4, said)
            self.assertTrue(says(said), said)
        self.restart(fleet, "a", token)
        fleet.wait_for("a")
        says = self.restart(fleet, "b", token)
        self.assertEqual(fleet.agents["b"].wait(30), 4)
        self.assertTrue(says("was used at"))


if __name__ == "__main__":
    unittest.main()
