"""Users are let in with tokens and roles: over TLS, and on this machine without."""
import contextlib
import http.client
import json
import shutil
import sqlite3
import unittest

from cluster import Cluster, wait_until
from secure_cluster import Access, SecureCluster

MANIFEST = """apiVersion: wasmatrix/v1
name: guarded
modules:
  upper:
    source: upper.wasm
    triggers:
      - topic: words
"""


class Users(Access):
    def test_the_admin_token_is_shown_once_and_lies_in_a_file_of_the_owner(self):
        self.cluster.start()
        path = self.cluster.data / "admin-token"
        self.assertEqual(path.stat().st_mode & 0o777, 0o600)
        wait_until(lambda: self.cluster.admin() in self.cluster.log_text(), what="the token")
        before = self.cluster.admin()
        self.cluster.stop()
        (self.cluster.folder / "dev.log").unlink()
        self.cluster.start()
        self.assertEqual(self.cluster.get("/v1/nodes")["items"][0]["id"], "local")
        self.assertEqual(self.cluster.admin(), before)
        self.assertNotIn(before, self.cluster.log_text())
        self.cluster.stop()
        path.unlink()
        self.cluster.start()
        self.assertNotEqual(self.cluster.admin(), before)
        wait_until(lambda: self.cluster.request("GET", "/v1/nodes")[0] == 200, what="the new token")
        self.assertEqual(self.cluster.request("GET", "/v1/nodes", token=before)[0], 401)

    def test_each_role_may_what_it_may(self):
        self.cluster.start()
        roles = ["viewer", "invoker", "deployer", "admin"]
        tokens = {role: self.cluster.make("--role", role, "--name", f"a-{role}") for role in roles}
        event = {"ce-specversion": "1.0", "ce-type": "t", "ce-source": "/s", "ce-topic": "a/b"}
        for number, (method, path, least) in enumerate([
                ("GET", "/v1/nodes", "viewer"), ("POST", "/v1/events", "invoker"),
                ("DELETE", "/v1/deployments/none", "deployer"), ("GET", "/v1/tokens", "admin"),
                ("POST", "/v1/nodes/local/cordon", "admin"), ("GET", "/v1/audit", "admin")]):
            for role in roles:
                status, _, body = self.cluster.request(
                    method, path, headers=dict(event, **{"ce-id": f"{number}{role}"}),
                    token=tokens[role])
                if roles.index(role) < roles.index(least):
                    self.assertEqual(status, 403, (method, path, role))
                    problem = json.loads(body)
                    self.assertEqual(problem["code"], "role_insufficient")
                    self.assertIn(f"--role {least}", problem["next"])
                else:
                    self.assertNotIn(status, (401, 403), (method, path, role, body))
        refusals = self.cluster.audit("accessRefused")
        self.assertEqual({event["principal"]["name"] for event in refusals},
                         {"a-viewer", "a-invoker", "a-deployer"})
        changed = self.cluster.audit("nodeChanged")
        self.assertEqual(changed[0]["principal"], {"kind": "person", "name": "a-admin"})

    def test_wrong_tokens_are_refused_and_never_printed(self):
        self.cluster.start()
        self.assertEqual(self.cluster.request("GET", "/v1/nodes", token=None)[0], 401)
        good = self.cluster.make("--role", "viewer", "--name", "ci")
        wrong = good[:-4] + ("AAAA" if good[-4:] != "AAAA" else "BBBA")
        for token, message in [(wrong, b"not known here"), ("rubbish", b"is none"),
                               (good.replace("wmu1", "wmj1"), b"lets a node join")]:
            result = self.cluster.run("nodes", token=token, check=False)
            self.assertEqual(result.returncode, 4, result.stderr)
            self.assertIn(message, result.stderr)
            self.assertIn(b"next:", result.stderr)
            self.assertNotIn(token.split(".")[-1].encode(), result.stderr + result.stdout)
        self.assertEqual(self.cluster.run("nodes", token=good).returncode, 0)
        self.cluster.run("token", "revoke", "ci")
        result = self.cluster.run("nodes", token=good, check=False)
        self.assertEqual(result.returncode, 4)
        self.assertIn(b"revoked", result.stderr)
        brief = self.cluster.make("--role", "viewer", "--name", "brief", "--expires", "1s")
        wait_until(lambda: b"expired" in self.cluster.run(
            "nodes", token=brief, check=False).stderr, what="the end of a token")
        states = {item["name"]: item["state"] for item in
                  json.loads(self.cluster.run("token", "list", "--json").stdout)}
        self.assertEqual(states, {"admin": "good", "ci": "revoked", "brief": "expired"})

    def test_a_token_knows_the_server_of_its_cluster_from_another(self):
        self.cluster.start()
        with SecureCluster() as other:
            other.start()
            result = other.run("nodes", token=self.cluster.admin(), check=False)
            self.assertEqual(result.returncode, 4)
            self.assertIn(b"another cluster", result.stderr)
            result = other.run(
                "nodes", "--authority", self.cluster.authority, token=other.admin(), check=False)
            self.assertEqual(result.returncode, 4)
            self.assertIn(b"does not lead to an authority", result.stderr)
            other.run("nodes", "--authority", other.authority)
        plain = self.cluster.run(
            "nodes", server=f"http://127.0.0.1:{self.cluster.port}", check=False)
        self.assertEqual(plain.returncode, 7)
        self.assertIn(b"https://", plain.stderr)

    def test_on_loopback_without_tls_a_token_is_honoured_and_not_needed(self):
        with Cluster() as plain:
            plain.start()
            token = plain.run("token", "create", "--role", "viewer", "--name", "ci").stdout
            bearer = {"Authorization": b"Bearer " + token.strip()}
            self.assertEqual(plain.request("GET", "/v1/audit")[0], 200)
            self.assertEqual(plain.request("GET", "/v1/nodes", headers=bearer)[0], 200)
            self.assertEqual(plain.request("GET", "/v1/audit", headers=bearer)[0], 403)
            self.assertEqual(plain.request("GET", "/v1/nodes", headers={
                "Authorization": "Bearer x"})[0], 401)
            self.assertFalse((plain.data / "admin-token").exists())

    def test_a_catalog_of_an_earlier_release_gets_what_tokens_need_and_keeps_the_rest(self):
        with Cluster() as plain:
            plain.start()
            events = plain.get("/v1/audit")["items"]
            plain.stop()
            catalog = sqlite3.connect(plain.data / "catalog.sqlite")
            with contextlib.closing(catalog):
                for table in ("user_tokens", "join_tokens", "enrolled_nodes"):
                    catalog.execute(f"DROP TABLE {table}")
                catalog.execute("PRAGMA user_version = 2")
                catalog.commit()
            shutil.rmtree(plain.data / "authority")
            plain.start()
            self.assertEqual(plain.get("/v1/tokens")["items"], [])
            self.assertEqual(plain.get("/v1/audit")["items"][:len(events)], events)
            plain.run("token", "create", "--join")
            self.assertEqual(len(plain.get("/v1/tokens")["items"]), 1)

    def test_beyond_loopback_there_is_tls_and_nobody_is_let_in_without_a_token(self):
        Cluster.start(self.cluster, options=["--listen", "0.0.0.0:0"])
        self.assertEqual(self.cluster.request("GET", "/v1/nodes", token=None)[0], 401)
        self.assertEqual(self.cluster.request("GET", "/healthz", token=None)[0], 200)
        self.assertEqual(self.cluster.request("GET", "/v1/nodes")[0], 200)
        plain = Cluster.connect(self.cluster, 60)
        self.addCleanup(plain.close)
        with self.assertRaises((http.client.HTTPException, OSError)):
            plain.request("GET", "/v1/nodes")
            plain.getresponse()

    def test_an_application_is_deployed_and_used_over_tls(self):
        self.cluster.write_manifest(MANIFEST, guests=["upper"])
        self.cluster.start()
        data = b"some words " * 100_000
        status, _, answer = self.cluster.request("POST", "/v1/invoke/upper", data)
        self.assertEqual((status, answer), (200, data.upper()))
        waiting = self.cluster.run("emit", "words", "--data", "hello", "--wait")
        self.assertEqual(waiting.returncode, 0, waiting.stderr)
        tail = self.cluster.run("events", "tail", "words", "--since", "1", "--count", "1", "--json")
        self.assertIn(b"hello", tail.stdout)

    def test_a_flood_of_refusals_is_told_to_slow_down_and_does_not_fill_the_log(self):
        self.cluster.start()
        statuses = [self.cluster.request("GET", "/v1/nodes", token="x")[0] for _ in range(60)]
        self.assertEqual(set(statuses), {401, 429})
        self.assertEqual(self.cluster.request("GET", "/v1/nodes")[0], 200)
        self.assertLess(len(self.cluster.audit("accessRefused")), 60)


if __name__ == "__main__":
    unittest.main()
