"""The preprocessors that put executor and judge into nbgrader's own pipeline.

nbgrader_config.py names them; nothing of nbgrader is changed. The verdict is made outside the
student's process, so what a cell prints or raises moves no points.
"""

from __future__ import annotations

import atexit
import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nbconvert.exporters import NotebookExporter
from nbformat import NotebookNode
from nbformat.v4 import new_notebook
from nbgrader.preprocessors import NbGraderPreprocessor
from nbgrader.preprocessors import SaveAutoGrades as StockSaveAutoGrades

from autograder.course_directory import Course
from autograder.executor import Executor
from autograder.grader import Grader
from autograder.submission import Fault, grade_id, read_submission

Resources = dict[str, Any]


class SubmissionExporter(NotebookExporter):
    """Reads any submission, where nbgrader would drop a student whose file is no notebook.

    Such a file becomes an empty notebook here; `Execute` reads the submission itself and says
    what is wrong with it.
    """

    def from_filename(self, filename: str, resources: Any = None, **kw: Any) -> Any:
        """The notebook at `filename` and its resources, run through the preprocessors."""
        submission = read_submission(Path(filename))
        notebook = new_notebook() if isinstance(submission, Fault) else submission
        return self.from_notebook_node(notebook, resources, **kw)  # type: ignore[no-untyped-call]


class Execute(NbGraderPreprocessor):  # type: ignore[misc]
    """Grade the submission: run it apart, judge its answers, show the verdicts in its cells.

    Leaves the verdicts in `resources["verdicts"]` for `SaveAutoGrades`. Starts from the file as
    the student handed it in, not from what earlier steps made of it.
    """

    def preprocess(self, nb: NotebookNode, resources: Resources) -> tuple[NotebookNode, Resources]:
        """Replace the notebook by its graded form."""
        of = resources["nbgrader"]
        converter = self.parent.parent  # the exporter's, nbgrader's Autograde
        course = Course(converter.coursedir, converter.config)
        folder = course.path(course.directory.submitted_directory, of["student"], of["assignment"])
        graded = _grader(course.root, of["assignment"], course).grade(
            read_submission(folder / f"{of['notebook']}.ipynb")
        )
        return graded.notebook, {**resources, "verdicts": graded.verdicts}


class SaveAutoGrades(StockSaveAutoGrades):  # type: ignore[misc]
    """nbgrader's own, but for the score of a judged cell: the judge's points.

    Hand-given scores and comments are kept as nbgrader keeps them.
    """

    def _add_score(self, cell: NotebookNode, resources: Mapping[str, Any]) -> None:
        verdict = resources["verdicts"].get(grade_id(cell))
        if verdict is None:  # a written question
            super()._add_score(cell, resources)
            return
        grade = self.gradebook.find_grade(
            grade_id(cell), self.notebook_id, self.assignment_id, self.student_id
        )
        grade.auto_score = verdict.points
        grade.needs_manual_grade = grade.manual_score is not None
        self.gradebook.db.commit()


_graders: dict[tuple[Path, str], Grader] = {}


@functools.cache
def _executor() -> Executor:
    """One warm process for all submissions that this process grades."""
    executor = Executor()
    executor.__enter__()
    atexit.register(executor.__exit__, None, None, None)
    return executor


def _grader(root: Path, assignment: str, course: Course) -> Grader:
    """The grader of an assignment, made once: its hidden cases cost a second."""
    key = (root, assignment)
    if key not in _graders:
        _graders[key] = course.grader(assignment, _executor())
    return _graders[key]
