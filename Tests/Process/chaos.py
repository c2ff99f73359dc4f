"""Breaks a fleet of real processes under constant load, and then looks whether everything that was promised is so.

A control plane and agents, each a process; load that never pauses; from a seed: agents and the control plane are killed and
come back, agents freeze and thaw, the network between an agent and the control plane falls silent, services of the control
plane crash, nodes are drained. What modules do is counted in a sink of this program's own: each effect is a request to it.
"""
import argparse
import http.server
import json
import random
import signal
import socket
import sys
import threading
import time

from cluster import wait_until
from fleet import Fleet

MANIFEST = """apiVersion: wasmatrix/v1
name: chaos
modules:
  events:
    source: relay.wasm
    triggers: [{{ topic: work/# }}]
    retry: {{ attempts: 10, initial-delay: 50ms, maximum-delay: 1s }}
    placement: {{ replicas: 2, fallbacks: 1 }}
    capabilities:
      http-out: {{ servers: ["{sink}"], private: [127.0.0.0/8] }}
  calls:
    source: relay.wasm
    placement: {{ replicas: 1, fallbacks: 2 }}
    capabilities:
      http-out: {{ servers: ["{sink}"], private: [127.0.0.0/8] }}
  repeatable:
    source: relay.wasm
    idempotent: true
    placement: {{ replicas: 1, fallbacks: 2 }}
    capabilities:
      http-out: {{ servers: ["{sink}"], private: [127.0.0.0/8] }}
"""
MODULES = {"events": 2, "calls": 1, "repeatable": 1}


class Sink:
    """Counts effects by name."""

    def __init__(self):
        self.lock = threading.Lock()
        self.counts = {}
        sink = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                self.rfile.read(int(self.headers.get("content-length", 0)))
                with sink.lock:
                    sink.counts[self.path] = sink.counts.get(self.path, 0) + 1
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

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def count(self, name):
        with self.lock:
            return self.counts.get(f"/{name}", 0)

    def request(self, name):
        return json.dumps({"http": {"url": f"{self.url}/{name}", "method": "POST"}}).encode() + b"\n"


class Proxy:
    """Stands between one agent and the control plane, for streams and datagrams; can fall silent."""

    def __init__(self, host, port, target):
        self.target = target
        self.open = threading.Event()
        self.open.set()
        self.listener = socket.create_server((host, port))
        self.datagrams = socket.socket(type=socket.SOCK_DGRAM)
        self.datagrams.bind((host, port))
        for loop in (self._accept, self._datagrams):
            threading.Thread(target=loop, daemon=True).start()

    def _accept(self):
        while True:
            agent, _ = self.listener.accept()
            try:
                plane = socket.create_connection(self.target, timeout=5)
                plane.settimeout(None)
            except OSError:
                agent.close()
                continue
            for source, sink in ((agent, plane), (plane, agent)):
                threading.Thread(target=self._pump, args=(source, sink), daemon=True).start()

    def _pump(self, source, sink):
        try:
            while piece := source.recv(65536):
                self.open.wait()
                sink.sendall(piece)
        except OSError:
            pass
        for end in (source, sink):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def _datagrams(self):
        ways = {}
        while True:
            piece, agent = self.datagrams.recvfrom(4096)
            if not self.open.is_set():
                continue
            if agent not in ways:
                ways[agent] = socket.socket(type=socket.SOCK_DGRAM)
                ways[agent].connect(self.target)
                threading.Thread(target=self._back, args=(ways[agent], agent), daemon=True).start()
            try:
                ways[agent].send(piece)
            except OSError:
                pass  # Nobody listens there at the moment.

    def _back(self, way, agent):
        while True:
            try:
                piece = way.recv(4096)
            except OSError:
                continue
            if self.open.is_set():
                self.datagrams.sendto(piece, agent)


class Load:
    """Publishes and calls, all the time; remembers what was promised to it."""

    def __init__(self, fleet, sink):
        self.fleet, self.sink = fleet, sink
        self.stopped = threading.Event()
        self.lock = threading.Lock()
        self.accepted = {}
        self.answers = {"calls": {}, "repeatable": {}}
        self.refused = 0
        self.threads = [threading.Thread(target=self._publish, args=(number,)) for number in range(2)]
        self.threads += [threading.Thread(target=self._call, args=(module,)) for module in self.answers]
        for thread in self.threads:
            thread.start()

    def _publish(self, worker):
        number = 0
        while not self.stopped.is_set():
            number += 1
            name = f"event-{worker}-{number}"
            try:
                status, _, body = self.fleet.publish("work/x", self.sink.request(name), name, timeout=30)
            except OSError:
                status = 0
            with self.lock:
                if status == 202:
                    self.accepted[name] = json.loads(body)["offset"]
                else:
                    self.refused += 1
            time.sleep(0.01 if status == 202 else 0.1)

    def _call(self, module):
        number = 0
        while not self.stopped.is_set():
            number += 1
            name = f"{module}-{number}"
            try:
                status, _, body = self.fleet.request(
                    "POST", f"/v1/invoke/{module}", self.sink.request(name), timeout=60)
            except OSError:
                status, body = 0, b""
            if status == 200 and not all("response" in json.loads(line) for line in body.splitlines()):
                status = -1  # It ran, and its request did not get through.
            with self.lock:
                self.answers[module][name] = status
            time.sleep(0.01 if status == 200 else 0.1)

    def stop(self):
        self.stopped.set()
        for thread in self.threads:
            thread.join()


class Chaos:
    def __init__(self, seed, nodes):
        self.random = random.Random(seed)
        self.names = [f"node-{number}" for number in range(1, nodes + 1)]
        self.fleet = Fleet()
        self.sink = Sink()
        self.proxies = {}
        self.done = {}

    def start(self):
        self.fleet.start()
        for number, name in enumerate(self.names):
            host = f"127.0.1.{number + 1}"
            self.proxies[name] = Proxy(
                host, self.fleet.agents_port, ("127.0.0.1", self.fleet.agents_port))
            self.fleet.join(name, options=self.options(name), wait=False)
        self.fleet.wait_for(*self.names)
        self.fleet.deploy(MANIFEST.format(sink=self.sink.url), ("relay",))

    def options(self, name):
        host = f"127.0.1.{self.names.index(name) + 1}"
        return ["--attach", f"{host}:{self.fleet.agents_port}", "--log-level", "warning"]

    # What is broken. Each heals what it broke before it returns.

    def kill_agent(self):
        name = self.random.choice(self.names)
        self.fleet.kill_agent(name)
        time.sleep(self.random.uniform(0, 1))
        self.fleet.start_agent(name, self.options(name))

    def freeze_agent(self):
        name = self.random.choice(self.names)
        self.fleet.signal_agent(name, signal.SIGSTOP)
        time.sleep(self.random.uniform(0.05, 1.5))
        self.fleet.signal_agent(name, signal.SIGCONT)

    def partition_agent(self):
        proxy = self.proxies[self.random.choice(self.names)]
        proxy.open.clear()
        time.sleep(self.random.uniform(0.05, 1.5))
        proxy.open.set()

    def stop_agent(self):
        name = self.random.choice(self.names)
        self.fleet.signal_agent(name, signal.SIGTERM)
        self.fleet.agents[name].wait(30)
        self.fleet.start_agent(name, self.options(name))

    def kill_control_plane(self):
        self.fleet.kill()
        time.sleep(self.random.uniform(0, 0.5))
        self.fleet.start()

    def crash_service(self):
        child = self.random.choice([
            "main/events/bus", "main/events/router", "main/scheduling/scheduler", "main/scheduling/balancer",
            "main/nodes/attach", "main/nodes/heartbeats", "main/agents/listener", "main/modules/registry"])
        self.fleet.run("chaos", "kill", child, check=False)

    def drain(self):
        name = self.random.choice(self.names)
        self.fleet.run("drain", name, check=False)
        time.sleep(self.random.uniform(0.1, 1))
        self.fleet.run("uncordon", name, check=False)

    def run(self, seconds):
        acts = [self.kill_agent] * 4 + [self.freeze_agent] * 4 + [self.partition_agent] * 4 + [
            self.stop_agent, self.kill_control_plane, self.crash_service, self.crash_service, self.drain]
        load = Load(self.fleet, self.sink)
        try:
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                act = self.random.choice(acts)
                self.done[act.__name__] = self.done.get(act.__name__, 0) + 1
                act()
                time.sleep(self.random.uniform(0.2, 1))
        finally:
            load.stop()
        return load

    # What must be so afterwards.

    def check(self, load):
        for name in self.names:
            self.fleet.run("uncordon", name, check=False)
        self.fleet.wait_for(*self.names, seconds=60)
        complaints = []
        waiting = dict(load.accepted)

        def settled():
            for name, offset in list(waiting.items()):
                status = self.fleet.get(f"/v1/events/{offset}")
                if not status["settled"]:
                    return False
                states = [delivery["state"] for delivery in status["deliveries"]]
                if states != ["succeeded"]:
                    complaints.append(f"{name} was accepted, and is {states}")
                del waiting[name]
            return True
        try:
            wait_until(settled, 90, "the end of all events")
        except AssertionError:
            complaints.append(f"{len(waiting)} accepted events never settled: {sorted(waiting)[:5]}")
        complaints += [
            f"{name} was accepted and had no effect" for name in load.accepted if self.sink.count(name) == 0]
        for name, status in load.answers["calls"].items():
            count = self.sink.count(name)
            if count > 1 or (status == 200 and count != 1):
                complaints.append(f"{name} was answered {status} and had {count} effects")
        for name, status in load.answers["repeatable"].items():
            if status == 200 and self.sink.count(name) == 0:
                complaints.append(f"{name} was answered 200 and had no effect")
        for module, replicas in MODULES.items():
            try:
                self.fleet.wait_for_placement(module, active=replicas)
            except AssertionError:
                complaints.append(f"{module} has not {replicas} placements: {self.fleet.placements(module)}")
        complaints += [
            f"{name} has ended with {agent.returncode}" for name, agent in self.fleet.agents.items()
            if agent.poll() is not None]
        if self.fleet.process.poll() is not None:
            complaints.append("the control plane has ended")
        return complaints


def summary(load, chaos):
    answers = {}
    for module, heard in load.answers.items():
        for status in heard.values():
            answers[module, status] = answers.get((module, status), 0) + 1
    print("broken:", ", ".join(f"{name} {count}" for name, count in sorted(chaos.done.items())))
    print(f"events: {len(load.accepted)} accepted, {load.refused} not; effects of more than one delivery: "
          f"{sum(1 for name in load.accepted if chaos.sink.count(name) > 1)}")
    for (module, status), count in sorted(answers.items()):
        print(f"{module}: {count} answered {status or 'not at all'}")


def main():
    parser = argparse.ArgumentParser(prog="chaos", description=__doc__.split("\n")[0])
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    parser.add_argument("--seconds", type=float, default=600, help="how long things are broken (default: 600)")
    parser.add_argument("--nodes", type=int, default=4)
    parser.add_argument("--short", action="store_true", help="a minute")
    options = parser.parse_args()
    seconds = 60 if options.short else options.seconds
    print(f"chaos: seed {options.seed}, {options.nodes} nodes, {seconds:g} s", flush=True)
    chaos = Chaos(options.seed, options.nodes)
    with chaos.fleet:
        chaos.start()
        load = chaos.run(seconds)
        complaints = chaos.check(load)
        summary(load, chaos)
        if complaints:
            print("\n".join(complaints[:50]), file=sys.stderr)
            print(f"error: {len(complaints)} promises were broken\nnext: make chaos ARGS=\"--seed {options.seed} "
                  f"--seconds {seconds:g}\"\n--- the control plane's log\n{chaos.fleet.log_text()}", file=sys.stderr)
            sys.exit(1)
    print("all promises were kept")


if __name__ == "__main__":
    main()
