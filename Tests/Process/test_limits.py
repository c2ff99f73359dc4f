"""What a manifest allows a module holds for what it runs; how much it used is told."""
import json
import re
import unittest

from cluster import Cluster

MANIFEST = """apiVersion: wasmatrix/v1
name: limits
modules:
  hog:
    source: hog.wasm
    limits: { memory: 2MiB }
  spin:
    source: spin.wasm
    limits: { cpu: 60ms }
  sleep:
    source: sleep.wasm
    limits: { wall: 20ms }
  noisy:
    source: noisy.wasm
    limits: { output: 10KiB }
  upper:
    source: upper.wasm
"""


class Limits(unittest.TestCase):
    def test_each_limit_ends_its_module_by_name_and_no_other(self):
        with Cluster() as cluster:
            cluster.write_manifest(MANIFEST, ["hog", "spin", "sleep", "noisy", "upper"])
            cluster.start()
            for name, status, code, setting in [
                ("hog", 502, "memory_limit", "limits.memory"),
                ("spin", 504, "cpu_time_limit", "limits.cpu"),
                ("sleep", 504, "wall_time_limit", "limits.wall"),
                ("noisy", 502, "output_limit", "limits.output"),
            ]:
                got, headers, body = cluster.invoke(name, b"1000")
                problem = json.loads(body)
                self.assertEqual((got, problem["code"]), (status, code), body)
                self.assertIn(setting, problem["next"])
                used = {key.lower(): int(value) for key, value in headers.items()
                        if key.lower().startswith("wasmatrix-") and value.isdigit()}
                self.assertIn("wasmatrix-cpu-time-us", used)
                if name == "spin":
                    self.assertGreaterEqual(used["wasmatrix-cpu-time-us"], 60_000)
                self.assertEqual(cluster.invoke("upper", b"beside")[2], b"BESIDE")
            text = cluster.request("GET", "/metrics")[2].decode()
            spent = re.search(r'^wasmatrix_activation_cpu_seconds_total\{[^}]*spin[^}]*\} (\S+)', text, re.M)
            self.assertGreaterEqual(float(spent.group(1)), 0.06)
            self.assertRegex(text, r'wasmatrix_activations_total\{[^}]*output_limit[^}]*\} 1')


if __name__ == "__main__":
    unittest.main()
