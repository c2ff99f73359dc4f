"""Follows the event log of a control plane that is being broken; or asks for it, and reads nothing."""
import os
import pathlib
import threading
import urllib.parse

from cluster import LOST, wait_until
from strangers import ask_for_lines


class Follower:
    """Hears all events of a topic, in the order of the log, whatever becomes of the control plane meanwhile."""

    def __init__(self, fleet, topic):
        self.fleet, self.topic = fleet, topic
        # (offset, data) of each event.
        self.heard = []
        # Offsets that are no longer kept, as it was told.
        self.missed = 0
        self.next = 1
        self.last = os.urandom(8).hex()
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self._go_on, daemon=True)
        self.thread.start()

    def _go_on(self):
        while not self.ended.is_set():
            try:
                self._follow()
            except (*LOST, AssertionError, ValueError):
                pass  # It is away, or ended in the middle of a line.
            self.ended.wait(0.1)

    def _follow(self):
        topic = urllib.parse.quote(self.topic, safe="")
        for line in self.fleet.lines(f"/v1/events/tail?since={self.next}&topic={topic}"):
            if line.get("missed"):
                self.missed += line["missed"]["through"] - line["missed"]["from"] + 1
                self.next = line["missed"]["through"] + 1
                continue
            self.next = line["offset"] + 1
            data = line["event"]["data"]["text"]
            if data == self.last:
                return self.ended.set()
            self.heard.append((line["offset"], data))

    def end(self):
        """Hears what the log has now, and no more."""
        status, _, body = self.fleet.publish(self.topic, self.last.encode())
        assert status == 202, body
        wait_until(self.ended.is_set, 60, f"the end of what is followed of {self.topic}")


class Unread:
    """Follows all events there are, and reads none of them."""

    def __init__(self, port):
        self.port = port
        self.connection = ask_for_lines(port, "/v1/events/tail?since=0&topic=%23")
        self.own_port = self.connection.getsockname()[1]

    def is_held(self):
        """Whether the other end has the connection still. Reading would tell, and would make room as well."""
        ports = [f"0100007F:{port:04X}" for port in (self.port, self.own_port)]
        connections = pathlib.Path("/proc/self/net/tcp").read_text().splitlines()
        # Local and remote address of each, and its state: 01 is established.
        return any(line.split()[1:4] == [*ports, "01"] for line in connections)

    def close(self):
        self.connection.close()
