"""Nodes are let in with tokens and certificates. What the program makes is read by `cryptography` and `openssl`,
what they make is read by the program."""
import base64
import datetime
import importlib.util
import json
import os
import re
import subprocess
import sys
import time
import unittest

from cluster import ROOT, wait_until
from secure_cluster import Access

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
        self.refused(join(self.cluster, any_node, "local", new_key()), "node_name_taken")
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
