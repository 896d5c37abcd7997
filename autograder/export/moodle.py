"""Grades for Moodle's import, with feedback.

Sources: MoodleDocs, "Grade import"; Moodle's importer, grade/import/csv/classes/load_data.php and
lib/csvlib.class.php of github.com/moodle/moodle; PHP manual, fgetcsv.
"""

from __future__ import annotations

import html
import re
from itertools import groupby

from autograder.export.grades import Grades, Result, lateness, names
from autograder.export.text import csv_file, guarded, number


def moodle(grades: Grades) -> str:
    """A file of all grades that Moodle can give to a user.

    Moodle gives a row without a user to the user before it, stops the whole import at a user that
    it does not know, and may read an empty grade as 0. So a column identifies only if every row has
    it, and whoever has no grade, or no id that Moodle can be asked for, is left out.
    """
    results = [result for result in grades.graded if _is_id(result.student)]
    ids = {
        "Email address": [result.email for result in results],
        "LMS user ID": [result.lms_user_id for result in results],
    }
    full = {name: column for name, column in ids.items() if all(map(_is_id, column))}
    name = grades.assignment
    rows = [["Username", *full, "First name", "Last name", name, f"{name} (Feedback)"]]
    for place, result in enumerate(results):
        own = [result.student, *(column[place] for column in full.values())]
        people = [_for_php(guarded(text)) for text in (result.first_name, result.last_name)]
        feedback = guarded(_as_html(_feedback(result)))
        rows.append([*own, *people, number(result.score), feedback])
    return csv_file(rows, mark=True)


def unfindable(grades: Grades) -> list[str]:
    """A sentence on the students who are left out for their id."""
    odd = [result for result in grades.graded if not _is_id(result.student)]
    if not odd:
        return []
    return [
        f"{names(odd)}: Moodle cannot be asked for such an id and would stop at it; left out, "
        "enter these grades by hand."
    ]


def _is_id(text: str) -> bool:
    """Whether Moodle finds a user by this text. It trims, and takes "0" for an empty cell."""
    return text == text.strip() == guarded(text) == _for_php(text) and text not in ("", "0")


def _for_php(text: str) -> str:
    r"""A text that PHP's fgetcsv, which Moodle reads with, ends where it ends: \" would not be."""
    return re.sub(r'\\(?="|\Z)', r"\\ ", text)


def _as_html(text: str) -> str:
    """Plain text as Moodle shows it: it reads feedback as HTML, and a backslash before a quote."""
    return html.escape(text).replace("\\", "&#92;")


def _feedback(result: Result) -> str:
    """All marks of a student as text; what is said of several in a row is said once."""
    parts = []
    for text, marks in groupby(result.marks, lambda mark: mark.text):
        lines = [
            f"{mark.name}: {number(mark.points)} of {number(mark.max_points)} points"
            for mark in marks
        ]
        parts.append("\n".join(filter(None, [*lines, text])))
    return "\n\n".join(filter(None, [*parts, lateness(result)]))
