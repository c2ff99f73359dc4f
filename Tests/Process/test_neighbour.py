"""Control plane and agents of two builds of the program: neighbours that are a release apart, and a fleet that is
upgraded while it works. Skipped unless WASMATRIX_OLDER names the other program; `scripts/test-neighbour` builds it."""
import os
import signal
import threading
import unittest
from unittest import mock

import test_fleet
from cluster import LOST, wait_until
from fleet import Fleet

OLDER = os.environ.get("WASMATRIX_OLDER")
PLANT = test_fleet.ECHO + """
  ticker:
    source: service.wasm
    kind: service
    env: { MODE: "wait" }
"""


class Publisher:
    """Publishes until it is stopped, and keeps what was accepted. A control plane that is away is asked again."""

    def __init__(self, fleet):
        self.fleet = fleet
        self.accepted = set()
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self._publish)
        self.thread.start()

    def _publish(self):
        number = 0
        while not self.stopped.is_set():
            number += 1
            data = f"event-{number}".encode()
            try:
                if self.fleet.publish("in/x", data)[0] == 202:
                    self.accepted.add(data.decode())
            except LOST:
                self.stopped.wait(0.05)

    def wait_for_more(self, count=20):
        before = len(self.accepted)
        wait_until(lambda: len(self.accepted) >= before + count, 60, f"{count} more accepted events")

    def stop(self):
        self.stopped.set()
        self.thread.join()


class Mixed:
    """The tests of a fleet whose control plane and agents are of two builds."""

    # Attributes of `Fleet` that name the other build.
    mixed = ()
    # They are of one process, or start programs of their own.
    test_dev_runs_nodes_as_processes_that_end_with_it = None
    test_dev_itself_sees_the_death_of_its_nodes = None
    test_a_second_agent_with_the_same_identity_does_not_take_turns_with_the_first = None

    def setUp(self):
        super().setUp()
        for name in self.mixed:
            patch = mock.patch.object(Fleet, name, OLDER)
            patch.start()
            self.addCleanup(patch.stop)


@unittest.skipUnless(OLDER, "there is no other build")
class OlderAgents(Mixed, test_fleet.FleetTests):
    mixed = ("agent_program",)


@unittest.skipUnless(OLDER, "there is no other build")
class OlderControlPlane(Mixed, test_fleet.FleetTests):
    mixed = ("control_program",)


@unittest.skipUnless(OLDER, "there is no other build")
class Upgrade(unittest.TestCase):
    def held(self, fleet):
        """Since when each node has been ready for each module."""
        return {(item["node"], item["module"]): item["readySince"] for item in fleet.get("/v1/placements")["items"]}

    def upgraded_control_plane(self, fleet, end):
        """Ends it, starts the other one with its data, and sees that nothing is made ready again."""
        before = self.held(fleet)
        end()
        fleet.start()
        fleet.wait_for("a", "b", "c")
        wait_until(lambda: self.held(fleet).keys() >= before.keys(), 30, "what the nodes held")
        self.assertEqual({place: since for place, since in self.held(fleet).items() if place in before}, before)

    def test_a_fleet_is_upgraded_while_it_works_and_loses_nothing(self):
        fleet = Fleet()
        fleet.control_program = fleet.agent_program = OLDER
        fleet.start()
        self.addCleanup(fleet.__exit__, None, None, None)
        fleet.join("a", "b", "c")
        fleet.deploy(PLANT, ["echo", "service"])
        fleet.wait_for_placement("echo", fallback=1)
        fleet.wait_for_placement("ticker")
        publisher = Publisher(fleet)
        self.addCleanup(publisher.stop)
        publisher.wait_for_more()
        # The control plane first: its agents go on, and are adopted.
        fleet.control_program = Fleet.control_program
        self.upgraded_control_plane(fleet, fleet.stop)
        publisher.wait_for_more()
        # Its predecessor's agents serve under it, also when it is killed.
        self.upgraded_control_plane(fleet, fleet.kill)
        # Then the agents, one after the other.
        fleet.agent_program = Fleet.agent_program
        for name in "abc":
            fleet.signal_agent(name, signal.SIGTERM)
            self.assertEqual(fleet.agents[name].wait(60), 0, fleet.agent_log(name))
            fleet.start_agent(name)
            fleet.wait_for(name)
            fleet.wait_for_placement("echo", fallback=1)
            publisher.wait_for_more()
        fleet.wait_for_placement("ticker")
        publisher.stop()

        def answered():
            return {event["data"]["text"] for _, event in fleet.logged() if event["topic"] == "out/echo"}
        wait_until(lambda: answered() >= publisher.accepted, 60, "an answer to everything that was accepted")


if __name__ == "__main__":
    unittest.main()
