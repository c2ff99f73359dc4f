"""Load on everything that can be asked of a fleet whose parts are killed, and what was accepted of it."""
import json
import threading
import time

from cluster import LOST, wait_until
from node_tools import agent_pb2, agent_pb2_grpc, bearer, channel, grpc

CONTROL = "control"
# Between two requests of the same kind at the same place, so that what is killed has a processor to come back on.
PAUSE = 0.05
# A channel waits for longer and longer before it connects again, if it is not told otherwise.
IMPATIENT = [("grpc.initial_reconnect_backoff_ms", 100), ("grpc.min_reconnect_backoff_ms", 100),
             ("grpc.max_reconnect_backoff_ms", 500)]


class Load:
    """Publishes and calls at the control plane and at the entrances of nodes, and asks nodes as tools do, until it
    is stopped."""

    def __init__(self, cluster):
        self.cluster = cluster
        self.places = {CONTROL: cluster} | getattr(cluster, "entrances", {})
        # The names of events; the offsets of those that came to the control plane.
        self.accepted = {}
        self.wrong = []
        self.stopped = threading.Event()
        works = [(kind, place) for place in self.places for kind in (self._publish, self._call)]
        works += [(self._ask, node) for node in getattr(cluster, "tools", {})]
        # How often each was answered as it should be.
        self.done = {(kind.__name__, place): 0 for kind, place in works}
        self.threads = [threading.Thread(target=self._go_on, args=work) for work in works]
        for thread in self.threads:
            thread.start()

    def _go_on(self, kind, place):
        number = 0
        try:
            once = kind(place)
            while not self.stopped.is_set():
                number += 1
                try:
                    self.done[kind.__name__, place] += bool(once(number))
                except (*LOST, grpc.RpcError):
                    pass  # It is being started again.
                time.sleep(PAUSE)
        except BaseException as error:
            self.wrong.append(f"{kind.__name__} at {place} ended: {error!r}")
            raise

    def _publish(self, place):
        def once(number):
            name = f"{place}-{number}"
            status, _, body = self.places[place].publish("in/x", name.encode(), name)
            if status == 202:
                self.accepted[name] = json.loads(body).get("offset")
            return status == 202
        return once

    def _call(self, place):
        def once(number):
            data = f"{place}-{number}".encode()
            status, _, body = self.places[place].request("POST", "/v1/invoke/echo", data)
            if status == 200 and body != data:
                self.wrong.append(body)
            return status == 200
        return once

    def _ask(self, node):
        way = channel(self.cluster.tools[node], self.cluster.authority.read_bytes(), node, IMPATIENT)
        stub = agent_pb2_grpc.NodeAgentStub(way)

        def once(number):
            answer = stub.GetMetrics(
                agent_pb2.GetMetricsRequest(), metadata=bearer(self.cluster.user), timeout=10)
            if answer.node != node:
                self.wrong.append(f"{node} says that it is {answer.node}")
            return True
        return once

    def goes_on(self):
        """Waits until everything is answered anew, everywhere."""
        before = dict(self.done)

        def late():
            return [work for work, count in before.items() if self.done[work] < count + 3]
        try:
            wait_until(lambda: not late(), 60, "more of the load")
        except AssertionError as error:
            raise AssertionError(f"{error}: {late()}") from None

    def stop(self):
        self.stopped.set()
        for thread in self.threads:
            thread.join()
