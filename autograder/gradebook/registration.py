"""An assignment's cells in the gradebook, as nbgrader's generate_assignment puts them there."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from nbformat import NotebookNode
from nbgrader.api import Assignment, Comment, Grade, GradeCell, Notebook, SolutionCell, SourceCell
from nbgrader.utils import is_grade, is_locked, is_solution
from sqlalchemy import select
from sqlalchemy.orm import Session

from autograder.gradebook.database import GradebookError
from autograder.submission import grade_id


def register(session: Session, course_id: str, assignment: str, release: NotebookNode) -> None:
    """Tell the gradebook of the cells of the assignment's released notebook.

    Where it knows them, nothing is written. Cells may be added although there are submissions
    (nbgrader refuses that): saving a submission adds what it lacks.

    Raises:
        GradebookError: there are grades for cells that the assignment no longer has.
    """
    cells = [cell for cell in release.cells if grade_id(cell)]
    notebook = _registered(session, assignment) or _new(session, course_id, assignment)
    notebook.kernelspec = json.dumps(release.metadata.get("kernelspec", {}))
    stale = _update(session, notebook, GradeCell, _grade_cells(cells))
    stale += _update(session, notebook, SolutionCell, _solution_cells(cells))
    _refuse_to_lose_grades(session, assignment, stale)
    stale += _update(session, notebook, SourceCell, _source_cells(cells))
    for cell in stale:
        session.delete(cell)


def _registered(session: Session, assignment: str) -> Any:
    """nbgrader's notebook of the assignment, None where there is none."""
    return session.scalar(
        select(Notebook)
        .join(Notebook.assignment)
        .where(Assignment.name == assignment, Notebook.name == assignment)
    )


def _new(session: Session, course_id: str, name: str) -> Any:
    assignment = session.scalar(select(Assignment).filter_by(name=name))
    if assignment is None:
        assignment = Assignment(name=name, course_id=course_id)
        session.add(assignment)
    notebook = Notebook(name=name, assignment=assignment)
    session.add(notebook)
    session.flush()
    return notebook


def _refuse_to_lose_grades(session: Session, assignment: str, stale: Iterable[Any]) -> None:
    ids = [cell.id for cell in stale]
    graded = {
        *session.scalars(select(Grade.cell_id).where(Grade.cell_id.in_(ids))),
        *session.scalars(select(Comment.cell_id).where(Comment.cell_id.in_(ids))),
    }
    if names := sorted({cell.name for cell in stale if cell.id in graded}):
        raise GradebookError(
            f"the gradebook has grades for cells that {assignment} no longer has "
            f"({', '.join(names)}): put these cells back, or remove the assignment with all "
            f"its grades by `nbgrader db assignment remove {assignment} --force`"
        )


def _update(
    session: Session, notebook: Any, kind: Any, cells: Iterable[Mapping[str, Any]]
) -> list[Any]:
    """Make the notebook's cells of a kind those given; the known ones that are not among them."""
    query = select(kind).where(kind.notebook_id == notebook.id)
    known = {cell.name: cell for cell in session.scalars(query)}
    for cell in cells:
        row = known.pop(cell["name"], None) or kind(notebook=notebook)
        session.add(row)
        for column, value in cell.items():
            setattr(row, column, value)
    return list(known.values())


def _grade_cells(cells: Iterable[NotebookNode]) -> Iterator[dict[str, Any]]:
    for cell in filter(is_grade, cells):
        points = float(cell.metadata.nbgrader.points)
        yield {"name": grade_id(cell), "max_score": points, "cell_type": cell.cell_type}


def _solution_cells(cells: Iterable[NotebookNode]) -> Iterator[dict[str, Any]]:
    for cell in filter(is_solution, cells):
        yield {"name": grade_id(cell)}


def _source_cells(cells: Iterable[NotebookNode]) -> Iterator[dict[str, Any]]:
    for cell in cells:
        if is_grade(cell) or is_solution(cell) or is_locked(cell):
            yield {
                "name": grade_id(cell),
                "cell_type": cell.cell_type,
                "locked": is_locked(cell),
                "source": cell.source,
                "checksum": cell.metadata.nbgrader.get("checksum"),
            }
