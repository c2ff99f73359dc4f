"""What a deployment says of its triggers and grants is shown, by the API and by every verb."""
import json
import unittest

from cluster import Cluster

MANIFEST = """apiVersion: wasmatrix/v1
name: shop
buckets:
  stock: { size: 1MiB }
modules:
  orders:
    source: upper.wasm
    triggers:
      - topic: orders/#
        where: { data: { sum: [{ numeric: [">", 100] }] } }
        order-by: data.customer
        group: billing
      - topic: returns/+
    capabilities:
      publish: [invoices/#]
      state:
        stock: { access: write, prefix: bolts/ }
  plain:
    source: upper.wasm
"""

TRIGGERS = [
    {"topic": "orders/#", "where": {"data": {"sum": [{"numeric": [">", 100]}]}},
     "orderBy": "data.customer", "group": "billing"},
    {"topic": "returns/+"},
]
GRANTS = {"publish": ["invoices/#"],
          "state": [{"access": "write", "bucket": "stock", "prefixes": ["bolts/"]}]}


class Deployments(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster()
        cls.cluster.write_manifest(MANIFEST, guests=["upper"])
        cls.cluster.start()

    @classmethod
    def tearDownClass(cls):
        cls.cluster.__exit__()

    def json(self, *arguments):
        return json.loads(self.cluster.run(*arguments, "--json").stdout)

    def check(self, item):
        self.assertEqual(item["triggers"], TRIGGERS)
        self.assertEqual({key: item["capabilities"][key] for key in GRANTS}, GRANTS)

    def test_the_api_and_every_verb_say_what_wakes_a_module_and_what_it_is_granted(self):
        items = {item["name"]: item for item in self.cluster.get("/v1/deployments")["items"]}
        self.check(items["orders"])
        self.assertEqual(items["plain"]["triggers"], [])
        self.check(next(item for item in self.json("ps")["items"] if item["module"] == "orders"))
        self.check(self.json("modules", "orders")["deployment"])
        planned = self.json("plan", self.cluster.manifest)
        self.check(next(item for item in planned if item["decision"]["module"] == "orders"))

    def test_people_read_the_same(self):
        short = "orders/# (where, order-by data.customer, group billing) returns/+"
        shown = self.cluster.run("ps").stdout.decode()
        self.assertIn(short, shown)
        self.assertIn("publish, state", shown)
        for verb in [("modules", "orders"), ("plan", self.cluster.manifest)]:
            text = self.cluster.run(*verb).stdout.decode()
            for part in ['{"data":{"sum":[{"numeric":[">",100]}]}}', "data.customer", "billing",
                         "invoices/#", "stock: write, keys bolts/"]:
                self.assertIn(part, text, verb)


if __name__ == "__main__":
    unittest.main()
