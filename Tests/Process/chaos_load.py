"""Constant load on a fleet that is being broken; remembers what was promised to it."""
import json
import threading
import time


class Load:
    """Publishes and calls, all the time."""

    # What is called, and whether its effects are counted by the name of the call.
    CALLED = ("calls", "repeatable", "held-calls")

    def __init__(self, fleet, sink):
        self.fleet, self.sink = fleet, sink
        self.stopped = threading.Event()
        self.lock = threading.Lock()
        self.accepted = {}
        self.answers = {module: {} for module in self.CALLED}
        # Of each module: how long, which call, with which status, seconds since the begin.
        self.slowest = {module: (0.0, "", 0, 0.0) for module in self.CALLED}
        self.began = time.monotonic()
        self.refused = 0
        self.threads = [threading.Thread(target=self._publish, args=(number,)) for number in range(2)]
        self.threads += [threading.Thread(target=self._call, args=(module,)) for module in self.CALLED]
        for thread in self.threads:
            thread.start()

    def _publish(self, worker):
        number = 0
        while not self.stopped.is_set():
            number += 1
            name = f"event-{worker}-{number}"
            try:
                status, _, body = self.fleet.publish("work/x", self.sink.request(name), name, timeout=30)
            except OSError:
                status = 0
            with self.lock:
                if status == 202:
                    self.accepted[name] = json.loads(body)["offset"]
                else:
                    self.refused += 1
            time.sleep(0.01 if status == 202 else 0.1)

    def _call(self, module):
        number = 0
        while not self.stopped.is_set():
            number += 1
            name = f"{module}-{number}"
            begun = time.monotonic()
            status = self.call(module, name, timeout=60)
            took = time.monotonic() - begun
            with self.lock:
                self.answers[module][name] = status
                self.slowest[module] = max(self.slowest[module], (took, name, status, begun - self.began))
            time.sleep(0.01 if status == 200 else 0.1)

    def call(self, module, name, timeout):
        """The status; -1 when it ran, and its request did not get through; 0 for no answer."""
        data = name.encode() if module == "held-calls" else self.sink.request(name)
        try:
            status, _, body = self.fleet.request("POST", f"/v1/invoke/{module}", data, timeout=timeout)
        except OSError:
            return 0
        if status == 200 and not all("response" in json.loads(line) for line in body.splitlines()):
            return -1
        return status

    def stop(self):
        self.stopped.set()
        for thread in self.threads:
            thread.join()
