"""The promises of the event bus, kept by the real program: across kill -9, damage and time."""
import json
import os
import sqlite3
import unittest

from cluster import Cluster, wait_until

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


if __name__ == "__main__":
    unittest.main()
