"""All of WASI preview 1, called one by one by a guest of ours (Guests/C/calls.c) through `wasmatrix run`."""
import os
import subprocess
import unittest

from cluster import GUESTS, PROGRAM
from wasi_calls import *


class Files(Folder):
    def test_files_are_written_read_and_positioned(self):
        self.check(
            (f'path_open 3 0 "f" {CREATE} {ALL} 0 0', "4"),
            ('fd_write 4 "hello world"', "11"),
            ("fd_tell 4", "11"),
            ("fd_seek 4 -5 1", "6"),
            ("fd_read 4 100", "world"),
            ("fd_read 4 100", ""),
            ("fd_seek 4 0 2", "11"),
            ("fd_seek 4 -1 0", INVAL),
            ("fd_seek 4 0 3", INVAL),
            ("fd_pread 4 3 2", "llo"),
            ('fd_pwrite 4 "J" 0', "1"),
            ("fd_tell 4", "11"),
            ("fd_pread 4 5 0", "Jello"),
            ("fd_pread 4 5 0xffffffffffffffff", INVAL),
            ("fd_sync 4", 0), ("fd_datasync 4", 0),
            ("fd_advise 4 0 0 5", 0), ("fd_advise 4 0 0 6", INVAL),
            ("fd_close 4", 0), ("fd_close 4", BADF),
            ("fd_read 4 1", BADF), ("fd_tell 77", BADF))
        self.assertEqual((self.folder / "f").read_text(), "Jello world")

    def test_sizes_times_and_status(self):
        self.check(
            (f'path_open 3 0 "f" {CREATE} {ALL} 0 0', "4"),
            ("fd_filestat_set_size 4 100", 0),
            ("fd_allocate 4 90 20", 0),
            ("fd_filestat_set_size 4 0xffffffffffffffff", 22),
            ("fd_allocate 4 0 0", INVAL),
            ("fd_filestat_set_times 4 5000000001 7000000002 5", 0),
            ("fd_filestat_get 4", "4 1 110 5000000001 7000000002"),
            ("fd_filestat_set_times 4 0 0 3", INVAL),
            ("fd_filestat_set_times 4 0 0 16", INVAL),
            ('path_filestat_set_times 3 0 "f" 9 0 1', 0),
            ('path_filestat_get 3 0 "f"', "4 1 110 9 7000000002"),
            ('path_symlink "f" 3 "l"', 0),
            ('path_filestat_set_times 3 0 "l" 0 3 4', 0),
            ('path_filestat_get 3 1 "l"', "4 1 110 9 7000000002"),
            ('path_filestat_get 3 2 "f"', INVAL),
            ('path_filestat_get 3 0 "none"', NOENT))
        self.assertEqual(os.lstat(self.folder / "l").st_mtime_ns, 3)

    def test_what_is_opened_has_the_rights_that_were_asked_for_and_no_more(self):
        (self.folder / "f").write_text("text")
        self.check(
            (f'path_open 3 0 "f" 0 {READ} 0 0', "4"),
            ("fd_read 4 2", "te"), ('fd_write 4 "x"', NOTCAPABLE), ("fd_seek 4 0 0", NOTCAPABLE),
            ("fd_filestat_get 4", NOTCAPABLE), ("fd_filestat_set_size 4 1", NOTCAPABLE),
            (f'path_open 3 0 "f" 0 {WRITE | SEEK} 0 0', "5"),
            ("fd_read 5 1", NOTCAPABLE), ("fd_tell 5", "0"), ('fd_write 5 "T"', "1"),
            (f"fd_fdstat_set_rights 5 {SEEK} 0", 0),
            ('fd_write 5 "x"', NOTCAPABLE),
            (f"fd_fdstat_set_rights 5 {SEEK | WRITE} 0", NOTCAPABLE),
            ("fd_fdstat_get 5", f"4 0 {SEEK} 0"),
            # A folder that gives less away gives nothing more to what is opened through it.
            (f'path_open 3 0 "." {DIRECTORY} {1 << 13} {READ} 0', "6"),
            (f'path_open 6 0 "f" 0 {READ | WRITE} 0 0', NOTCAPABLE),
            (f'path_open 6 0 "f" 0 {READ} 0 0', "7"),
            ("fd_readdir 6 100 0", NOTCAPABLE),
            ('path_create_directory 6 "d"', NOTCAPABLE))

    def test_flags(self):
        self.check(
            (f'path_open 3 0 "f" {CREATE} {ALL} 0 {APPEND}', "4"),
            ('fd_write 4 "ab"', "2"), ("fd_seek 4 0 0", "0"), ('fd_write 4 "cd"', "2"),
            ("fd_pread 4 9 0", "abcd"),
            ("fd_fdstat_set_flags 4 0", 0), ("fd_seek 4 0 0", "0"), ('fd_write 4 "X"', "1"),
            ("fd_pread 4 9 0", "Xbcd"),
            (f"fd_fdstat_set_flags 4 {NONBLOCK}", 0),
            ("fd_fdstat_set_flags 4 2", NOTSUP), ("fd_fdstat_set_flags 4 32", INVAL),
            (f'path_open 3 0 "f" {CREATE | EXCLUSIVE} 0 0 0', EXIST),
            (f'path_open 3 0 "f" {CREATE | DIRECTORY} 0 0 0', INVAL),
            ('path_open 3 0 "f" 16 0 0 0', INVAL), ('path_open 3 2 "f" 0 0 0 0', INVAL),
            ('path_open 3 0 "f" 0 0 0 32', INVAL),
            (f'path_open 3 0 "f" {TRUNCATE} {READ} 0 0', "5"), ("fd_read 5 9", ""))

    def test_folders(self):
        self.check(
            ('path_create_directory 3 "d"', 0), ('path_create_directory 3 "d"', EXIST),
            ('path_create_directory 3 "."', EXIST), ('path_create_directory 3 "x/y"', NOENT),
            (f'path_open 3 0 "d/f" {CREATE} 0 0 0', "4"),
            ('path_remove_directory 3 "d"', NOTEMPTY), ('path_remove_directory 3 "."', INVAL),
            ('path_unlink_file 3 "d"', ISDIR), ('path_remove_directory 3 "d/f"', NOTDIR),
            ('path_rename 3 "d/f" 3 "d/g"', 0), ('path_rename 3 "none" 3 "d/g"', NOENT),
            ('path_link 3 0 "d/g" 3 "h"', 0), ('path_link 3 0 "d/g" 3 "h"', EXIST),
            ('path_link 3 1 "d/g" 3 "i"', INVAL), ('path_link 3 0 "d" 3 "i"', PERM),
            ('path_filestat_get 3 0 "h"', 0),
            ('path_unlink_file 3 "d/g"', 0), ('path_remove_directory 3 "d"', 0),
            ('path_unlink_file 3 "h"', 0),
            ('path_create_directory 4 "x"', NOTDIR), ('path_create_directory 1 "x"', NOTDIR),
            ('path_create_directory 9 "x"', BADF))
        self.assertEqual(list(self.folder.iterdir()), [])

    def test_links(self):
        self.check(
            ('path_symlink "target" 3 "l"', 0), ('path_symlink "target" 3 "l"', EXIST),
            ('path_readlink 3 "l" 100', "target"), ('path_readlink 3 "l" 3', "tar"),
            ('path_open 3 0 "l" 0 0 0 0', LOOP), ('path_open 3 1 "l" 0 0 0 0', NOENT),
            (f'path_open 3 1 "l" {CREATE} {WRITE} 0 0', "4"), ('fd_write 4 "x"', "1"),
            ('path_readlink 3 "target" 9', INVAL),
            ('path_symlink "loop" 3 "loop"', 0), ('path_open 3 1 "loop" 0 0 0 0', LOOP))
        self.assertEqual((self.folder / "target").read_text(), "x")

    def test_entries_are_listed_with_cookies_and_cut_off(self):
        names = {f"name-{number:03}" for number in range(300)}
        for name in names:
            (self.folder / name).write_text("")
        (self.folder / "name-000").unlink()
        (self.folder / "name-000").mkdir()
        answers = self.run_calls(["fd_readdir 3 60000 0", "fd_readdir 3 30 0", "fd_readdir 3 0 0",
                                  "fd_readdir 3 60000 2", "fd_readdir 3 60000 0x7000000000000000",
                                  "list_all 3 100", "list_all 3 4000"])
        entries = answers[0][1].split(" ")
        self.assertEqual(entries[1:3], ["3:.", "3:.."])
        self.assertEqual({entry[2:] for entry in entries[3:]}, names)
        self.assertIn("3:name-000", entries)
        self.assertIn("4:name-001", entries)
        self.assertEqual(answers[1], (0, "30 3:."))
        self.assertEqual(answers[2], (0, "0"))
        self.assertEqual(set(answers[3][1].split(" ")[1:]), set(entries[3:]))
        for answer in answers[5:]:
            self.assertEqual(sorted(answer[1].split(" ")), sorted([".", "..", *names]))

    def test_descriptors_are_bounded_renumbered_and_reused(self):
        (self.folder / "f").write_text("text")
        opened = [f'path_open 3 0 "f" 0 {READ} 0 0'] * 5
        answers = self.run_calls(opened + ["fd_close 4", opened[0], "fd_renumber 5 6", "fd_read 6 9",
                                           "fd_read 5 9", "fd_renumber 5 6", "fd_renumber 6 5", "fd_renumber 6 6",
                                           opened[0], "fd_renumber 6 3", "fd_prestat_get 3"],
                                 "--limit", "open-files=4")
        self.assertEqual([a[1] if a[0] == 0 and len(a) > 1 else a[0] for a in answers], [
            "4", "5", "6", "7", MFILE, 0, "4", 0, "text", BADF, BADF, BADF, 0, "5", 0, BADF])

    def test_the_granted_folder_says_its_path(self):
        self.check(
            ("fd_prestat_get 3", "0 1"), ("fd_prestat_dir_name 3 1", "/"), ("fd_prestat_dir_name 3 0", NAMETOOLONG),
            ("fd_prestat_get 4", BADF), ("fd_prestat_get 0", BADF), ("fd_fdstat_set_flags 3 0", 0),
            ("fd_read 3 1", NOTCAPABLE), ("fd_seek 3 0 0", ISDIR), ('fd_write 3 "x"', NOTCAPABLE),
            ("fd_readdir 0 10 0", NOTDIR))

    def test_sockets_and_signals_are_refused(self):
        ended = subprocess.run([PROGRAM, "run", str(GUESTS / "sockets.wasm")], capture_output=True, timeout=60)
        self.assertEqual(ended.stdout.split(), [b"%02d" % NOTSOCK] * 4 + [b"%02d" % BADF] * 4, ended.stderr)
        self.check(("proc_raise 9", 52), ("sched_yield", 0), ("random_get 16", 0), ("clock_res_get 9", INVAL))

    def test_pointers_and_paths_that_cannot_be(self):
        self.check(
            ("path_create_directory 3 0xfffffff0 100", FAULT),
            ("path_create_directory 3 0 0xffffffff", FAULT),
            ("path_symlink 0xfffffff0 100 3 0 1", FAULT),
            ("path_readlink 3 0xfffffff0 100 1", FAULT), ("fd_write 1 0xfffffff0 100", FAULT),
            ("fd_pwrite 3 0xfffffff0 100 0", NOTCAPABLE), ("path_rename 3 0xfffffff0 99 3 0 1", FAULT),
            ('path_create_directory 3 ""', NOENT), ('path_create_directory 3 "/"', NOTCAPABLE),
            (b'path_create_directory 3 "\xff\xfe"', ILSEQ), (b'path_create_directory 3 "a\0b"', INVAL),
            (f'path_create_directory 3 "{"a" * 5000}"', NAMETOOLONG),
            (f'path_create_directory 3 "{"a" * 256}"', NAMETOOLONG))

    def test_a_folder_for_reading_alone_is_not_changed(self):
        (self.folder / "f").write_text("text")
        (self.folder / "d").mkdir()
        changing = [
            f'path_open 3 0 "new" {CREATE} 0 0 0', f'path_open 3 0 "f" {TRUNCATE} 0 0 0',
            f'path_open 3 0 "f" 0 {WRITE} 0 0', 'path_create_directory 3 "x"', 'path_unlink_file 3 "f"',
            'path_remove_directory 3 "d"', 'path_rename 3 "f" 3 "g"', 'path_link 3 0 "f" 3 "g"',
            'path_symlink "f" 3 "g"', 'path_filestat_set_times 3 0 "f" 0 0 1', "fd_filestat_set_times 3 0 0 1"]
        self.check(*[(call, NOTCAPABLE) for call in changing],
                   (f'path_open 3 0 "f" 0 {READ | SETTIMES | SYNC} 0 0', "4"), ("fd_read 4 9", "text"),
                   ("fd_filestat_set_times 4 0 0 1", NOTCAPABLE), mode=":ro")
        self.assertEqual(sorted(p.name for p in self.folder.iterdir()), ["d", "f"])


class Bundles(Folder):
    def test_files_that_are_packed_into_a_module_are_there_for_reading(self):
        (self.folder / "inner").mkdir()
        (self.folder / "inner/text").write_text("packed")
        packed, place = self.outer / "packed.wasm", self.outer / "tmp"
        place.mkdir()

        def pack(*extra):
            return subprocess.run([PROGRAM, "pack", str(GUESTS / "calls.wasm"), "--files", str(self.folder),
                                   "--out", str(packed), *extra], capture_output=True, timeout=60)

        self.assertEqual(pack().returncode, 0)
        first = packed.read_bytes()
        self.assertEqual((pack("--json").returncode, packed.read_bytes()), (0, first), "the same files, the same module")
        calls = ["fd_prestat_dir_name 3 5", f'path_open 3 0 "inner/text" 0 {READ} 0 0', "fd_read @1 9",
                 f'path_open 3 0 "inner/text" 0 {WRITE} 0 0', 'path_unlink_file 3 "inner/text"',
                 f'path_open 3 0 "../x" 0 {READ} 0 0']
        ended = subprocess.run([PROGRAM, "run", str(packed), "--grant", "bundle"], input="\n".join(calls).encode(),
                               capture_output=True, timeout=60, env=dict(os.environ, TMPDIR=str(place)))
        self.assertEqual(ended.stdout.splitlines(), [b"0 /data", b"0 5", b"0 packed"] + [b"%d" % NOTCAPABLE] * 3)
        self.assertEqual(list(place.iterdir()), [])
        # A link is no file, and what has none cannot be given them.
        (self.folder / "link").symlink_to("inner")
        self.assertEqual(pack().returncode, 2)
        self.assertEqual(subprocess.run([PROGRAM, "run", str(GUESTS / "calls.wasm"), "--grant", "bundle"],
                                        capture_output=True, timeout=60).returncode, 134)
        twice = subprocess.run([PROGRAM, "pack", str(packed), "--files", str(self.folder / "inner"), "--out",
                                str(self.outer / "twice.wasm")], capture_output=True, timeout=60)
        self.assertEqual(twice.returncode, 5, twice.stderr)


class Scratch(Folder):
    def test_a_full_folder_still_opens_what_it_has_and_leaves_it_alone(self):
        full = "scratch=4KiB"
        # As in a cluster the platform is behind the folders: what is opened comes after it.
        calls = [f'path_open 3 0 "kept" {CREATE} {ALL} 0 0', 'fd_write 5 "kept"']
        calls += [f'path_create_directory 3 "d{number}"' for number in range(1000)]
        calls += [f'path_open 3 0 "new" {CREATE} 0 0 0', f'path_open 3 0 "kept" {CREATE} {READ} 0 0',
                  f'path_open 3 0 "kept" {CREATE | EXCLUSIVE | TRUNCATE} {WRITE} 0 0', "fd_pread 5 9 0"]
        ended = subprocess.run(
            [PROGRAM, "run", str(GUESTS / "calls.wasm"), "--grant", full], input="\n".join(calls).encode(),
            capture_output=True, timeout=60)
        answers = [line.decode() for line in ended.stdout.splitlines()]
        self.assertEqual(answers[1000:], ["0", str(NOSPC), str(NOSPC), "0 6", str(EXIST), "0 kept"])

    def test_a_scratch_folder_is_bounded_and_gone_afterwards(self):
        place = self.outer / "tmp"
        place.mkdir()
        environment = dict(os.environ, TMPDIR=str(place))
        calls = [
            f'path_open 3 0 "a" {CREATE} {ALL} 0 0', 'fd_write 5 "0123456789"', "fd_filestat_set_size 5 4096",
            "fd_filestat_set_size 5 4097", 'fd_pwrite 5 "x" 4096', "fd_allocate 5 4096 1", 'path_unlink_file 3 "a"',
            # As long as it is open it takes room.
            f'path_open 3 0 "b" {CREATE} {ALL} 0 0', 'fd_write 6 "x"', "fd_close 5", 'fd_write 6 "x"',
            "fd_filestat_set_size 6 4096", f'path_open 3 0 "b" {TRUNCATE} 0 0 0', 'path_rename 3 "b" 3 "c"',
            'path_link 3 0 "c" 3 "d"', f'path_open 3 0 "e" {CREATE} {ALL} 0 0', "fd_filestat_set_size 7 4096",
            'path_rename 3 "e" 3 "c"', "fd_sync 7", 'path_create_directory 3 "deep"']
        ended = subprocess.run(
            [PROGRAM, "run", str(GUESTS / "calls.wasm"), "--grant", "scratch=4KiB"],
            input="\n".join(calls).encode(), capture_output=True, timeout=60, env=environment)
        numbers = [int(line.split()[0]) for line in ended.stdout.splitlines()]
        self.assertEqual(numbers, [0, 0, 0, NOSPC, NOSPC, NOSPC, 0, 0, NOSPC, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
                         ended.stdout)
        self.assertEqual(list(place.iterdir()), [])


if __name__ == "__main__":
    unittest.main()
