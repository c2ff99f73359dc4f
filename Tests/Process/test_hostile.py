"""Hostile HTTP, manifests and modules: nothing crashes or hangs the program."""
import errno
import os
import random
import socket
import unittest

from cluster import Cluster, GUESTS

MANIFEST = """apiVersion: wasmatrix/v1
name: hostile
modules:
  upper:
    source: upper.wasm
  spin:
    source: spin.wasm
    limits: { cpu: 200ms }
  trap:
    source: trap.wasm
  hog:
    source: hog.wasm
    limits: { memory: 32MiB }
  noisy:
    source: noisy.wasm
    limits: { output: 1MiB }
  recurse:
    source: recurse.wasm
"""
GUEST_NAMES = ["upper", "spin", "trap", "hog", "noisy", "recurse"]


class Hostile(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.seed = random.randrange(1 << 30)
        cls.random = random.Random(cls.seed)
        cls.cluster = Cluster()
        cls.cluster.write_manifest(MANIFEST, guests=GUEST_NAMES)
        cls.cluster.start()

    @classmethod
    def tearDownClass(cls):
        cls.cluster.__exit__()

    def tearDown(self):
        """Whatever was done, the program answers."""
        self.assertIsNone(self.cluster.process.poll(), f"seed {self.seed}: it died")
        status, _, body = self.cluster.invoke("upper", b"alive")
        self.assertEqual((status, body), (200, b"ALIVE"), f"seed {self.seed}")

    def send(self, data):
        """What the server answers before it closes; empty where it closes without reading all
        (a reset: shutting down a connection that is gone is "not connected")."""
        with socket.create_connection(("127.0.0.1", self.cluster.port), timeout=20) as connection:
            try:
                connection.sendall(data)
                connection.shutdown(socket.SHUT_WR)
                answer = b""
                while len(answer) < 1 << 20:
                    piece = connection.recv(65536)
                    if not piece:
                        break
                    answer += piece
                return answer
            except OSError as error:
                if isinstance(error, ConnectionError) or error.errno == errno.ENOTCONN:
                    return b""
                raise

    def test_random_bytes(self):
        for _ in range(300):
            self.send(self.random.randbytes(self.random.randrange(1, 2000)))

    def test_malformed_requests(self):
        host = b"Host: 127.0.0.1\r\n"
        for request in [
            b"GET / HTTP/9.9\r\n\r\n", b"GET\r\n\r\n", b"\r\n\r\n\r\n",
            b"GET /%00%ff/../../etc/passwd HTTP/1.1\r\n" + host + b"\r\n",
            b"GET /v1/modules/%2e%2e%2f HTTP/1.1\r\n" + host + b"\r\n",
            b"POST /v1/events HTTP/1.1\r\n" + host + b"Content-Length: -1\r\n\r\n",
            b"POST /v1/events HTTP/1.1\r\n" + host + b"Content-Length: 99999999999999\r\n\r\nx",
            b"POST /v1/events HTTP/1.1\r\n" + host + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
            b"POST /v1/events HTTP/1.1\r\n" + host + b"Content-Length: 5\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            b"GET /healthz HTTP/1.1\r\n" + host + b"X: " + b"a" * 200_000 + b"\r\n\r\n",
            b"GET /healthz HTTP/1.1\r\n" + host + b"".join(b"X%d: y\r\n" % n for n in range(5000))
            + b"\r\n",
            b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n" + host + b"\r\n",
        ]:
            answer = self.send(request)
            self.assertFalse(answer.startswith(b"HTTP/1.1 2"), request[:100])

    def test_malformed_json_and_manifests(self):
        for body in [
            b"", b"{", b"[" * 100_000, b'{"manifest": 7}', b'{"manifest": "modules: ["}',
            b'{"manifest": "' + b"[" * 50_000 + b'", "versions": {}}', b"\xff\xfe\x00",
            b'{"a":' * 20_000, os.urandom(5000),
        ]:
            status, _, _ = self.cluster.request(
                "POST", "/v1/deployments", body, {"Content-Type": "application/json"})
            self.assertGreaterEqual(status, 400)
            self.assertLess(status, 500)
            status, _, _ = self.cluster.request(
                "POST", "/v1/events", body, {"Content-Type": "application/cloudevents+json"})
            self.assertGreaterEqual(status, 400)
            self.assertLess(status, 500)

    def test_bad_modules_are_refused_and_recorded(self):
        good = (GUESTS / "upper.wasm").read_bytes()
        first = len(self.cluster.get("/v1/audit?limit=1000")["items"])
        bodies = [b"", b"\0asm", good, good[:-1], good + b"x", os.urandom(1000)]
        for number in range(300):
            mutant = bytearray(good)
            for _ in range(self.random.randrange(1, 6)):
                mutant[self.random.randrange(len(mutant))] = self.random.randrange(256)
            bodies.append(bytes(mutant[: self.random.randrange(1, len(mutant))]))
        for number, body in enumerate(bodies):
            status, _, answer = self.cluster.request(
                "PUT", f"/v1/modules/bad/versions/1.0.{number}", body)
            self.assertIn(status, (400, 403), f"seed {self.seed}: {answer[:300]}")
        events = self.cluster.get(f"/v1/audit?from={first}&limit=1000")["items"]
        self.assertGreaterEqual(len(events), len(bodies))
        self.assertEqual([e["sequence"] for e in events],
                         list(range(first, first + len(events))))

    def test_bodies_that_are_too_large(self):
        for path, size in [("/v1/invoke/upper", 17 << 20), ("/v1/events?topic=x", 17 << 20)]:
            try:
                status, _, _ = self.cluster.request("POST", path, b"x" * size)
                self.assertEqual(status, 413)
            except (BrokenPipeError, ConnectionError):
                pass

    def test_a_module_that_is_too_large_is_on_record(self):
        first = len(self.cluster.get("/v1/audit?limit=1000")["items"])
        try:
            status, _, _ = self.cluster.request(
                "PUT", "/v1/modules/huge/versions/1", b"\0asm\1\0\0\0" + b"\0" * (66 << 20))
            self.assertEqual(status, 413)
        except (BrokenPipeError, ConnectionError):
            # It answered and closed before everything was sent.
            pass
        events = self.cluster.get(f"/v1/audit?from={first}&limit=10")["items"]
        self.assertIn("huge@1", [e["subject"] for e in events])

    def test_guests_that_misbehave_are_stopped(self):
        for name, status, code in [
            ("spin", 504, "cpu_time_limit"), ("trap", 502, "guest_trapped"),
            ("hog", 502, "memory_limit"), ("noisy", 502, "output_limit"), ("recurse", 502, "guest_trapped"),
        ]:
            got, _, body = self.cluster.invoke(name)
            self.assertEqual(got, status, f"{name}: {body[:300]}")
            self.assertIn(code.encode(), body, name)

    def test_slow_clients_do_not_hold_others(self):
        slow = []
        for _ in range(200):
            connection = socket.create_connection(("127.0.0.1", self.cluster.port))
            connection.sendall(b"POST /v1/invoke/upper HTTP/1.1\r\nHost: 127.0.0.1\r\n")
            slow.append(connection)
        status, _, body = self.cluster.invoke("upper", b"others")
        self.assertEqual((status, body), (200, b"OTHERS"))
        for connection in slow:
            connection.close()

    def test_browsers_cannot_drive_it(self):
        status, _, _ = self.cluster.request("GET", "/v1/nodes", headers={"Origin": "http://evil.test"})
        self.assertEqual(status, 403)
        answer = self.send(b"GET /v1/nodes HTTP/1.1\r\nHost: evil.test\r\nConnection: close\r\n\r\n")
        self.assertTrue(answer.startswith(b"HTTP/1.1 403"), answer[:100])


if __name__ == "__main__":
    unittest.main()
