"""Agents without a control plane: what they were told last, their own entrances, and what becomes of files on
their disks that somebody wrote on."""
import base64
import http.client
import json
import os
import pathlib
import shutil
import ssl
import threading
import unittest

from cluster import wait_until
from fleet import Fleet, free_port
from test_fleet import ECHO

ALONE = ECHO.replace("replicas: 1, fallbacks: 1", "replicas: 1, fallbacks: 0")
STOPPED = ALONE.replace("fallbacks: 0", "fallbacks: 0, isolation: stop")
SAYING = """
apiVersion: wasmatrix/v1
name: plant
buckets:
  seen: { size: 1MiB }
modules:
  relay:
    source: relay.wasm
    capabilities: { publish: [said/#], state: { seen: { access: write } } }
  service:
    source: service.wasm
    kind: service
    env: { MODE: tick, AFTER: "20" }
    capabilities: { publish: [services/#] }
"""


def ready(ask, **call):
    """Whether what is asked for is done; not yet when nobody listens."""
    try:
        return ask(**call)[0] == 200
    except OSError:
        return False


class Entrance:
    """Requests to a node's own entrance."""

    def __init__(self, port, context=None):
        self.port, self.context = port, context

    def request(self, method, path, body=None, headers=None):
        if self.context:
            connection = http.client.HTTPSConnection(
                "127.0.0.1", self.port, timeout=60, context=self.context)
        else:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path, body=body, headers=headers or {})
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()
        finally:
            connection.close()

    def invoke(self, module, data=b"", headers=None):
        """(status, body)"""
        status, _, body = self.request("POST", f"/v1/invoke/{module}", data, headers)
        return status, body

    def runs(self, module, data):
        """Whether it answers as it should; not yet when nobody listens."""
        try:
            return self.invoke(module, data) == (200, data)
        except OSError:
            return False

    def code(self, module):
        """(status, code) of a refusal; nothing when nobody listens yet."""
        try:
            status, body = self.invoke(module, b"x")
        except OSError:
            return None
        return (status, json.loads(body)["code"]) if status != 200 else (200, "")


class AloneTests(unittest.TestCase):
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

    def test_a_node_serves_at_its_own_entrance_and_goes_on_without_the_control_plane(self):
        fleet, entrance = self.fleet("a")
        self.assertEqual(entrance.invoke("echo", b"hello"), (200, b"hello"))
        self.assertEqual(entrance.request("GET", "/healthz")[0], 200)
        fleet.kill()
        for number in range(50):
            data = f"{number}".encode()
            self.assertEqual(entrance.invoke("echo", data), (200, data))
        self.assertIn(b"wasmatrix_activations_total", entrance.request("GET", "/metrics")[2])

    def test_what_does_not_serve_here_is_passed_on_or_said_not_to_be_here(self):
        fleet, entrance = self.fleet("a", "b", manifest=None)
        fleet.deploy(ALONE, ("echo",))
        serving = fleet.wait_for_placement("echo")["active"]
        if serving == {"a"}:
            fleet.run("cordon", "a")
            fleet.run("drain", "a")
            wait_until(lambda: fleet.placements("echo").get("active") == {"b"}, 30, "echo on b")
        self.assertEqual(entrance.invoke("echo", b"hello"), (200, b"hello"))
        self.assertEqual(entrance.code("nothing"), (404, "not_deployed"))
        fleet.kill()
        # One that is asked for before the node has noticed may have been passed on.
        wait_until(lambda: entrance.code("echo") != (503, "outcome_unknown"), 30, "the node's notice")
        self.assertEqual(entrance.code("echo"), (503, "module_not_here"))

    def test_an_agent_that_boots_alone_runs_what_it_was_told_last_and_is_adopted(self):
        fleet, entrance = self.fleet("a")
        self.wait_until_kept(fleet)
        # What was compiled is a matter of speed alone.
        self.restart_alone(fleet)
        wait_until(lambda: entrance.runs("echo", b"alone"), 30, "an answer of the node alone")
        self.assertIn("the standing plan is obeyed", fleet.agent_log("a"))
        fleet.start()
        fleet.wait_for("a")
        fleet.wait_for_placement("echo")
        # The placement is the one that ran alone: nothing was prepared anew.
        placement = [p for p in fleet.get("/v1/placements")["items"] if p["module"] == "echo"][0]
        self.assertGreaterEqual(placement["activations"], 1, placement)
        self.assertEqual(fleet.invoke("echo", b"again")[2], b"again")

    def test_what_must_stop_when_isolated_does_not_run_alone(self):
        fleet, entrance = self.fleet("a", manifest=STOPPED)
        self.wait_until_kept(fleet)
        self.restart_alone(fleet)
        self.wait_for_log(fleet, "the standing plan is obeyed")
        wait_until(lambda: entrance.code("echo"), 30, "an answer of the entrance")
        self.assertEqual(entrance.code("echo"), (503, "module_not_here"))

    def test_a_standing_plan_that_expires_ends_what_runs(self):
        fleet, entrance = self.fleet("a", options=["--standing-plan-life", "20s"])
        self.wait_until_kept(fleet)
        self.restart_alone(fleet)
        wait_until(lambda: entrance.runs("echo", b"alone"), 15, "an answer of the node alone")
        wait_until(lambda: entrance.code("echo") == (503, "module_not_here"), 30, "its end")
        self.assertIn("the standing plan has expired", fleet.agent_log("a"))
        # One that boots later does not begin.
        fleet.kill_agent("a")
        fleet.start_agent("a", self.options)
        self.wait_for_log(fleet, "the standing plan expired at")
        # It stays up, and takes part again when it can.
        fleet.start()
        fleet.wait_for("a")
        wait_until(lambda: entrance.runs("echo", b"again"), 30, "an answer after it attached")

    def test_a_standing_plan_is_renewed_while_the_node_is_attached(self):
        fleet, _ = self.fleet("a", options=["--standing-plan-life", "6s"])
        first = self.wait_until_kept(fleet)["expiresAt"]
        wait_until(lambda: (self.kept(fleet) or {}).get("expiresAt", first) > first, 30, "a renewal")

    def test_files_that_somebody_wrote_on_are_refused_and_the_agent_stays_up(self):
        fleet, entrance = self.fleet("a")
        self.wait_until_kept(fleet)
        fleet.kill()
        fleet.kill_agent("a")
        node = fleet.folder / "a"
        original = fleet.folder / "original"
        shutil.copytree(node, original)
        plan = json.loads((original / "standing/plan.json").read_text())

        def forge():
            # A longer life, with the signature of the shorter one.
            statement = base64.b64decode(plan["statement"])
            changed = statement.replace(b'"expiresAt":"2', b'"expiresAt":"3')
            assert changed != statement
            text = json.dumps(dict(plan, statement=base64.b64encode(changed).decode()))
            (node / "standing/plan.json").write_text(text)

        def replace():
            text = (original / "standing/obeyed.json").read_text()
            record = json.loads(text)
            record["version"]["counter"] += 1
            (node / "standing/obeyed.json").write_text(json.dumps(record))

        def spoil_module():
            for module in (node / "modules").rglob("*"):
                if module.is_file():
                    module.write_bytes(module.read_bytes()[:-1] + b"\0")
            shutil.rmtree(node / "cache", ignore_errors=True)

        cases = [
            (forge, "was changed since"),
            (replace, "was obeyed since"),
            (lambda: (node / "standing/plan.json").write_bytes(os.urandom(5000)), "is damaged"),
            (lambda: (node / "standing/obeyed.json").unlink(), "is damaged"),
            (lambda: (node / "standing/plan.json").unlink(), "no standing plan is kept"),
            (spoil_module, "is damaged, and was removed"),
        ]
        for spoil, text in cases:
            with self.subTest(text):
                shutil.rmtree(node)
                shutil.copytree(original, node)
                spoil()
                (fleet.folder / "a.log").write_text("")
                fleet.start_agent("a", self.options)
                self.wait_for_log(fleet, text)
                wait_until(lambda: entrance.code("echo") == (503, "module_not_here"), 30, "a refusal")
                self.assertIsNone(fleet.agents["a"].poll())
                fleet.kill_agent("a")
        # As it was, it runs.
        shutil.rmtree(node)
        shutil.copytree(original, node)
        fleet.start_agent("a", self.options)
        wait_until(lambda: entrance.runs("echo", b"whole"), 30, "an answer of the node alone")

    def publish(self, entrance, identifier, data=b"x", topic="in/x"):
        """The status of an answer; nothing when nobody listens."""
        try:
            return entrance.request(
                "POST", "/v1/events", data,
                {"ce-specversion": "1.0", "ce-type": "t", "ce-source": "/tests", "ce-id": identifier,
                 "ce-topic": topic, "Content-Type": "application/octet-stream"})
        except OSError:
            return None, {}, b""

    def metric(self, entrance, name):
        text = entrance.request("GET", "/metrics")[2].decode()
        values = [float(line.split()[-1]) for line in text.splitlines() if line.startswith(name)]
        return int(sum(values))

    def tail(self, fleet, topic):
        """The ids of all events of a topic in the log, in its order."""
        log = self.__dict__.setdefault("log", [])
        while True:
            status, _, body = fleet.request("GET", f"/v1/events/{len(log) + 1}")
            if status != 200:
                break
            event = json.loads(body)["event"]
            log.append((event["topic"], event["id"]))
        return [identifier for name, identifier in log if name.startswith(topic)]

    def test_an_event_at_the_entrance_goes_to_the_log_in_order(self):
        fleet, entrance = self.fleet("a")
        for number in range(100):
            status, _, body = self.publish(entrance, f"{number}")
            self.assertEqual(status, 202, body)
        self.assertNotIn("offset", json.loads(body))
        wait_until(lambda: len(self.tail(fleet, "in/")) >= 100, 30, "the events in the log")
        self.assertEqual(self.tail(fleet, "in/"), [f"{number}" for number in range(100)])
        wait_until(lambda: self.metric(entrance, "wasmatrix_outbox_events") == 0, 30, "an empty outbox")
        self.assertEqual(self.publish(entrance, "x", topic="$wasmatrix/x")[0], 403)

    def test_events_wake_modules_alone_and_come_to_the_log_without_being_handled_again(self):
        fleet, entrance = self.fleet("a")
        self.wait_until_kept(fleet)
        fleet.kill()
        for number in range(50):
            self.assertEqual(self.publish(entrance, f"{number}", f"{number}".encode())[0], 202)
        # At once: the control plane is not there.
        wait_until(lambda: self.metric(entrance, "wasmatrix_outbox_handled_total") == 50, 30, "50 handled")
        self.assertEqual(self.metric(entrance, "wasmatrix_activations_total"), 50)
        # The agent dies with the events in its outbox, and boots alone.
        fleet.kill_agent("a")
        fleet.start_agent("a", self.options)
        wait_until(lambda: entrance.runs("echo", b"alone"), 30, "an answer of the node alone")
        fleet.start()
        fleet.wait_for("a")
        wait_until(lambda: len(self.tail(fleet, "in/")) >= 50, 30, "the events in the log")
        self.assertEqual(self.tail(fleet, "in/"), [f"{number}" for number in range(50)])
        # What came of them is there, once; and nothing ran again.
        wait_until(lambda: len(self.tail(fleet, "out/echo")) >= 50, 30, "the results in the log")
        self.assertEqual(len(set(self.tail(fleet, "out/echo"))), 50)
        self.assertEqual(self.publish(entrance, "last")[0], 202)
        wait_until(lambda: len(self.tail(fleet, "out/echo")) >= 51, 30, "the result of the last")
        self.assertEqual(len(self.tail(fleet, "out/echo")), 51)

    def test_what_modules_publish_alone_is_kept_and_what_they_write_is_not_done(self):
        fleet, entrance = self.fleet("a", manifest=SAYING, guests=("relay", "service"))
        self.wait_until_kept(fleet, "relay")
        fleet.kill()

        def ask(**call):
            status, body = entrance.invoke("relay", json.dumps(call).encode())
            return status, json.loads(body)

        ticks = self.metric(entrance, "wasmatrix_outbox_events")
        self.assertEqual(ask(publish={"topic": "said/1", "data": "one"}), (200, {"ok": True}))
        status, problem = ask(set={"bucket": "seen", "key": "k", "value": "x"})
        self.assertEqual((status, problem["code"]), (503, "effects_undurable"))
        # A service goes on to publish, and hears that it is done.
        wait_until(lambda: self.metric(entrance, "wasmatrix_outbox_events") > ticks + 10, 30, "ticks of the service")
        fleet.kill_agent("a")
        fleet.start_agent("a", self.options)
        wait_until(lambda: ready(ask, publish={"topic": "said/2", "data": "two"}), 30, "the node alone")
        fleet.start()
        fleet.wait_for("a")
        self.assertEqual(ask(set={"bucket": "seen", "key": "k", "value": "x"})[0], 200)
        self.assertEqual(ask(publish={"topic": "said/3", "data": "three"}), (200, {"ok": True}))
        wait_until(lambda: len(self.tail(fleet, "said/3")) == 1, 30, "what was said")
        self.assertEqual(len(self.tail(fleet, "said/1")), 1)
        self.assertEqual(len(self.tail(fleet, "said/2")), 1)
        log = self.tail(fleet, "services/tick")
        self.assertGreater(len(log), 10)
        self.assertEqual(len(log), len(set(log)), "an event is in the log twice")
        # In the order in which they came, whoever was there.
        said = [topic for topic, _ in self.log if topic.startswith("said/")]
        self.assertEqual(said, sorted(said))

    def test_nothing_accepted_is_lost_when_everything_is_killed_under_load(self):
        fleet, entrance = self.fleet("a")
        self.wait_until_kept(fleet)
        accepted, stopped = [], threading.Event()

        def load(worker):
            number = 0
            while not stopped.is_set():
                number += 1
                if self.publish(entrance, f"{worker}-{number}")[0] == 202:
                    accepted.append(f"{worker}-{number}")

        workers = [threading.Thread(target=load, args=(worker,)) for worker in range(3)]
        for worker in workers:
            worker.start()
        try:
            for _ in range(2):
                for kill in (fleet.kill, lambda: fleet.kill_agent("a")):
                    count = len(accepted)
                    wait_until(lambda: len(accepted) > count + 50, 60, "more events")
                    kill()
                fleet.start_agent("a", self.options)
                count = len(accepted)
                wait_until(lambda: len(accepted) > count + 50, 60, "events of the node alone")
                fleet.start()
        finally:
            stopped.set()
            for worker in workers:
                worker.join()
        fleet.wait_for("a")
        wait_until(lambda: self.metric(entrance, "wasmatrix_outbox_events") == 0, 120, "an empty outbox")
        logged = self.tail(fleet, "in/")
        self.assertEqual(len(logged), len(set(logged)), "an event is in the log twice")
        self.assertEqual(set(accepted) - set(logged), set())

    def test_a_full_outbox_says_slow_down_and_takes_more_when_it_can(self):
        fleet, entrance = self.fleet("a", agent=["--outbox-mebibytes", "1"])
        fleet.kill()
        full = None
        for number in range(100):
            status, headers, body = self.publish(entrance, f"{number}", b"x" * 50_000, topic="other/x")
            if status != 202:
                full = (status, json.loads(body)["code"], int(headers["Retry-After"]) > 0, number)
                break
        self.assertEqual(full[:3], (429, "outbox_full", True))
        self.assertGreater(full[3], 10)
        fleet.start()
        wait_until(lambda: self.publish(entrance, "again", topic="other/x")[0] == 202, 60, "room")
        wait_until(lambda: len(self.tail(fleet, "other/")) == full[3] + 1, 60, "all in the log")

    def test_beyond_loopback_the_entrance_wants_tokens_also_without_the_control_plane(self):
        fleet, _ = self.fleet("a", agent=["--tls"])
        token = json.loads(fleet.run(
            "token", "create", "--role", "invoker", "--name", "press", "--json").stdout)["token"]
        viewer = json.loads(fleet.run(
            "token", "create", "--role", "viewer", "--name", "eye", "--json").stdout)["token"]
        context = ssl.create_default_context(
            cafile=str(fleet.data / "authority/certificates.pem"))
        # The certificate names the node, not its address.
        context.check_hostname = False
        entrance = Entrance(self.port, context)

        def bearer(text):
            return {"Authorization": f"Bearer {text}"}

        self.wait_until_kept(fleet)
        wait_until(lambda: len((self.kept(fleet) or {"users": []})["users"]) == 2, 30, "the users")
        self.assertEqual(entrance.invoke("echo", b"x", bearer(token)), (200, b"x"))
        self.assertEqual(entrance.invoke("echo", b"x")[0], 401)
        self.assertEqual(entrance.invoke("echo", b"x", bearer(viewer))[0], 403)
        # Revoked, it is good no more a moment later.
        fleet.run("token", "revoke", "eye")
        wait_until(lambda: entrance.invoke("echo", b"x", bearer(viewer))[0] == 401, 30, "the revocation")
        wait_until(lambda: len(self.kept(fleet)["users"]) == 1, 30, "it is on disk")
        self.restart_alone(fleet)

        def answer(text):
            try:
                return entrance.invoke("echo", b"alone", bearer(text))[0]
            except OSError:
                return None
        wait_until(lambda: answer(token) == 200, 30, "an answer of the node alone")
        self.assertEqual(answer(viewer), 401)
        text = pathlib.Path(fleet.folder / "a/standing/plan.json").read_text()
        self.assertNotIn(token.rsplit(".", 1)[1], text)


if __name__ == "__main__":
    unittest.main()
