"""The agent's own gRPC service, used by a stock client: Python's grpcio with stubs of the same .proto."""
import contextlib
import json
import socket
import ssl
import unittest
import urllib.parse

from cluster import wait_until
from fleet import Fleet, free_port
from node_tools import agent_pb2, agent_pb2_grpc, bearer, channel, grpc
from test_services import manifest

COMMANDS = """
apiVersion: wasmatrix/v1
name: plant
modules:
  echo:
    source: echo.wasm
    triggers: [{ topic: in/# }]
    placement: { replicas: 1, fallbacks: 0 }
"""


class AgentServiceTests(unittest.TestCase):
    def fleet(self, *names):
        fleet = Fleet().start()
        self.addCleanup(fleet.__exit__, None, None, None)
        self.ports = {}
        for name in names:
            self.ports[name] = free_port()
            fleet.join(name, options=["--serve", f"127.0.0.1:{self.ports[name]}"])
        self.authority = fleet.request("GET", "/v1/authority")[2]
        self.tokens = {
            role: json.loads(fleet.run("token", "create", "--role", role, "--name", role, "--json").stdout)["token"]
            for role in ("viewer", "invoker", "deployer")}
        return fleet

    def stub(self, node, authority=None, name=None):
        way = channel(self.ports[node], authority or self.authority, name or node)
        self.addCleanup(way.close)
        return agent_pb2_grpc.NodeAgentStub(way)

    def say(self, role=None, token=None):
        return {"metadata": bearer(token or self.tokens[role]), "timeout": 60}

    def refused(self, code, ours, call):
        with self.assertRaises(grpc.RpcError) as caught:
            call()
        error = caught.exception
        self.assertEqual(error.code(), code, error)
        said = dict(error.trailing_metadata() or ())
        if ours:
            self.assertEqual(said.get("wasmatrix-code"), ours, error)
            self.assertTrue(said.get("wasmatrix-next"), said)
        return urllib.parse.unquote(said.get("wasmatrix-next", ""))

    def start(self, stub, module, role="deployer", **fields):
        return stub.StartModule(agent_pb2.StartModuleRequest(module=module, **fields), **self.say(role))

    def stop(self, stub, module, role="deployer"):
        return stub.StopModule(agent_pb2.StopModuleRequest(module=module), **self.say(role))

    def metrics(self, stub, role="viewer"):
        return stub.GetMetrics(agent_pb2.GetMetricsRequest(), **self.say(role))

    def other(self, fleet, module, among):
        """A node of two that the plan has not chosen for a module."""
        active = fleet.wait_for_placement(module)["active"]
        return next(name for name in among if name not in active), next(iter(active))

    def test_a_module_is_held_by_hand_until_it_is_let_go(self):
        fleet = self.fleet("a", "b")
        fleet.deploy(COMMANDS, ("echo",))
        spare, planned = self.other(fleet, "echo", "ab")
        stub = self.stub(spare)
        first = self.start(stub, "echo")
        self.assertEqual(first.placement.node, spare)
        self.assertEqual(first.placement.namespace, "default")
        self.assertTrue(first.placement.digest.startswith("sha256:"))
        self.assertFalse(first.is_planned)
        # Asked again, it answers the same.
        self.assertEqual(self.start(stub, "echo", version=first.placement.version), first)
        self.assertEqual(fleet.placements("echo").get("by_hand"), {spare})
        self.assertIn(b"by_hand", fleet.run("ps").stdout)
        held = {m.placement.module: m for m in self.metrics(stub).placements}
        self.assertEqual(held["echo"].role, "by_hand")
        # Where the plan has it serve, there is nothing to do and nothing to stop.
        there = self.stub(planned)
        self.assertTrue(self.start(there, "echo").is_planned)
        step = self.refused(
            grpc.StatusCode.FAILED_PRECONDITION, "planned_here", lambda: self.stop(there, "echo"))
        self.assertIn("wasmatrix drain", step)
        self.assertEqual(self.stop(stub, "echo").placement, first.placement)
        self.assertNotIn("by_hand", fleet.placements("echo"))
        self.refused(grpc.StatusCode.NOT_FOUND, "not_held", lambda: self.stop(stub, "echo"))
        kinds = [e["kind"] for e in json.loads(fleet.run("audit", "list", "--json").stdout)]
        self.assertEqual(kinds.count("moduleStartedByHand"), 3, kinds)
        self.assertEqual(kinds.count("moduleStoppedByHand"), 1, kinds)

    def test_what_the_plan_comes_to_want_is_the_plans(self):
        fleet = self.fleet("a", "b")
        fleet.deploy(COMMANDS, ("echo",))
        spare, planned = self.other(fleet, "echo", "ab")
        stub = self.stub(spare)
        self.start(stub, "echo")
        fleet.run("drain", planned)
        wait_until(lambda: fleet.placements("echo").get("active") == {spare}, 30, "echo moved")
        self.assertNotIn("by_hand", fleet.placements("echo"))
        self.assertEqual(fleet.invoke("echo", b"x")[2], b"x")

    def test_a_service_is_started_and_stopped(self):
        fleet = self.fleet("a", "b")
        fleet.deploy(manifest({"ticker": ("run", 0)}), ("service",))
        spare, _ = self.other(fleet, "ticker", "ab")
        stub = self.stub(spare)
        self.start(stub, "ticker")

        def service():
            items = fleet.get("/v1/placements")["items"]
            return next((i["service"]["state"] for i in items
                         if i["node"] == spare and i["role"] == "by_hand"), None)
        wait_until(lambda: service() == "running", 30, "the service")
        self.stop(stub, "ticker")
        self.assertIsNone(service())
        self.start(stub, "ticker")
        wait_until(lambda: service() == "running", 30, "the service again")

    def test_metrics_are_numbers(self):
        fleet = self.fleet("a")
        fleet.deploy(COMMANDS, ("echo",))
        fleet.wait_for_placement("echo")
        for _ in range(3):
            fleet.invoke("echo", b"x")
        metrics = self.metrics(self.stub("a"))
        self.assertEqual(metrics.node, "a")
        self.assertTrue(metrics.is_attached)
        self.assertGreater(metrics.engine.workers, 0)
        self.assertGreater(metrics.engine.instance_slots, 0)
        self.assertGreater(metrics.memory.reservable_bytes, metrics.memory.reserved_by_plan_bytes)
        self.assertGreater(metrics.memory.reserved_by_plan_bytes, 0)
        echo, = metrics.placements
        self.assertEqual((echo.role, echo.activations_total, echo.failures_total), ("active", 3, 0))
        self.assertEqual(sum(count.activations_total for count in echo.latencies), 3)
        self.assertFalse(echo.latencies[-1].HasField("at_most_microseconds"))

    def test_whoever_has_no_good_token_or_role_is_refused(self):
        fleet = self.fleet("a")
        stub = self.stub("a")
        ask = agent_pb2.GetMetricsRequest()
        self.refused(grpc.StatusCode.UNAUTHENTICATED, "token_missing", lambda: stub.GetMetrics(ask, timeout=60))
        self.refused(grpc.StatusCode.UNAUTHENTICATED, "token_malformed",
                     lambda: stub.GetMetrics(ask, **self.say(token="nonsense")))
        unknown = self.tokens["viewer"][:-4] + ("AAAA" if not self.tokens["viewer"].endswith("AAAA") else "BBBB")
        self.refused(grpc.StatusCode.UNAUTHENTICATED, None, lambda: stub.GetMetrics(ask, **self.say(token=unknown)))
        for role in ("viewer", "invoker"):
            self.refused(grpc.StatusCode.PERMISSION_DENIED, "role_insufficient",
                         lambda: self.start(stub, "echo", role=role))
            self.refused(grpc.StatusCode.PERMISSION_DENIED, "role_insufficient",
                         lambda: self.stop(stub, "echo", role=role))
        events = json.loads(fleet.run("audit", "list", "--json").stdout)
        refused = [e for e in events if e["kind"] == "accessRefused"]
        self.assertIn("StartModule of node a", {e["subject"] for e in refused})
        # A token that was revoked is good for no more than a few seconds.
        self.metrics(stub)
        fleet.run("token", "revoke", "viewer")

        def is_refused():
            try:
                self.metrics(stub)
            except grpc.RpcError as error:
                return error.code() == grpc.StatusCode.UNAUTHENTICATED
        wait_until(is_refused, 30, "the refusal")

    def test_what_makes_no_sense_is_refused_and_the_agent_goes_on(self):
        fleet = self.fleet("a")
        fleet.deploy(COMMANDS, ("echo",))
        stub = self.stub("a")
        self.refused(grpc.StatusCode.NOT_FOUND, "not_deployed", lambda: self.start(stub, "nobody"))
        self.refused(grpc.StatusCode.NOT_FOUND, "version_unknown",
                     lambda: self.start(stub, "echo", version="99"))
        self.refused(grpc.StatusCode.INVALID_ARGUMENT, "name_invalid", lambda: self.start(stub, "../x"))
        with self.assertRaises(grpc.RpcError):
            self.start(stub, "x" * (1 << 20))
        # The certificate is that of the node, and no other name or authority does.
        with self.assertRaises(grpc.RpcError) as caught:
            self.stub("a", name="b").GetMetrics(agent_pb2.GetMetricsRequest(), **self.say("viewer"))
        self.assertEqual(caught.exception.code(), grpc.StatusCode.UNAVAILABLE)
        with contextlib.ExitStack() as open_ones:
            for garbage in (b"GET / HTTP/1.1\r\n\r\n", b"\x00" * 5000, b""):
                raw = open_ones.enter_context(socket.create_connection(("127.0.0.1", self.ports["a"])))
                raw.sendall(garbage)
            context = ssl.create_default_context(cadata=self.authority.decode())
            context.set_alpn_protocols(["h2"])
            tls = open_ones.enter_context(context.wrap_socket(
                socket.create_connection(("127.0.0.1", self.ports["a"])),
                server_hostname="a.node.wasmatrix.internal"))
            tls.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\xff" * 9000)
            self.assertEqual(self.metrics(stub).node, "a")
        self.assertIsNone(fleet.agents["a"].poll())

    def test_while_the_control_plane_is_away_nobody_is_known(self):
        fleet = self.fleet("a")
        stub = self.stub("a")
        fleet.kill()

        def answer():
            try:
                self.start(stub, "echo")
            except grpc.RpcError as error:
                return error.code() == grpc.StatusCode.UNAVAILABLE and dict(
                    error.trailing_metadata())["wasmatrix-code"] == "control_plane_away"
        wait_until(answer, 30, "UNAVAILABLE")
        self.refused(grpc.StatusCode.UNAVAILABLE, "control_plane_away", lambda: self.metrics(stub, "invoker"))
        fleet.start()
        fleet.wait_for("a")
        wait_until(lambda: self.metrics(stub).is_attached, 30, "metrics")


if __name__ == "__main__":
    unittest.main()
