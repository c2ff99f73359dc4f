"""What is refused, what is stopped, what is put aside."""
import concurrent.futures
import json
import threading
import time

from printing import table, title
from program import ROOT, expect


def show_unsigned_module(program):
    title("An unsigned module is refused")
    module = (ROOT / "Guests/build/echo.wasm").read_bytes()
    status, body = program.request("PUT", "/v1/modules/intruder/versions/1", module,
                                   {"Content-Type": "application/wasm"})
    expect(status == 403, f"the unsigned module was answered with {status}: {body[:300]!r}")
    problem = json.loads(body)
    print(f"  {status} {problem['code']}: {problem['detail']}")
    entries = [entry for entry in program.get("/v1/audit?limit=1000")["items"]
               if "intruder" in entry["subject"]]
    expect(entries, "the refusal is not among the security events")
    for entry in entries:
        print(f"  security event {entry['sequence']}: {entry['kind']} {entry['subject']} "
              f"({entry['reason']})")
    status, _ = program.invoke("intruder")
    expect(status == 404, f"the refused module was answered with {status}")


def show_bad_neighbours(program, latencies):
    title("A trap, an endless loop and a memory bomb are stopped; their neighbour answers on")
    times = latencies["a neighbour invoked meanwhile"] = []
    ended = threading.Event()

    def neighbour():
        count = 0
        while not ended.is_set() or count == 0:
            text = f"turn {count} of the neighbour"
            start = time.monotonic()
            status, body = program.invoke("upper", text.encode())
            times.append(time.monotonic() - start)
            expect((status, body) == (200, text.upper().encode()),
                   f"the neighbour answered {status}: {body[:300]!r}")
            count += 1

    expected = {"trap": {"guest_trapped"}, "spin": {"cpu_time_limit"},
                "hog": {"memory_limit", "guest_trapped"}}
    rows = []
    with concurrent.futures.ThreadPoolExecutor(1 + len(expected)) as threads:
        good = threads.submit(neighbour)
        try:
            for name, ending in zip(expected, threads.map(
                    lambda name: timed(program.invoke, name), expected)):
                (status, body), seconds = ending
                expect(status in (502, 504), f"{name} was answered with {status}: {body[:300]!r}")
                failure = json.loads(body)["failure"]
                expect(failure["code"] in expected[name], f"{name} ended with {failure}")
                rows.append([name, failure["code"], f"{seconds * 1000:.0f} ms", failure["message"]])
        finally:
            ended.set()
        good.result()
    table(["module", "stopped by", "after", "what it says"], rows)
    print(f"  meanwhile `upper` answered {len(times)} times, each time right")


def timed(function, *arguments):
    start = time.monotonic()
    return function(*arguments), time.monotonic() - start


def show_dead_letter(program):
    title("An event that fails at every attempt becomes a dead letter")
    status = program.event(program.publish("demo/trap", "hopeless", "hello"))
    delivery = status["deliveries"][0]
    expect(delivery["state"] == "dead", f"the hopeless event is {delivery['state']}")
    letters = [letter for letter in program.get("/v1/dead-letters")["items"]
               if letter["event"]["id"] == "hopeless"]
    expect(len(letters) == 1, f"there are {len(letters)} dead letters of it")
    letter = letters[0]
    expect(len(letter["history"]) == 3, f"{len(letter['history'])} attempts instead of 3")
    print(f"  dead letter {letter['id']}: {letter['module']}, {len(letter['history'])} attempts, "
          f"the last: {letter['history'][-1]['failure']['message']}")
    code, body = program.request("DELETE", f"/v1/dead-letters/{letter['id']}")
    expect(code in (200, 204), f"dropping it was answered with {code}: {body[:300]!r}")
    left = program.get("/v1/dead-letters")["items"]
    expect(letter["id"] not in [item["id"] for item in left], "it is still there after its drop")
    print("  dropped")
