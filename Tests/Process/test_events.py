"""The promises of the event bus, kept by the real program: across kill -9, damage and time."""
import json
import os
import signal
import sqlite3
import subprocess
import threading
import unittest

from cluster import PROGRAM, Cluster, wait_until

MANIFEST = """apiVersion: wasmatrix/v1
name: bus
modules:
  upper:
    source: upper.wasm
    triggers:
      - topic: work/+
  sleeper:
    source: sleep.wasm
    triggers:
      - topic: slow/+
    limits: { wall: 60s }
"""

LIFECYCLE_MANIFEST = """apiVersion: wasmatrix/v1
name: life
modules:
  broken:
    source: trap.wasm
    triggers:
      - topic: bad/+
    retry: { attempts: 1 }
  watcher:
    source: upper.wasm
    triggers:
      - topic: $wasmatrix/lifecycle/dead_letter
"""

ORDER_MANIFEST = """apiVersion: wasmatrix/v1
name: order
modules:
  sleeper:
    source: sleep.wasm
    triggers:
      - topic: jobs/+
        order-by: topic
"""


class Events(unittest.TestCase):
    def cluster(self, manifest=MANIFEST, guests=("upper", "sleep")):
        cluster = Cluster()
        self.addCleanup(cluster.__exit__)
        cluster.write_manifest(manifest, guests=guests)
        return cluster

    def published(self, cluster, topic, data=b"", identifier=None):
        status, _, body = cluster.publish(topic, data, identifier)
        self.assertEqual(status, 202, body)
        return json.loads(body)

    def test_a_publish_that_is_repeated_makes_nothing_happen_also_after_a_crash(self):
        cluster = self.cluster()
        cluster.start()
        first = self.published(cluster, "work/a", b"hello", "once")
        self.assertEqual((first["deliveries"], first["duplicate"]), (1, False))
        again = self.published(cluster, "work/a", b"hello", "once")
        self.assertEqual((again["offset"], again["duplicate"]), (first["offset"], True))
        cluster.kill()
        cluster.start()
        again = self.published(cluster, "work/a", b"other data", "once")
        self.assertEqual((again["offset"], again["duplicate"]), (first["offset"], True))
        status = cluster.get(f"/v1/events/{first['offset']}?wait=30s")
        self.assertEqual([d["output"]["text"] for d in status["deliveries"]], ["HELLO"])
        result = cluster.run("emit", "work/a", "--source", "/tests", "--id", "once")
        self.assertEqual(result.stdout.decode().strip(), str(first["offset"]))
        self.assertIn("published before", result.stderr.decode())
        self.assertIn("wasmatrix_events_duplicate_total 2", self.metrics(cluster))
        self.assertEqual(cluster.stop(), 0)

    def metrics(self, cluster):
        return cluster.request("GET", "/metrics")[2].decode()

    def test_a_damaged_event_is_put_aside_and_the_others_go_on(self):
        cluster = self.cluster()
        cluster.start()
        offset = self.published(cluster, "slow/a", b"30000")["offset"]
        # Whoever looks through the tables has what is in the journal put into them.
        cluster.get("/v1/dead-letters")
        cluster.kill()
        with sqlite3.connect(cluster.data / "events.sqlite") as database:
            database.execute('UPDATE events SET data = x\'00\' WHERE "offset" = ?', (offset,))
        database.close()
        cluster.start()
        letters = wait_until(lambda: cluster.get("/v1/dead-letters")["items"], 30, "a dead letter")
        self.assertEqual(letters[0]["history"][-1]["failure"]["code"], "event_damaged")
        self.assertNotIn("event", letters[0])
        listed = cluster.run("events", "dead", "list").stdout.decode()
        self.assertIn("(damaged)", listed)
        shown = cluster.run("events", "dead", "show", letters[0]["id"]).stdout.decode()
        self.assertIn("cannot be read any more", shown)
        status, _, body = cluster.request("GET", f"/v1/events/{offset}")
        self.assertEqual((status, json.loads(body)["code"]), (500, "data_corrupt"))
        doctor = cluster.run("doctor", check=False).stdout.decode()
        self.assertIn(f"1 events are damaged ({offset})", doctor)
        good = self.published(cluster, "work/a", b"fine")
        status = cluster.get(f"/v1/events/{good['offset']}?wait=30s")
        self.assertEqual([d["state"] for d in status["deliveries"]], ["succeeded"])
        cluster.run("events", "dead", "drop", letters[0]["id"])
        self.assertEqual(cluster.get("/v1/dead-letters")["items"], [])
        self.assertEqual(cluster.stop(), 0)

    def test_a_full_log_says_when_to_come_back_and_emit_does(self):
        cluster = self.cluster()
        cluster.start(options=["--max-pending", "3"])
        for number in range(3):
            self.published(cluster, "slow/a", b"3000", f"filler-{number}")
        status, headers, body = cluster.publish("slow/a", b"1")
        headers = {name.lower(): value for name, value in headers.items()}
        self.assertEqual((status, json.loads(body)["code"]), (429, "event_log_full"))
        self.assertTrue(1 <= int(headers["retry-after"]) <= 60, headers)
        self.assertEqual(json.loads(body)["retryAfterSeconds"], int(headers["retry-after"]))
        result = cluster.run("emit", "slow/a", "--data", "1", "--patience", "0s", check=False)
        self.assertEqual(result.returncode, 6, result.stderr)
        # Once something has drained, the advice is short; and it is followed.
        wait_until(lambda: "succeeded" in json.dumps(cluster.get("/v1/events/1")), 30, "an end")
        for number in range(3):
            wait_until(lambda: cluster.publish("slow/a", b"2500", f"more-{number}")[0] == 202, 30, "room")
        result = cluster.run("emit", "slow/a", "--data", "1", "--patience", "60s", "--wait")
        self.assertIn("told to slow down", result.stderr.decode())
        self.assertIn("succeeded", result.stdout.decode())
        self.assertEqual(cluster.stop(), 0)

    def tail(self, cluster, *arguments):
        environment = dict(os.environ, WASMATRIX_SERVER=f"http://127.0.0.1:{cluster.port}")
        process = subprocess.Popen(
            [PROGRAM, "events", "tail", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env=environment)
        self.addCleanup(process.stderr.close)
        self.addCleanup(process.stdout.close)
        self.addCleanup(lambda: process.poll() is None and process.kill())
        return process

    def test_events_are_followed_as_they_come_and_ctrl_c_ends_it_cleanly(self):
        cluster = self.cluster()
        cluster.start()
        first = self.published(cluster, "work/a", b'{"n": 1}')["offset"]
        process = self.tail(cluster, "work/+", "--where", '{"data": {"n": [{"numeric": [">", 1]}]}}',
                            "--since", str(first), "--json")
        for number in range(1, 6):
            self.published(cluster, "work/a", json.dumps({"n": number}).encode())
        lines = [json.loads(process.stdout.readline()) for _ in range(4)]
        self.assertEqual([json.loads(line["event"]["data"]["text"])["n"] for line in lines], [2, 3, 4, 5])
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(30), 0, process.stderr.read())
        result = cluster.run("events", "tail", "work/+", "--since", first, "--count", 2)
        self.assertEqual(len(result.stdout.decode().splitlines()), 2)
        self.assertEqual(cluster.stop(), 0)

    def test_the_life_of_the_cluster_is_followed_and_wakes_modules(self):
        cluster = self.cluster(LIFECYCLE_MANIFEST, guests=("trap", "upper"))
        cluster.start()
        process = self.tail(cluster, "$wasmatrix/lifecycle/#", "--json")
        seen = {}

        def read_until(name):
            while name not in seen:
                line = json.loads(process.stdout.readline())
                seen[line["event"]["topic"].removeprefix("$wasmatrix/lifecycle/")] = line
            return seen[name]

        # The tail is there once something is told.
        first = threading.Thread(target=read_until, args=("supervision_restart",))
        first.start()
        while first.is_alive():
            cluster.run("chaos", "kill", "main/nodes/heartbeats")
            first.join(2)
        self.published(cluster, "bad/a")
        dead = read_until("dead_letter")
        data = json.loads(dead["event"]["data"]["text"])
        self.assertEqual((data["module"], data["failure"]), ("broken", "guest_trapped"))
        status = cluster.get(f"/v1/events/{dead['offset']}?wait=30s")
        self.assertEqual([(d["module"], d["state"]) for d in status["deliveries"]], [("watcher", "succeeded")])
        cluster.run("undeploy", "broken", "--module")
        while True:
            change = read_until("deployment_changed")["event"]
            data = json.loads(change["data"]["text"])
            if not data["deployed"]:
                break
            del seen["deployment_changed"]
        self.assertEqual(change["subject"].split("/")[-1], "broken")
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(30), 0)
        self.assertEqual(cluster.stop(), 0)

    def test_what_is_kept_is_delivered_again_and_what_is_not_is_told(self):
        cluster = self.cluster()
        cluster.start(options=["--keep-events", "300"])
        event = {"specversion": "1.0", "source": "/batch", "type": "t", "topic": "work/a", "data": 1}
        for start in range(0, 1500, 500):
            batch = [dict(event, id=str(start + number)) for number in range(500)]
            status, _, body = cluster.request("POST", "/v1/events", json.dumps(batch), {
                "Content-Type": "application/cloudevents-batch+json"})
            self.assertEqual(status, 202, body)
        cluster.get("/v1/events/1500?wait=60s")
        result = cluster.run("events", "replay", "--from", "1450", "--module", "upper", "--json")
        self.assertEqual(json.loads(result.stdout), {"events": 51, "deliveries": 51, "missed": []})
        status = cluster.get("/v1/events/1500?wait=60s")
        self.assertEqual([d["state"] for d in status["deliveries"]], ["succeeded", "succeeded"])
        result = cluster.run("events", "replay", "--from", "1", check=False)
        self.assertEqual(result.returncode, 1)
        self.assertIn("events 1 to ", result.stderr.decode())
        self.assertIn("events so far", result.stderr.decode())
        self.assertEqual(cluster.stop(), 0)

    def test_events_with_one_key_are_handled_in_order_while_others_go_on(self):
        cluster = self.cluster(ORDER_MANIFEST, guests=("sleep",))
        cluster.start()
        slow = self.published(cluster, "jobs/a", b"1500")["offset"]
        behind = self.published(cluster, "jobs/a", b"0")["offset"]
        other = self.published(cluster, "jobs/b", b"0")["offset"]
        status = cluster.get(f"/v1/events/{other}?wait=30s")
        self.assertEqual([d["state"] for d in status["deliveries"]], ["succeeded"])
        self.assertFalse(cluster.get(f"/v1/events/{behind}")["settled"])
        cluster.kill()
        cluster.start()
        cluster.get(f"/v1/events/{behind}?wait=30s")
        self.assertTrue(cluster.get(f"/v1/events/{slow}")["settled"])
        self.assertEqual(cluster.stop(), 0)


if __name__ == "__main__":
    unittest.main()
