"""More strangers at the port of agents than the control plane may have files: it goes on, and lets nodes in."""
import json
import os
import re
import resource
import unittest

from cluster import wait_until
from fleet import Fleet
from strangers import Crowd
from test_fleet import ECHO, Caller

# Of the control plane. A quarter of them is for connections of agents.
FILES = 1024
STRANGERS = 1500


class FewFiles(Fleet):
    """Its control plane may have only so many files."""

    def __init__(self):
        super().__init__(wrapper=["sh", "-c", f'ulimit -n {FILES} && exec "$@"', "sh"])

    def pid(self):
        """The wrapper has become it."""
        return self.process.pid

    def files(self):
        return len(os.listdir(f"/proc/{self.pid()}/fd"))

    def refused(self):
        text = self.request("GET", "/metrics")[2].decode()
        lines = re.findall(r'^wasmatrix_connections_refused_total{[^}]*"agents"[^}]*} (\d+)', text, re.M)
        return sum(map(int, lines))


class CrowdTests(unittest.TestCase):
    def setUp(self):
        # Each of the strangers is a file of this process, too.
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        needed = 2 * STRANGERS
        if hard != resource.RLIM_INFINITY and hard < needed:
            self.skipTest(f"{hard} files are too few for so many strangers")
        if soft != resource.RLIM_INFINITY and soft < needed:
            resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
            self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))

    def test_strangers_take_neither_the_files_of_the_program_nor_the_places_of_nodes(self):
        fleet = FewFiles().start()
        self.addCleanup(fleet.__exit__, None, None, None)
        fleet.join("a", "b")
        fleet.deploy(ECHO, ("echo",))
        fleet.wait_for_placement("echo", fallback=1)
        self.assertEqual(fleet.refused(), 0)
        caller = Caller(fleet, "echo")
        self.addCleanup(caller.stopped.set)
        crowd = Crowd(fleet.agents_port, STRANGERS)
        self.addCleanup(crowd.close)
        # Those that are attached go on, and so do files.
        caller.wait_for_more(50)
        self.assertLess(fleet.files(), FILES * 3 // 4)
        status, _, body = fleet.publish("in/x", b"1")
        self.assertEqual(status, 202, body)
        offset = json.loads(body)["offset"]
        wait_until(lambda: fleet.get(f"/v1/events/{offset}")["settled"], 60, "the event")
        # A node comes, and another comes again, while strangers do all the time.
        fleet.join("c", wait=False)
        fleet.kill_agent("b")
        fleet.start_agent("b")
        fleet.wait_for("a", "b", "c", seconds=90)
        caller.wait_for_more(50)
        self.assertGreater(fleet.refused(), STRANGERS // 2)
        # None of them stays.
        crowd.stop()
        wait_until(lambda: crowd.open() == 0, 60, "the end of all strangers")
        fleet.wait_for("a", "b", "c")
        bad = caller.stop()
        self.assertLessEqual({code for _, code in bad}, {"outcome_unknown"}, bad)
        self.assertIsNone(fleet.process.poll())
        log = (fleet.folder / "dev.log").read_text(errors="replace")
        self.assertIn("connections are refused", log)
        self.assertNotIn("too many open files", log.lower())


if __name__ == "__main__":
    unittest.main()
