"""Whoever follows the life of the cluster hears of the parts of agents, too, and of what is served again."""
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


class AgentLifeTests(unittest.TestCase):
    def followed(self, *names):
        """A fleet, and what is told of its life: topic, subject and data of each event."""
        fleet = Fleet().start()
        self.addCleanup(fleet.__exit__, None, None, None)
        fleet.join(*names)
        tail = subprocess.Popen(
            [PROGRAM, "events", "tail", "$wasmatrix/lifecycle/+", "--json"],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            env=dict(os.environ, WASMATRIX_SERVER=f"http://127.0.0.1:{fleet.port}"))
        told = []

        def read():
            for line in tail.stdout:
                event = json.loads(line)["event"]
                topic = event["topic"].removeprefix("$wasmatrix/lifecycle/")
                told.append((topic, event["subject"], json.loads(event["data"]["text"])))

        reader = threading.Thread(target=read)
        reader.start()
        self.addCleanup(tail.stdout.close)
        self.addCleanup(reader.join)
        self.addCleanup(tail.wait)
        self.addCleanup(tail.kill)
        # The tail is there once that is told.
        while not any(subject == "service/main/outbox/forwarder" for _, subject, _ in told):
            self.kill(fleet, "main/outbox/forwarder", names[0])
            reader.join(2)
            self.assertTrue(reader.is_alive())
        return fleet, told

    def kill(self, fleet, part, node):
        # The answer may go through what is killed, and be lost with it.
        fleet.run("chaos", "kill", part, "--node", node, check=False)

    def wait_for(self, told, topic, subject):
        return wait_until(
            lambda: next((data for named, about, data in told if (named, about) == (topic, subject)), None), 30,
            f"{topic} of {subject}")

    def test_a_part_of_an_agent_that_is_started_again_is_told_of_with_its_node(self):
        fleet, told = self.followed("a")
        restart = "supervision_restart"
        self.assertEqual(self.wait_for(told, restart, "service/main/outbox/forwarder")["node"], "a")
        # It takes the way to the control plane with it, and is told of over the next one.
        self.kill(fleet, "main/node/agent", "a")
        self.assertEqual(self.wait_for(told, restart, "service/main/node/agent")["node"], "a")

    def test_what_a_lost_node_served_is_told_of_when_it_is_served_again(self):
        fleet, told = self.followed("a", "b")
        fleet.deploy(ECHO, ("echo",))
        victim = fleet.wait_for_placement("echo", fallback=1)["active"].pop()
        fleet.signal_agent(victim, signal.SIGKILL)
        failover = self.wait_for(told, "node_failover", f"node/{victim}")
        self.assertEqual(failover["placements"], 1)
        self.assertGreater(failover["microseconds"], 0)


if __name__ == "__main__":
    unittest.main()
