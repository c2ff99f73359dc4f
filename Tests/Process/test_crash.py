"""What a crash of the program itself writes, and how little it holds up."""
import os
import pathlib
import signal
import unittest

from cluster import Cluster, PROGRAM, wait_until


class CrashTests(unittest.TestCase):
    def started(self, **environment):
        cluster = Cluster()
        self.addCleanup(cluster.__exit__, None, None, None)
        cluster.environment = environment
        cluster.start()
        return cluster

    @staticmethod
    def environment(cluster):
        entries = pathlib.Path(f"/proc/{cluster.pid()}/environ").read_bytes().split(b"\0")
        return dict(entry.split(b"=", 1) for entry in entries if entry)

    def test_a_crash_writes_addresses_of_the_thread_that_crashed(self):
        cluster = self.started()
        # It executed itself: the process is the one that was started, under its name.
        self.assertEqual(pathlib.Path(f"/proc/{cluster.process.pid}/comm").read_text().strip(), pathlib.Path(PROGRAM).name)
        os.kill(cluster.process.pid, signal.SIGABRT)
        wait_until(lambda: "Backtrace took" in cluster.log_text(), 60, "the report")
        report = cluster.log_text()
        self.assertIn("crashed:", report)
        self.assertIn("libc.so.6", report)
        self.assertNotIn(".swift:", report)
        cluster.process.wait(timeout=60)
        self.assertEqual(cluster.process.returncode, -signal.SIGABRT)
        cluster.process.stdout.close()
        cluster.log.close()

    def test_the_environment_decides_what_a_crash_writes(self):
        cluster = self.started(SWIFT_BACKTRACE="enable=no")
        self.assertEqual(self.environment(cluster)[b"SWIFT_BACKTRACE"], b"enable=no")
        os.kill(cluster.process.pid, signal.SIGABRT)
        cluster.process.wait(timeout=60)
        self.assertEqual(cluster.process.returncode, -signal.SIGABRT)
        self.assertNotIn("Backtrace", cluster.log_text())
        cluster.process.stdout.close()
        cluster.log.close()


if __name__ == "__main__":
    unittest.main()
