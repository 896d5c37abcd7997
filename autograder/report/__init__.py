"""The report on a class: one HTML page from the gradebook's records and the graded notebooks.

`classwork` reads them; `statistics` and `similarity` count; `answer_code` makes what a student
wrote fit to be compared and shown; `figures` draws; `page` puts all into one page.
"""

from autograder.report.classwork import Classwork, ReportError
from autograder.report.page import page

__all__ = ["Classwork", "ReportError", "page"]
