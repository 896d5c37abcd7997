"""Grades for other systems: CSV for Canvas and Moodle, `results.json` for Gradescope, plain CSV.

`grades` reads them from the gradebook; `canvas`, `moodle`, `gradescope` and `spreadsheet` each
write for one target; `text` has what their CSV files share.
"""

from autograder.export.grades import ExportError, Grades, Mark, Result
from autograder.export.targets import TARGETS, Target

__all__ = ["TARGETS", "ExportError", "Grades", "Mark", "Result", "Target"]
