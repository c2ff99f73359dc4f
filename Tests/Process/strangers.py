"""Hostile peers of a control plane: they send nonsense and too much, do not read, and never come to an end."""
import base64
import contextlib
import json
import os
import random
import socket
import ssl
import struct
import textwrap
import threading
import time

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
GREETING = bytes.fromhex("16030100b8010000b40303")  # The beginning of a ClientHello that says it is longer.


class Strangers:
    """Do all of that until they are stopped, a few at a time, from a seed.

    One of them has stolen the identity of a node: what it sends arrives behind the handshake.
    """

    # That hang about at the same time.
    MOST_IDLE = 100

    def __init__(self, fleet, seed, thief=None):
        self.fleet, self.thief = fleet, thief
        self.random = random.Random(seed)
        self.done = {}
        self.idle = []
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self):
        acts = [self.garbage, self.half_open, self.endless_handshake, self.huge_record, self.datagrams,
                self.slow_request, self.unread_answers, self.unread_events, self.unread_state, self.broken_requests]
        if self.thief:
            acts += [self.huge_frame, self.unread_frames, self.frames_of_nothing]
        while not self.stopped.is_set():
            act = self.random.choice(acts)
            try:
                act()
            except OSError:
                pass  # It was refused, or nobody is there at the moment.
            self.done[act.__name__] = self.done.get(act.__name__, 0) + 1
            while len(self.idle) > self.MOST_IDLE:
                self.idle.pop(self.random.randrange(len(self.idle))).close()
            time.sleep(0.02)

    def stop(self):
        self.stopped.set()
        self.thread.join()
        for connection in self.idle:
            connection.close()

    def _agents(self):
        return socket.create_connection(("127.0.0.1", self.fleet.agents_port), timeout=5)

    def _api(self):
        return socket.create_connection(("127.0.0.1", self.fleet.api_port), timeout=5)

    # Where agents attach.

    def garbage(self):
        with self._agents() as connection:
            connection.sendall(self.random.randbytes(self.random.choice([1, 300, 20000])))

    def half_open(self):
        self.idle.append(self._agents())

    def endless_handshake(self):
        connection = self._agents()
        connection.sendall(GREETING[:self.random.randrange(1, len(GREETING))])
        self.idle.append(connection)

    def huge_record(self):
        with self._agents() as connection:
            connection.sendall(b"\x16\x03\x01\xff\xff" + bytes(65535))

    def datagrams(self):
        with socket.socket(type=socket.SOCK_DGRAM) as datagrams:
            for size in (0, 1, 40, 89, 200, 1400, 60000):
                piece = self.random.randbytes(size)
                datagrams.sendto(piece, ("127.0.0.1", self.fleet.agents_port))
                datagrams.sendto(b"WMHB\x01\x01" + piece[6:], ("127.0.0.1", self.fleet.agents_port))

    # Where users ask.

    def slow_request(self):
        connection = self._api()
        connection.sendall(b"POST /v1/events HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 1000000\r\n")
        self.idle.append(connection)

    def unread_answers(self):
        connection = slow_connection(self.fleet.api_port)
        connection.settimeout(0.2)
        self.idle.append(connection)
        # Of another host it would be refused, with few words.
        connection.sendall(b"GET /openapi.json HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n" * 200)

    def unread_events(self):
        self.idle.append(ask_for_lines(self.fleet.api_port, "/v1/events/tail?since=0&topic=%23"))

    def unread_state(self):
        self.idle.append(ask_for_lines(self.fleet.api_port, "/v1/state/chaos/watch"))

    def broken_requests(self):
        for text in (b"\r\n\r\n", b"GET\r\n\r\n", b"POST /v1/events HTTP/1.1\r\ncontent-length: -1\r\n\r\n",
                     b"GET / HTTP/1.1\r\nx: " + b"y" * 200000, self.random.randbytes(2000)):
            with self._api() as connection:
                connection.sendall(text)

    # As a node that has gone mad.

    def _stolen(self):
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.set_alpn_protocols(["h2"])
        context.load_cert_chain(self.thief)
        return context.wrap_socket(self._agents())

    def huge_frame(self):
        with self._stolen() as connection:
            connection.sendall(PREFACE + frame(4, 0, 0) + b"\xff\xff\xff\x00\x00\x00\x00\x00\x01")
            for _ in range(20):
                connection.sendall(bytes(65536))

    def frames_of_nothing(self):
        with self._stolen() as connection:
            connection.sendall(PREFACE + frame(4, 0, 0))
            for kind in range(11):
                connection.sendall(frame(kind, self.random.randrange(256), self.random.randrange(1 << 31),
                                         self.random.randbytes(self.random.randrange(100))))

    def unread_frames(self):
        """Asks to be answered, and does not read."""
        connection = self._stolen()
        self.idle.append(connection)
        connection.settimeout(0.2)
        connection.sendall(PREFACE + frame(4, 0, 0))
        connection.sendall(frame(6, 0, 0, bytes(8)) * 20000)


class Crowd:
    """Connects again and again, from many addresses of this machine, and says nothing or the beginning of a greeting."""

    ADDRESSES = 50

    def __init__(self, port, at_once):
        self.port = port
        self.number = 0
        self.connections = []
        for _ in range(at_once):
            self._connect()
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self._go_on)
        self.thread.start()

    def _connect(self):
        self.number += 1
        source = (f"127.0.{1 + self.number % self.ADDRESSES}.1", 0)
        try:
            connection = socket.create_connection(("127.0.0.1", self.port), timeout=10, source_address=source)
        except OSError:
            return  # It was refused in the middle of it.
        self.connections.append(connection)
        if self.number % 2:
            with contextlib.suppress(OSError):
                connection.sendall(GREETING)

    def _go_on(self):
        while not self.stopped.wait(0.05):
            self._connect()

    def open(self):
        """How many the other end has not closed."""
        return sum(1 for connection in list(self.connections) if not self._is_closed(connection))

    @staticmethod
    def _is_closed(connection):
        try:
            return connection.recv(4096, socket.MSG_DONTWAIT) == b""
        except BlockingIOError:
            return False
        except OSError:
            return True

    def stop(self):
        """No more of them come; those that are there stay."""
        self.stopped.set()
        self.thread.join()

    def close(self):
        self.stop()
        for connection in self.connections:
            connection.close()


def slow_connection(port):
    """A connection of which the other end has room for little that is not read."""
    connection = socket.socket()
    try:
        # With small segments neither end makes its buffers larger.
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 536)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(5)
        connection.connect(("127.0.0.1", port))
    except OSError:
        connection.close()
        raise
    return connection


def ask_for_lines(port, path):
    """Asks for something that goes on, and does not read it."""
    connection = slow_connection(port)
    connection.sendall(f"GET {path} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\n\r\n".encode())
    return connection


def frame(kind, flags, stream, content=b""):
    """A frame of HTTP/2."""
    return struct.pack(">I", len(content))[1:] + struct.pack(">BBI", kind, flags, stream) + content


def identity(folder):
    """The identity of an agent's data folder, as a file that `ssl` takes."""
    kept = json.loads((folder / "identity" / "identity.json").read_text())
    text = kept["key"].rstrip("\n") + "\n"
    for certificate in kept["chain"]:
        body = "\n".join(textwrap.wrap(base64.b64encode(bytes(certificate)).decode(), 64))
        text += f"-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n"
    path = folder.parent / "stolen.pem"
    path.touch(0o600)
    path.write_text(text)
    return os.fspath(path)
