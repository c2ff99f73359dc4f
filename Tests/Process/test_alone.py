"""Agents without a control plane: what they were told last, their own entrances, and what becomes of files on
their disks that somebody wrote on."""
import base64
import json
import os
import pathlib
import shutil
import ssl
import unittest

from alone import ALONE, STOPPED, AloneCase, Entrance
from cluster import wait_until


class AloneTests(AloneCase):
    def test_a_node_serves_at_its_own_entrance_and_goes_on_without_the_control_plane(self):
        fleet, entrance = self.fleet("a")
        self.assertEqual(entrance.invoke("echo", b"hello"), (200, b"hello"))
        self.assertEqual(entrance.request("GET", "/healthz")[0], 200)
        fleet.kill()
        for number in range(50):
            data = f"{number}".encode()
            self.assertEqual(entrance.invoke("echo", data), (200, data))
        self.assertIn(b"wasmatrix_activations_total", entrance.request("GET", "/metrics")[2])

    def test_what_does_not_serve_here_is_passed_on_or_said_not_to_be_here(self):
        fleet, entrance = self.fleet("a", "b", manifest=None)
        fleet.deploy(ALONE, ("echo",))
        serving = fleet.wait_for_placement("echo")["active"]
        if serving == {"a"}:
            fleet.run("cordon", "a")
            fleet.run("drain", "a")
            wait_until(lambda: fleet.placements("echo").get("active") == {"b"}, 30, "echo on b")
        self.assertEqual(entrance.invoke("echo", b"hello"), (200, b"hello"))
        self.assertEqual(entrance.code("nothing"), (404, "not_deployed"))
        fleet.kill()
        # One that is asked for before the node has noticed may have been passed on.
        wait_until(lambda: entrance.code("echo") != (503, "outcome_unknown"), 30, "the node's notice")
        self.assertEqual(entrance.code("echo"), (503, "module_not_here"))

    def test_an_agent_that_boots_alone_runs_what_it_was_told_last_and_is_adopted(self):
        fleet, entrance = self.fleet("a")
        self.wait_until_kept(fleet)
        # What was compiled is a matter of speed alone.
        self.restart_alone(fleet)
        wait_until(lambda: entrance.runs("echo", b"alone"), 30, "an answer of the node alone")
        self.assertIn("the standing plan is obeyed", fleet.agent_log("a"))
        fleet.start()
        fleet.wait_for("a")
        fleet.wait_for_placement("echo")
        # The placement is the one that ran alone: nothing was prepared anew.
        placement = [p for p in fleet.get("/v1/placements")["items"] if p["module"] == "echo"][0]
        self.assertGreaterEqual(placement["activations"], 1, placement)
        self.assertEqual(fleet.invoke("echo", b"again")[2], b"again")

    def test_what_must_stop_when_isolated_does_not_run_alone(self):
        fleet, entrance = self.fleet("a", manifest=STOPPED)
        self.wait_until_kept(fleet)
        self.restart_alone(fleet)
        self.wait_for_log(fleet, "the standing plan is obeyed")
        wait_until(lambda: entrance.code("echo"), 30, "an answer of the entrance")
        self.assertEqual(entrance.code("echo"), (503, "module_not_here"))

    def test_a_standing_plan_that_expires_ends_what_runs(self):
        fleet, entrance = self.fleet("a", options=["--standing-plan-life", "20s"])
        self.wait_until_kept(fleet)
        self.restart_alone(fleet)
        wait_until(lambda: entrance.runs("echo", b"alone"), 15, "an answer of the node alone")
        wait_until(lambda: entrance.code("echo") == (503, "module_not_here"), 30, "its end")
        self.assertIn("the standing plan has expired", fleet.agent_log("a"))
        # One that boots later does not begin.
        fleet.kill_agent("a")
        fleet.start_agent("a", self.options)
        self.wait_for_log(fleet, "the standing plan expired at")
        # It stays up, and takes part again when it can.
        fleet.start()
        fleet.wait_for("a")
        wait_until(lambda: entrance.runs("echo", b"again"), 30, "an answer after it attached")

    def test_a_standing_plan_is_renewed_while_the_node_is_attached(self):
        fleet, _ = self.fleet("a", options=["--standing-plan-life", "6s"])
        first = self.wait_until_kept(fleet)["expiresAt"]
        wait_until(lambda: (self.kept(fleet) or {}).get("expiresAt", first) > first, 30, "a renewal")

    def test_files_that_somebody_wrote_on_are_refused_and_the_agent_stays_up(self):
        fleet, entrance = self.fleet("a")
        self.wait_until_kept(fleet)
        fleet.kill()
        fleet.kill_agent("a")
        node = fleet.folder / "a"
        original = fleet.folder / "original"
        shutil.copytree(node, original)
        plan = json.loads((original / "standing/plan.json").read_text())

        def forge():
            # A longer life, with the signature of the shorter one.
            statement = base64.b64decode(plan["statement"])
            changed = statement.replace(b'"expiresAt":"2', b'"expiresAt":"3')
            assert changed != statement
            text = json.dumps(dict(plan, statement=base64.b64encode(changed).decode()))
            (node / "standing/plan.json").write_text(text)

        def replace():
            text = (original / "standing/obeyed.json").read_text()
            record = json.loads(text)
            record["version"]["counter"] += 1
            (node / "standing/obeyed.json").write_text(json.dumps(record))

        def spoil_module():
            for module in (node / "modules").rglob("*"):
                if module.is_file():
                    module.write_bytes(module.read_bytes()[:-1] + b"\0")
            shutil.rmtree(node / "cache", ignore_errors=True)

        cases = [
            (forge, "was changed since"),
            (replace, "was obeyed since"),
            (lambda: (node / "standing/plan.json").write_bytes(os.urandom(5000)), "is damaged"),
            (lambda: (node / "standing/obeyed.json").unlink(), "is damaged"),
            (lambda: (node / "standing/plan.json").unlink(), "no standing plan is kept"),
            (spoil_module, "is damaged, and was removed"),
        ]
        for spoil, text in cases:
            with self.subTest(text):
                shutil.rmtree(node)
                shutil.copytree(original, node)
                spoil()
                (fleet.folder / "a.log").write_text("")
                fleet.start_agent("a", self.options)
                self.wait_for_log(fleet, text)
                wait_until(lambda: entrance.code("echo") == (503, "module_not_here"), 30, "a refusal")
                self.assertIsNone(fleet.agents["a"].poll())
                fleet.kill_agent("a")
        # As it was, it runs.
        shutil.rmtree(node)
        shutil.copytree(original, node)
        fleet.start_agent("a", self.options)
        wait_until(lambda: entrance.runs("echo", b"whole"), 30, "an answer of the node alone")

    def test_beyond_loopback_the_entrance_wants_tokens_also_without_the_control_plane(self):
        fleet, _ = self.fleet("a", agent=["--tls"])
        token = json.loads(fleet.run(
            "token", "create", "--role", "invoker", "--name", "press", "--json").stdout)["token"]
        viewer = json.loads(fleet.run(
            "token", "create", "--role", "viewer", "--name", "eye", "--json").stdout)["token"]
        context = ssl.create_default_context(
            cafile=str(fleet.data / "authority/certificates.pem"))
        # The certificate names the node, not its address.
        context.check_hostname = False
        entrance = Entrance(self.port, context)

        def bearer(text):
            return {"Authorization": f"Bearer {text}"}

        self.wait_until_kept(fleet)
        wait_until(lambda: len((self.kept(fleet) or {"users": []})["users"]) == 2, 30, "the users")
        self.assertEqual(entrance.invoke("echo", b"x", bearer(token)), (200, b"x"))
        self.assertEqual(entrance.invoke("echo", b"x")[0], 401)
        self.assertEqual(entrance.invoke("echo", b"x", bearer(viewer))[0], 403)
        # Revoked, it is good no more a moment later.
        fleet.run("token", "revoke", "eye")
        wait_until(lambda: entrance.invoke("echo", b"x", bearer(viewer))[0] == 401, 30, "the revocation")
        wait_until(lambda: len(self.kept(fleet)["users"]) == 1, 30, "it is on disk")
        self.restart_alone(fleet)

        def answer(text):
            try:
                return entrance.invoke("echo", b"alone", bearer(text))[0]
            except OSError:
                return None
        wait_until(lambda: answer(token) == 200, 30, "an answer of the node alone")
        self.assertEqual(answer(viewer), 401)
        text = pathlib.Path(fleet.folder / "a/standing/plan.json").read_text()
        self.assertNotIn(token.rsplit(".", 1)[1], text)


if __name__ == "__main__":
    unittest.main()
