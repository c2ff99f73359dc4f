"""The sensor series, and what the modules should make of it, worked out here on its own."""
import csv
import decimal
import pathlib
import statistics

FILE = pathlib.Path(__file__).resolve().parents[1] / "data/elnino.csv"
THRESHOLD = decimal.Decimal("28.0")
MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]

# What a broken sensor sends: no module may take these for readings.
NONSENSE = ["1997,13,25.000", "1997,2,-99.990", "1997,3,n/a", "97.12", "", "1997,4,250.0"]


def readings():
    """(year, month, degrees as they are written), oldest first."""
    with open(FILE, newline="") as file:
        rows = list(csv.reader(file))[1:]
    return [(int(row[0]), month, text)
            for row in rows for month, text in enumerate(row[1:], start=1)]


def line(reading):
    return "{},{},{}".format(*reading)


def alarms(series):
    """The months that are warmer than the threshold."""
    return [(year, month) for year, month, text in series if decimal.Decimal(text) > THRESHOLD]


def decades(series):
    """The readings of each decade, by its first year."""
    result = {}
    for reading in series:
        result.setdefault(reading[0] // 10 * 10, []).append(reading)
    return result


def summary(batch):
    """What the statistics module should say of a batch."""
    values = [float(text) for _, _, text in batch]
    return {"count": len(values), "mean": statistics.mean(values),
            "stddev": statistics.stdev(values), "min": min(values), "max": max(values)}
