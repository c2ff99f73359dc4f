"""The OpenAPI document is valid, and live answers are as it says."""
import importlib.util
import json
import sys
import unittest

from cluster import Cluster, ROOT

# The packages that validate are in the environment that scripts/bootstrap makes.
if importlib.util.find_spec("openapi_spec_validator") is None:
    sys.path += map(str, ROOT.glob(".venv/lib/python3*/site-packages"))
try:
    from jsonschema import Draft202012Validator
    from openapi_spec_validator import OpenAPIV31SpecValidator
except ImportError as error:
    raise ImportError(f"{error}; run scripts/bootstrap, which brings it") from error

MANIFEST = """apiVersion: wasmatrix/v1
name: described
modules:
  upper:
    source: upper.wasm
    triggers:
      - topic: words
  trap:
    source: trap.wasm
"""


class OpenAPI(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster()
        cls.cluster.write_manifest(MANIFEST, guests=["upper", "trap"])
        cls.cluster.start()
        cls.document = cls.cluster.get("/openapi.json")

    @classmethod
    def tearDownClass(cls):
        cls.cluster.__exit__()

    def schema_of(self, method, path, status, content_type):
        """The schema that the document gives for an answer."""
        responses = self.document["paths"][path][method.lower()]["responses"]
        answer = responses.get(str(status)) or responses["default"]
        self.assertIn(content_type, answer["content"], f"{method} {path} {status}")
        return answer["content"][content_type]["schema"]

    def check(self, method, path, concrete=None, expected=200, body=None, headers=None):
        """Sends a request; the answer must be as the document says. Returns its JSON value."""
        status, answered, data = self.cluster.request(method, concrete or path, body, headers)
        self.assertEqual(status, expected, data[:500])
        content_type = answered["Content-Type"]
        schema = self.schema_of(method, path, status, content_type)
        values = [json.loads(line) for line in data.splitlines()] \
            if content_type == "application/x-ndjson" else [json.loads(data)]
        self.assertTrue(values, f"{method} {path}: no line")
        whole = dict(schema, components=self.document["components"])
        for value in values:
            Draft202012Validator(whole).validate(value)
        return values[-1]

    def test_the_document_is_valid(self):
        OpenAPIV31SpecValidator(self.document).validate()

    def test_lists_are_as_described(self):
        for path in ["/v1/modules", "/v1/deployments", "/v1/placements", "/v1/nodes", "/v1/doctor",
                     "/v1/distribution", "/v1/audit", "/v1/trust/keys", "/v1/dead-letters"]:
            with self.subTest(path):
                items = self.check("GET", path)["items"]
                if path != "/v1/dead-letters":
                    self.assertTrue(items, "an empty list shows nothing")

    def test_health_and_the_document_itself_are_as_described(self):
        self.check("GET", "/healthz")
        self.check("GET", "/v1/supervision")
        self.check("GET", "/openapi.json")

    def test_an_event_and_what_became_of_it_are_as_described(self):
        headers = {"ce-specversion": "1.0", "ce-id": "1", "ce-source": "/tests", "ce-type": "words"}
        accepted = self.check("POST", "/v1/events", expected=202, body=b"abc", headers=headers)
        status = self.check(
            "GET", "/v1/events/{offset}", f"/v1/events/{accepted['offset']}?wait=30s")
        self.assertEqual([item["state"] for item in status["deliveries"]], ["succeeded"])
        batch = json.dumps([
            {"specversion": "1.0", "id": str(number), "source": "/tests", "type": "words"}
            for number in range(3)])
        many = self.check(
            "POST", "/v1/events", expected=202, body=batch,
            headers={"Content-Type": "application/cloudevents-batch+json"})
        self.assertEqual(len(many["items"]), 3)
        self.assertEqual([item["duplicate"] for item in many["items"]], [False, True, False])
        replayed = self.check(
            "POST", "/v1/events/replay", body=json.dumps({"from": accepted["offset"]}),
            headers={"Content-Type": "application/json"})
        self.assertEqual(replayed["deliveries"], 3)

    def test_a_deployment_is_as_described(self):
        versions = {item["name"]: item["version"]
                    for item in self.cluster.get("/v1/deployments")["items"]}
        body = json.dumps({"manifest": MANIFEST, "versions": versions})
        last = self.check(
            "POST", "/v1/deployments", body=body, headers={"Content-Type": "application/json"})
        self.assertTrue(last["done"])

    def test_tokens_are_as_described(self):
        headers = {"Content-Type": "application/json"}
        made = self.check("POST", "/v1/tokens", expected=201, headers=headers, body=json.dumps(
            {"kind": "user", "name": "described", "role": "viewer", "seconds": 60}))
        self.assertTrue(made["token"].startswith("wmu1."))
        self.check("POST", "/v1/tokens", expected=201, headers=headers, body='{"kind": "join"}')
        items = self.check("GET", "/v1/tokens")["items"]
        self.assertEqual({item["kind"] for item in items}, {"user", "join"})
        self.check("POST", "/v1/tokens", expected=400, headers=headers, body='{"kind": "user"}')
        self.check("POST", "/v1/join", expected=403, headers=headers, body=json.dumps(
            {"token": "no", "node": "edge-1", "request": ""}))

    def test_problems_are_as_described(self):
        problem = self.check("GET", "/v1/modules/{name}", "/v1/modules/none", 404)
        self.assertEqual(problem["code"], "module_unknown")
        trapped = self.check("POST", "/v1/invoke/{module}", "/v1/invoke/trap", 502, body=b"")
        self.assertEqual(trapped["failure"]["code"], "guest_trapped")
        self.check("POST", "/v1/deployments", expected=400, body=b"{")
        self.check("PUT", "/v1/modules/{name}/versions/{version}",
                   "/v1/modules/bad/versions/1", 400, body=b"not wasm")
        self.check("GET", "/v1/audit", "/v1/audit?limit=0", 400)


if __name__ == "__main__":
    unittest.main()
