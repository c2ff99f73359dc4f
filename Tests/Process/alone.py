"""What tests of agents without a control plane share: their own entrances, and what they keep."""
import base64
import json
import unittest

from cluster import wait_until
from entrance import Entrance
from fleet import Fleet, free_port
from test_fleet import ECHO

ALONE = ECHO.replace("replicas: 1, fallbacks: 1", "replicas: 1, fallbacks: 0")
STOPPED = ALONE.replace("fallbacks: 0", "fallbacks: 0, isolation: stop")


class AloneCase(unittest.TestCase):
    def fleet(self, *names, manifest=ALONE, guests=("echo",), options=(), agent=()):
        """A fleet that has deployed; the entrance of its first node."""
        fleet = Fleet().start(options=options)
        self.addCleanup(fleet.__exit__, None, None, None)
        self.port = free_port()
        self.options = ["--listen", f"127.0.0.1:{self.port}", *agent]
        fleet.join(names[0], options=self.options)
        fleet.join(*names[1:])
        if manifest:
            fleet.deploy(manifest, guests)
            module = guests[0]
            fleet.wait_for_placement(module)
        return fleet, Entrance(self.port)

    def kept(self, fleet, name="a"):
        """The standing plan that a node keeps: (version, what it says)."""
        folder = fleet.folder / name / "standing"
        try:
            plan = json.loads((folder / "plan.json").read_text())
            obeyed = json.loads((folder / "obeyed.json").read_text())
        except FileNotFoundError:
            return None
        statement = json.loads(base64.b64decode(plan["statement"]))
        return statement if statement["version"] == obeyed["version"] else None

    def wait_until_kept(self, fleet, module="echo", name="a"):
        def there():
            statement = self.kept(fleet, name)
            return statement and any(
                order["deployment"]["name"] == module and order["role"] == "active"
                for order in statement["orders"]) and statement
        return wait_until(there, 30, f"a standing plan with {module} on {name}")

    def restart_alone(self, fleet, name="a"):
        fleet.kill()
        fleet.kill_agent(name)
        fleet.start_agent(name, self.options)

    def wait_for_log(self, fleet, text, name="a"):
        wait_until(lambda: text in fleet.agent_log(name), 30, f"{text!r} in the log of {name}")
