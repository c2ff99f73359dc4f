"""Services: modules that run for long, supervised by the rules of their manifest. Real guests, real processes."""
import json
import re
import unittest

from cluster import Cluster, wait_until

SERVICE = """
  {name}:
    source: service.wasm
    kind: service
    env: {{ MODE: "{mode}", AFTER: "{after}" }}
"""


def manifest(services, supervision="", extra=""):
    """Services by name: (mode, milliseconds, further lines)."""
    text = "apiVersion: wasmatrix/v1\nname: plant\n" + extra + "modules:\n"
    for name, (mode, after, *more) in services.items():
        text += SERVICE.format(name=name, mode=mode, after=after).lstrip("\n") + "".join(more)
    return text + supervision


class Services(unittest.TestCase):
    def start(self, cluster, text):
        cluster.write_manifest(text, ["service"])
        cluster.start(ready=False)
        return cluster

    def logs(self, cluster, name):
        """What it wrote: (run, text), oldest first."""
        text = cluster.run("logs", name).stdout.decode()
        return re.findall(rf"(?m)^\S+ {name} \[(\S+)\] (.*)$", text)

    def lines(self, cluster, name):
        """The same before there is a module, too."""
        result = cluster.run("logs", name, check=False)
        return self.logs(cluster, name) if result.returncode == 0 else []

    def status(self, cluster, name):
        for item in json.loads(cluster.run("ps", "--json").stdout)["items"]:
            if item["module"] == name and item["role"] == "active":
                return item.get("service", {})
        return {}

    def runs(self, cluster, name, restarts=0):
        def does():
            status = self.status(cluster, name)
            return status.get("state") == "running" and status["restarts"] >= restarts
        wait_until(does, 60, f"{name} with {restarts} restarts")

    def timeline(self, cluster, *names):
        """Everything that some services wrote, in the order in which it happened."""
        lines = []
        for name in names:
            text = cluster.run("logs", name).stdout.decode()
            lines += re.findall(rf"(?m)^(\S+) ({name}) \[\S+\] (.*)$", text)
        return [(name, text.split()[0]) for _, name, text in sorted(lines)]

    def test_one_that_crashes_is_started_again_with_fresh_memory(self):
        supervision = "supervision:\n  intensity: { restarts: 1000, within: 1s }\n"
        with Cluster() as cluster:
            self.start(cluster, manifest({"a": ("crash", 50), "b": ("wait", 0)}, supervision))
            self.runs(cluster, "a", 5)
            lines = self.logs(cluster, "a")
            self.assertGreaterEqual(len(lines), 5)
            for number, (_, text) in enumerate(lines, 1):
                self.assertEqual(text, f"begins 1 {number}")
            self.assertIn("guest_trapped", self.status(cluster, "a")["lastExit"])
            # Its neighbour was left alone.
            self.assertEqual(self.logs(cluster, "b"), [("service-1-1", "begins 1 1")])
            metrics = cluster.request("GET", "/metrics")[2].decode()
            self.assertRegex(metrics, r'wasmatrix_service_restarts_total\{application="plant",service="a"\} [1-9]')

    def test_strategies_are_seen_from_outside(self):
        services = {name: ("wait", 0) for name in "abc"}
        for strategy, stopped, started in [
                ("one-for-one", [], ["b"]), ("one-for-all", ["c", "a"], ["a", "b", "c"]),
                ("rest-for-one", ["c"], ["b", "c"])]:
            with self.subTest(strategy), Cluster() as cluster:
                self.start(cluster, manifest(services, f"supervision:\n  strategy: {strategy}\n"))
                for name in services:
                    self.runs(cluster, name)
                before = len(self.timeline(cluster, *services))
                cluster.run("chaos", "kill", "plant/b")
                for name in started:
                    self.runs(cluster, name, 1)
                def seen():
                    return self.timeline(cluster, *services)[before:]
                wanted = [(n, "ends") for n in stopped] + [(n, "begins") for n in started]
                wait_until(lambda: len(seen()) >= len(wanted), 30, "what they write")
                self.assertEqual(seen()[:len(stopped)], wanted[:len(stopped)])
                self.assertEqual(sorted(seen()), sorted(wanted))

    def test_too_many_restarts_fail_the_whole_and_it_is_tried_again_later(self):
        supervision = "supervision:\n  intensity: { restarts: 2, within: 1m }\n"
        with Cluster() as cluster:
            self.start(cluster, manifest({"a": ("fail", 10), "b": ("wait", 0)}, supervision))
            def failed():
                items = {item["name"]: item for item in cluster.get("/v1/deployments")["items"]}
                return len(items) == 2 and all(i["state"] == "failed" for i in items.values()) and items
            items = wait_until(failed, 60, "the failure")
            self.assertEqual(items["b"]["problem"]["code"], "services_failed")
            def shown():
                return re.search(r"(?m)^b +\S+ +- +failed +1 +- +the services of plant were given up",
                                 cluster.run("ps").stdout.decode())
            wait_until(shown, 60, "the failure in ps")
            self.assertIn("a had to be restarted too often", json.dumps(items["b"]["problem"]))
            # Each time it is in the log, for who operates the fleet.
            self.assertRegex(cluster.log_text(), r"module_failure.*services_failed")
            # The first one and two restarts, each time that it is tried.
            wait_until(lambda: len(self.logs(cluster, "a")) > 3, 60, "the next try")
            starts = [text.split()[-1] for _, text in self.logs(cluster, "a")]
            self.assertEqual(starts[:4], ["1", "2", "3", "1"])

    def test_transient_and_temporary_ones_that_ended_stay_so(self):
        with Cluster() as cluster:
            self.start(cluster, manifest({
                "done": ("exit", 10, "    restart: transient\n"),
                "failed": ("fail", 10, "    restart: temporary\n"), "other": ("wait", 0)}))
            wait_until(lambda: self.status(cluster, "done").get("state") == "ended", 60, "its end")
            wait_until(lambda: "failed" in cluster.run("ps").stdout.decode()
                       and not self.status(cluster, "failed"), 60, "the end of the temporary one")
            self.assertEqual(self.status(cluster, "done")["restarts"], 0)
            self.assertEqual(len(self.logs(cluster, "failed")), 1)
            self.assertEqual(self.status(cluster, "other")["state"], "running")

    def test_they_run_again_after_the_server_was_killed(self):
        with Cluster() as cluster:
            self.start(cluster, manifest({"a": ("wait", 0)}))
            self.runs(cluster, "a")
            cluster.kill()
            cluster.start(ready=False)
            self.runs(cluster, "a")
            # What was deployed runs at once; then `dev` deploys what its manifest says.
            wait_until(lambda: cluster.ready_modules() == {"a"}, 60, "the deployment")
            self.assertLessEqual({text for _, text in self.logs(cluster, "a")}, {"begins 1 1", "ends"})
            self.assertEqual(cluster.stop(), 0)

    def test_they_are_stopped_in_reverse_and_the_deaf_are_killed(self):
        services = {"a": ("wait", 0), "b": ("deaf", 0, "    shutdown: 200ms\n"), "c": ("wait", 0)}
        with Cluster() as cluster:
            self.start(cluster, manifest(services))
            for name in services:
                self.runs(cluster, name)
            follower = self.timeline(cluster, *services)
            self.assertEqual(len(follower), 3)
            alone = cluster.run("undeploy", "a", "--module", check=False)
            self.assertNotEqual(alone.returncode, 0)
            self.assertIn(b"supervised together", alone.stderr)
            cluster.run("undeploy", "plant")
            def ended():
                return [n for n, what in self.timeline(cluster, *services) if what == "ends"] == ["c", "a"]
            wait_until(ended, 30, "the ends in reverse order")

    def test_what_they_publish_and_write_is_there_at_once(self):
        granted = "    capabilities: { publish: [services/#], state: { kept: { access: write } } }\n"
        text = manifest({"a": ("count", 0, granted)}, extra="buckets:\n  kept: {}\n")
        text += "  upper:\n    source: upper.wasm\n    triggers:\n      - topic: services/up\n"
        with Cluster() as cluster:
            cluster.write_manifest(text, ["service", "upper"])
            cluster.start(ready=False)
            self.runs(cluster, "a")
            def count():
                result = cluster.run("state", "get", "kept", "starts", check=False)
                return result.stdout.decode().strip()
            wait_until(lambda: count() == "1", 30, "the first start")
            cluster.run("chaos", "kill", "plant/a")
            wait_until(lambda: count() == "2", 30, "the second start")
            def woken():
                items = json.loads(cluster.run("ps", "--json").stdout)["items"]
                return [i["activations"] for i in items if i["module"] == "upper"] == [2]
            wait_until(woken, 30, "the events")

    def test_one_that_spins_or_floods_starves_nobody(self):
        services = {"spin": ("spin", 0, "    shutdown: kill\n"), "flood": ("flood", 0, "    shutdown: kill\n")}
        text = manifest(services) + "  upper:\n    source: upper.wasm\n"
        with Cluster() as cluster:
            cluster.write_manifest(text, ["service", "upper"])
            cluster.start(ready=False)
            for name in services:
                self.runs(cluster, name)
            wait_until(lambda: cluster.invoke("upper", b"x")[0] == 200, 30, "the first answer")
            for _ in range(20):
                self.assertEqual(cluster.invoke("upper", b"abc")[2], b"ABC")
            self.assertEqual(self.status(cluster, "flood")["restarts"], 0)
            refused = cluster.invoke("spin", b"x")
            self.assertEqual((refused[0], json.loads(refused[2])["code"]), (409, "module_is_service"))
            self.assertEqual(cluster.stop(), 0)

    def test_a_new_version_and_a_rollback_begin_the_tree_anew(self):
        with Cluster() as cluster:
            self.start(cluster, manifest({"a": ("wait", 0), "b": ("wait", 0)}))
            self.runs(cluster, "a")
            self.runs(cluster, "b")
            first = self.status(cluster, "a")
            text = manifest({"a": ("wait", 1), "b": ("wait", 1)})
            cluster.manifest.write_text(text.replace("source: service.wasm", "source: other.wasm"))
            other = (cluster.folder / "service.wasm").read_bytes()
            # Another module that does the same: a custom section more.
            (cluster.folder / "other.wasm").write_bytes(other + b"\x00\x05\x04more")
            wait_until(lambda: [t for _, t in self.logs(cluster, "a")] == [
                "begins 1 1", "ends", "begins 1 1"], 60, "the new version")
            self.assertNotEqual(self.status(cluster, "a")["since"], first["since"])
            cluster.manifest.rename(cluster.folder / "away.yaml")
            cluster.run("rollback", "a")
            for name in "ab":
                wait_until(lambda: [t for _, t in self.logs(cluster, name)][-2:] == ["ends", "begins 1 1"]
                           and len(self.logs(cluster, name)) == 5, 60, f"{name} as it was")


if __name__ == "__main__":
    unittest.main()
