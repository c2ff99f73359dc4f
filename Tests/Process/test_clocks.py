"""Machines whose clocks are not right: agents whose last start is in the future, as a clock that was set back, or is
not set yet, makes it."""
import os
import pathlib
import shutil
import subprocess
import time
import unittest

from cluster import PROGRAM, Cluster, wait_until
from fleet import Fleet

# Of a node, or of this one: it depends on who says so first.
REFUSED = "a newer agent of "


def now():
    """As an agent's clock says it, in microseconds."""
    return time.time_ns() // 1000


def in_ten_years():
    return now() + 10 * 365 * 86_400 * 1_000_000


class ClockTests(unittest.TestCase):
    def fleet(self, *names):
        fleet = Fleet().start()
        self.addCleanup(fleet.__exit__, None, None, None)
        fleet.join(*names)
        return fleet

    def file(self, fleet, name="a"):
        return pathlib.Path(fleet.folder / name / "incarnation")

    def kept(self, fleet, name="a"):
        return int(self.file(fleet, name).read_text())

    def stop(self, fleet, name="a"):
        fleet.kill_agent(name)
        fleet.wait_for(name, state="unavailable")

    def restart(self, fleet, name="a"):
        fleet.start_agent(name)
        fleet.wait_for(name)

    def test_a_node_whose_clock_is_behind_its_last_start_attaches_again_and_again(self):
        fleet = self.fleet("a")
        self.assertLessEqual(abs(self.kept(fleet) - now()), 60_000_000)
        self.stop(fleet)
        last = in_ten_years()
        self.file(fleet).write_text(f"{last}\n")
        for _ in range(2):
            self.restart(fleet)
            self.assertGreater(self.kept(fleet), last)
            last = self.kept(fleet)
            self.stop(fleet)
        # Whom a control plane that was away as well expects is let in by it.
        fleet.kill()
        fleet.start()
        self.restart(fleet)
        self.assertGreater(self.kept(fleet), last)
        self.assertNotIn(REFUSED, fleet.agent_log("a"))

    def test_a_part_of_the_agent_that_is_started_again_attaches_too(self):
        fleet = self.fleet("a")
        self.stop(fleet)
        self.file(fleet).write_text(f"{in_ten_years()}\n")
        self.restart(fleet)
        last = self.kept(fleet)
        # The answer goes through what is killed, and may be lost with it.
        fleet.run("chaos", "kill", "main/node/agent", "--node", "a", check=False)
        wait_until(lambda: self.kept(fleet) > last, 30, "another start of the agent")
        fleet.wait_for("a")
        self.assertNotIn(REFUSED, fleet.agent_log("a"))

    def test_a_last_start_that_cannot_be_read_or_kept_is_done_without(self):
        fleet = self.fleet("a")
        for number, damage in enumerate((b"", b"soon\n", os.urandom(200), b"9" * 5000)):
            with self.subTest(number):
                self.stop(fleet)
                (fleet.folder / "a.log").write_text("")
                self.file(fleet).write_bytes(damage)
                before = now()
                self.restart(fleet)
                self.assertIn("the last start of this agent is not known", fleet.agent_log("a"))
                self.assertGreaterEqual(self.kept(fleet), before)
        self.stop(fleet)
        self.file(fleet).unlink()
        # No file can take the place of a folder that holds something.
        (self.file(fleet) / "something").mkdir(parents=True)
        self.restart(fleet)
        self.assertIn("this start of the agent cannot be kept", fleet.agent_log("a"))

    def test_where_the_last_start_is_lost_as_well_the_operator_hears_the_way_out(self):
        fleet = self.fleet("a")
        self.stop(fleet)
        self.file(fleet).write_text(f"{in_ten_years()}\n")
        self.restart(fleet)
        self.stop(fleet)
        self.file(fleet).unlink()
        fleet.start_agent("a")
        wait_until(lambda: REFUSED in fleet.agent_log("a"), 30, "its refusal")
        self.assertIn("DELETE /v1/nodes/", fleet.agent_log("a"))
        fleet.kill_agent("a")
        # As it says.
        self.assertEqual(fleet.request("DELETE", "/v1/nodes/a")[0], 200)
        shutil.rmtree(fleet.folder / "a" / "identity")
        fleet.join("a")

    def test_a_machine_and_its_copy_are_told_apart_also_when_their_clocks_are_behind(self):
        fleet = self.fleet("a")
        self.stop(fleet)
        self.file(fleet).write_text(f"{in_ten_years()}\n")
        self.restart(fleet)
        subprocess.run(["cp", "-r", str(fleet.folder / "a"), str(fleet.folder / "copy")], check=True)
        with open(fleet.folder / "copy.log", "ab") as log:
            fleet.agents["copy"] = subprocess.Popen(
                [PROGRAM, "agent", "--join", f"http://127.0.0.1:{fleet.port}", "--name", "a", "--data",
                 str(fleet.folder / "copy")],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=fleet.folder)
        # Started last, it counts.
        wait_until(lambda: REFUSED in fleet.agent_log("a"), 30, "the refusal of the older one")
        # Both have counted on from the same start now, and still one of them alone is let in.
        fleet.kill_agent("a")
        (fleet.folder / "a.log").write_text("")
        fleet.start_agent("a")
        wait_until(
            lambda: (REFUSED in fleet.agent_log("a")) != (REFUSED in fleet.agent_log("copy")), 30,
            "the refusal of one of them")
        self.assertNotEqual(self.kept(fleet), self.kept(fleet, "copy"))
        fleet.wait_for("a")

    def test_dev_starts_again_after_its_clock_was_set_back(self):
        cluster = Cluster()
        self.addCleanup(cluster.__exit__, None, None, None)
        cluster.data.mkdir()
        kept = cluster.data / "incarnation"
        last = in_ten_years()
        kept.write_text(f"{last}\n")
        for _ in range(2):
            cluster.start()
            wait_until(
                lambda: [node["state"] for node in cluster.get("/v1/nodes")["items"]] == ["healthy"], 30,
                "the node of dev")
            self.assertGreater(int(kept.read_text()), last)
            last = int(kept.read_text())
            cluster.kill()


if __name__ == "__main__":
    unittest.main()
