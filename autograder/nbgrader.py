"""The preprocessors that put executor and judge into nbgrader's own pipeline.

nbgrader_config.py names them; nothing of nbgrader is changed. The verdict is made outside the
student's process, so what a cell prints or raises moves no points.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nbconvert.exporters import NotebookExporter
from nbformat import NotebookNode
from nbformat.v4 import new_notebook
from nbgrader.preprocessors import NbGraderPreprocessor
from nbgrader.preprocessors import SaveAutoGrades as StockSaveAutoGrades
from traitlets import Float

from autograder import job
from autograder.course_directory import Course
from autograder.executor import Limits
from autograder.gradebook import GradebookWriter, Record
from autograder.grader import Exam
from autograder.grading import Row
from autograder.submission import Fault, grade_id, read_checkpoints, read_submission

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

    cell_seconds = Float(Limits.cell_seconds, help="Seconds that a cell may run.").tag(config=True)
    problem_seconds = Float(
        Limits.problem_seconds, help="Seconds that the cases of a problem may take."
    ).tag(config=True)
    submission_seconds = Float(
        Limits.submission_seconds, help="Seconds that a submission may take in all."
    ).tag(config=True)

    def preprocess(self, nb: NotebookNode, resources: Resources) -> tuple[NotebookNode, Resources]:
        """Replace the notebook by its graded form."""
        of, course = resources["nbgrader"], _course(self)
        folder = course.path(course.directory.submitted_directory, of["student"], of["assignment"])
        grader = _exam(course, of["assignment"]).grader(job.executor())
        graded = grader.grade(
            read_submission(folder / f"{of['notebook']}.ipynb"),
            read_checkpoints(folder, grader.sheet.checkpoints),
        )
        return graded.notebook, {**resources, "verdicts": graded.verdicts}


class SaveAutoGrades(StockSaveAutoGrades):  # type: ignore[misc]
    """nbgrader's own, but for the score of a judged cell: the judge's points.

    Hand-given scores and comments are kept as nbgrader keeps them. The verdicts are recorded for
    the report, without a fingerprint: `autograder grade` takes them for no work of its own.
    """

    def preprocess(self, nb: NotebookNode, resources: Resources) -> tuple[NotebookNode, Resources]:
        """Save the scores, then the record."""
        nb, resources = super().preprocess(nb, resources)
        of, course = resources["nbgrader"], _course(self)
        student, assignment = of["student"], of["assignment"]
        verdicts = resources["verdicts"].values()
        rows = [Row.of(student, assignment, verdict).as_dict() for verdict in verdicts]
        with GradebookWriter(course, course.release(assignment), assignment) as book:
            book.record(student, Record("", rows))
        return nb, resources

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


def _course(preprocessor: NbGraderPreprocessor) -> Course:
    """The course that nbgrader's Autograde is at work on."""
    converter = preprocessor.parent.parent  # of the exporter
    return Course(converter.coursedir, converter.config)


_exams: dict[tuple[Path, str], Exam] = {}


def _exam(course: Course, assignment: str) -> Exam:
    """The exam of an assignment, made once: its hidden cases cost a second."""
    key = (course.root, assignment)
    if key not in _exams:
        _exams[key] = course.exam(assignment)
    return _exams[key]
