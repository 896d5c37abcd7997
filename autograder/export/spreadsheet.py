"""Grades for people and their spreadsheets."""

from __future__ import annotations

from autograder.export.grades import Grades, Result
from autograder.export.text import csv_file, guarded, number

_COLUMNS = """assignment duedate timestamp student_id last_name first_name email raw_score
late_submission_penalty score max_score""".split()


def spreadsheet(grades: Grades) -> str:
    """The columns of nbgrader's own export, in a file that a spreadsheet may open."""
    return csv_file([_COLUMNS, *(_row(grades, result) for result in grades.results)], mark=True)


def _row(grades: Grades, result: Result) -> list[str]:
    times = [str(time or "") for time in (grades.duedate, result.timestamp)]
    texts = [result.student, result.last_name, result.first_name, result.email]
    scores = [number(points) for points in (result.raw_score, result.penalty, result.score)]
    scores = [""] * len(scores) if result.pending else scores
    return [grades.assignment, *times, *map(guarded, texts), *scores, number(grades.max_score)]
