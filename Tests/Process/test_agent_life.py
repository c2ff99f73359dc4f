"""Whoever follows the life of the cluster hears of the parts of agents, too."""
import json
import os
import subprocess
import threading
import unittest

from cluster import PROGRAM
from fleet import Fleet


class AgentLifeTests(unittest.TestCase):
    def test_a_part_of_an_agent_that_is_started_again_is_told_of_with_its_node(self):
        fleet = Fleet().start()
        self.addCleanup(fleet.__exit__, None, None, None)
        fleet.join("a")
        tail = subprocess.Popen(
            [PROGRAM, "events", "tail", "$wasmatrix/lifecycle/supervision_restart", "--json"],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            env=dict(os.environ, WASMATRIX_SERVER=f"http://127.0.0.1:{fleet.port}"))
        self.addCleanup(tail.wait)
        self.addCleanup(tail.kill)
        self.addCleanup(tail.stdout.close)
        told = {}

        def read_until(part):
            while part not in told:
                event = json.loads(tail.stdout.readline())["event"]
                told[event["subject"].removeprefix("service/")] = json.loads(event["data"]["text"])

        # The tail is there once something is told.
        first = threading.Thread(target=read_until, args=("main/outbox/forwarder",), daemon=True)
        first.start()
        while first.is_alive():
            fleet.run("chaos", "kill", "main/outbox/forwarder", "--node", "a")
            first.join(2)
        self.assertEqual(told["main/outbox/forwarder"]["node"], "a")
        # It takes the way to the control plane with it, and is told of over the next one.
        # The answer goes through what is killed, and may be lost with it.
        fleet.run("chaos", "kill", "main/node/agent", "--node", "a", check=False)
        read_until("main/node/agent")
        self.assertEqual(told["main/node/agent"]["node"], "a")


if __name__ == "__main__":
    unittest.main()
