"""Grades for Canvas's gradebook.

Sources: Canvas Instructor Guide, "How do I import grades in the Gradebook?"; Canvas's importer,
lib/gradebook_importer.rb of github.com/instructure/canvas-lms.
"""

from __future__ import annotations

import re

from autograder.export.grades import Grades, Result, names
from autograder.export.text import csv_file, guarded, number


def canvas(grades: Grades) -> str:
    """A file with the columns of Canvas's own export, and one assignment.

    Canvas finds a student by ID (a number of its own), else by SIS id, else by login, else by name.
    Without byte order mark: Canvas takes none away.
    """
    rows = [
        ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", grades.assignment],
        ["    Points Possible", "", "", "", "", number(grades.max_score)],
    ]
    for result in grades.results:
        login = guarded(result.student)
        score = "" if result.pending else number(result.score)
        rows.append([_sortable_name(result), _own_id(result), login, login, "", score])
    return csv_file(rows)


def unfindable(grades: Grades) -> list[str]:
    """A sentence on the students whose id is not written as it is."""
    odd = [result for result in grades.results if guarded(result.student) != result.student]
    if not odd:
        return []
    return [
        f"{names(odd)}: the id would be a formula in a spreadsheet and has an apostrophe before "
        "it, so Canvas finds these students by its own ID or by name only."
    ]


def _own_id(result: Result) -> str:
    """Canvas's number, "" where it is none: Canvas would take "12 and more" for the ID 12."""
    return result.lms_user_id if re.fullmatch("[0-9]+", result.lms_user_id) else ""


def _sortable_name(result: Result) -> str:
    """ "Last, First", what there is of it, or the id."""
    name = ", ".join(filter(None, (result.last_name, result.first_name))) or result.student
    # A row of this name tells Canvas what the assignment is worth.
    return guarded(name.replace("Points Possible", "Points-Possible"))
