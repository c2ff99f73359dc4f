"""Draining a node: it is waited for until nothing is left, what cannot leave is named, and the drain outlives whoever
waits for it."""
import json
import os
import signal
import subprocess
import threading
import unittest

from cluster import PROGRAM, wait_until
from fleet import Fleet

ECHO = """
apiVersion: wasmatrix/v1
name: plant
modules:
  echo: { source: echo.wasm, placement: { replicas: 1, fallbacks: 1 } }
"""
BOUND = ECHO.replace("fallbacks: 1", "fallbacks: 0, hardware: [can-bus]")
SLEEP = """
apiVersion: wasmatrix/v1
name: plant
modules:
  sleep: { source: sleep.wasm, limits: { wall: 60s }, placement: { replicas: 1, fallbacks: 1 } }
"""


class DrainTests(unittest.TestCase):
    def fleet(self, *names):
        fleet = Fleet().start()
        self.addCleanup(fleet.__exit__, None, None, None)
        fleet.join(*names)
        return fleet

    def bound(self):
        """A fleet in which only `a` can run the module."""
        fleet = self.fleet()
        fleet.join("a", options=["--hardware", "can-bus"])
        fleet.join("b")
        fleet.deploy(BOUND, ("echo",))
        fleet.wait_for_placement("echo")
        return fleet

    def node(self, fleet, name):
        return next(node for node in json.loads(fleet.run("nodes", "--json").stdout) if node["id"] == name)

    def held(self, fleet, name):
        return [item["module"] for item in fleet.get("/v1/placements")["items"] if item["node"] == name]

    def test_it_ends_when_nothing_is_left_and_nodes_show_that(self):
        fleet = self.fleet("a", "b", "c")
        fleet.deploy(ECHO, ("echo",))
        victim = fleet.wait_for_placement("echo", fallback=1)["active"].pop()
        self.assertFalse(self.node(fleet, victim)["drained"])
        ended = fleet.run("drain", victim)
        # There is nothing to wait for any more.
        self.assertEqual(self.held(fleet, victim), [])
        self.assertEqual(fleet.invoke("echo", b"x")[2], b"x")
        self.assertEqual(ended.stdout.decode(), f"{victim} is drained: nothing is left on it\n")
        self.assertIn(b"has left", ended.stderr)
        node = self.node(fleet, victim)
        self.assertEqual((node["scheduling"], node["drained"]), ("draining", True))
        row = next(row for row in fleet.run("nodes").stdout.decode().splitlines() if row.startswith(victim))
        self.assertEqual(row.split()[2], "drained")
        # Once more there is nothing to do.
        again = json.loads(fleet.run("drain", victim, "--json").stdout)
        self.assertEqual(again, {"node": victim, "scheduling": "draining", "outcome": "drained", "left": []})
        fleet.run("uncordon", victim)
        node = self.node(fleet, victim)
        self.assertEqual((node["scheduling"], node["drained"]), ("open", False))

    def test_what_runs_is_waited_for(self):
        fleet = self.fleet("a", "b")
        fleet.deploy(SLEEP, ("sleep",))
        victim = fleet.wait_for_placement("sleep", fallback=1)["active"].pop()
        answers = []

        def call():
            answers.append(fleet.invoke("sleep", b"4000")[2])
        caller = threading.Thread(target=call)
        caller.start()
        self.addCleanup(caller.join)
        wait_until(lambda: self.node(fleet, victim)["engine"]["liveInstances"] == 1, 30, "a run")
        ended = fleet.run("drain", victim)
        # It had come to its end by then; its answer is on its way.
        self.assertEqual(self.node(fleet, victim)["engine"]["liveInstances"], 0)
        self.assertIn(b"comes to its end", ended.stderr)
        caller.join()
        self.assertEqual(answers, [b"slept\n"])

    def test_what_cannot_leave_is_named_with_the_reason_until_another_node_can_run_it(self):
        fleet = self.bound()
        ended = fleet.run("drain", "a", "--timeout", "4s", check=False)
        self.assertEqual(ended.returncode, 1, ended.stderr)
        text = ended.stderr.decode()
        self.assertRegex(text, r"echo@\S+ cannot leave a: b: it has no hardware can-bus")
        self.assertIn("a is not drained yet", text)
        self.assertIn("wasmatrix uncordon a", text)
        ended = fleet.run("drain", "a", "--timeout", "0s", "--json", check=False)
        self.assertEqual(ended.returncode, 1, ended.stderr)
        report = json.loads(ended.stdout)
        self.assertEqual(report["outcome"], "timed_out")
        self.assertEqual([(item["module"], item["role"]) for item in report["left"]], [("echo", "active")])
        # It serves, and the drain goes on.
        self.assertEqual(fleet.invoke("echo", b"x")[2], b"x")
        fleet.join("c", options=["--hardware", "can-bus"])
        self.assertIn(b"a is drained", fleet.run("drain", "a").stdout)
        self.assertEqual(fleet.placements("echo"), {"active": {"c"}})

    def test_it_need_not_be_waited_for(self):
        fleet = self.bound()
        self.assertEqual(fleet.run("drain", "a", "--no-wait").stdout, b"a is being drained\n")
        node = self.node(fleet, "a")
        self.assertEqual((node["scheduling"], node["drained"]), ("draining", False))
        self.assertEqual(fleet.run("drain", "nobody", check=False).returncode, 3)

    def wait_in_background(self, fleet, node):
        """A drain that is waited for by another process, once it has said something."""
        log = fleet.folder / "drain.log"
        with open(log, "wb") as file:
            drain = subprocess.Popen(
                [PROGRAM, "drain", node], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=file,
                env=dict(os.environ, WASMATRIX_SERVER=f"http://127.0.0.1:{fleet.port}"))
        self.addCleanup(drain.wait)
        self.addCleanup(drain.kill)
        wait_until(lambda: b"gets nothing new" in log.read_bytes(), 30, "the beginning of the drain")
        return drain, log

    def test_an_interrupt_leaves_the_drain_going(self):
        fleet = self.bound()
        drain, log = self.wait_in_background(fleet, "a")
        drain.send_signal(signal.SIGINT)
        self.assertEqual(drain.wait(30), 130)
        self.assertIn(b"goes on", log.read_bytes())
        self.assertEqual(self.node(fleet, "a")["scheduling"], "draining")

    def test_a_drain_that_is_called_off_ends_the_wait(self):
        fleet = self.bound()
        drain, log = self.wait_in_background(fleet, "a")
        fleet.run("uncordon", "a")
        self.assertEqual(drain.wait(30), 5)
        self.assertIn(b"not being drained any more", log.read_bytes())

    def test_the_wait_outlives_the_control_plane(self):
        fleet = self.bound()
        drain, log = self.wait_in_background(fleet, "a")
        fleet.kill()
        wait_until(lambda: b"asked again" in log.read_bytes(), 30, "the notice that nobody answers")
        fleet.start()
        fleet.wait_for("a", "b")
        fleet.join("c", options=["--hardware", "can-bus"])
        self.assertEqual(drain.wait(60), 0)
        self.assertEqual(self.held(fleet, "a"), [])

    def test_a_node_that_was_lost_has_nothing_left(self):
        fleet = self.fleet("a", "b")
        fleet.kill_agent("a")
        fleet.wait_for("a", state="unavailable")
        ended = fleet.run("drain", "a")
        self.assertIn(b"a is unavailable", ended.stdout)


if __name__ == "__main__":
    unittest.main()
