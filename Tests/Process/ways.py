"""The network between agents and the control plane, as a test that breaks it needs it.

Where it may be made (root), each agent lives in a network namespace of its own, with two cables: one to the control plane,
and one to the rest of the world, which stays. A cable that is cut loses everything without a word, each direction by
itself: no connection is refused or ended, so that either end goes on to believe in it. Elsewhere a proxy stands between
them, which stops handing on.
"""
import itertools
import os
import re
import socket
import subprocess
import sys
import threading

MARK = "WASMATRIX_CHAOS_NAMESPACE"
WORLD = "10.233.0.1"


def enter_namespace():
    """Begins this program anew in a network of its own, which is gone with it. Returns where it is in one, or cannot be."""
    if os.environ.get(MARK):
        if os.environ[MARK] == "yes":
            subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
            subprocess.run(["ip", "address", "add", f"{WORLD}/32", "dev", "lo"], check=True)
        return os.environ[MARK] == "yes"
    can = False
    try:
        can = subprocess.run(
            ["unshare", "--net", "sh", "-c",
             "ip link set lo up && ip link add way-1 type veth peer name way-2 && ip link set way-1 up"],
            capture_output=True).returncode == 0
    except OSError:
        pass
    os.environ[MARK] = "yes" if can else "no"
    if can:
        os.execvp("unshare", ["unshare", "--net", sys.executable, *sys.argv])
    return False


class Proxies:
    """A proxy for each agent, at an address of its own."""

    kind = "proxies"
    directions = ("both", "both", "to the agent", "to the control plane")
    sink = "127.0.0.1"

    def __init__(self, names, port):
        self.names, self.port = names, port
        self.proxies = {name: Proxy(self.host(name), port, ("127.0.0.1", port)) for name in names}

    def host(self, name):
        return f"127.0.1.{self.names.index(name) + 2}"

    def entrance(self, name):
        """Where whoever asks the agent itself reaches it, also while it is cut off."""
        return "127.0.0.1"

    def wrapper(self, name):
        return []

    def cut(self, name, direction):
        self.proxies[name].cut(direction)

    def mend(self, name):
        self.proxies[name].mend()

    def close(self):
        pass


class Namespaces:
    """A namespace for each agent. It lives as long as a process in it that only sleeps."""

    kind = "network namespaces"
    directions = ("both", "both", "to the agent", "to the control plane")
    sink = WORLD

    def __init__(self, names, port):
        self.names = names
        self.sleepers = {}
        self.addresses = {}
        for number, name in enumerate(names, 1):
            self._make(name, number)

    def _make(self, name, number):
        sleeper = subprocess.Popen(
            ["unshare", "--net", "sh", "-c", "ip link set lo up && echo up && exec sleep infinity"],
            stdout=subprocess.PIPE)
        sleeper.stdout.readline()
        self.sleepers[name] = sleeper
        for cable, network in (("plane", f"10.231.{number}"), ("world", f"10.232.{number}")):
            here, there = f"{cable}{number}", cable
            self._ip("link", "add", here, "type", "veth", "peer", "name", there, "netns", str(sleeper.pid))
            self._ip("address", "add", f"{network}.1/24", "dev", here)
            self._ip("link", "set", here, "up")
            self._ip("address", "add", f"{network}.2/24", "dev", there, inside=name)
            self._ip("link", "set", there, "up", inside=name)
        self._ip("route", "add", f"{WORLD}/32", "via", f"10.232.{number}.1", inside=name)
        # Known for good, so that a cut is one change, and nobody asks around for where the other end has gone.
        self.addresses[name] = (
            self._hardware(f"plane{number}"), self._hardware("plane", inside=name))
        self.mend(name)

    def _ip(self, *arguments, inside=None):
        command = ["ip", *arguments]
        if inside:
            command = ["nsenter", "-t", str(self.sleepers[inside].pid), "-n", *command]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    def _hardware(self, cable, inside=None):
        return re.search(r"link/ether (\S+)", self._ip("link", "show", "dev", cable, inside=inside)).group(1)

    def host(self, name):
        return f"10.231.{self.names.index(name) + 1}.1"

    def entrance(self, name):
        """Where whoever asks the agent itself reaches it, also while it is cut off."""
        return f"10.232.{self.names.index(name) + 1}.2"

    def wrapper(self, name):
        return ["nsenter", "-t", str(self.sleepers[name].pid), "-n", "--"]

    def _lead(self, name, to_agent, to_plane):
        number = self.names.index(name) + 1
        self._ip("neighbour", "replace", f"10.231.{number}.2", "lladdr", to_agent, "nud", "permanent",
                 "dev", f"plane{number}")
        self._ip("neighbour", "replace", f"10.231.{number}.1", "lladdr", to_plane, "nud", "permanent",
                 "dev", "plane", inside=name)

    def cut(self, name, direction):
        """What is sent goes to an address that nobody has."""
        nobody = "02:00:00:00:00:01"
        plane, agent = self.addresses[name]
        self._lead(name, agent if direction == "to the control plane" else nobody,
                   plane if direction == "to the agent" else nobody)

    def mend(self, name):
        plane, agent = self.addresses[name]
        self._lead(name, agent, plane)

    def close(self):
        for sleeper in self.sleepers.values():
            sleeper.kill()
            sleeper.wait()
            sleeper.stdout.close()


class Proxy:
    """Stands between one agent and the control plane, for streams and datagrams; can fall silent in either direction."""

    def __init__(self, host, port, target):
        self.target = target
        self.port = port
        # Datagrams, in both directions.
        self.passed = self.dropped = 0
        # Of streams and of datagrams, to the control plane and to the agent.
        self.open = {way: threading.Event() for way in itertools.product(("streams", "datagrams"), ("plane", "agent"))}
        self.mend()
        self.listener = socket.create_server((host, port))
        self.datagrams = socket.socket(type=socket.SOCK_DGRAM)
        self.datagrams.bind((host, port))
        for loop in (self._accept, self._datagrams):
            threading.Thread(target=loop, daemon=True).start()

    def cut(self, direction="both", kinds=("streams", "datagrams")):
        ends = {"both": ("plane", "agent"), "to the agent": ("agent",), "to the control plane": ("plane",)}
        for way in itertools.product(kinds, ends[direction]):
            self.open[way].clear()

    def mend(self, kinds=("streams", "datagrams")):
        for (kind, _), way in self.open.items():
            if kind in kinds:
                way.set()

    def _accept(self):
        while True:
            agent, _ = self.listener.accept()
            try:
                plane = socket.create_connection(self.target, timeout=5)
                plane.settimeout(None)
            except OSError:
                agent.close()
                continue
            for source, sink, to in ((agent, plane, "plane"), (plane, agent, "agent")):
                threading.Thread(target=self._pump, args=(source, sink, to), daemon=True).start()

    def _pump(self, source, sink, to):
        try:
            while piece := source.recv(65536):
                self.open["streams", to].wait()
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
            if not self.open["datagrams", "plane"].is_set():
                self.dropped += 1
                continue
            if agent not in ways:
                ways[agent] = socket.socket(type=socket.SOCK_DGRAM)
                ways[agent].connect(self.target)
                threading.Thread(target=self._back, args=(ways[agent], agent), daemon=True).start()
            try:
                ways[agent].send(piece)
                self.passed += 1
            except OSError:
                pass  # Nobody listens there at the moment.

    def _back(self, way, agent):
        while True:
            try:
                piece = way.recv(4096)
            except OSError:
                continue
            if self.open["datagrams", "agent"].is_set():
                self.datagrams.sendto(piece, agent)
                self.passed += 1
            else:
                self.dropped += 1
