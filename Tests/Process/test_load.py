"""Ten thousand concurrent invocations: none lost, none mixed up, and memory does not grow."""
import asyncio
import os
import unittest

from cluster import Cluster, wait_until

MANIFEST = """apiVersion: wasmatrix/v1
name: load
modules:
  upper:
    source: upper.wasm
"""
CONCURRENT = 10_000


class Load(unittest.TestCase):
    def test_none_lost_none_mixed_up_and_memory_stays(self):
        with Cluster() as cluster:
            cluster.write_manifest(MANIFEST, guests=["upper"])
            cluster.start()
            asyncio.run(self.burst(cluster.port))
            asyncio.run(self.burst(cluster.port))
            after_one = cluster.resident_kilobytes()
            for _ in range(9):
                asyncio.run(self.burst(cluster.port))
            after_ten = cluster.resident_kilobytes()
            print(f"resident: {after_one} KiB after the first load, {after_ten} KiB after ten times")
            self.assertLess(after_ten, after_one * 1.25 + 32_768)
            self.assertEqual(cluster.stop(), 0)

    async def burst(self, port):
        results = await asyncio.gather(*(self.one(port) for _ in range(CONCURRENT)))
        self.assertEqual(len(results), CONCURRENT)
        self.assertEqual(sum(results), CONCURRENT)

    async def one(self, port):
        payload = os.urandom(40).hex().encode()
        request = (b"POST /v1/invoke/upper HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
                   b"Content-Length: %d\r\n\r\n%s" % (len(payload), payload))
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            writer.write(request)
            answer = await asyncio.wait_for(reader.read(-1), 120)
        finally:
            writer.close()
        head, _, body = answer.partition(b"\r\n\r\n")
        self.assertTrue(head.startswith(b"HTTP/1.1 200"), answer[:300])
        self.assertEqual(body, payload.upper())
        return 1


if __name__ == "__main__":
    unittest.main()
