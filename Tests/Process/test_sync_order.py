"""Acknowledged means synced: seen from outside, in the order of the system calls."""
import json
import os
import pathlib
import re
import unittest

from cluster import Cluster, GUESTS, wait_until

CALLS = "fdatasync,fsync,pwrite64,write,writev,sendto,sendmsg,rename,renameat,renameat2"


class Trace:
    """System calls in the order in which they began and ended."""

    def __init__(self, path):
        self.lines = pathlib.Path(path).read_text(errors="replace").splitlines()
        self.ends = self._ends()

    def _ends(self):
        """For each line that begins a call: the line where that call has ended."""
        ends, open_calls = {}, {}
        for number, line in enumerate(self.lines):
            thread = line.split(" ", 1)[0]
            if "resumed>" in line:
                if thread in open_calls:
                    ends[open_calls.pop(thread)] = number
            elif line.endswith("<unfinished ...>"):
                open_calls[thread] = number
            else:
                ends[number] = number
        return ends

    def first(self, pattern, start=0):
        expression = re.compile(pattern)
        for number in range(start, len(self.lines)):
            if expression.search(self.lines[number]):
                return number
        raise AssertionError(f"no system call like {pattern} after line {start}")

    def last(self, pattern, before):
        expression = re.compile(pattern)
        for number in range(before - 1, -1, -1):
            if expression.search(self.lines[number]):
                return number
        raise AssertionError(f"no system call like {pattern} before line {before}")


class SyncOrder(unittest.TestCase):
    def trace(self, work):
        """Runs `work(cluster)` under strace and returns the trace."""
        with Cluster() as cluster:
            output = cluster.folder / "trace"
            cluster.wrapper = ["strace", "-f", "-y", "-s", "16384", "-e", f"trace={CALLS}",
                               "-e", "signal=none", "-o", str(output)]
            cluster.start()
            work(cluster)
            cluster.stop()
            return Trace(output)

    def assert_synced_between(self, trace, written, file, acknowledged):
        """The bytes were written, then synced, then acknowledged."""
        sync = trace.first(rf"(fdatasync|fsync)\(\d+<[^>]*{file}>", written)
        self.assertLess(trace.ends[sync], acknowledged,
                        f"the sync of {file} ended after the acknowledgement")

    def test_an_event_is_synced_before_it_is_accepted(self):
        marker = "marker-" + os.urandom(8).hex()

        def work(cluster):
            status, _, body = cluster.publish("nobody/listens", b"data", identifier=marker)
            self.assertEqual(status, 202, body)

        trace = self.trace(work)
        written = trace.first(rf"pwrite64\(\d+<[^>]*events\.journal-0>.*{marker}")
        acknowledged = trace.first(r"(write|writev|sendto|sendmsg)\(.*HTTP/1\.1 202", written)
        self.assert_synced_between(trace, written, r"events\.journal-0", acknowledged)

    def test_an_event_whose_sync_failed_stands_in_nobodys_way(self):
        """It may be on the disk all the same; what was accepted is there beside it."""
        with Cluster() as cluster:
            cluster.wrapper = ["strace", "-f", "-o", "/dev/null", "-P", str(cluster.data / "events.journal-0"),
                               "-e", "trace=fdatasync", "-e", "inject=fdatasync:error=EIO:when=2"]
            cluster.start()
            answers = [cluster.publish("nobody/listens", data, identifier=name)[0]
                       for name, data in (("1", b"a"), ("refused", b"b"), ("long", b"c" * 400_000), ("2", b"d"))]
            self.assertEqual(answers[0], 202)
            self.assertGreaterEqual(answers[1], 500)
            self.assertEqual(answers[2:], [202, 202])
            cluster.kill()
            cluster.wrapper = []
            cluster.start()
            found = [cluster.request("GET", f"/v1/events/{offset}") for offset in range(1, 5)]
            kept = [json.loads(body)["event"]["id"] for status, _, body in found if status == 200]
            self.assertEqual([name for name in kept if name != "refused"], ["1", "long", "2"])

    def test_a_module_and_its_version_are_synced_before_it_is_pushed(self):
        version = "9.9." + str(int.from_bytes(os.urandom(3), "big"))

        def work(cluster):
            module = cluster.folder / "echo.wasm"
            module.write_bytes((GUESTS / "echo.wasm").read_bytes())
            cluster.run("sign", module, "--key", cluster.data / "dev-key")
            cluster.run("push", module, "--name", "echo", "--version", version)

        trace = self.trace(work)
        acknowledged = trace.first(r"(write|writev|sendto|sendmsg)\(.*HTTP/1\.1 201")
        renamed = trace.last(r"rename\w*\(.*blobs/", acknowledged)
        blob = trace.last(r"(fdatasync|fsync)\(\d+<[^>]*blobs/", renamed)
        self.assertLess(trace.ends[blob], renamed, "the blob was renamed before it was synced")
        folder = trace.first(r"fsync\(\d+<[^>]*blobs/", renamed)
        self.assertLess(trace.ends[folder], acknowledged, "the folder was synced too late")
        written = trace.last(rf"pwrite64\(\d+<[^>]*catalog\.sqlite-wal>.*{re.escape(version)}",
                             acknowledged)
        self.assert_synced_between(trace, written, r"catalog\.sqlite-wal", acknowledged)

    def test_a_deployment_is_synced_before_it_is_done(self):
        def work(cluster):
            cluster.write_manifest(
                "apiVersion: wasmatrix/v1\nname: traced-application\nmodules:\n"
                "  echo:\n    source: echo.wasm\n", guests=["echo"])
            cluster.run("deploy", cluster.manifest, "--key", cluster.data / "dev-key")

        trace = self.trace(work)
        acknowledged = trace.first(r'(write|writev|sendto|sendmsg)\(.*\\"done\\":\s*true')
        written = trace.last(r"pwrite64\(\d+<[^>]*catalog\.sqlite-wal>.*traced-application",
                             acknowledged)
        self.assert_synced_between(trace, written, r"catalog\.sqlite-wal", acknowledged)


if __name__ == "__main__":
    unittest.main()
