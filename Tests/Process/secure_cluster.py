"""A cluster that speaks TLS and wants tokens, for tests."""
import http.client
import json
import os
import ssl
import subprocess
import unittest

from cluster import PROGRAM, Cluster


class SecureCluster(Cluster):
    """A cluster that speaks TLS and wants tokens, also on this machine."""

    token = None

    def start(self, ready=True, options=()):
        return super().start(ready, ["--tls", *options])

    @property
    def authority(self):
        return self.data / "authority/certificates.pem"

    def admin(self):
        return (self.data / "admin-token").read_text().strip()

    def context(self):
        return ssl.create_default_context(cafile=str(self.authority))

    def connect(self, timeout):
        return http.client.HTTPSConnection("localhost", self.port, timeout=timeout, context=self.context())

    def credentials(self):
        return {"Authorization": f"Bearer {self.admin()}"}

    def request(self, method, path, body=None, headers=None, timeout=60, token="admin"):
        connection = self.connect(timeout)
        headers = dict(headers or {})
        token = self.admin() if token == "admin" else token
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        try:
            connection.request(method, path, body=body, headers=headers)
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()
        finally:
            connection.close()

    def post(self, path, value, token=None):
        """(status, answer)"""
        status, _, body = self.request(
            "POST", path, json.dumps(value), {"Content-Type": "application/json"}, token=token)
        return status, json.loads(body)

    def run(self, *arguments, token="admin", server=None, check=True):
        environment = dict(
            os.environ, WASMATRIX_SERVER=server or f"https://127.0.0.1:{self.port}")
        token = self.admin() if token == "admin" else token
        if token is not None:
            environment["WASMATRIX_TOKEN"] = token
        result = subprocess.run(
            [PROGRAM, *map(str, arguments)], capture_output=True, env=environment,
            cwd=self.folder, timeout=120)
        if check and result.returncode != 0:
            raise AssertionError(f"{arguments}: {result.returncode}\n{result.stderr.decode()}")
        return result

    def make(self, *arguments):
        return self.run("token", "create", *arguments).stdout.decode().strip()

    def audit(self, kind):
        events = json.loads(self.run("audit", "list", "--limit", 1000, "--json").stdout)
        return [event for event in events if event["kind"] == kind]


class Access(unittest.TestCase):
    def setUp(self):
        self.cluster = SecureCluster()
        self.addCleanup(self.cluster.__exit__)

    def refused(self, answer, code):
        status, problem = answer
        self.assertEqual((status, problem["code"]), (403, code), problem)
        self.assertTrue(problem.get("next"), problem)
