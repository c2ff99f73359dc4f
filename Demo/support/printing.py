"""What the demonstration prints."""


def title(text):
    print(f"\n{text}", flush=True)


def table(names, rows):
    cells = [names] + [[str(cell) for cell in row] for row in rows]
    widths = [max(len(row[column]) for row in cells) for column in range(len(names))]
    for row in cells:
        print("  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())


def quantiles(values):
    """Median, 99th percentile, maximum: of values that were measured, not between them."""
    ordered = sorted(values)
    return [ordered[min(len(ordered) - 1, int(len(ordered) * share))] for share in (0.5, 0.99, 1)]
