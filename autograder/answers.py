"""Bring answers of one assignment's notebook into another: what was built is put to use."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from IPython.core.inputtransformer2 import TransformerManager

from autograder.checking import find_sheet, public_verdict
from autograder.errors import MendableError
from autograder.rules import definitions
from autograder.submission import Fault, answer_id, grade_id, read_submission


class AnswersError(MendableError):
    """Answers cannot be brought over: Jupyter shows the sentence in place of a traceback."""

    def _render_traceback_(self) -> list[str]:
        return [str(self)]


def answers_of(path: str | Path, *names: str) -> SimpleNamespace:
    """Your own answers to the problems `names`, from the notebook that you saved at `path`.

    Runs the first code cell of that notebook and its answer cells, in order, and of other cells
    only imports and definitions; each answer that is asked for must pass its public cases.

    Raises:
        AnswersError: there is no notebook, a cell of it raises, or an answer is not right yet.
        SheetError: the answer sheet that belongs beside the notebook is not there.
    """
    path = Path(path)
    cells = _setup_and_answers(path)
    namespace: dict[str, Any] = {"__name__": path.stem}
    for source in cells:
        _run(source, namespace, path)
    for name in names:
        sheet = find_sheet(name, path.parent)
        verdict = public_verdict(sheet, name, namespace, cells)
        if verdict.status == "missing":
            raise AnswersError(f"{name} is not answered in {path}: answer it there, and save.")
        if verdict.status != "correct":
            raise AnswersError(
                f"{name} as saved in {path} does not pass its check, so it is not used here "
                f"(that notebook's first code cell, answer cells and definitions are run).\n"
                f"{verdict.message}"
            )
    return SimpleNamespace(**{name: namespace[name] for name in names})


def _setup_and_answers(path: Path) -> list[str]:
    """The text of the first code cell, and of every answer cell of the problems on the sheet."""
    if not path.exists():
        raise AnswersError(f"There is no {path}: this cell uses your answers saved there.")
    notebook = read_submission(path)
    if isinstance(notebook, Fault):
        raise AnswersError(notebook.message)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    others = [
        cell.source if grade_id(cell).endswith(answer_id("")) else definitions(cell.source)
        for cell in code[1:]
    ]
    return [*(cell.source for cell in code[:1]), *filter(None, others)]


def _run(source: str, namespace: dict[str, Any], path: Path) -> None:
    """Run the text of a cell, magics and all."""
    try:
        exec(TransformerManager().transform_cell(source), namespace)
    except NotImplementedError:  # a class that is not answered yet
        return
    except Exception as error:
        raise AnswersError(
            f"A cell of {path} raises {type(error).__name__}: {error}. It begins "
            f"{source.strip().splitlines()[0]!r}. Mend it there, and save that notebook."
        ) from None
