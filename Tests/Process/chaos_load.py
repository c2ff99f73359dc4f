"""Constant load on a fleet that is being broken; remembers what was promised to it."""
import json
import threading
import time

from cluster import LOST


class Load:
    """Publishes and calls, all the time: at the control plane, and at the entrances of its nodes."""

    # What is called, and whether its effects are counted by the name of the call.
    CALLED = ("calls", "repeatable", "held-calls")
    PUBLISHERS = 2
    # How the names of events begin that are published at nodes.
    ENTERED = "entered-"

    def __init__(self, fleet):
        self.fleet, self.sink = fleet, fleet.sink
        self.stopped = threading.Event()
        self.lock = threading.Lock()
        # Events by their names: their offsets; the nodes at which they came in.
        self.accepted, self.entered = {}, {}
        self.refused = {"events": 0, "events at nodes": 0}
        # Of each module, at the control plane and at nodes: how calls were answered, by their names.
        self.answers = {label: {} for module in self.CALLED for label in (module, self.at_nodes(module))}
        # How long, which call, with which status, seconds since the begin.
        self.slowest = {label: (0.0, "", 0, 0.0) for label in self.answers}
        self.began = time.monotonic()
        self.failed = []
        works = [(self._publish, number) for number in range(self.PUBLISHERS)]
        works += [(self._call, module) for module in self.CALLED]
        works += [(self._enter, node) for node in fleet.entrances]
        self.threads = [threading.Thread(target=self._go_on, args=work) for work in works]
        for thread in self.threads:
            thread.start()

    @staticmethod
    def at_nodes(module):
        return f"{module} at nodes"

    def _go_on(self, work, of):
        number = 0
        try:
            while not self.stopped.is_set():
                number += 1
                time.sleep(work(of, number))
        except BaseException as error:
            self.failed.append(f"the load ended, {work.__name__} {of}: {error!r}")
            raise

    # One of each kind; they return how long to wait for the next one.

    def _publish(self, publisher, number):
        name = f"event-{publisher}-{number}"
        status, body = self._event(self.fleet, name)
        with self.lock:
            if status == 202:
                self.accepted[name] = json.loads(body)["offset"]
            else:
                self.refused["events"] += 1
        return 0.01 if status == 202 else 0.1

    def _call(self, module, number):
        return 0.01 if self._ask(self.fleet, module, module, f"{module}-{number}") == 200 else 0.1

    def _enter(self, node, number):
        entrance = self.fleet.entrances[node]
        name = f"{self.ENTERED}{node}-{number}"
        status, _ = self._event(entrance, name)
        with self.lock:
            if status == 202:
                self.entered[name] = node
            else:
                self.refused["events at nodes"] += 1
        module = self.CALLED[number % len(self.CALLED)]
        self._ask(entrance, module, self.at_nodes(module), f"{module}-{node}-{number}")
        return 0.05 if status == 202 else 0.2

    def _event(self, place, name):
        try:
            status, _, body = place.publish("work/x", self.sink.request(name, must_succeed=True), name, timeout=30)
        except LOST:
            return 0, b""
        return status, body

    def _ask(self, place, module, label, name):
        begun = time.monotonic()
        status = self.call(module, name, timeout=60, place=place)
        took = time.monotonic() - begun
        with self.lock:
            self.answers[label][name] = status
            self.slowest[label] = max(self.slowest[label], (took, name, status, begun - self.began))
        return status

    def call(self, module, name, timeout, place=None):
        """The status; -1 when it ran, and its request did not get through; 0 for no answer."""
        data = name.encode() if module == "held-calls" else self.sink.request(name)
        try:
            status, _, body = (place or self.fleet).request("POST", f"/v1/invoke/{module}", data, timeout=timeout)
        except LOST:
            return 0
        if status == 200 and not all("response" in json.loads(line) for line in body.splitlines()):
            return -1
        return status

    def stop(self):
        self.stopped.set()
        for thread in self.threads:
            thread.join()
