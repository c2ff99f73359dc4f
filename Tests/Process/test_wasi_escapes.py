"""No guest gets out of the folder that it is granted, holds anybody up, or harms what runs it."""
import json
import os
import random
import subprocess
import threading
import unittest

from cluster import GUESTS, PROGRAM
from wasi_calls import *


class Escapes(Folder):
    def test_whoever_runs_it_is_told_what_it_tried(self):
        calls = [f'path_open 3 0 "../secret{n % 12}" 0 {READ} 0 0' for n in range(30)]

        def ended(*options):
            return subprocess.run(
                [PROGRAM, "run", str(GUESTS / "calls.wasm"), "--dir", f"{self.folder}::/", *options],
                input="\n".join([*calls, ""]).encode(), capture_output=True, timeout=60)

        told = ended().stderr.decode().splitlines()
        self.assertEqual(len(told), 11, told)
        self.assertIn('denied: path_open "../secret0": ', told[0])
        self.assertEqual(told[-1], "wasmatrix: 30 calls were denied in all")
        report = json.loads(ended("--json").stderr)
        self.assertEqual((report["deniedCalls"], len(report["denials"])), (30, 10))
        self.assertEqual(report["denials"][1]["subject"], "../secret1")
        self.assertEqual(report["denials"][1]["capability"], "files")

    def test_no_path_leads_out(self):
        (self.folder / "d").mkdir()
        (self.folder / "absolute").symlink_to(self.outer / "secret")
        (self.folder / "up").symlink_to("../secret")
        (self.folder / "d/upup").symlink_to("../..")
        (self.folder / "inner").symlink_to("d/../d")
        paths = [str(self.outer / "secret"), "../secret", "d/../../secret", "absolute", "up", "d/upup/secret",
                 "inner/../../secret", "d/upup", "..", "d/../.."]
        steps = []
        for path in paths:
            # Followed, as far as it is a link itself.
            steps.append((f'path_open 3 1 "{path}" 0 {READ} 0 0', NOTCAPABLE))
            steps.append((f'path_filestat_get 3 1 "{path}"', NOTCAPABLE))
            steps.append((f'path_open 3 1 "{path}/" 0 {READ} 0 0', NOTCAPABLE))
        for path in ("../new", "d/upup/new", "d/../../new"):
            steps += [
                (f'path_open 3 0 "{path}" {CREATE} {WRITE} 0 0', NOTCAPABLE),
                (f'path_create_directory 3 "{path}"', NOTCAPABLE), (f'path_symlink "d" 3 "{path}"', NOTCAPABLE),
                (f'path_rename 3 "d" 3 "{path}"', NOTCAPABLE), (f'path_link 3 0 "up" 3 "{path}"', NOTCAPABLE)]
        for path in ("../secret", "d/upup/secret"):
            steps += [
                (f'path_unlink_file 3 "{path}"', NOTCAPABLE), (f'path_remove_directory 3 "{path}"', NOTCAPABLE),
                (f'path_rename 3 "{path}" 3 "mine"', NOTCAPABLE), (f'path_link 3 0 "{path}" 3 "mine"', NOTCAPABLE),
                (f'path_readlink 3 "{path}" 9', NOTCAPABLE), (f'path_filestat_set_times 3 1 "{path}" 0 0 1', NOTCAPABLE)]
        steps += [('path_symlink "/etc" 3 "e"', NOTCAPABLE), ('path_remove_directory 3 ".."', NOTCAPABLE),
                  ('path_rename 3 ".." 3 "x"', NOTCAPABLE)]
        self.check(*steps)
        self.assertEqual((self.outer / "secret").read_text(), "secret")
        self.assertEqual(sorted(p.name for p in self.outer.iterdir()), ["inside", "secret"])

    def test_whoever_swaps_links_meanwhile_gains_nothing(self):
        (self.folder / "real").mkdir()
        (self.folder / "real/secret").write_text("mine")
        (self.folder / "out").symlink_to("..")
        os.symlink("real", self.folder / "way")
        ended = threading.Event()

        def swap():
            number = 0
            while not ended.is_set():
                # A link that leads in, one that leads out, a folder that is moved up and down.
                for target in ("real", ".."):
                    number += 1
                    os.symlink(target, self.folder / f"new-{number}")
                    os.rename(self.folder / f"new-{number}", self.folder / "way")
                os.rename(self.folder / "real", self.outer / "moved")
                os.rename(self.outer / "moved", self.folder / "real")

        swapper = threading.Thread(target=swap)
        swapper.start()
        try:
            calls = []
            for round in range(700):
                calls += [f'path_open 3 1 "way/secret" 0 {READ} 0 0', f"fd_read @{4 * round} 100",
                          f"fd_close @{4 * round}", 'path_filestat_get 3 1 "real/../../secret"']
            answers = self.run_calls(calls)
        finally:
            ended.set()
            swapper.join()
        self.assertNotIn("secret", {a[1] for a in answers if len(a) > 1})
        self.assertIn((0, "mine"), answers)
        self.assertIn((NOTCAPABLE,), answers)
        self.assertTrue(all(a[0] != 0 for a in answers[3::4]))

    def test_pipes_and_devices_hold_nobody_up(self):
        os.mkfifo(self.folder / "pipe")
        self.check(
            (f'path_open 3 0 "pipe" 0 {READ | SETFLAGS} 0 0', "4"), ("fd_read 4 9", ""),
            ("fd_pread 4 1 0", SPIPE), ("fd_seek 4 0 0", SPIPE),
            # With a reader it can be written to; what is in it can be read again.
            (f'path_open 3 0 "pipe" 0 {WRITE} 0 0', "5"), ('fd_write 5 "abc"', "3"), ("fd_read 4 9", "abc"),
            (f"fd_fdstat_set_flags 4 {NONBLOCK}", 0), ("fd_read 4 9", AGAIN),
            ("fd_close 4", 0), (f'path_open 3 0 "pipe" 0 {WRITE} 0 0', NXIO))

    def test_a_guest_that_waits_for_a_pipe_gets_what_comes(self):
        os.mkfifo(self.folder / "pipe")
        held = os.open(self.folder / "pipe", os.O_RDWR)
        self.addCleanup(os.close, held)
        process = subprocess.Popen(
            [PROGRAM, "run", str(GUESTS / "calls.wasm"), "--dir", f"{self.folder}::/"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        process.stdin.write(f'path_open 3 0 "pipe" 0 {READ} 0 0\nfd_read 4 9\n'.encode())
        process.stdin.close()
        self.assertEqual(process.stdout.readline(), b"0 4\n")
        os.write(held, b"late")
        self.assertEqual(process.stdout.readline(), b"0 late\n")
        self.assertEqual(process.wait(30), 0)
        process.stdout.close()
        process.stderr.close()


    def test_a_guest_waits_for_descriptors_and_clocks(self):
        os.mkfifo(self.folder / "pipe")
        held = os.open(self.folder / "pipe", os.O_RDWR)
        (self.folder / "f").write_text("text")
        opened = [(f'path_open 3 0 "pipe" 0 {READ | POLL} 0 0', "4"), (f'path_open 3 0 "f" 0 {READ | POLL} 0 0', "5"),
                  (f'path_open 3 0 "f" 0 {READ} 0 0', "6")]
        self.check(
            *opened,
            # Nobody writes: the clock is first. A file is always ready; what is none is said so.
            ("poll_oneoff 1000000 4 1", "99:0:0"), ("poll_oneoff 0 4 1 5 1", "1:0:0"),
            ("poll_oneoff 0 4 1 77 1", f"1:{BADF}:0"), ("poll_oneoff 0 4 1 6 1", f"1:{NOTCAPABLE}:0"),
            ("poll_oneoff 0 4 1 3 1", f"1:{NOTCAPABLE}:0"), ("poll_oneoff 0", INVAL), ("poll_oneoff 0 4 3", INVAL),
            ("poll_oneoff 60000000000 1 2", "0:0:0"))
        os.write(held, b"x")
        self.check(*opened, ("poll_oneoff 60000000000 4 1", "0:0:0"), ("fd_read 4 9", "x"))
        os.close(held)
        # Its own input, which nobody will ever write to again.
        self.check(("poll_oneoff 60000000000 0 1", "0:0:1"), ("fd_read 0 9", ""))

    def test_whatever_a_guest_calls_ends_well(self):
        seed = random.randrange(1 << 32)
        choose = random.Random(seed)
        numbers = [0, 1, 2, 3, 4, 5, 7, 16, 64, 255, 4096, 65535, 65536, 0x7fffffff, 0x80000000, 0xffffffff,
                   0x7fffffffffffffff, 0x8000000000000000, 0xffffffffffffffff]
        texts = ['"f"', '"d"', '"../x"', '"/x"', '""', '"d/l"', '"l/../f"', '"."', '".."', '"f/"', '"' + "n" * 300 + '"']
        names = """fd_advise fd_allocate fd_close fd_datasync fd_fdstat_get fd_fdstat_set_flags fd_fdstat_set_rights
            fd_filestat_get fd_filestat_set_size fd_filestat_set_times fd_pread fd_prestat_get fd_prestat_dir_name
            fd_pwrite fd_read fd_readdir fd_renumber fd_seek fd_sync fd_tell path_create_directory path_filestat_get
            path_filestat_set_times path_link path_open path_readlink path_remove_directory path_rename path_symlink
            path_unlink_file""".split()
        shapes = {"path_rename": "nxnx", "path_link": "nnxnx", "path_symlink": "xnx", "path_open": "nnxnnnn",
                  "path_filestat_get": "nnx", "path_filestat_set_times": "nnxnnn", "path_readlink": "nxn"}

        def word(kind):
            return choose.choice(texts) if kind == "x" else str(choose.choice(numbers[:9] * 4 + numbers))

        lines = [f'path_open 3 0 "f" 1 {ALL} 0 0', 'path_create_directory 3 "d"', 'path_symlink "../f" 3 "d/l"']
        for _ in range(3000):
            name = choose.choice(names)
            shape = shapes.get(name, "nx" if name.startswith("path") else "nnnn")
            # Its own output stays open, or nothing could be told.
            arguments = [word(kind) for kind in shape]
            if name in ("fd_close", "fd_renumber", "fd_fdstat_set_rights"):
                arguments = [str(choose.choice(range(3, 12))) for _ in arguments]
            if name == "fd_read" and arguments[0] in ("0",):
                continue
            if name in ("fd_readdir", "fd_pread", "fd_prestat_dir_name", "path_readlink"):
                # The guest's buffer is 64 KiB: more would be its own memory that is overwritten.
                arguments = [a if a.startswith('"') else str(min(int(a), 65536)) for a in arguments]
            lines.append(" ".join([name, *arguments]))
        try:
            self.run_calls(lines)
        except AssertionError as error:
            raise AssertionError(f"seed {seed}") from error
        self.assertEqual((self.outer / "secret").read_text(), "secret")
        self.assertEqual(sorted(p.name for p in self.outer.iterdir()), ["inside", "secret"])


if __name__ == "__main__":
    unittest.main()
