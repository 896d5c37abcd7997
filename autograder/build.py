"""From text to notebooks, sheets and releases: the only writer of everything that is built.

    lectures/NN_name.py      → lectures/NN_name.ipynb (and a sheet, from NN_name_problems.py)
    solutions/a.py, a_problems.py → solutions/a/ (nbgrader's source notebook and the public sheet)
    solutions/a/             → assignments/a/ (by nbgrader's own generate_assignment)

Building twice gives the same bytes: cell ids come from the cells' text, not from chance.
"""

from __future__ import annotations

import hashlib
import html
import logging
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import jupytext
import nbformat
from nbformat import NotebookNode
from nbgrader.converters import GenerateAssignment
from nbgrader.coursedir import CourseDirectory
from traitlets.config import Config

from autograder.drift import file_drift
from autograder.problem import AuthoringError, Problem
from autograder.reference import build_sheet, read_source
from autograder.submission import BY_HAND

_METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def assignments(solutions: Path) -> list[str]:
    """The ids of all assignments, in order: those that have a file of problems."""
    return sorted(p.name.removesuffix("_problems.py") for p in solutions.glob("*_problems.py"))


def lectures(root: Path) -> list[Path]:
    """The texts of all lectures, in order."""
    texts = sorted((root / "lectures").glob("*.py"))
    return [text for text in texts if not text.stem.endswith("_problems")]


class Rebuilt:
    """A fresh build of all that is built below `root`, in a folder of its own."""

    def __init__(self, root: Path, folder: Path) -> None:
        """Build into `folder`, in the layout of `root`.

        Raises:
            AuthoringError: an author's file contradicts another.
        """
        self.root, self.folder = root, folder
        for text in lectures(root):
            _build_lecture(text, folder / "lectures")
        for assignment in assignments(root / "solutions"):
            _build_assignment(root / "solutions", assignment, folder)
        self.files = sorted(p.relative_to(folder) for p in folder.rglob("*") if p.is_file())

    def drift(self) -> list[str]:
        """What differs between the files below the root and this build, a sentence each."""
        return [
            f"{name}: {reason}; run `make build` and commit"
            for name in self.files
            if (reason := file_drift(self.root / name, self.folder / name))
        ]

    def install(self, *, overwrite: bool) -> int:
        """Copy the built files to the root; return how many.

        A sheet whose answers the judge cannot tell from those built stays as it is: processors
        differ in the last bits, and a rebuild must not look like a change.
        """
        count = 0
        for name in self.files:
            target = self.root / name
            stale = file_drift(target, self.folder / name)
            if stale and (overwrite or not target.exists()):
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(self.folder / name, target)
                count += 1
        return count


def missing(root: Path) -> bool:
    """Whether a lecture or an assignment has no notebook yet."""
    names = assignments(root / "solutions")
    built = [text.with_suffix(".ipynb") for text in lectures(root)]
    built += [root / "assignments" / name / f"{name}.ipynb" for name in names]
    return not all(path.exists() for path in built)


def _build_lecture(text: Path, target: Path) -> None:
    """A lecture's notebook; where it brings problems of its own (ungraded), their sheet too."""
    notebook = read_text(text)
    for cell in notebook.cells:
        for mark in ("role", "problem"):
            cell.metadata.pop(mark, None)
    _write(notebook, target / f"{text.stem}.ipynb")
    if text.with_name(f"{text.stem}_problems.py").exists():
        build_sheet(read_source(text.parent, text.stem)).save(target)


def _build_assignment(solutions: Path, assignment: str, target: Path) -> None:
    source = read_source(solutions, assignment)
    folder = target / "solutions" / assignment
    notebook = source_notebook(solutions / f"{assignment}.py", source.problems)
    _write(notebook, folder / f"{assignment}.ipynb")
    build_sheet(source).save(folder)
    _generate(assignment, target)


# Notebooks ---------------------------------------------------------------------------------------


def read_text(path: Path) -> NotebookNode:
    """A percent text as a notebook with stable ids and no metadata but the kernel's."""
    notebook: NotebookNode = jupytext.read(path, fmt="py:percent")
    notebook.metadata = nbformat.from_dict(_METADATA)
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    seen: dict[str, int] = {}
    for cell in notebook.cells:
        key = f"{cell.cell_type}\n{cell.source}"
        seen[key] = seen.get(key, 0) + 1
        cell.id = hashlib.sha256(f"{key}\n{seen[key]}".encode()).hexdigest()[:8]
    return notebook


def source_notebook(text: Path, problems: Sequence[Problem]) -> NotebookNode:
    """The nbgrader source notebook of an assignment: its text, with each cell's role spelled out.

    Raises:
        AuthoringError: a role is unknown, or names a problem that does not exist.
    """
    notebook = read_text(text)
    by_name = {problem.name: problem for problem in problems}
    for cell in notebook.cells:
        marks = dict(cell.metadata)
        cell.metadata = nbformat.from_dict(_cell_metadata(marks, by_name, text))
        if marks.get("role") == "help":
            cell.source = _help(by_name[marks["problem"]])
    return notebook


def _cell_metadata(marks: dict[str, Any], by_name: dict[str, Problem], text: Path) -> Any:
    role, name = marks.get("role"), marks.get("problem")
    if role in (None, "setup"):
        return {}
    if role == "use":
        return {**_nbgrader(str(name), locked=True), "tags": [BY_HAND]}
    if role != "written" and name not in by_name:
        raise AuthoringError(f"{text.name}: a cell of role {role!r} names the problem {name!r}")
    match role:
        case "help":
            return {}
        case "answer":
            return _nbgrader(f"{name}_answer", solution=True)
        case "check":
            return _nbgrader(str(name), points=by_name[str(name)].max_points, locked=True)
        case "written":
            return _nbgrader(str(name), points=int(marks["points"]), solution=True)
    raise AuthoringError(f"{text.name}: unknown role {role!r}; CONTRIBUTING lists the roles")


def _nbgrader(
    grade_id: str, *, points: int | None = None, solution: bool = False, locked: bool = False
) -> dict[str, Any]:
    graded = {} if points is None else {"points": points}
    return {
        "nbgrader": {
            "grade": points is not None,
            "grade_id": grade_id,
            "locked": locked,
            **graded,
            "schema_version": 3,
            "solution": solution,
            "task": False,
        }
    }


def _help(problem: Problem) -> str:
    """Hints of growing openness and help keyed by symptom, all folded."""
    return "\n\n".join(_folded(title, body) for title, body in _help_items(problem))


def _help_items(problem: Problem) -> Iterator[tuple[str, str]]:
    for number, hint in enumerate(problem.hints, 1):
        yield f"Hint {number} of {len(problem.hints)}", hint
    for symptom, look in problem.symptoms.items():
        yield f"“{symptom}”", look


def _folded(title: str, body: str) -> str:
    return f"<details><summary>{html.escape(title)}</summary>\n\n{body}\n\n</details>"


def _write(notebook: NotebookNode, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.validate(notebook)
    nbformat.write(notebook, path)


def _generate(assignment: str, root: Path) -> None:
    """nbgrader's own release, without its database: the gradebook is `grading`'s business."""
    config = Config()
    config.GenerateAssignment.no_database = True
    config.SaveCells.enabled = False
    config.BaseConverter.force = True
    course = CourseDirectory(
        root=str(root.resolve()),
        source_directory="solutions",
        release_directory="assignments",
        assignment_id=assignment,
    )
    converter = GenerateAssignment(coursedir=course, config=config)
    converter.log = logging.getLogger("autograder.build")  # quiet but for warnings
    converter.start()
