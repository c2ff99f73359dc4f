"""Verifies signed WebAssembly modules, written from the tool-conventions' Signatures.md alone.

Standard input: one JSON object a line, {"module": hex, "detached": hex or null, "key": hex of the
32-byte Ed25519 key}. Standard output: one line for each, "valid" or the reason why not. Knows signatures
of whole modules, in a signature section, detached, or both (then both must hold); the repository's own
verifier must agree with it on every module.
"""
import hashlib
import json
import sys

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, count):
        if self.at + count > len(self.data):
            raise ValueError("cut off")
        self.at += count
        return self.data[self.at - count:self.at]

    def number(self, canonical=False):
        value = shift = 0
        while True:
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                break
            if shift >= 35:
                raise ValueError("number too long")
        if value >= 1 << 32 or canonical and shift > 7 and byte == 0:
            raise ValueError("number not canonical")
        return value

    @property
    def rest(self):
        return len(self.data) - self.at


def sections(module):
    if module[:8] != b"\0asm\1\0\0\0":
        raise ValueError("not a module")
    reader = Reader(module)
    reader.take(8)
    while reader.rest:
        start = reader.at
        kind = reader.take(1)[0]
        body = reader.take(reader.number())
        name, payload = None, body
        if kind == 0:
            inner = Reader(body)
            name = inner.take(inner.number())
            payload = inner.take(inner.rest)
        yield name, payload, module[start:reader.at]


def minimal_section(payload):
    def leb(number):
        out = bytearray()
        while True:
            out.append(number & 0x7F | (0x80 if number >> 7 else 0))
            number >>= 7
            if not number:
                return bytes(out)
    body = leb(9) + b"signature" + payload
    return b"\0" + leb(len(body)) + body


def verify(module, detached, key):
    parts = list(sections(module))
    signatures = [] if detached is None else [detached]
    if parts and parts[0][0] == b"signature":
        _, payload, raw = parts.pop(0)
        if raw != minimal_section(payload):
            raise ValueError("signature section not canonical")
        signatures.append(payload)
    if not signatures:
        raise ValueError("not signed")
    hashes = part_hashes(parts)
    for data in signatures:
        verify_data(Reader(data), hashes, key)


def part_hashes(parts):
    rolling, hashes, is_open = hashlib.sha256(), [], True
    for name, _, raw in parts:
        if name == b"signature":
            raise ValueError("a second signature section")
        rolling.update(raw)
        is_open = name != b"signature_delimiter"
        if not is_open:
            hashes.append(rolling.copy().digest())
    if is_open:
        hashes.append(rolling.digest())
    return hashes


def verify_data(data, hashes, key):
    if data.take(3) != b"\1\1\1":
        raise ValueError("unknown version, content or hash")
    sets = data.number(canonical=True)
    if sets == 0:
        raise ValueError("no signature")
    for _ in range(sets):
        signed = [data.take(32) for _ in range(data.number(canonical=True))]
        if signed != hashes:
            raise ValueError("hashes of something else")
        count = data.number(canonical=True)
        if count == 0:
            raise ValueError("no signature")
        for _ in range(count):
            data.take(data.number(canonical=True))
            if data.take(1) != b"\1" or data.number(canonical=True) != 64:
                raise ValueError("not Ed25519")
            Ed25519PublicKey.from_public_bytes(key).verify(
                data.take(64), b"wasmsig\1\1\1" + b"".join(signed))
    if data.rest:
        raise ValueError("bytes after the signature data")


for line in sys.stdin:
    task = json.loads(line)
    try:
        detached = task.get("detached")
        verify(
            bytes.fromhex(task["module"]), None if detached is None else bytes.fromhex(detached),
            bytes.fromhex(task["key"]))
        print("valid")
    except (ValueError, InvalidSignature) as reason:
        print(f"refused: {reason or 'wrong signature'}")
