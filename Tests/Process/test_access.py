"""Who is let in: users with roles over TLS, nodes with tokens and certificates. What is made here is read by
`cryptography` and `openssl`, what they make is read by the program."""
import base64
import datetime
import http.client
import importlib.util
import json
import os
import re
import ssl
import subprocess
import sys
import time
import unittest

from cluster import PROGRAM, ROOT, Cluster, wait_until

# It is in the environment that scripts/bootstrap makes.
if importlib.util.find_spec("cryptography") is None:
    sys.path += map(str, ROOT.glob(".venv/lib/python3*/site-packages"))
try:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
except ImportError as error:
    raise ImportError(f"{error}; run scripts/bootstrap, which brings it") from error

CONTROL = "control.wasmatrix.internal"


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

    def request(self, method, path, body=None, headers=None, timeout=60, token="admin"):
        connection = http.client.HTTPSConnection(
            "localhost", self.port, timeout=timeout, context=self.context())
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


def new_key():
    return ec.generate_private_key(ec.SECP256R1())


def request_for(node, key):
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, node)])
    request = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
    return request.public_bytes(serialization.Encoding.PEM).decode()


def join(cluster, token, node, key):
    return cluster.post(
        "/v1/join", {"token": token, "node": node, "request": request_for(node, key)})


def renew(cluster, certificate, old_key, node, key, signed=None):
    request = request_for(node, key)
    signature = old_key.sign((signed or request).encode(), ec.ECDSA(hashes.SHA256()))
    return cluster.post("/v1/renew", {
        "certificate": certificate, "request": request,
        "signature": base64.b64encode(signature).decode()})


def first(pem):
    return x509.load_pem_x509_certificates(pem.encode())[0]


class Access(unittest.TestCase):
    def setUp(self):
        self.cluster = SecureCluster()
        self.addCleanup(self.cluster.__exit__)

    def refused(self, answer, code):
        status, problem = answer
        self.assertEqual((status, problem["code"]), (403, code), problem)
        self.assertTrue(problem.get("next"), problem)


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

    def test_beyond_loopback_there_is_tls_and_nobody_is_let_in_without_a_token(self):
        Cluster.start(self.cluster, options=["--listen", "0.0.0.0:0"])
        self.assertEqual(self.cluster.request("GET", "/v1/nodes", token=None)[0], 401)
        self.assertEqual(self.cluster.request("GET", "/healthz", token=None)[0], 200)
        self.assertEqual(self.cluster.request("GET", "/v1/nodes")[0], 200)
        with self.assertRaises((http.client.HTTPException, OSError)):
            Cluster.request(self.cluster, "GET", "/v1/nodes")

    def test_a_flood_of_refusals_is_told_to_slow_down_and_does_not_fill_the_log(self):
        self.cluster.start()
        statuses = [self.cluster.request("GET", "/v1/nodes", token="x")[0] for _ in range(60)]
        self.assertEqual(set(statuses), {401, 429})
        self.assertEqual(self.cluster.request("GET", "/v1/nodes")[0], 200)
        self.assertLess(len(self.cluster.audit("accessRefused")), 60)


class Certificates(Access):
    def openssl(self, *arguments):
        return subprocess.run(["openssl", *map(str, arguments)], capture_output=True, timeout=60)

    def show(self):
        """The certificate of the control plane, as a new connection sees it."""
        result = self.openssl(
            "s_client", "-connect", f"127.0.0.1:{self.cluster.port}", "-CAfile",
            self.cluster.authority, "-verify_hostname", CONTROL, "-verify_return_error")
        self.assertIn(b"Verify return code: 0 (ok)", result.stdout, result.stderr)
        return x509.load_pem_x509_certificate(result.stdout[result.stdout.index(b"-----BEGIN"):])

    def test_the_authority_and_what_it_issues_are_as_others_want_them(self):
        self.cluster.start()
        key = new_key()
        token = self.cluster.make("--join")
        status, issued = join(self.cluster, token, "edge-1", key)
        self.assertEqual(status, 200, issued)
        authority = first(self.cluster.authority.read_text())
        self.assertEqual(first(issued["authorities"]), authority)
        fingerprint = base64.urlsafe_b64encode(authority.fingerprint(hashes.SHA256()))
        self.assertEqual(token.split(".")[1], fingerprint.decode().rstrip("="))
        status, _, served = self.cluster.request("GET", "/v1/authority", token=None)
        self.assertEqual(x509.load_pem_x509_certificate(served), authority)
        certificate = first(issued["certificate"])
        certificate.verify_directly_issued_by(authority)
        self.assertEqual(certificate.public_key(), key.public_key())
        extensions = certificate.extensions
        names = extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        self.assertEqual(names.get_values_for_type(x509.DNSName), ["edge-1.node.wasmatrix.internal"])
        self.assertEqual(
            set(extensions.get_extension_for_class(x509.ExtendedKeyUsage).value),
            {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH})
        self.assertFalse(extensions.get_extension_for_class(x509.BasicConstraints).value.ca)
        life = certificate.not_valid_after_utc - certificate.not_valid_before_utc
        self.assertEqual(life, datetime.timedelta(days=1, minutes=5))
        path = self.cluster.folder / "node.pem"
        path.write_text(issued["certificate"])
        for purpose in ("sslclient", "sslserver"):
            result = self.openssl(
                "verify", "-x509_strict", "-purpose", purpose, "-CAfile", self.cluster.authority,
                path)
            self.assertEqual(result.returncode, 0, result.stderr)
        plane = self.show()
        names = plane.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        self.assertIn(CONTROL, names.get_values_for_type(x509.DNSName))
        self.assertIn("localhost", names.get_values_for_type(x509.DNSName))
        self.assertEqual({str(address) for address in names.get_values_for_type(x509.IPAddress)}
                         & {"127.0.0.1", "::1"}, {"127.0.0.1", "::1"})
        mode = (self.cluster.data / "authority/key.pem").stat().st_mode
        self.assertEqual(mode & 0o777, 0o600)

    def test_a_replayed_join_token_is_refused_and_that_is_on_record_after_a_power_cut_too(self):
        self.cluster.start()
        token, key = self.cluster.make("--join"), new_key()
        self.assertEqual(join(self.cluster, token, "edge-1", key)[0], 200)
        self.cluster.kill()
        self.cluster.start()
        self.refused(join(self.cluster, token, "edge-1", new_key()), "token_used")
        self.refused(join(self.cluster, token, "edge-2", key), "token_used")
        self.assertEqual(join(self.cluster, token, "edge-1", key)[0], 200, "its answer was lost")
        refusals = self.cluster.audit("accessRefused")
        self.assertEqual([event["reason"] for event in refusals], ["token_used", "token_used"])
        self.assertEqual(refusals[0]["principal"], {"kind": "node", "name": "edge-1"})
        self.assertEqual(len(self.cluster.audit("nodeJoined")), 1)

    def test_a_join_token_is_for_its_node_and_takes_nobody_s_place(self):
        self.cluster.start()
        named = self.cluster.make("--join", "--node", "edge-1")
        self.refused(join(self.cluster, named, "edge-2", new_key()), "token_for_other_node")
        status, problem = self.cluster.post("/v1/join", {
            "token": named, "node": "edge-1", "request": request_for("edge-2", new_key())})
        self.assertEqual((status, problem["code"]), (403, "node_name_wrong"))
        self.assertEqual(join(self.cluster, named, "edge-1", new_key())[0], 200)
        any_node = self.cluster.make("--join")
        self.refused(join(self.cluster, any_node, "edge-1", new_key()), "node_name_taken")
        again = self.cluster.make("--join", "--node", "edge-1")
        self.assertEqual(join(self.cluster, again, "edge-1", new_key())[0], 200)
        self.assertEqual(join(self.cluster, any_node, "edge-2", new_key())[0], 200)

    def test_a_certificate_is_renewed_while_it_holds_and_in_the_grace_after(self):
        self.cluster.start(
            options=["--certificate-life", "4s", "--certificate-grace", "4s"])
        key = new_key()
        issued = join(self.cluster, self.cluster.make("--join"), "edge-1", key)[1]
        second = new_key()
        status, renewed = renew(self.cluster, issued["certificate"], key, "edge-1", second)
        self.assertEqual(status, 200, renewed)
        end = first(renewed["certificate"]).not_valid_after_utc.timestamp()
        wait_until(lambda: time.time() > end + 1, what="the end of a certificate")
        third = new_key()
        status, late = renew(self.cluster, renewed["certificate"], second, "edge-1", third)
        self.assertEqual(status, 200, late)
        end = first(late["certificate"]).not_valid_after_utc.timestamp()
        wait_until(lambda: time.time() > end + 5, what="the end of the grace")
        self.refused(renew(self.cluster, late["certificate"], third, "edge-1", new_key()),
                     "certificate_expired")
        token = self.cluster.make("--join", "--node", "edge-1")
        self.assertEqual(join(self.cluster, token, "edge-1", new_key())[0], 200)

    def test_strangers_and_forgers_get_no_certificate(self):
        self.cluster.start()
        key = new_key()
        token = self.cluster.make("--join")
        issued = join(self.cluster, token, "edge-1", key)[1]["certificate"]
        self.refused(renew(self.cluster, issued, new_key(), "edge-1", new_key()), "signature_wrong")
        self.refused(renew(self.cluster, issued, key, "edge-1", new_key(), signed="another"),
                     "signature_wrong")
        self.refused(renew(self.cluster, issued, key, "edge-2", new_key()), "node_name_wrong")
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "edge-1")])
        now = datetime.datetime.now(datetime.timezone.utc)
        forged = (
            x509.CertificateBuilder().subject_name(name)
            .issuer_name(first(self.cluster.authority.read_text()).subject)
            .public_key(key.public_key()).serial_number(x509.random_serial_number())
            .not_valid_before(now).not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(x509.SubjectAlternativeName(
                [x509.DNSName("edge-1.node.wasmatrix.internal")]), False)
            .sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode())
        self.refused(renew(self.cluster, forged, key, "edge-1", new_key()), "certificate_foreign")
        joined = next(item["name"] for item in
                      json.loads(self.cluster.run("token", "list", "--json").stdout)
                      if item["kind"] == "join")
        self.cluster.run("token", "revoke", joined)
        self.refused(renew(self.cluster, issued, key, "edge-1", new_key()), "node_forgotten")
        self.assertEqual(self.cluster.run("doctor", check=False).returncode, 0)

    def test_hostile_requests_are_refused_and_end_nothing(self):
        self.cluster.start()
        token, key = self.cluster.make("--join"), new_key()
        good = request_for("edge-1", key)
        damaged = base64.b64encode(os.urandom(300)).decode()
        rsa_like = re.sub("REQUEST", "CERTIFICATE", good)
        for request in ["", "x", good[:200], rsa_like, "-" * 60_000,
                        f"-----BEGIN CERTIFICATE REQUEST-----\n{damaged}\n"
                        "-----END CERTIFICATE REQUEST-----\n"]:
            status, problem = self.cluster.post(
                "/v1/join", {"token": token, "node": "edge-1", "request": request})
            self.assertEqual((status, problem["code"]), (400, "certificate_request_invalid"))
        for certificate in ["", "x", good, "-" * 60_000]:
            status, problem = self.cluster.post("/v1/renew", {
                "certificate": certificate, "request": good, "signature": "AAAA"})
            self.assertEqual((status, problem["code"]), (400, "certificate_invalid"))
        self.assertEqual(join(self.cluster, token, "edge-1", key)[0], 200)

    def test_the_control_plane_renews_its_own_certificate_while_it_serves(self):
        self.cluster.start(options=["--certificate-life", "3s"])
        seen = self.show().serial_number
        wait_until(lambda: self.show().serial_number != seen, what="a new certificate")
        self.assertEqual(self.cluster.request("GET", "/v1/nodes")[0], 200)


if __name__ == "__main__":
    unittest.main()
