"""Where what modules do is counted, outside of everything that is tested: each effect is a request to it."""
import http.server
import json
import threading
import time


class Holders:
    """Who has effects of something that only one may do at a time, in the order in which they arrive.

    An effect names the fence under which its holder began. Fences only grow: once a newer one has had an effect none of
    an older one may come, but one that was on its way: a request can leave a process that is frozen, or lie in the
    network, for as long as that takes. A holder has its effects one after the other, each when the one before it is
    answered. So a second one that is late was begun too late.
    """

    def __init__(self):
        self.newest = {}
        self.nodes = {}
        self.late = {}
        self.changes = 0
        self.longest_gap = {}
        self.last = {}
        self.complaints = []

    def holder(self, module):
        """The node that had an effect under the newest fence; `None` before the first."""
        fence, _ = self.newest.get(module, (None, 0))
        return self.nodes.get((module, fence))

    def took_effect(self, module, fence, node, name, at):
        fence = tuple(int(part) for part in fence.split("."))
        holder = self.nodes.setdefault((module, fence), node)
        if holder != node:
            self.complaints.append(f"{module} was held by {holder} and by {node} under fence {fence}")
        known, since = self.newest.get(module, ((0, 0), at))
        if fence > known:
            self.newest[module] = (fence, at)
            self.changes += 1
        elif fence < known:
            # Of a service there is one instance at a time on a node; calls run beside each other.
            holder = (module, fence, node, None if name.isdigit() else name)
            self.late[holder] = self.late.get(holder, 0) + 1
            if self.late[holder] > 1:
                self.complaints.append(
                    f"{module}: {name} on {node} had an effect under fence {fence}, {at - since:.2f} s after "
                    f"{self.nodes[module, known]} had begun under {known}")
        gap = at - self.last.get(module, at)
        self.longest_gap[module] = max(gap, self.longest_gap.get(module, 0))
        self.last[module] = at


class Sink:
    """Counts effects by name; those below `/held/` are of holders: MODULE/FENCE/NODE/NAME/NUMBER."""

    def __init__(self, address="127.0.0.1"):
        self.lock = threading.Lock()
        self.counts = {}
        self.holders = Holders()
        sink = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                self.rfile.read(int(self.headers.get("content-length", 0)))
                with sink.lock:
                    sink.take(self.path)
                self.send_response(200)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

            def handle_error(self, *_):
                pass  # Whoever asked was killed.

        self.server = Server((address, 0), Handler)
        self.url = f"http://{address}:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def take(self, path):
        self.counts[path] = self.counts.get(path, 0) + 1
        if path.startswith("/held/"):
            _, _, module, fence, node, name, _ = path.split("/")
            self.holders.took_effect(module, fence, node, name, time.monotonic())

    def count(self, name):
        with self.lock:
            return self.counts.get(f"/{name}", 0)

    def request(self, name, must_succeed=False):
        """What `relay` is to be told for one effect; whether it fails when its request does not get through."""
        ask = json.dumps({"http": {"url": f"{self.url}/{name}", "method": "POST"}}).encode() + b"\n"
        return b"!" + ask if must_succeed else ask
