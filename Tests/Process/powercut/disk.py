"""The disk as a power cut could have left it, from the records of recorder.c.

What was synced before the cut is there. Of what was written since, each write is there, or not, or there
in part (whole sectors of it); names that were made, changed or removed since the last sync of their folder
are as after some of these changes, in their order.
"""
import os
import pathlib
import shutil
import struct
import subprocess

SOURCE = pathlib.Path(__file__).with_name("recorder.c")
RECORD = struct.Struct("<IIIIQQQ")
MAGIC = 0x57434D50
SECTOR = 512


def build_recorder(folder):
    library = pathlib.Path(folder) / "recorder.so"
    subprocess.run(
        ["clang", "-O2", "-shared", "-fPIC", "-o", str(library), str(SOURCE), "-ldl", "-lpthread"],
        check=True)
    return library


def mark(log, text):
    """Records that something was acknowledged before whatever is recorded from now on."""
    data = text.encode()
    descriptor = os.open(log, os.O_WRONLY | os.O_APPEND)
    try:
        os.write(descriptor, RECORD.pack(MAGIC, ord("a"), 0, len(data), 0, 0, 0) + data)
    finally:
        os.close(descriptor)


class Record:
    __slots__ = ("kind", "file", "number", "at", "covers", "data")

    def __init__(self, kind, file, number, at, covers, data):
        self.kind, self.file, self.number = kind, file, number
        self.at, self.covers, self.data = at, covers, data


def read_records(log):
    data = pathlib.Path(log).read_bytes()
    records, at = [], 0
    while at + RECORD.size <= len(data):
        magic, kind, file, length, number, place, covers = RECORD.unpack_from(data, at)
        assert magic == MAGIC, f"no record at {at}"
        at += RECORD.size
        if at + length > len(data):
            break
        records.append(Record(chr(kind), file, number, place, covers, data[at:at + length]))
        at += length
    return records


class Disk:
    """What is durable, and what is on its way."""

    def __init__(self, root, ignores=lambda path: False, before=None):
        """`before`: a copy of the folder as it was when recording began; nothing for an empty one."""
        self.root = str(root)
        # Whether syncs of a file are taken for none: to see that the test would notice.
        self.ignores = ignores
        self.names = {}  # path -> file, durable
        self.folders = {self.root}
        self.contents = {}  # file -> bytearray, durable
        self.live = {}  # path -> file, as the program sees it
        self.paths = {}  # file -> the last name it was opened by
        self.writes = {}  # file -> records that are not durable
        self.changes = []  # of names: (number, folder, how)
        self.acknowledged = []
        self.not_understood = []
        if before:
            self._read(pathlib.Path(before))

    def _read(self, before):
        for place in sorted(before.rglob("*")):
            path = os.path.join(self.root, place.relative_to(before))
            if place.is_dir():
                self.folders.add(path)
            else:
                # By its path for as long as it has not been opened.
                self.names[path] = self.live[path] = path
                self.contents[path] = bytearray(place.read_bytes())

    def _open(self, record, path):
        self.paths[record.file] = path
        known = self.live.get(path)
        if known is None:
            self._name(record, path, ("put", path, record.file))
        elif known == path:
            self.live[path] = record.file
            self.contents[record.file] = self.contents.pop(path)
            self.names = {name: record.file if file == path else file
                          for name, file in self.names.items()}

    def apply(self, record):
        kind = record.kind
        if kind == "a":
            self.acknowledged.append(record.data.decode())
        elif kind == "x":
            self.not_understood.append(record.data.decode())
        elif kind == "o":
            self._open(record, record.data.decode())
        elif kind == "f":
            self.paths[record.file] = record.data.decode()
        elif kind in "wt":
            self.writes.setdefault(record.file, []).append(record)
        elif kind == "s":
            if not self.ignores(self.paths[record.file]):
                self._sync(record.file, record.covers)
        elif kind == "d":
            if not self.ignores(self.paths[record.file]):
                self._sync_names(self.paths[record.file], record.covers)
        elif kind == "m":
            path = record.data.decode()
            self._name(record, path, ("folder", path, None))
        elif kind == "u":
            path = record.data.decode()
            self._name(record, path, ("remove", path, None))
        elif kind in "rl":
            old, new = record.data.decode().split("\0")
            file = self.live.get(old)
            how = ("put", new, file)
            if kind == "r" and file is not None:
                assert os.path.dirname(old) == os.path.dirname(new), "renamed to another folder"
                how = ("move", new, file, old)
                self.live.pop(old)
            self._name(record, new, how)

    def _name(self, record, path, how):
        if how[0] == "remove":
            self.live.pop(path, None)
        elif how[0] != "folder" and how[2] is not None:
            self.live[path] = how[2]
        self.changes.append((record.number, os.path.dirname(path), how))

    def _rename(self, how):
        if how[0] == "remove":
            self.names.pop(how[1], None)
            self.folders.discard(how[1])
        elif how[0] == "folder":
            self.folders.add(how[1])
        elif how[2] is not None:
            if how[0] == "move":
                self.names.pop(how[3], None)
            self.names[how[1]] = how[2]

    def _sync_names(self, folder, covers):
        rest = []
        for change in self.changes:
            if change[1] == folder and change[0] <= covers:
                self._rename(change[2])
            else:
                rest.append(change)
        self.changes = rest

    def _sync(self, file, covers):
        pending = self.writes.get(file, [])
        for record in pending:
            if record.number <= covers:
                self._write(file, record)
        self.writes[file] = [record for record in pending if record.number > covers]

    def _write(self, file, record, sectors=None):
        content = self.contents.setdefault(file, bytearray())
        if record.kind == "t":
            del content[record.at:]
            content.extend(bytes(record.at - len(content)))
            return
        end = record.at + len(record.data)
        if len(content) < end:
            content.extend(bytes(end - len(content)))
        if sectors is None:
            content[record.at:end] = record.data
            return
        for place in range(record.at - record.at % SECTOR, end, SECTOR):
            if place // SECTOR in sectors:
                first, last = max(place, record.at), min(place + SECTOR, end)
                content[first:last] = record.data[first - record.at:last - record.at]

    def cut(self, chance):
        """What was not durable is lost, or some of it is not."""
        for file, pending in self.writes.items():
            mood = chance.random()
            for record in pending:
                luck = chance.random()
                if mood < 0.3 or luck < 0.35:
                    continue
                if luck < 0.7 or record.kind == "t":
                    self._write(file, record)
                    continue
                first = record.at // SECTOR
                last = (record.at + max(1, len(record.data)) - 1) // SECTOR
                self._write(
                    file, record, {s for s in range(first, last + 1) if chance.random() < 0.5})
        self.writes = {}
        kept = {}
        for number, folder, how in self.changes:
            if folder not in kept:
                kept[folder] = chance.random() < 0.3 and number + chance.randrange(1, 50) or 0
            if number <= kept[folder]:
                self._rename(how)
        self.changes = []

    def write_to(self, folder):
        """Makes the folder as it is on the disk. Shared memory is gone, as after a restart."""
        folder = pathlib.Path(folder)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True, mode=0o700)
        for path in sorted(self.folders - {self.root}):
            if os.path.dirname(path) in self.folders:
                (folder / os.path.relpath(path, self.root)).mkdir(mode=0o700, exist_ok=True)
        for path, file in self.names.items():
            if path.endswith("-shm") or os.path.dirname(path) not in self.folders:
                continue
            place = folder / os.path.relpath(path, self.root)
            place.write_bytes(self.contents.get(file, b""))
            place.chmod(0o600)
