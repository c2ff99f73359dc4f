"""A fleet that speaks TLS wherever it is asked: at its API, at its nodes' own entrances, to tools."""
import socket

from cluster import wait_until
from entrance import Entrance
from fleet import Fleet, free_port
from secure_cluster import SecureCluster


class SecureFleet(SecureCluster, Fleet):
    """Each of its agents has an entrance and serves tools; both let in one user, who may invoke."""

    scheme = "https"

    def __init__(self, **options):
        super().__init__(**options)
        self.entrances, self.tools = {}, {}
        self.user = None

    def start(self, ready=True, options=()):
        super().start(ready, options)
        self.user = self.user or self.make("--role", "invoker", "--name", "load")
        return self

    def join(self, *names, options=(), wait=True):
        for name in names:
            port, self.tools[name] = free_port(), free_port()
            own = ["--listen", f"127.0.0.1:{port}", "--tls", "--serve", f"127.0.0.1:{self.tools[name]}"]
            super().join(name, options=[*own, *options], wait=wait)
            self.entrances[name] = Entrance(
                port, self.context(), name=f"{name}.node.wasmatrix.internal", token=self.user)
        if wait:
            # Who is let in comes with the plan that a node keeps.
            wait_until(lambda: all(self.entrances[name].waiting() is not None for name in names), 30,
                       f"the entrances of {names}")

    def certificates(self, name):
        """The serial numbers of what a node shows at its entrance and to tools; nothing where nobody listens."""
        serials = []
        for port, protocols in ((self.entrances[name].port, ["http/1.1"]), (self.tools[name], ["h2"])):
            context = self.context()
            context.set_alpn_protocols(protocols)
            try:
                with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
                    with context.wrap_socket(connection, server_hostname=f"{name}.node.wasmatrix.internal") as secure:
                        serials.append(secure.getpeercert()["serialNumber"])
            except OSError:
                return []
        return serials
