"""nbgrader's gradebook, which only this package writes: a submission is one transaction.

The tables are nbgrader's own, and so is the meaning of every entry: what its SaveCells,
SaveAutoGrades and AssignLatePenalties would leave is left here, with one commit where they make
twenty. A table of ours stands beside them and says what was graded, so that a later run can go on
where one was ended.

`database` has transactions and the errors they end in; `records` the table of ours;
`registration` tells the gradebook of an assignment's cells; `writer` saves what was graded.
"""

from autograder.gradebook.database import GradebookError
from autograder.gradebook.records import Record
from autograder.gradebook.writer import GradebookWriter, read_records

__all__ = ["GradebookError", "GradebookWriter", "Record", "read_records"]
