"""A control plane and agents, each a process of its own, for tests that break them."""
import json
import os
import pathlib
import signal
import socket
import subprocess

from cluster import PROGRAM, Cluster, wait_until


def free_port():
    """A port that is free for TCP and UDP; nobody else takes it that soon."""
    for _ in range(100):
        with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
            tcp.bind(("127.0.0.1", 0))
            port = tcp.getsockname()[1]
            try:
                udp.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("there is no free port")


class Fleet(Cluster):
    """`wasmatrix control`, and agents by name. The control plane comes back at the same ports."""

    # Of the API.
    scheme = "http"
    # What they are started from: two builds of the program where a test is about neighbours of another release.
    control_program = PROGRAM
    agent_program = PROGRAM

    def __init__(self, **options):
        super().__init__(**options)
        self.agents_port = free_port()
        self.api_port = free_port()
        # Where agents are told to attach: a test may stand between.
        self.advertised_port = None
        self.agents = {}
        # What an agent is started with, by name: the network that it is to live in.
        self.wrappers = {}
        # Where agents may attach.
        self.agents_host = "127.0.0.1"

    def start(self, ready=True, options=()):
        command = self.wrapper + [
            self.control_program, "control", "--listen", f"127.0.0.1:{self.api_port}", "--agents",
            f"{self.agents_host}:{self.agents_port}", "--data", str(self.data), *options]
        self.log = open(self.folder / "dev.log", "ab")
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self.log, cwd=self.folder,
            env=dict(os.environ, **self.environment))
        self._first_line()
        self.port = self.api_port
        return self

    def join(self, *names, options=(), wait=True):
        for name in names:
            token = json.loads(self.run("token", "create", "--join", "--json").stdout)["token"]
            self.start_agent(name, options, token)
        if wait:
            self.wait_for(*names)

    def start_agent(self, name, options=(), token=""):
        with open(self.folder / f"{name}.log", "ab") as log:
            self.agents[name] = subprocess.Popen(
                [*self.wrappers.get(name, ()), self.agent_program, "agent", "--join",
                 f"{self.scheme}://127.0.0.1:{self.port}",
                 "--name", name, "--data", str(self.folder / name), *options],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder,
                env=dict(os.environ, WASMATRIX_JOIN_TOKEN=token, **self.environment))

    def states(self):
        return {node["id"]: node["state"] for node in self.get("/v1/nodes")["items"]}

    def wait_for(self, *names, state="healthy", seconds=30):
        wait_until(
            lambda: all(self.states().get(name) == state for name in names), seconds,
            f"{names} {state}")

    def placements(self, module):
        """{role: {nodes}}"""
        roles = {}
        for item in self.get("/v1/placements")["items"]:
            if item["module"] == module:
                roles.setdefault(item["role"], set()).add(item["node"])
        return roles

    def wait_for_placement(self, module, active=1, fallback=0, seconds=30):
        def settled():
            roles = self.placements(module)
            return (len(roles.get("active", ())) == active
                    and len(roles.get("fallback", ())) >= fallback and roles)
        return wait_until(settled, seconds, f"{active} active and {fallback} fallbacks of {module}")

    def signal_agent(self, name, number):
        os.kill(self.agents[name].pid, number)

    def kill_agent(self, name):
        self.signal_agent(name, signal.SIGKILL)
        self.agents[name].wait()

    def agent_log(self, name):
        return pathlib.Path(self.folder / f"{name}.log").read_text(errors="replace")

    def deploy(self, text, guests):
        self.write_manifest(text, guests)
        if not (self.folder / "keys").exists():
            self.run("keygen", "--out", "keys")
            self.run("trust", "add", "keys/wasmatrix.pub", "--label", "test")
        def deployed():
            result = self.run("deploy", "wasmatrix.yaml", "--key", "keys/wasmatrix.key", check=False)
            # On a machine that stood still nodes are lost for a moment, all of them when there are two.
            if result.returncode != 0 and b"no node can run" not in result.stderr:
                raise AssertionError(f"deploy: {result.returncode}\n{result.stderr.decode()}")
            return result if result.returncode == 0 else None
        return wait_until(deployed, 30, "nodes to deploy to")

    def __exit__(self, *error):
        for agent in self.agents.values():
            if agent.poll() is None:
                agent.send_signal(signal.SIGCONT)
                agent.kill()
            agent.wait()
        super().__exit__(*error)
