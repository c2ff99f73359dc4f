"""How tests make calls of WASI preview 1: with a guest of ours (Guests/C/calls.c), through `wasmatrix run`."""
import pathlib
import shutil
import subprocess
import tempfile
import unittest

from cluster import GUESTS, PROGRAM

# Error numbers, as the specification has them.
AGAIN, BADF, EXIST, FAULT, ILSEQ, INVAL, ISDIR, LOOP, MFILE = 6, 8, 20, 21, 25, 28, 31, 32, 33
NAMETOOLONG, NOENT, NOSPC, NOTDIR, NOTEMPTY, NOTSOCK, NOTSUP = 37, 44, 51, 54, 55, 57, 58
NXIO, PERM, SPIPE, XDEV, NOTCAPABLE = 60, 63, 70, 75, 76
# Rights.
READ, SEEK, TELL, WRITE, ALLOCATE, STAT, SETSIZE, SETTIMES, POLL = (
    1 << n for n in (1, 2, 5, 6, 8, 21, 22, 23, 27))
SYNC, DATASYNC, ADVISE, SETFLAGS, READDIR = (1 << n for n in (4, 0, 7, 3, 14))
ALL = READ | SEEK | TELL | WRITE | ALLOCATE | STAT | SETSIZE | SETTIMES | SYNC | DATASYNC | ADVISE | SETFLAGS | POLL
CREATE, DIRECTORY, EXCLUSIVE, TRUNCATE = 1, 2, 4, 8
APPEND, NONBLOCK = 1, 4
ROOT = 3


class Folder(unittest.TestCase):
    def setUp(self):
        self.outer = pathlib.Path(tempfile.mkdtemp(prefix="wasmatrix-wasi-"))
        self.addCleanup(shutil.rmtree, self.outer, True)
        self.folder = self.outer / "inside"
        self.folder.mkdir()
        (self.outer / "secret").write_text("secret")

    def run_calls(self, lines, *options, mode=""):
        """What calls answer: for each a tuple of its error number and the rest."""
        ended = subprocess.run(
            [PROGRAM, "run", str(GUESTS / "calls.wasm"), "--dir", f"{self.folder}::/{mode}", *options],
            input=b"".join((line if isinstance(line, bytes) else line.encode()) + b"\n" for line in lines),
            capture_output=True, timeout=60)
        self.assertEqual(ended.returncode, 0, ended.stderr)
        answers = [line.split(b" ", 1) for line in ended.stdout.split(b"\n")[:-1]]
        self.assertEqual(len(answers), len(lines), ended.stdout)
        return [(int(a[0]), *[rest.decode(errors="replace") for rest in a[1:]]) for a in answers]

    def check(self, *steps, options=(), mode=""):
        """Each step is a call and what it answers: an error number alone, or with the rest."""
        answers = self.run_calls([call for call, _ in steps], *options, mode=mode)
        for (call, expected), found in zip(steps, answers):
            if isinstance(expected, int):
                found = found[0]
            elif isinstance(expected, str):
                expected = (0, expected)
            self.assertEqual(found, expected, call)
