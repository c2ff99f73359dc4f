"""The outer supervisor: what it starts again, how often, when not, and that nothing outlives it."""
import fcntl
import os
import pathlib
import pty
import signal
import subprocess
import sys
import tempfile
import termios
import time
import unittest

from cluster import PROGRAM, wait_until

LAUNCHER = os.environ.get(
    "WASMATRIX_LAUNCHER", str(pathlib.Path(PROGRAM).parent / "wasmatrix-launcher"))

# A program that writes down its process id at each start, then does what its arguments say.
PUPPET = """
import os, pathlib, signal, sys, time
folder, behaviour = pathlib.Path(sys.argv[1]), sys.argv[2]
def stop(number, frame):
    with open(folder / "signals", "a") as file: file.write(f"{number}\\n")
    if behaviour != "hold" or number == signal.SIGTERM: sys.exit(int(sys.argv[3]))
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP): signal.signal(number, stop)
with open(folder / "starts", "a") as file: file.write(f"{os.getpid()} {time.monotonic()}\\n")
if behaviour == "fail": sys.exit(int(sys.argv[3]))
if behaviour == "die": os.kill(os.getpid(), signal.SIGKILL)
if behaviour == "recover" and len((folder / "starts").read_text().splitlines()) < 3: sys.exit(1)
if behaviour in ("recover", "end"): sys.exit(0)
while True: time.sleep(3600)
"""


def is_alive(pid):
    """Whether a process is there and not only waits to be collected."""
    try:
        state = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in "ZX"


class Launcher(unittest.TestCase):
    def setUp(self):
        self.temporary = tempfile.TemporaryDirectory(prefix="wasmatrix-launcher-")
        self.folder = pathlib.Path(self.temporary.name)
        (self.folder / "puppet.py").write_text(PUPPET)
        self.processes = []

    def tearDown(self):
        for process in self.processes:
            if process.poll() is None:
                process.kill()
            process.wait()
        try:
            for pid, _ in self.starts():
                wait_until(lambda: not is_alive(pid), 10, f"the end of {pid}")
        finally:
            # One that was left over after all would hold the pipes open.
            for pid, _ in self.starts():
                if is_alive(pid):
                    os.kill(pid, signal.SIGKILL)
            for process in self.processes:
                process.communicate()
            self.temporary.cleanup()

    def start(self, behaviour, status=0, options=(), **settings):
        command = [LAUNCHER, *options, "--", sys.executable, str(self.folder / "puppet.py"),
                   str(self.folder), behaviour, str(status)]
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True, **settings)
        self.processes.append(process)
        return process

    def finish(self, process):
        """(exit status, standard output, standard error)"""
        output, errors = process.communicate(timeout=60)
        return process.returncode, output, errors

    def starts(self):
        """(process id, moment) of each start."""
        path = self.folder / "starts"
        lines = path.read_text().splitlines() if path.exists() else []
        return [(int(line.split()[0]), float(line.split()[1])) for line in lines
                if len(line.split()) == 2]

    def started(self, times):
        return wait_until(lambda: len(self.starts()) >= times and self.starts(),
                          what=f"start number {times}")[times - 1][0]

    def signals(self):
        path = self.folder / "signals"
        return [int(line) for line in path.read_text().split()] if path.exists() else []

    def usage(self, *arguments):
        return subprocess.run([LAUNCHER, *arguments], capture_output=True, text=True, timeout=60)

    def test_a_program_that_is_killed_is_started_again(self):
        process = self.start("serve", options=["--max-restarts", "10"])
        for times in range(1, 4):
            pid = self.started(times)
            os.kill(pid, signal.SIGKILL)
        last = self.started(4)
        process.send_signal(signal.SIGTERM)
        status, _, errors = self.finish(process)
        self.assertEqual(status, 0, errors)
        self.assertEqual(len(self.starts()), 4)
        self.assertEqual(errors.count("signal 9"), 3, errors)
        self.assertFalse(is_alive(last))

    def test_a_program_that_ends_well_ends_the_launcher(self):
        status, _, errors = self.finish(self.start("end"))
        self.assertEqual((status, errors, len(self.starts())), (0, "", 1))

    def test_a_program_that_recovers_is_left_in_peace(self):
        status, _, errors = self.finish(self.start("recover"))
        self.assertEqual((status, len(self.starts())), (0, 3), errors)

    def test_it_gives_up_after_one_restart_too_many(self):
        for behaviour, said in [("fail", "status 71"), ("die", "signal 9")]:
            for restarts in [0, 1, 4]:
                with self.subTest(behaviour=behaviour, restarts=restarts):
                    (self.folder / "starts").unlink(missing_ok=True)
                    status, _, errors = self.finish(self.start(
                        behaviour, 71, ["--max-restarts", str(restarts), "--within", "3600"]))
                    self.assertEqual(status, 75, errors)
                    self.assertEqual(len(self.starts()), restarts + 1)
                    self.assertIn(said, errors)
                    self.assertIn("next:", errors)

    def test_the_first_restart_is_immediate_and_waits_have_a_ceiling(self):
        _, _, errors = self.finish(self.start("fail", 1, ["--max-restarts", "6"]))
        waits = [int(line.split(" ms ")[0].split()[-1])
                 for line in errors.splitlines() if " ms (" in line]
        self.assertEqual(len(waits), 6, errors)
        for wait, ceiling in zip(waits, [0, 100, 200, 400, 800, 1600]):
            self.assertLessEqual(wait, ceiling, waits)
        # It says what it does: no start comes sooner after the one before.
        moments = [moment for _, moment in self.starts()]
        for wait, before, after in zip(waits, moments, moments[1:]):
            self.assertGreaterEqual(after - before, wait / 1000)

    def test_restarts_that_lie_further_back_than_the_window_do_not_count(self):
        process = self.start("serve", options=["--max-restarts", "1", "--within", "1"])
        first = self.started(1)
        for times in range(2, 4):
            os.kill(first if times == 2 else self.started(times - 1), signal.SIGKILL)
            moment = wait_until(lambda: len(self.starts()) >= times and self.starts())[-1][1]
            # The clock is the one that the launcher reads; a start comes after its restart counts.
            wait_until(lambda: time.monotonic() > moment + 1, what="the end of the window")
        process.send_signal(signal.SIGTERM)
        status, _, errors = self.finish(process)
        self.assertEqual(status, 0, errors)
        self.assertEqual(len(self.starts()), 3)

    def test_signals_are_passed_on_once_and_nothing_is_started_again(self):
        for number in [signal.SIGTERM, signal.SIGINT, signal.SIGHUP]:
            with self.subTest(signal=number.name):
                for name in ["starts", "signals"]:
                    (self.folder / name).unlink(missing_ok=True)
                process = self.start("serve", 9)
                self.started(1)
                process.send_signal(number)
                status, _, errors = self.finish(process)
                self.assertEqual((status, errors), (9, ""))
                self.assertEqual(self.signals(), [number])
                self.assertEqual(len(self.starts()), 1)

    def test_a_signal_of_the_terminal_reaches_the_program_once(self):
        controller, terminal = pty.openpty()

        def take_terminal():
            os.setsid()
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)

        # Two signals of one kind may arrive as one: what is passed on is seen in the system calls.
        trace = self.folder / "trace"
        command = ["strace", "-e", "trace=kill", "-e", "signal=none", "-o", str(trace), LAUNCHER,
                   "--", sys.executable, str(self.folder / "puppet.py"), str(self.folder), "hold",
                   "9"]
        process = subprocess.Popen(
            command, stdin=terminal, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            preexec_fn=take_terminal)
        self.processes.append(process)
        os.close(terminal)
        self.started(1)
        os.write(controller, b"\x03")
        wait_until(self.signals, what="the signal")
        # Whatever the launcher had passed on before this would have come before it, too.
        children = pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children")
        os.kill(int(children.read_text().split()[0]), signal.SIGTERM)
        self.assertEqual(process.wait(timeout=60), 9)
        os.close(controller)
        self.assertEqual(self.signals(), [signal.SIGINT, signal.SIGTERM])
        passed_on = [line for line in trace.read_text().splitlines() if line.startswith("kill(")]
        self.assertEqual(len(passed_on), 1, passed_on)
        self.assertIn("SIGTERM", passed_on[0])

    def test_a_stop_during_a_wait_ends_it(self):
        process = self.start("fail", 1, ["--max-restarts", "1000"])
        # It may be in a wait, or the program may have just begun: both must end.
        self.started(6)
        process.send_signal(signal.SIGTERM)
        status, _, errors = self.finish(process)
        self.assertIn(status, [0, 1, 128 + signal.SIGTERM], errors)
        self.assertNotIn("more than", errors)
        # At most the one that had begun already.
        self.assertLessEqual(len(self.starts()), 7)

    def test_the_program_dies_with_the_launcher(self):
        process = self.start("serve")
        pid = self.started(1)
        process.kill()
        process.wait()
        wait_until(lambda: not is_alive(pid), what="the end of the program")
        self.assertEqual(self.signals(), [])

    def test_the_program_has_our_standard_streams_and_signal_mask(self):
        script = "read line; echo \"got $line\"; echo complaint >&2; grep SigBlk /proc/self/status"
        command = [LAUNCHER, "--", "/bin/sh", "-c", script]
        done = subprocess.run(command, input="hello\n", capture_output=True, text=True, timeout=60)
        mask = pathlib.Path("/proc/self/status").read_text().split("SigBlk:")[1].split()[0]
        self.assertEqual(done.stdout, f"got hello\nSigBlk:\t{mask}\n")
        self.assertEqual((done.returncode, done.stderr), (0, "complaint\n"))

    def test_wrong_usage_says_what_to_do_next(self):
        for arguments, said in [
            ([], "no program"), (["--"], "no program"), (["--what", "--", "true"], "--what"),
            (["--within"], "--within needs a value"), (["--within", "0", "--", "true"], "\"0\""),
            (["--within", "5s", "--", "true"], "\"5s\""),
            (["--max-restarts", "-1", "--", "true"], "\"-1\""),
            (["--max-restarts", "1001", "--", "true"], "\"1001\""),
            (["--max-restarts", "", "--", "true"], "\"\""),
            (["--max-restarts", "99999999999999999999", "--", "true"], "from 0 to"),
        ]:
            with self.subTest(arguments=arguments):
                done = self.usage(*arguments)
                self.assertEqual((done.returncode, done.stdout), (64, ""), done.stderr)
                self.assertIn(said, done.stderr)
                self.assertIn("next: see `wasmatrix-launcher --help`", done.stderr)

    def test_help_shows_an_example(self):
        for option in ["--help", "-h"]:
            done = self.usage(option)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertIn("EXAMPLE", done.stdout)

    def test_a_program_that_cannot_be_started_is_not_tried_again(self):
        missing = self.usage("--", "/nowhere/at-all")
        self.assertEqual(missing.returncode, 127)
        self.assertIn("next:", missing.stderr)
        not_executable = self.usage("--", str(self.folder / "puppet.py"))
        self.assertEqual(not_executable.returncode, 126)
        self.assertIn("next:", not_executable.stderr)

    def test_options_of_the_program_are_its_own(self):
        for separator in [["--"], []]:
            done = self.usage("--within", "2", *separator, "/bin/echo", "--help", "--within", "x")
            self.assertEqual(
                (done.returncode, done.stdout), (0, "--help --within x\n"), done.stderr)


if __name__ == "__main__":
    unittest.main()
