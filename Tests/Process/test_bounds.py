"""Events and patterns made to cost much: each has a bound, and others do not notice."""
import json
import unittest

from cluster import Cluster, wait_until

# What is there makes it be looked at; then nothing is in any of these ranges.
GREEDY = "{ anything-but: 7 }, " + ", ".join('{ numeric: ["<", %d] }' % -number for number in range(1, 127))
MANIFEST = f"""apiVersion: wasmatrix/v1
name: bounds
modules:
  greedy:
    source: upper.wasm
    triggers:
      - topic: in
        where: {{ data: [{GREEDY}] }}
  modest:
    source: upper.wasm
    triggers:
      - topic: in
        where: {{ data: [{{ exists: true }}] }}
  plain:
    source: upper.wasm
    triggers:
      - topic: in
        order-by: data.a.b.c
  poison:
    source: spin.wasm
    triggers:
      - topic: poison
    limits: {{ cpu: 100ms }}
    retry: {{ attempts: 3, initial-delay: 1ms, maximum-delay: 2ms }}
"""


class Bounds(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster()
        cls.cluster.write_manifest(MANIFEST, guests=["upper", "spin"])
        cls.cluster.start()
        cls.number = 0

    @classmethod
    def tearDownClass(cls):
        cls.cluster.__exit__()

    def deliveries(self, data, topic="in"):
        """Publishes an event; the modules that got it, with what became of it there."""
        Bounds.number += 1
        status, _, body = self.cluster.request(
            "POST", "/v1/events", data,
            {"ce-specversion": "1.0", "ce-id": str(self.number), "ce-source": "/tests", "ce-type": "t",
             "ce-topic": topic, "Content-Type": "application/json"})
        self.assertEqual(status, 202, body)
        event = self.cluster.get(f"/v1/events/{json.loads(body)['offset']}?wait=60s")
        return {item["module"]: item for item in event["deliveries"]}

    def exceeded(self):
        text = self.cluster.request("GET", "/metrics")[2].decode()
        lines = [line for line in text.splitlines()
                 if line.startswith("wasmatrix_pattern_work_exceeded_total ")]
        return int(lines[0].split()[1]) if lines else 0

    def test_a_pattern_that_would_take_too_much_work_misses_the_event_and_nobody_else_does(self):
        before = self.exceeded()
        got = self.deliveries(json.dumps([7] * 4000))
        self.assertEqual(set(got), {"modest", "plain"})
        wait_until(lambda: self.exceeded() == before + 1, what="the count")
        self.assertIn("too much work", self.cluster.log_text())
        self.assertEqual(set(self.deliveries(json.dumps([-200] + [7] * 100))), {"greedy", "modest", "plain"})
        self.assertEqual(self.exceeded(), before + 1)

    def test_data_that_is_deep_or_long_is_no_json_for_patterns_and_goes_to_the_others(self):
        for data in [b"[" * 100_000, b"[" * 50_000 + b"]" * 50_000, b'{"a":' * 40_000,
                     json.dumps([[]] * 5000), b'"' + b"x" * (1 << 20) + b'"', b"[1e999999]"]:
            got = self.deliveries(data)
            self.assertEqual(set(got), {"plain"}, data[:20])
            self.assertEqual(got["plain"]["state"], "succeeded")

    def test_an_event_that_its_handler_never_survives_is_tried_so_often_and_put_aside(self):
        got = self.deliveries(b"1", "poison")
        self.assertEqual(got["poison"]["state"], "dead")
        self.assertEqual(got["poison"]["attempts"], 3)
        self.assertEqual(set(self.deliveries(b"7")), {"modest", "plain"})


if __name__ == "__main__":
    unittest.main()
