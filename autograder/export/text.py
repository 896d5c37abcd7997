"""What the CSV files share: cells that no spreadsheet runs, numbers, and the form of RFC 4180.

Sources: RFC 4180, "Common Format and MIME Type for CSV Files"; OWASP, "CSV Injection",
owasp.org/www-community/attacks/CSV_Injection.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence

# Where a cell begins: at the start of the text, and, for a spreadsheet that takes semicolons or
# tabs for commas and so misses the quotes around a text, after each of these and after line ends.
_BEGINS = r"(?:\A|(?<=[;\t\n])|(?<=\r)(?!\n))"
# What makes the text after it a formula, as OWASP lists it; spreadsheets skip blanks before it, and
# one that has missed the quotes around a text takes those in it away.
_FORMULA = r"""[\s'"]*[=+\-@\t\r＝＋－＠]"""


def guarded(text: str) -> str:
    """A text that no spreadsheet takes for a formula: before what would be one, an apostrophe.

    One is put wherever a cell could begin with a formula, also before an apostrophe that stands
    there already: who takes one away everywhere has the text back.
    """
    return re.sub(f"{_BEGINS}(?={_FORMULA})", "'", text)


def number(points: float) -> str:
    """Points as all targets read them: at most 5 decimal places, as Moodle keeps; no exponent."""
    return f"{points:.5f}".rstrip("0").rstrip(".")


def csv_file(rows: Sequence[Sequence[str]], mark: bool = False) -> str:
    """CSV by RFC 4180: lines end in CRLF; a byte order mark tells spreadsheets that it is UTF-8."""
    file = io.StringIO()
    csv.writer(file).writerows(rows)
    return "\ufeff" * mark + file.getvalue()
