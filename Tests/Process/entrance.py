"""A node's own entrance, as whoever asks there sees it."""
import http.client
import json

from cluster import LOST, event_headers


class NamedConnection(http.client.HTTPConnection):
    """Over TLS to whoever shows a certificate of a name, at whatever address that is."""

    def __init__(self, host, port, context, name, timeout):
        super().__init__(host, port, timeout=timeout)
        self.context, self.name = context, name

    def connect(self):
        super().connect()
        self.sock = self.context.wrap_socket(self.sock, server_hostname=self.name)


class Entrance:
    """Requests to a node's own entrance."""

    def __init__(self, port, context=None, host="127.0.0.1", name=None, token=None):
        """context: with which it is asked over TLS; name: what its certificate is to say, if not the host."""
        self.port, self.context, self.host, self.name, self.token = port, context, host, name or host, token

    def request(self, method, path, body=None, headers=None, timeout=60):
        """(status, headers, body bytes)"""
        if self.context:
            connection = NamedConnection(self.host, self.port, self.context, self.name, timeout)
        else:
            connection = http.client.HTTPConnection(self.host, self.port, timeout=timeout)
        headers = dict(headers or {})
        if self.token:
            headers.setdefault("Authorization", f"Bearer {self.token}")
        try:
            connection.request(method, path, body=body, headers=headers)
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()
        finally:
            connection.close()

    def publish(self, topic, data=b"", identifier=None, timeout=60):
        return self.request("POST", "/v1/events", data, event_headers(topic, identifier), timeout)

    def invoke(self, module, data=b"", headers=None):
        """(status, body)"""
        status, _, body = self.request("POST", f"/v1/invoke/{module}", data, headers)
        return status, body

    def runs(self, module, data):
        """Whether it answers as it should; not yet when nobody listens."""
        try:
            return self.invoke(module, data) == (200, data)
        except OSError:
            return False

    def code(self, module):
        """(status, code) of a refusal; nothing when nobody listens yet."""
        try:
            status, body = self.invoke(module, b"x")
        except OSError:
            return None
        return (status, json.loads(body)["code"]) if status != 200 else (200, "")

    def waiting(self):
        """How many events lie in the outbox of its node; nothing when it cannot be asked, or does not let us in."""
        try:
            status, _, body = self.request("GET", "/metrics", timeout=10)
        except LOST:
            return None
        if status != 200:
            return None
        values = [line.split()[-1] for line in body.decode().splitlines() if line.startswith("wasmatrix_outbox_events")]
        return int(sum(map(float, values))) if values else None
