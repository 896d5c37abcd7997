"""What the tests say beyond pass and fail."""

from typing import Any

TITLES = (
    "problem",
    "cases",
    "variants accepted",
    "misconceptions killed",
    "named",
    "largest noise",
    "nearest misconception",
)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """One table: how well the cases of each problem tell right from wrong.

    Distances are in units of the tolerance: noise below 1 is accepted, a mistake above 1 is seen.
    """
    reports = [
        report
        for outcome in ("passed", "failed")
        for report in terminalreporter.getreports(outcome)
        if report.when == "call"
    ]
    rows = [row for report in reports for name, row in report.user_properties if name == "proof"]
    if not rows:
        return
    table = [TITLES, *sorted(map(tuple, rows))]
    widths = [max(len(row[column]) for row in table) for column in range(len(TITLES))]
    terminalreporter.section("the cases, proven")
    for row in table:
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        terminalreporter.write_line(line.rstrip())
