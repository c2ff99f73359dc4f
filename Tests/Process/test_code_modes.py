"""In `dev` a changed module runs quick code at once and optimised code soon, without an interruption."""
import json
import pathlib
import shutil
import threading
import unittest

from cluster import GUESTS, Cluster, wait_until

MANIFEST = """apiVersion: wasmatrix/v1
name: modes
modules:
  stats:
    source: statistics.wasm
"""


class CodeModeTests(unittest.TestCase):
    def versions(self, cluster, count):
        """The source as it is, and with a custom section behind it: other bytes, the same code."""
        source = pathlib.Path(cluster.folder / "statistics.wasm").read_bytes()
        for number in range(count):
            name = f"n{number}".encode()
            yield source + bytes([0, len(name) + 1, len(name)]) + name

    def active(self, cluster):
        placements = json.loads(cluster.run("ps", "--json").stdout)["items"]
        return next(p for p in placements if p["role"] == "active")

    def test_code_is_swapped_and_nothing_is_interrupted(self):
        cluster = Cluster()
        with cluster:
            shutil.copy(GUESTS / "statistics.wasm", cluster.folder / "statistics.wasm")
            cluster.write_manifest(MANIFEST)
            cluster.start()
            ending, answers = threading.Event(), []

            def ask():
                while not ending.is_set():
                    answers.append(cluster.invoke("stats", b"[]")[0::2])

            threads = [threading.Thread(target=ask) for _ in range(3)]
            for thread in threads:
                thread.start()
            try:
                for number, module in enumerate(self.versions(cluster, 5)):
                    (cluster.folder / "new.wasm").write_bytes(module)
                    (cluster.folder / "new.wasm").rename(cluster.folder / "statistics.wasm")
                    wait_until(
                        lambda: self.active(cluster)["generation"] >= number + 2, 60, "generation")
                    wait_until(lambda: self.active(cluster)["code"] == "optimised", 60, "optimised code")
            finally:
                ending.set()
                for thread in threads:
                    thread.join()
            # A new generation may refuse what was on its way to the old one, and says so; a swap never does.
            different = {answer for answer in answers if b'"code":"unavailable"' not in answer[1]}
            self.assertGreater(len(answers), 20)
            self.assertEqual(len(different), 1, different)
            log = (cluster.folder / "dev.log").read_text()
            self.assertGreaterEqual(log.count("optimised code is in use"), 5, log)
            table = cluster.run("ps").stdout.decode()
            self.assertIn("optimised", table)
            cluster.kill()
            # What the cache has is optimised at once.
            cluster.start()
            self.assertEqual(self.active(cluster)["code"], "optimised")
            log = (cluster.folder / "dev.log").read_text()
            self.assertNotIn("cannot be used", log)


if __name__ == "__main__":
    unittest.main()
