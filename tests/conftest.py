"""How tests are shared out; and tables of what they find, beyond pass and fail."""

from typing import Any

import pytest

TABLES = {
    # Distances are in units of the tolerance: noise below 1 is accepted, a mistake above 1 is seen.
    "proof": (
        "the cases, proven",
        "problem",
        "cases",
        "variants accepted",
        "misconceptions killed",
        "named",
        "largest noise",
        "nearest misconception",
    ),
    "copy": ("how near students' code comes to solutions", "solution", "share", "nearest code"),
    "time": ("notebooks from a clean kernel", "notebook", "code cells", "CPU", "limit"),
    "claim": (
        "what the lectures claim, asserted for each value; without its cause each was seen failing",
        "lecture",
        "claim",
        "figure",
        "values",
        "asserted",
        "cause taken away",
    ),
    "corpus": (
        "attacks, faults and oddities; stock nbgrader's own assignment is worth 6 points",
        "family",
        "submission",
        "must get",
        "here",
        "stock nbgrader",
    ),
}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let one process run a file, but for the longest: those by assignment and by notebook.

    Tests of one assignment share its sheets, tests of one notebook its run.
    """
    for item in items:
        part = getattr(item, "callspec", None) and item.callspec.params
        of_file = item.path.stem
        if of_file == "test_problems" and part and "subject" in part:
            of_file += f" {part['subject'].assignment}"
        elif of_file == "test_notebooks" and part and "path" in part:
            of_file += f" {part['path'].stem}"
        item.add_marker(pytest.mark.xdist_group(of_file))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Write each table that has rows."""
    recorded = [
        recorded
        for outcome in ("passed", "failed")
        for report in terminalreporter.getreports(outcome)
        if report.when == "call"
        for recorded in report.user_properties
    ]
    for name, (title, *headings) in TABLES.items():
        rows = sorted(tuple(row) for table, row in recorded if table == name)
        if rows:
            terminalreporter.section(title)
            for line in _aligned([tuple(headings), *rows]):
                terminalreporter.write_line(line)


def _aligned(table: list[tuple[str, ...]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in table
    ]
