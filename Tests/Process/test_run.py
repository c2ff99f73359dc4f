"""`wasmatrix run`: streams as they come, exit statuses, limits, interruption."""
import json
import os
import pathlib
import pty
import signal
import socket
import subprocess
import tempfile
import threading
import unittest

from cluster import GUESTS, PROGRAM, wait_until


class Run(unittest.TestCase):
    def run_guest(self, guest, *options, **settings):
        return subprocess.run([PROGRAM, "run", str(GUESTS / f"{guest}.wasm"), *options],
                              capture_output=True, timeout=60, **settings)

    def start(self, guest, *options, **settings):
        process = subprocess.Popen([PROGRAM, "run", str(GUESTS / f"{guest}.wasm"), *options], **settings)
        self.addCleanup(lambda: (process.kill(), process.wait()))
        return process

    def test_what_is_written_is_answered_before_the_input_ends(self):
        process = self.start("upper", stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        with process.stdin, process.stdout:
            for word in (b"one", b"two", b"three"):
                process.stdin.write(word)
                process.stdin.flush()
                self.assertEqual(os.read(process.stdout.fileno(), 100), word.upper())
            process.stdin.close()
            self.assertEqual(process.wait(30), 0)

    def test_much_goes_through_at_the_speed_of_its_reader(self):
        data = os.urandom(3 << 20)
        process = self.start("echo", stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        with process.stdin, process.stdout:
            writer = threading.Thread(target=lambda: (process.stdin.write(data), process.stdin.close()))
            writer.start()
            found = b""
            while piece := os.read(process.stdout.fileno(), 777 if len(found) < 100_000 else 1 << 16):
                found += piece
            writer.join()
        self.assertEqual(process.wait(30), 0)
        self.assertEqual(found, data)

    def test_files_sockets_and_terminals_are_streams_too(self):
        with tempfile.TemporaryFile() as source, tempfile.TemporaryFile() as target:
            source.write(b"from a file")
            source.seek(5)
            target.write(b"before ")
            target.flush()
            self.assertEqual(self.start("upper", stdin=source, stdout=target).wait(30), 0)
            target.seek(0)
            self.assertEqual(target.read(), b"before A FILE")
        ours, theirs = socket.socketpair()
        with ours, theirs:
            process = self.start("upper", stdin=theirs, stdout=theirs)
            theirs.close()
            ours.sendall(b"socket")
            self.assertEqual(ours.recv(100), b"SOCKET")
            ours.shutdown(socket.SHUT_WR)
            self.assertEqual(process.wait(30), 0)
        terminal, theirs = pty.openpty()
        process = self.start("upper", stdin=subprocess.DEVNULL, stdout=theirs)
        self.assertEqual(process.wait(30), 0)
        # What we were given still waits as it did: nobody changed it behind the terminal's back.
        self.assertTrue(os.get_blocking(theirs))
        os.close(theirs)
        os.close(terminal)

    def test_arguments_and_environment_are_those_that_were_given(self):
        ended = self.run_guest("calls", "--env", "A=b", "--env", "EMPTY=", "--", "--json", "x",
                               input=b"sched_yield\n")
        self.assertEqual((ended.returncode, ended.stdout), (0, b"0\n"), ended.stderr)
        self.assertEqual(self.run_guest("echo", "--env", "NOVALUE").returncode, 64)
        self.assertEqual(self.run_guest("echo", "--dir", "::x").returncode, 64)
        self.assertEqual(self.run_guest("echo", "--grant", "everything").returncode, 64)

    def test_the_exit_status_is_that_of_the_module(self):
        ended = self.run_guest("exit7")
        self.assertEqual((ended.returncode, ended.stderr), (7, b"no reason, status 7\n"))
        self.assertEqual(self.run_guest("echo", input=b"").returncode, 0)

    def test_a_trap_shows_where(self):
        ended = self.run_guest("trap")
        self.assertEqual(ended.returncode, 134)
        self.assertIn(b"frames, innermost first", ended.stderr)
        report = json.loads(self.run_guest("trap", "--json").stderr.splitlines()[-1])
        self.assertEqual(report["failure"]["trap"], "unreachable")
        self.assertTrue(report["failure"]["frames"])

    def test_limits_end_it(self):
        ended = self.run_guest("spin", "--limit", "cpu=50ms")
        self.assertEqual(ended.returncode, 137)
        self.assertIn(b"--limit cpu", ended.stderr)
        report = json.loads(self.run_guest("hog", "--limit", "memory=16MiB", "--json").stderr)
        self.assertEqual(report["failure"]["code"], "memory_limit")
        # Also while it waits for somebody who writes.
        reading, writing = os.pipe()
        self.assertEqual(self.start("upper", "--limit", "wall=200ms", stdin=reading,
                                    stderr=subprocess.DEVNULL).wait(30), 137)
        os.close(reading)
        os.close(writing)
        for wrong in ("memory", "memory=1", "memory=5GiB", "speed=1", "open-files=-1"):
            ended = self.run_guest("echo", "--limit", wrong)
            self.assertEqual(ended.returncode, 2, wrong)
            self.assertIn(b"allowed:", ended.stderr)

    def test_it_can_be_interrupted_whatever_it_does(self):
        reading, writing = os.pipe()
        self.addCleanup(os.close, reading)
        self.addCleanup(os.close, writing)
        for guest, settings in (("spin", {}), ("upper", {"stdin": reading})):
            process = self.start(guest, "--json", stderr=subprocess.PIPE, **settings)
            # Signals are taken before there is an engine.
            wait_until(lambda: self.has_worker(process.pid), what="a worker")
            process.send_signal(signal.SIGINT)
            with process.stderr:
                self.assertEqual(process.wait(30), 130, guest)
                self.assertEqual(json.loads(process.stderr.read())["failure"]["code"], "cancelled")

    @staticmethod
    def has_worker(pid):
        for path in pathlib.Path(f"/proc/{pid}/task").glob("*/comm"):
            try:
                if path.read_text() == "wm-worker-0\n":
                    return True
            except OSError:
                continue  # That thread has ended meanwhile.
        return False

    def test_a_reader_that_goes_away_is_an_error_of_the_write(self):
        process = self.start("echo", stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        process.stdout.close()
        with self.assertRaises(BrokenPipeError):
            while True:
                process.stdin.write(b"x" * 65536)
        try:
            process.stdin.close()
        except BrokenPipeError:
            pass
        self.assertEqual(process.wait(30), 74)

    def test_what_is_no_module_is_refused_before_it_runs(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "x.wasm"
            path.write_bytes(b"no module")
            for given in (path, pathlib.Path(folder) / "none.wasm"):
                ended = subprocess.run([PROGRAM, "run", str(given)], capture_output=True, timeout=60)
                self.assertEqual(ended.returncode, 2, ended.stderr)
                self.assertIn(b"error:", ended.stderr)
        ended = self.run_guest("echo", "--dir", "/nowhere/at/all")
        self.assertEqual(ended.returncode, 2)
        self.assertIn(b"/nowhere/at/all", ended.stderr)


if __name__ == "__main__":
    unittest.main()
