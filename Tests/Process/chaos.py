"""Breaks a fleet of real processes under constant load, and then looks whether everything that was promised is so.

A control plane and agents, each a process; load that never pauses; strangers that send nonsense all the time; from a seed:
agents and the control plane are killed, stopped, frozen, and come back, the network between an agent and the control plane
falls silent, services of the control plane and of applications crash, nodes are drained. What modules do is counted in a
sink of this program's own: each effect is a request to it.
"""
import argparse
import http.client
import json
import os
import random
import signal
import subprocess
import sys
import time
import urllib.parse

from chaos_load import Load
from cluster import wait_until
from fleet import Fleet
from reality import MARK, differences
from sink import Sink
from strangers import Strangers, identity
from ways import Namespaces, Proxies, enter_namespace

MANIFEST = """apiVersion: wasmatrix/v1
name: chaos
modules:
  events:
    source: relay.wasm
    triggers: [{{ topic: work/# }}]
    retry: {{ attempts: 10, initial-delay: 50ms, maximum-delay: 1s }}
    placement: {{ replicas: 2, fallbacks: 1 }}
    capabilities: {asks}
  calls:
    source: relay.wasm
    placement: {{ replicas: 1, fallbacks: 2 }}
    capabilities: {asks}
  repeatable:
    source: relay.wasm
    idempotent: true
    placement: {{ replicas: 1, fallbacks: 2 }}
    capabilities: {asks}
  held-calls:
    source: holder.wasm
    env: {{ SINK: "{sink}/held", STEPS: "10" }}
    placement: {{ replicas: 1, fallbacks: 2, isolation: stop }}
    capabilities: {asks}
  held:
    source: holder.wasm
    kind: service
    env: {{ SINK: "{sink}/held", TOPIC: held/fences }}
    capabilities: {asks_and_publishes}
supervision:
  intensity: {{ restarts: 1000, within: 1m }}
  placement: {{ replicas: 1, fallbacks: 2, isolation: stop }}
"""
MODULES = {"events": (2, 1), "calls": (1, 2), "repeatable": (1, 2), "held-calls": (1, 2), "held": (1, 2)}
CHILDREN = ["main/events/bus", "main/events/router", "main/scheduling/scheduler", "main/scheduling/balancer",
            "main/nodes/attach", "main/nodes/heartbeats", "main/agents/listener", "main/modules/registry"]
# What the control plane may come to need while it is broken, all of it; in kilobytes.
GROWTH = 400_000
# So many of the newest events the log keeps at least; it keeps 100,000 of all kinds.
KEPT = 10_000


class Chaos:
    def __init__(self, seed, nodes, in_namespaces):
        self.random = random.Random(seed)
        self.names = [f"node-{number}" for number in range(1, nodes + 1)]
        self.fleet = Fleet()
        self.mark = self.fleet.environment[MARK] = str(self.fleet.folder)
        self.ways = (Namespaces if in_namespaces else Proxies)(self.names, self.fleet.agents_port)
        self.sink = Sink(self.ways.sink)
        self.done = {}
        self.largest = 0

    def start(self):
        if self.ways.kind == Namespaces.kind:
            self.fleet.agents_host = "0.0.0.0"
        self.fleet.start()
        # They get their certificates here, and go on in networks of their own.
        self.fleet.join(*self.names)
        thief = self.names[0]
        for name in self.names:
            self.fleet.signal_agent(name, signal.SIGTERM)
            self.fleet.agents[name].wait(30)
            self.fleet.wrappers[name] = self.ways.wrapper(name)
            self.start_agent(name)
        self.fleet.wait_for(*self.names)
        self.thief = identity(self.fleet.folder / thief)
        asks = {"http-out": {"servers": [self.sink.url], "private": [f"{self.ways.sink}/32"]}}
        self.fleet.deploy(
            MANIFEST.format(
                sink=self.sink.url, asks=json.dumps(asks),
                asks_and_publishes=json.dumps(asks | {"publish": ["held/#"]})),
            ("relay", "holder"))

    def start_agent(self, name):
        self.fleet.start_agent(name, [
            "--attach", f"{self.ways.host(name)}:{self.fleet.agents_port}", "--log-level", "warning"])

    def pause(self):
        """Short, or longer than any lease."""
        time.sleep(self.random.uniform(3, 5) if self.random.random() < 0.4 else self.random.uniform(0.05, 1.5))

    def victim(self):
        """Any node; as often the one that has a lease which others wait for."""
        name, holder = self.random.choice(self.names), self.sink.holders.holder("held")
        return holder if holder and self.random.random() < 0.5 else name

    # What is broken. Each heals what it broke before it returns.

    def kill_agent(self):
        name = self.random.choice(self.names)
        self.fleet.kill_agent(name)
        time.sleep(self.random.uniform(0, 1))
        self.start_agent(name)

    def freeze_agent(self):
        name = self.victim()
        self.fleet.signal_agent(name, signal.SIGSTOP)
        self.pause()
        self.fleet.signal_agent(name, signal.SIGCONT)

    def partition_agent(self):
        name = self.victim()
        self.ways.cut(name, self.random.choice(self.ways.directions))
        self.pause()
        self.ways.mend(name)

    def kill_behind_a_partition(self):
        """Nobody hears the end of its connections: the control plane has half of them."""
        name = self.random.choice(self.names)
        self.ways.cut(name, "both")
        self.fleet.kill_agent(name)
        self.pause()
        self.ways.mend(name)
        self.start_agent(name)

    def stop_agent(self):
        name = self.random.choice(self.names)
        self.fleet.signal_agent(name, signal.SIGTERM)
        self.fleet.agents[name].wait(30)
        self.start_agent(name)

    def kill_control_plane(self):
        self.look_at_memory()
        self.fleet.kill()
        time.sleep(self.random.uniform(0, 0.5))
        self.fleet.start()

    def stop_control_plane(self):
        self.look_at_memory()
        self.fleet.stop()
        self.fleet.start()

    def freeze_control_plane(self):
        self.fleet.process.send_signal(signal.SIGSTOP)
        self.pause()
        self.fleet.process.send_signal(signal.SIGCONT)

    def crash_service(self):
        self.fleet.run("chaos", "kill", self.random.choice(CHILDREN), check=False)

    def crash_held(self):
        self.fleet.run("chaos", "kill", "chaos/held", check=False)

    def drain(self):
        name = self.random.choice(self.names)
        self.fleet.run("drain", name, "--no-wait", check=False)
        time.sleep(self.random.uniform(0.1, 1))
        self.fleet.run("uncordon", name, check=False)

    def look_at_memory(self):
        self.largest = max(self.largest, self.fleet.resident_kilobytes())

    def run(self, seconds):
        acts = [self.kill_agent] * 4 + [self.freeze_agent] * 4 + [self.partition_agent] * 4 + [
            self.kill_behind_a_partition, self.stop_agent, self.kill_control_plane, self.stop_control_plane,
            self.freeze_control_plane, self.crash_service, self.crash_service, self.crash_held, self.drain]
        strangers = Strangers(self.fleet, self.random.random(), self.thief)
        load = Load(self.fleet, self.sink)
        try:
            wait_until(lambda: load.accepted, 60, "the first event")
            self.at_first = self.fleet.resident_kilobytes()
            start = time.monotonic()
            while (began := time.monotonic() - start) < seconds:
                act = self.random.choice(acts)
                self.done[act.__name__] = self.done.get(act.__name__, 0) + 1
                act()
                print(f"{began:6.1f} s  {act.__name__}, {time.monotonic() - start - began:.1f} s", flush=True)
                time.sleep(self.random.uniform(0.2, 1))
            self.look_at_memory()
        finally:
            load.stop()
            strangers.stop()
            # What is called has no effects while all is looked at.
            self.longest_gap = dict(self.sink.holders.longest_gap)
        self.strangers = strangers
        return load

    # What must be so afterwards.

    def check(self, load):
        for name in self.names:
            self.fleet.run("uncordon", name, check=False)
        self.fleet.wait_for(*self.names, seconds=60)
        complaints = self.check_events(load)
        complaints += self.check_calls(load)
        complaints += self.sink.holders.complaints
        complaints += self.check_fences()
        if self.largest - self.at_first > GROWTH:
            complaints.append(f"the control plane grew from {self.at_first} to {self.largest} kB")
        try:
            wait_until(lambda: not differences(self.fleet, MODULES, self.mark), 60, "agreement")
        except AssertionError:
            complaints += differences(self.fleet, MODULES, self.mark)
        return complaints

    def check_events(self, load):
        complaints = []
        # The newest first. Old ones are kept no longer, once they are settled: of these the sink knows enough.
        waiting = dict(sorted(load.accepted.items(), key=lambda event: -event[1]))

        def settled():
            for name, offset in list(waiting.items()):
                code, _, body = self.fleet.request("GET", f"/v1/events/{offset}")
                if code == 404 and len(load.accepted) - len(waiting) >= KEPT:
                    return True
                assert code == 200, f"{name}, accepted as event {offset}: {code} {body[:500]}"
                status = json.loads(body)
                if not status["settled"]:
                    return False
                states = [delivery["state"] for delivery in status["deliveries"]]
                if states != ["succeeded"]:
                    complaints.append(f"{name} was accepted, and is {states}")
                del waiting[name]
            return True
        try:
            wait_until(settled, 90, "the end of all events")
        except AssertionError as error:
            complaints.append(f"{len(waiting)} accepted events never settled: {sorted(waiting)[:5]}: {error}")
        dead = self.fleet.get("/v1/dead-letters")["items"]
        if dead:
            complaints.append(f"{len(dead)} deliveries were given up, as of event {dead[0]}")
        return complaints + [
            f"{name} was accepted and had no effect" for name in load.accepted if self.sink.count(name) == 0]

    def check_fences(self):
        """What the service published is in the log in the order of its fences: nothing of it that was on its way when
        another had taken over came to it."""
        newest, self.published, complaints = (0, 0), 0, []
        for data in self.logged("held/fences"):
            fence, node = data.split()
            fence = tuple(int(part) for part in fence.split("."))
            if fence < newest:
                complaints.append(f"{node} published under fence {fence} after {newest}")
            newest = max(newest, fence)
            self.published += 1
        return complaints if self.published else ["the service that is held published nothing"]

    def logged(self, topic):
        """The data of all events of a topic that the log has now, in its order."""
        last = os.urandom(8).hex()
        self.fleet.publish(topic, last.encode())
        connection = http.client.HTTPConnection("127.0.0.1", self.fleet.port, timeout=60)
        try:
            connection.request("GET", f"/v1/events/tail?since=0&topic={urllib.parse.quote(topic, safe='')}")
            for line in connection.getresponse():
                event = json.loads(line).get("event")
                if not event:
                    continue
                data = event["data"]["text"]
                if data == last:
                    return
                yield data
        finally:
            connection.close()

    def check_calls(self, load):
        complaints = []
        for name, status in load.answers["calls"].items():
            count = self.sink.count(name)
            if count > 1 or (status == 200 and count != 1):
                complaints.append(f"{name} was answered {status} and had {count} effects")
        for name, status in load.answers["repeatable"].items():
            if status == 200 and self.sink.count(name) == 0:
                complaints.append(f"{name} was answered 200 and had no effect")
        # In the end everything serves, and by somebody who may.
        for module in load.CALLED:
            if load.call(module, f"{module}-last", timeout=30) != 200:
                complaints.append(f"{module} does not answer")
        before = self.sink.holders.last.get("held")
        try:
            wait_until(lambda: self.sink.holders.last.get("held") != before, 30, "an effect of the service")
        except AssertionError:
            complaints.append("the service that is held has no effects any more")
        return complaints


def state(fleet):
    """What is to be known when something is wrong."""
    shown = {"the control plane's log": fleet.log_text()}
    shown |= {f"the log of {name}": fleet.agent_log(name)[-1500:] for name in fleet.agents}
    if fleet.process.poll() is None:
        for verb in ("nodes", "ps", "modules", "doctor"):
            try:
                shown[verb] = fleet.run(verb, check=False).stdout.decode()
            except subprocess.TimeoutExpired:
                shown[verb] = "it does not answer"
    return "\n".join(f"--- {name}\n{text}" for name, text in shown.items())


def summary(load, chaos):
    answers = {}
    for module, heard in load.answers.items():
        for status in heard.values():
            answers[module, status] = answers.get((module, status), 0) + 1
    print("broken:", ", ".join(f"{name} {count}" for name, count in sorted(chaos.done.items())))
    print("strangers:", ", ".join(f"{name} {count}" for name, count in sorted(chaos.strangers.done.items())))
    print(f"events: {len(load.accepted)} accepted, {load.refused} not; effects of more than one delivery: "
          f"{sum(1 for name in load.accepted if chaos.sink.count(name) > 1)}")
    for (module, status), count in sorted(answers.items()):
        print(f"{module}: {count} answered {status or 'not at all'}")
    for module, (took, name, status, begun) in sorted(load.slowest.items()):
        print(f"{module}: the slowest took {took:.1f} s ({name} at {begun:.1f} s: {status or 'no answer'})")
    holders = chaos.sink.holders
    gaps = ", ".join(f"{module} {gap:.1f} s" for module, gap in sorted(chaos.longest_gap.items()))
    print(f"holders: {holders.changes} in turn, {len(holders.late)} effects that were on their way, "
          f"{chaos.published} events in the order of their fences; longest without: {gaps}")
    print(f"control plane: {chaos.at_first // 1000} MB at first, {chaos.largest // 1000} MB at most")


def main():
    parser = argparse.ArgumentParser(prog="chaos", description=__doc__.split("\n")[0])
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    parser.add_argument("--seconds", type=float, default=600, help="how long things are broken (default: 600)")
    parser.add_argument("--nodes", type=int, default=4)
    parser.add_argument("--short", action="store_true", help="a minute")
    parser.add_argument("--hold", action="store_true", help="leave all as it is, until Enter, when a promise was broken")
    parser.add_argument("--proxies", action="store_true", help="no network namespaces, also where they may be made")
    options = parser.parse_args()
    in_namespaces = not options.proxies and enter_namespace()
    seconds = 60 if options.short else options.seconds
    chaos = Chaos(options.seed, options.nodes, in_namespaces)
    print(f"chaos: seed {options.seed}, {options.nodes} nodes, {seconds:g} s, {chaos.ways.kind}", flush=True)
    try:
        with chaos.fleet:
            try:
                chaos.start()
                load = chaos.run(seconds)
                complaints = chaos.check(load)
            except BaseException:
                print(state(chaos.fleet), file=sys.stderr)
                raise
            summary(load, chaos)
            if complaints:
                print("\n".join(complaints[:50]), file=sys.stderr)
                print(f"error: {len(complaints)} promises were broken\nnext: make chaos ARGS=\"--seed {options.seed} "
                      f"--seconds {seconds:g} --hold\"\n{state(chaos.fleet)}", file=sys.stderr)
                if options.hold:
                    input(f"WASMATRIX_SERVER=http://127.0.0.1:{chaos.fleet.port} in the network of process {os.getpid()}")
                sys.exit(1)
    finally:
        chaos.ways.close()
    print("all promises were kept")


if __name__ == "__main__":
    main()
