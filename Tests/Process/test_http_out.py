"""Modules ask servers over HTTP as far as they are granted, counted by the servers themselves."""
import http.server
import json
import threading
import unittest

from cluster import Cluster

MANIFEST = """apiVersion: wasmatrix/v1
name: asking
modules:
  relay:
    source: relay.wasm
    capabilities:
      http-out:
        servers: ["http://127.0.0.1:%(port)d", "http://localhost:%(port)d"]
        response: 2KiB
        timeout: 2s
  near:
    source: relay.wasm
    capabilities:
      http-out:
        servers: ["http://localhost:%(port)d"]
        private: [127.0.0.0/8, "::1"]
  other:
    source: relay.wasm
    capabilities:
      publish: [nowhere]
"""


class Answering(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self):
        length = int(self.headers.get("content-length", 0))
        body = self.rfile.read(length)
        self.server.seen.append((self.command, self.path, body, self.headers.get("x-note")))
        if self.path == "/silent":
            self.server.let_go.wait(30)
        status = 302 if self.path == "/moved" else 200
        answer = b"x" * 4096 if self.path == "/large" else b"\xff\x00" if self.path == "/bytes" else b"got " + body
        self.send_response(status)
        if status == 302:
            self.send_header("location", "/elsewhere")
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        try:
            self.wfile.write(answer)
        except OSError:
            pass  # The one who asked did not wait.

    do_GET = do_POST = do_PUT = answer

    def log_message(self, *_):
        pass


class HTTPOut(unittest.TestCase):
    def setUp(self):
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answering)
        self.server.seen = []
        self.server.let_go = threading.Event()
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.cluster = Cluster()
        self.cluster.write_manifest(MANIFEST % {"port": self.port}, guests=["relay"])
        self.cluster.start()

    def tearDown(self):
        self.server.let_go.set()
        self.cluster.stop()
        self.server.shutdown()
        self.server.server_close()

    def url(self, path, host="127.0.0.1"):
        return f"http://{host}:{self.port}{path}"

    def ask(self, *requests, module="relay"):
        lines = b"".join(json.dumps({"http": request}).encode() + b"\n" for request in requests)
        status, _, body = self.cluster.invoke(module, lines)
        self.assertEqual(status, 200, body)
        return [json.loads(line) for line in body.splitlines()]

    def test_a_granted_server_is_asked_and_its_answer_comes_back(self):
        answers = self.ask(
            {"url": self.url("/a?b=c"), "method": "POST", "data": "hello", "headers": {"X-Note": "n"}},
            {"url": self.url("/bytes")},
            {"url": self.url("/moved")})
        self.assertEqual(answers[0]["response"]["status"], 200)
        self.assertEqual(answers[0]["response"]["data"], "got hello")
        self.assertEqual(answers[1]["response"]["base64"], "/wA=")
        # A redirection is an answer: nobody follows it for the module.
        self.assertEqual(answers[2]["response"]["status"], 302)
        self.assertEqual(answers[2]["response"]["headers"]["location"], "/elsewhere")
        self.assertEqual(self.server.seen, [
            ("POST", "/a?b=c", b"hello", "n"), ("GET", "/bytes", b"", None), ("GET", "/moved", b"", None)])

    def test_what_is_not_granted_is_refused_on_record_and_never_sent(self):
        refused = [
            {"url": f"http://127.0.0.1:{self.port + 1}/"},
            {"url": f"https://127.0.0.1:{self.port}/"},
            {"url": "http://169.254.169.254/latest/meta-data"},
            # The name is granted; the address that it leads to is private, and is not.
            {"url": self.url("/", host="localhost")},
        ]
        for request, answer in zip(refused, self.ask(*refused)):
            self.assertEqual(answer["error"]["code"], "denied", (request, answer))
        self.assertEqual(self.ask({"url": self.url("/")}, module="other")[0]["error"]["code"], "denied")
        self.assertEqual(self.server.seen, [])
        events = json.loads(self.cluster.run("audit", "list", "--json").stdout)
        recorded = json.dumps(events)
        self.assertIn("169.254.169.254", recorded)
        self.assertIn("is no public address", recorded)
        metrics = self.cluster.request("GET", "/metrics")[2].decode()
        self.assertRegex(metrics, r'wasmatrix_capability_denials_total\{[^}]*capability="http-out"[^}]*\} [0-9]')
        # Where the manifest grants the address, too, the name works.
        answer = self.ask({"url": self.url("/near", host="localhost")}, module="near")[0]
        self.assertEqual(answer["response"]["status"], 200, answer)
        self.assertEqual([seen[1] for seen in self.server.seen], ["/near"])

    def test_slow_large_and_odd_answers_are_told_and_the_module_goes_on(self):
        answers = self.ask(
            {"url": self.url("/silent")}, {"url": self.url("/large")},
            {"url": self.url("/"), "headers": {"Host": "evil"}}, {"url": "http://127.1/"},
            {"url": self.url("/after")})
        self.assertEqual([answer.get("error", {}).get("code") for answer in answers],
                         ["http_timeout", "answer_too_large", "request_invalid", "request_invalid", None])
        self.assertEqual(answers[-1]["response"]["data"], "got ")


if __name__ == "__main__":
    unittest.main()
