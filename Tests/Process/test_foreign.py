"""A WASI command made by a toolchain that knows nothing of us: compiled, pushed, signed, invoked."""
import glob
import json
import os
import subprocess
import unittest

from cluster import Cluster, ROOT

MANIFEST = """apiVersion: wasmatrix/v1
name: foreign
modules:
  upper-c:
    source: upper.wasm
    args: [one, two]
    env: { GREETING: hello }
"""


class Foreign(unittest.TestCase):
    def compile(self, output):
        builtins = glob.glob("/usr/lib/llvm-*/lib/clang/*/lib/wasi/libclang_rt.builtins-wasm32.a")
        self.assertTrue(builtins, "run scripts/bootstrap: no compiler runtime for wasm32")
        subprocess.run(
            ["clang", "--target=wasm32-wasi", "--sysroot=/usr", "-I/usr/include/wasm32-wasi",
             "-L/usr/lib/wasm32-wasi", "-Os", "-nodefaultlibs",
             str(ROOT / "Tests/Process/foreign/upper.c"), "-lc", builtins[-1], "-Wl,-s",
             "-o", str(output)], check=True)

    def test_inputs_of_every_size_and_an_exit_status(self):
        with Cluster() as cluster:
            self.compile(cluster.folder / "upper.wasm")
            cluster.write_manifest(MANIFEST)
            cluster.start()
            for size in [0, 1, 4096, 65_537, 1 << 20, 10 << 20]:
                data = (os.urandom(1 << 16).hex().encode() * (size // (1 << 17) + 1))[:size]
                status, _, body = cluster.invoke("upper-c", data)
                self.assertEqual(status, 200, body[:300])
                self.assertEqual(body, data.upper(), f"{size} bytes")
            status, _, body = cluster.invoke("upper-c", b"exit3 please")
            self.assertEqual(status, 502)
            self.assertEqual(json.loads(body)["failure"]["exitStatus"], 3)
            logs = cluster.run("logs", "upper-c").stdout.decode()
            self.assertIn("arguments 3, greeting hello", logs)
            self.assertNotIn("OPEN", logs)
            self.assertEqual(cluster.stop(), 0)


if __name__ == "__main__":
    unittest.main()
