"""The fleet that chaos breaks: agents in networks of their own, each with an entrance and tools."""
import json
import signal
import socket
import ssl
import subprocess

from cluster import wait_until
from entrance import Entrance
from fleet import Fleet, free_port
from reality import MARK
from sink import Sink
from strangers import identity
from trees import tree
from ways import Namespaces, Proxies, Proxy

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
# Settled events that the log keeps: fewer than come in a minute, so that it forgets, however short the run.
KEPT = 3_000
CONTROL = "the control plane"
# The node that can be made to read nothing, while all else that it does goes on.
DEAF = "deaf"


class ChaosFleet(Fleet):
    """A control plane that keeps few events, nodes by number, and one that can be made deaf; and a sink for effects."""

    def __init__(self, nodes, in_namespaces):
        super().__init__()
        # Those with a network that can be cut.
        self.names = [f"node-{number}" for number in range(1, nodes + 1)]
        self.everybody = [*self.names, DEAF]
        self.mark = self.environment[MARK] = str(self.folder)
        self.ways = (Namespaces if in_namespaces else Proxies)(self.names, self.agents_port)
        self.between = Proxy("127.0.0.1", free_port(), ("127.0.0.1", self.agents_port))
        self.sink = Sink(self.ways.sink)
        self.ports = {name: (free_port(), free_port()) for name in self.everybody}
        self.entrances = {}
        # The parts of each process, as it says itself.
        self.parts = {}
        # What shows that somebody is the first of the nodes, as a file.
        self.thief = None

    def start(self, ready=True, options=()):
        return super().start(ready, ["--keep-events", str(KEPT), *options])

    def begin(self):
        """From nothing to all modules deployed."""
        if self.ways.kind == Namespaces.kind:
            self.agents_host = "0.0.0.0"
        self.start()
        user = json.loads(
            self.run("token", "create", "--role", "invoker", "--name", "load", "--json").stdout)["token"]
        # They get their certificates here, and go on in networks of their own.
        self.join(*self.everybody)
        for name in self.everybody:
            self.stop_agent(name)
            if name != DEAF:
                self.wrappers[name] = self.ways.wrapper(name)
            self.start_again(name)
            self.entrances[name] = Entrance(
                self.ports[name][0], self.context(), self.host(name), self.certified(name), user)
        self.wait_for(*self.everybody)
        self.thief = identity(self.folder / self.names[0])
        asks = {"http-out": {"servers": [self.sink.url], "private": [f"{self.ways.sink}/32"]}}
        self.deploy(
            MANIFEST.format(
                sink=self.sink.url, asks=json.dumps(asks),
                asks_and_publishes=json.dumps(asks | {"publish": ["held/#"]})),
            ("relay", "holder"))
        # Who is let in at a node comes with the plan that it keeps.
        wait_until(lambda: all(entrance.waiting() is not None for entrance in self.entrances.values()), 60,
                   "the entrances of all nodes")
        for name in (CONTROL, *self.everybody):
            self.parts[name] = wait_until(lambda: self.running(name), 60, f"all parts of {name}")

    def start_again(self, name):
        """An agent, in its network."""
        attach = f"127.0.0.1:{self.between.port}" if name == DEAF else f"{self.ways.host(name)}:{self.agents_port}"
        entrance, tools = (f"{self.host(name)}:{port}" for port in self.ports[name])
        self.start_agent(name, ["--attach", attach, "--listen", entrance, "--tls", "--serve", tools,
                                "--log-level", "warning"])

    def stop_agent(self, name):
        self.signal_agent(name, signal.SIGTERM)
        self.agents[name].wait(30)

    def host(self, name):
        """Where a node is reached, also while it is cut off from the control plane."""
        return "127.0.0.1" if name == DEAF else self.ways.entrance(name)

    @staticmethod
    def certified(name):
        return f"{name}.node.wasmatrix.internal"

    def context(self):
        return ssl.create_default_context(cafile=str(self.data / "authority/certificates.pem"))

    def running(self, name):
        """The paths of all parts of a process when each of them runs, else nothing; sorted."""
        found = tree(self, None if name == CONTROL else name)
        return all(status["state"] == "running" for status in found.values()) and sorted(found)

    def ended(self):
        """Whoever ended by itself: how each did, by name."""
        processes = {CONTROL: self.process} | self.agents
        return {name: process.returncode for name, process in processes.items() if process.poll() is not None}

    def serves_tools(self, name):
        """Whether the node's own service shows its certificate."""
        context = self.context()
        context.set_alpn_protocols(["h2"])
        try:
            with socket.create_connection((self.host(name), self.ports[name][1]), timeout=10) as connection:
                with context.wrap_socket(connection, server_hostname=self.certified(name)) as secure:
                    return secure.selected_alpn_protocol() == "h2"
        except OSError:
            return False

    def newest(self):
        """The offset of an event that is published now: everything that was in the log lies before it."""
        status, _, body = self.publish("marks/newest")
        assert status == 202, body
        return json.loads(body)["offset"]

    def state(self):
        """What is to be known when something is wrong."""
        shown = {"the control plane's log": self.log_text()}
        shown |= {f"the log of {name}": self.agent_log(name)[-1500:] for name in self.agents}
        if self.process.poll() is None:
            for verb in ("nodes", "ps", "modules", "doctor"):
                try:
                    shown[verb] = self.run(verb, check=False).stdout.decode()
                except subprocess.TimeoutExpired:
                    shown[verb] = "it does not answer"
        return "\n".join(f"--- {name}\n{text}" for name, text in shown.items())
