"""`wasmatrix run --grant`: what a module that is run by hand publishes, keeps and asks, and what is said of it."""
import http.server
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import threading
import unittest

from cluster import GUESTS, PROGRAM, wait_until
from test_http_out import Answering

PUBLISH, STATE = ("--grant", "publish=alarms/#"), ("--grant", "state=tally")


def request(**call):
    return json.dumps(call).encode() + b"\n"


class Running(unittest.TestCase):
    def setUp(self):
        self.place = pathlib.Path(tempfile.mkdtemp(prefix="wasmatrix-run-test-"))
        self.addCleanup(shutil.rmtree, self.place, True)
        self.environment = dict(os.environ, TMPDIR=str(self.place))

    def run_guest(self, guest, *options, given=b""):
        ended = subprocess.run([PROGRAM, "run", str(GUESTS / f"{guest}.wasm"), *options], input=given,
                               capture_output=True, timeout=60, env=self.environment)
        self.assertEqual(list(self.place.iterdir()), [], "nothing stays behind")
        return ended

    def ask(self, *requests, options=()):
        """The answers to requests, and what was told of them."""
        ended = self.run_guest("relay", *options, given=b"".join(requests))
        self.assertEqual(ended.returncode, 0, ended.stderr)
        return [json.loads(line) for line in ended.stdout.splitlines()], ended.stderr.decode()

    def report(self, *requests, options=(), status=0):
        """The answers to requests, and the report."""
        ended = self.run_guest("relay", "--json", *options, given=b"".join(requests))
        self.assertEqual(ended.returncode, status, ended.stderr)
        # The report is all that is told.
        return [json.loads(line) for line in ended.stdout.splitlines()], json.loads(ended.stderr)


class Publishing(Running):
    def test_what_is_published_is_shown_and_what_is_not_granted_is_refused(self):
        calls = (request(publish={"topic": "alarms/1", "data": "hot", "subject": "press"}),
                 request(publish={"topic": "elsewhere", "data": "x"}),
                 request(get={"bucket": "tally", "key": "k"}))
        answers, told = self.ask(*calls, options=PUBLISH)
        self.assertEqual(answers[0], {"ok": True})
        self.assertEqual([a["error"]["code"] for a in answers[1:]], ["denied"] * 2)
        self.assertEqual(told.splitlines(), [
            'wasmatrix: denied: publish "elsewhere": the module may not publish to this topic',
            'wasmatrix: denied: get "tally/k": the module may not use this bucket',
            'wasmatrix: published "alarms/1": "hot"'])
        _, report = self.report(*calls, options=PUBLISH)
        self.assertEqual((report["exitStatus"], report["deniedCalls"], report["discardedEffects"]), (0, 2, 0))
        [event] = report["published"]
        self.assertEqual(
            [event[name] for name in ("topic", "type", "subject", "source", "namespace", "dataSize")],
            ["alarms/1", "alarms/1", "press", "/namespaces/default/modules/relay", "default", 3])
        self.assertEqual(event["data"]["text"], "hot")
        self.assertEqual(report["state"], {})

    def test_many_events_are_counted_and_all_of_them_are_in_the_report(self):
        calls = [request(publish={"topic": f"alarms/{number}", "base64": "/w=="}) for number in range(30)]
        _, told = self.ask(*calls, options=PUBLISH)
        self.assertEqual(told.splitlines(), [
            *(f'wasmatrix: published "alarms/{number}": 1B, no text' for number in range(10)),
            "wasmatrix: 30 events were published in all"])
        _, report = self.report(*calls, options=PUBLISH)
        self.assertEqual([event["topic"] for event in report["published"]], [f"alarms/{n}" for n in range(30)])

    def test_nothing_it_publishes_steers_the_terminal(self):
        _, told = self.ask(request(publish={"topic": "alarms/1", "data": "\x1b[2J\u202e\n" + "x" * 500}),
                           options=PUBLISH)
        [line] = told.splitlines()
        self.assertNotIn("\x1b", line)
        self.assertNotIn("\u202e", line)
        self.assertIn("(508B)", line)

    def test_without_a_grant_there_is_nobody_to_ask(self):
        ended = self.run_guest("relay", given=request(publish={"topic": "alarms/1", "data": "x"}))
        self.assertEqual((ended.returncode, ended.stdout), (74, b""), ended.stderr)

    def test_the_platform_is_behind_the_folders(self):
        # What is written there is half a request, which is an error only where requests are read.
        for options, number in (((), 3), (("--dir", str(self.place)), 4), (("--grant", "scratch"), 4)):
            ended = self.run_guest("calls", *PUBLISH, *options, given=f'fd_write {number} "half"'.encode())
            self.assertEqual(ended.returncode, 137, (options, ended.stderr))
            self.assertIn(b"ended within a request", ended.stderr)


class Keeping(Running):
    def test_a_bucket_is_empty_at_first_and_kept_as_in_a_cluster(self):
        calls = (request(set={"bucket": "tally", "key": "a", "value": "1"}),
                 request(get={"bucket": "tally", "key": "a"}),
                 request(merge={"bucket": "tally", "key": "n", "function": "add", "value": "5"}),
                 request(merge={"bucket": "tally", "key": "n", "function": "add", "value": "2"}),
                 request(set={"bucket": "tally", "key": "fresh", "value": "x", "ifRevision": 0}),
                 request(set={"bucket": "tally", "key": "other", "value": "x", "ifRevision": 7}),
                 request(set={"bucket": "tally", "key": "gone", "value": "x"}),
                 request(delete={"bucket": "tally", "key": "gone"}),
                 request(invalidate={"bucket": "tally", "key": "a"}),
                 request(list={"bucket": "tally"}))
        for _ in range(2):
            answers, report = self.report(*calls, options=STATE)
            self.assertEqual(answers[1], {"ok": True, "entry": {"key": "a", "value": "1"}})
            self.assertEqual([a.get("error", {}).get("code") for a in answers],
                             [None] * 5 + ["state_conflict"] + [None] * 4)
            self.assertEqual(answers[-1]["entries"], [
                {"key": "a", "value": "1"}, {"key": "fresh", "value": "x"}, {"key": "n", "value": "7"}])
            kept = [(change["key"], change["revision"], change["entry"]["value"]["text"])
                    for change in report["state"]["tally"]]
            self.assertEqual(kept, [("a", 1, "1"), ("n", 2, "7"), ("fresh", 3, "x")])
        _, told = self.ask(*calls, options=STATE)
        self.assertEqual(told.splitlines(), [
            'wasmatrix: state "tally/a": "1", revision 1', 'wasmatrix: state "tally/n": "7", revision 2',
            'wasmatrix: state "tally/fresh": "x", revision 3'])

    def test_only_what_is_granted_of_a_bucket_is_reached(self):
        answers, report = self.report(
            request(set={"bucket": "tally", "key": "k", "value": "x"}), request(get={"bucket": "tally", "key": "k"}),
            request(set={"bucket": "seen", "key": "a/1", "value": "x"}), request(get={"bucket": "seen", "key": "c"}),
            request(list={"bucket": "seen"}), request(get={"bucket": "other", "key": "k"}),
            options=("--grant", "state=tally:read", "--grant", "state=seen/a/", "--grant", "state=seen/b/"))
        self.assertEqual([a.get("error", {}).get("code") for a in answers],
                         ["denied", None, None, "denied", "denied", "denied"])
        self.assertIsNone(answers[1]["entry"])
        self.assertEqual([denial["subject"] for denial in report["denials"]], ["tally/k", "seen/c", "seen/", "other/k"])
        self.assertEqual({name: [change["key"] for change in changes] for name, changes in report["state"].items()},
                         {"seen": ["a/1"], "tally": []})

    def test_a_run_that_fails_leaves_nothing(self):
        # It counts, is refused to publish, and ends badly.
        ended = self.run_guest("tally", *STATE, given=b"x")
        self.assertEqual(ended.returncode, 1)
        self.assertIn(b"took no effect", ended.stderr)
        self.assertNotIn(b"wasmatrix: state", ended.stderr)
        ended = self.run_guest("tally", *STATE, "--json", given=b"x")
        report = json.loads(ended.stderr.splitlines()[-1])
        self.assertEqual((report["exitStatus"], report["state"], report["discardedEffects"]), (1, {}, 1))
        ended = self.run_guest("tally", *STATE, "--grant", "publish=tallied/#", given=b"x")
        self.assertEqual(ended.returncode, 0, ended.stderr)
        self.assertEqual(ended.stderr.decode().splitlines(), [
            'wasmatrix: published "tallied/event": "x"', 'wasmatrix: state "tally/events": "1", revision 1'])

    def test_what_state_would_not_take_is_the_end(self):
        calls = (request(publish={"topic": "alarms/1", "data": "x"}),
                 request(merge={"bucket": "tally", "key": "k", "function": "append", "value": "abc"}),
                 request(merge={"bucket": "tally", "key": "k", "function": "add", "value": "1"}))
        answers, report = self.report(*calls, options=(*PUBLISH, *STATE), status=137)
        self.assertEqual(answers, [{"ok": True}] * 3)
        self.assertEqual(report["failure"]["code"], "effects_refused")
        self.assertIn("merge_impossible", report["failure"]["message"])
        self.assertEqual((report["published"], report["state"], report["discardedEffects"]), ([], {}, 3))

    def test_an_interrupted_run_leaves_no_folder(self):
        reading, writing = os.pipe()
        self.addCleanup(os.close, writing)
        process = subprocess.Popen([PROGRAM, "run", str(GUESTS / "upper.wasm"), *STATE], stdin=reading,
                                   stderr=subprocess.DEVNULL, env=self.environment)
        self.addCleanup(lambda: (process.kill(), process.wait()))
        os.close(reading)
        # Signals are taken before there is a bucket.
        wait_until(lambda: list(self.place.iterdir()), what="the bucket")
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(30), 130)
        self.assertEqual(list(self.place.iterdir()), [])


class Asking(Running):
    def setUp(self):
        super().setUp()
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answering)
        self.server.seen = []
        self.server.let_go = threading.Event()
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def tearDown(self):
        self.server.let_go.set()
        self.server.shutdown()
        self.server.server_close()

    def grant(self, host="127.0.0.1"):
        return "--grant", f"http-out=http://{host}:{self.port}"

    def url(self, path, host="127.0.0.1"):
        return f"http://{host}:{self.port}{path}"

    def test_a_server_that_is_named_is_asked(self):
        answers, told = self.ask(
            request(http={"url": self.url("/a?b=c"), "method": "POST", "data": "hello"}), options=self.grant())
        self.assertEqual(answers[0]["response"]["data"], "got hello")
        self.assertEqual([seen[:3] for seen in self.server.seen], [("POST", "/a?b=c", b"hello")])
        self.assertEqual(told, "")

    def test_other_servers_are_refused_and_never_asked(self):
        calls = [request(http={"url": url}) for url in (
            f"http://127.0.0.1:{self.port + 1}/", f"https://127.0.0.1:{self.port}/", "http://169.254.169.254/",
            # The name is granted; the address that it leads to is private, and is not.
            self.url("/", host="localhost"))]
        answers, report = self.report(*calls, options=(*self.grant(), *self.grant("localhost")))
        self.assertEqual([a["error"]["code"] for a in answers], ["denied"] * 4)
        self.assertEqual((report["deniedCalls"], self.server.seen), (4, []))
        self.assertIn("is no public address", report["denials"][-1]["reason"])
        answers, _ = self.report(calls[0], options=PUBLISH)
        self.assertEqual(answers[0]["error"]["code"], "denied")

    def test_a_name_may_lead_where_it_is_granted(self):
        private = ("--grant", "http-out.private=127.0.0.0/8", "--grant", "http-out.private=::1")
        answers, _ = self.ask(request(http={"url": self.url("/near", host="localhost")}),
                              options=(*self.grant("localhost"), *private))
        self.assertEqual(answers[0]["response"]["status"], 200)
        self.assertEqual([seen[1] for seen in self.server.seen], ["/near"])

    def test_a_run_that_is_over_waits_for_no_server(self):
        ended = self.run_guest("relay", *self.grant(), "--limit", "wall=300ms",
                               given=request(http={"url": self.url("/silent")}))
        self.assertEqual(ended.returncode, 137, ended.stderr)


class Said(Running):
    def test_a_grant_that_cannot_be_understood_says_how_it_is_written(self):
        for grants, said in (
                (["everything"], b"bundle"), (["publish"], b"publish=TOPIC-FILTER"),
                (["publish=$platform/#"], b"topics of the platform"), (["state=Not/x"], b"not a valid bucket name"),
                (["state=tally", "state=tally:read"], b"Decide on one"), (["http-out=ftp://x"], b"not a valid server"),
                (["http-out.private=::1"], b"http-out=SERVER"), (["scratch=1B"], b"4KiB"),
                (["bundle", "bundle"], b"given twice")):
            options = [option for grant in grants for option in ("--grant", grant)]
            ended = self.run_guest("echo", *options)
            self.assertEqual(ended.returncode, 64, grants)
            self.assertIn(said, ended.stderr, grants)
        self.assertIn(b"--grant state=tally", self.run_guest("echo", "--help").stdout)

    def test_what_it_asks_is_bounded(self):
        calls = request(publish={"topic": "alarms/1", "data": "x"}) * 2
        for limit, code in (("calls=1", "host_call_limit"), ("call-bytes=10B", "call_bytes_limit")):
            ended = self.run_guest("relay", *PUBLISH, "--limit", limit, "--json", given=calls)
            self.assertEqual(ended.returncode, 137, ended.stderr)
            report = json.loads(ended.stderr)
            self.assertEqual((report["failure"]["code"], report["published"]), (code, []))
            ended = self.run_guest("relay", *PUBLISH, "--limit", limit, given=calls)
            self.assertIn(b"--limit " + limit.split("=")[0].encode(), ended.stderr)
        self.assertEqual(
            self.run_guest("relay", *PUBLISH, "--limit", "outstanding-calls=1", given=calls).returncode, 0)
        for wrong in ("calls=10001", "calls=many", "call-bytes=1", "outstanding-calls=0"):
            ended = self.run_guest("relay", "--limit", wrong)
            self.assertEqual(ended.returncode, 2, wrong)
            self.assertIn(b"allowed:", ended.stderr)


if __name__ == "__main__":
    unittest.main()
