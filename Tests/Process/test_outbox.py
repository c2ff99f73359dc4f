"""What lies in the outbox of a node until the control plane has it: events of strangers, and of its own modules."""
import json
import threading
import unittest

from alone import AloneCase
from cluster import wait_until

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


class OutboxTests(AloneCase):
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


if __name__ == "__main__":
    unittest.main()
