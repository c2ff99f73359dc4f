"""Readings, alarms, statistics: real events through real modules, compared with our own sums."""
import concurrent.futures
import datetime
import json
import time

import series
from printing import table, title
from program import expect

SENDERS = 8


def show_readings(program, latencies):
    readings = series.readings()
    decades = series.decades(readings)
    events = [("sensors/nino12/raw", f"reading-{year}-{month:02}", series.line((year, month, text)))
              for year, month, text in readings]
    events += [("sensors/nino12/raw", f"nonsense-{index}", data)
               for index, data in enumerate(series.NONSENSE)]
    events += [("sensors/nino12/batch", f"batch-{year}", "\n".join(map(series.line, batch)))
               for year, batch in decades.items()]
    accepted = latencies["a reading accepted: on disk"] = []
    handled = latencies["a reading cleaned, as its sender sees it"] = []

    def send(event):
        start = time.monotonic()
        offset = program.publish(*event)
        on_disk = time.monotonic()
        status = program.event(offset)
        if event[1].startswith("reading-"):
            accepted.append(on_disk - start)
            handled.append(time.monotonic() - start)
        return status

    start = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(SENDERS) as senders:
        raw = list(senders.map(send, events))
    results = results_of(program, raw)
    alarms = results_of(program, results)
    seconds = time.monotonic() - start
    for event in raw + results + alarms:
        for delivery in event["deliveries"]:
            expect(delivery["state"] == "succeeded",
                   f"event {event['offset']} at {delivery['module']}: {delivery}")
    title("Sea surface temperatures of the Pacific (Nino 1+2), NOAA, 1950 to 2010")
    every = raw + results + alarms
    cleaned = [event for event in results if event["event"]["topic"] == "readings/clean"]
    table(["events", "deliveries", "readings", "nonsense dropped", "alarms", "seconds"],
          [[len(every), sum(len(event["deliveries"]) for event in every), len(cleaned),
            len(readings) + len(series.NONSENSE) - len(cleaned),
            sum(event["event"]["topic"] == "alarms/temperature" for event in alarms),
            f"{seconds:.1f}"]])
    check_readings(readings, cleaned)
    check_alarms(readings, raw, cleaned, alarms, latencies)
    check_statistics(decades, results, alarms)


def results_of(program, causes):
    """The settled events that came of settled events.

    A result is in the log before its cause is settled. So all of them lie between the first cause
    and an event that is sent now.
    """
    if not causes:
        return []
    results_of.calls = getattr(results_of, "calls", 0) + 1
    last = program.publish("demo/marker", f"marker-{results_of.calls}", "")
    first = min(event["offset"] for event in causes) + 1
    known = {event["event"]["id"] for event in causes}
    with concurrent.futures.ThreadPoolExecutor(SENDERS) as readers:
        events = list(readers.map(program.event, range(first, last)))
    return [event for event in events if event and cause(event) in known]


def cause(event):
    return event["event"]["extensions"].get("wmcause")


def data(event):
    return event["event"]["data"].get("text", "")


def check_readings(readings, cleaned):
    expected = sorted((year, month, float(text)) for year, month, text in readings)
    objects = [json.loads(data(event)) for event in cleaned]
    found = sorted((item["year"], item["month"], item["celsius"]) for item in objects)
    expect(found == expected, f"{len(expected)} readings went in, {len(found)} came out, or others")


def check_alarms(readings, raw, cleaned, events, latencies):
    raised = [event for event in events if event["event"]["topic"] == "alarms/temperature"]
    found = {}
    for event in raised:
        reading = json.loads(data(event))["reading"]
        key = (reading["year"], reading["month"])
        expect(key not in found, f"two alarms for {key}")
        found[key] = (reading["celsius"], event)
    expected = series.alarms(readings)
    expect(sorted(found) == expected, f"alarms for {sorted(found)} instead of {expected}")
    title(f"Alarms: warmer than {series.THRESHOLD} degrees (the two great El Ninos)")
    for year, month in sorted(found):
        print(f"  {series.MONTHS[month - 1]} {year}  {found[year, month][0]:.2f}")
    starts = {event["event"]["id"]: event for event in raw + cleaned}
    latencies["from a reading on disk to its alarm on disk"] = [
        (accepted_at(event) - accepted_at(starts[cause(starts[cause(event)])])).total_seconds()
        for event in raised]


def accepted_at(event):
    return datetime.datetime.strptime(event["acceptedAt"], "%Y-%m-%dT%H:%M:%S.%fZ")


def check_statistics(decades, batches, events):
    origin = {event["event"]["id"]: cause(event) for event in batches}
    found = {}
    for event in events:
        if event["event"]["topic"] == "statistics/batch":
            found[int(origin[cause(event)][len("batch-"):])] = json.loads(data(event))
    title("Statistics of each batch (a decade)")
    expect(sorted(found) == sorted(decades), f"statistics of {sorted(found)} only")
    for decade, batch in decades.items():
        for name, value in series.summary(batch).items():
            expect(abs(found[decade][name] - value) <= 0.0011,
                   f"{name} of {decade}: {found[decade][name]} instead of {value}")
    names = ["count", "mean", "stddev", "min", "max"]
    table(["decade"] + names,
          [[f"{decade}s"] + [found[decade][name] for name in names] for decade in sorted(found)])
