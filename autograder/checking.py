"""The notebook's front door: probe the student's function, judge it, show the verdict."""

from __future__ import annotations

import difflib
import functools
import inspect
import io
import os
import re
import sys
import textwrap
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

from IPython import get_ipython
from IPython.display import display

from autograder import probe, sentences
from autograder.judge import Verdict, blame_dependencies, judge, unanswered
from autograder.rules import Notebook
from autograder.sheet import Sheet, SheetError
from autograder.show import Card

MAX_PRINTED = 10
MAX_WIDTH = 100


class NotYetError(AssertionError):
    """An answer that is not right yet: one line in place of a traceback, below the card.

    Where no card is shown (in a script, in `nbgrader validate`) its text has all that the card has.
    """

    def __init__(self, card: Card, *, is_shown: bool) -> None:
        super().__init__(card.text())
        self._lines = [card.headline()] if is_shown else _wrapped(card.text())

    def _render_traceback_(self) -> list[str]:
        return self._lines


def _wrapped(text: str) -> list[str]:
    """The text's lines, none too wide for the window in which `nbgrader validate` shows them."""
    lines = text.split("\n")
    wrap = functools.partial(textwrap.wrap, width=MAX_WIDTH, break_on_hyphens=False)
    return [part for line in lines for part in wrap(line) or [line]]


def check(name: str) -> None:
    """Check your answer to the problem `name` on its public cases, and show a card.

    Raises:
        NotYetError: some case does not pass; the card says which, and where to think.
        SheetError: no answer sheet of the problem lies beside the notebook.
    """
    sheet = find_sheet(name, Path.cwd())
    namespace, sources = _student(inspect.currentframe())
    if _is_stale(name):
        verdict = unanswered(sheet.problems[name], "error", sentences.stale(name))
    else:
        verdict = public_verdict(sheet, name, namespace, sources)
    card = Card(verdict, _progress(sheet, verdict, namespace))
    is_right = verdict.status == "correct"
    is_shown = is_right or _shows_cards()
    if is_shown:
        display(card)
    if not is_right:
        raise NotYetError(card, is_shown=is_shown)


def find_sheet(problem: str, folder: Path) -> Sheet:
    """The public sheet in `folder` that has the problem.

    Raises:
        SheetError: there is none, or its problems have other names.
    """
    paths = sorted(folder.glob("*.sheet.json"))
    if not paths:
        raise SheetError(
            f"no answer sheet (*.sheet.json) in {folder}: start Jupyter on the course and open "
            "the notebook in its own folder, with the sheet's two files beside it"
        )
    sheets = [load_sheet(path, path.stat().st_mtime_ns) for path in paths]
    for sheet in sheets:
        if problem in sheet.problems:
            return sheet
    names = [name for sheet in sheets for name in sheet.problems]
    close = difflib.get_close_matches(problem, names, n=1)
    hint = f"; did you mean {close[0]!r}?" if close else ""
    raise SheetError(f"no problem {problem!r} here, only {', '.join(names)}{hint}")


@functools.lru_cache(maxsize=8)
def load_sheet(path: Path, _modified: int) -> Sheet:
    """`Sheet.load`, remembered until the file changes."""
    return Sheet.load(path)


def public_verdict(
    sheet: Sheet, name: str, namespace: Mapping[str, Any], sources: Sequence[str]
) -> Verdict:
    """The verdict on one problem by the public cases, with what it calls judged too if wrong."""
    notebook = Notebook(sources)
    verdict = _judge_one(sheet, name, namespace, notebook)
    if verdict.status == "correct":
        return verdict
    used = notebook.uses(name, sheet.problems)
    verdicts = {other: _judge_one(sheet, other, namespace, notebook) for other in used}
    return blame_dependencies({name: verdict, **verdicts}, {name: used})[name]


def _judge_one(
    sheet: Sheet, name: str, namespace: Mapping[str, Any], notebook: Notebook
) -> Verdict:
    problem = sheet.problems[name]
    if name not in namespace and notebook.is_left_unanswered(name):
        return unanswered(problem, "missing", _not_answered(sheet, name, notebook))
    if name not in namespace:
        others = namespace.keys() - sheet.problems.keys()
        return unanswered(problem, "missing", sentences.not_defined(name, others))
    printed = io.StringIO()
    try:
        with redirect_stdout(printed):
            answers = probe.observe(namespace, problem.request())
    except KeyboardInterrupt as stopped:
        line = probe.own_line(stopped)
        return unanswered(problem, "timeout", sentences.interrupted(name, line))
    finally:
        _show_some(printed.getvalue())
    is_stub = all(answer.get("type") == "NotImplementedError" for answer in answers)
    if is_stub and (notebook.is_left_unanswered(name) or name not in notebook.names()):
        return unanswered(problem, "missing", _not_answered(sheet, name, notebook))
    return judge(problem, answers, notebook)


def _not_answered(sheet: Sheet, name: str, notebook: Notebook) -> str:
    """What is said of a definition that holds the released line still."""
    if notebook.says_more_than_raise(name):
        return sentences.line_left(name)
    return sentences.not_answered(name, notebook.names() - sheet.problems.keys())


def _show_some(printed: str) -> None:
    """What the answer printed while it was checked: it runs on many inputs, so the first lines."""
    lines = printed.splitlines()
    print("\n".join(lines[:MAX_PRINTED]), end="\n" if lines else "")
    if len(lines) > MAX_PRINTED:
        print(f"(and {len(lines) - MAX_PRINTED} more lines, printed on the other inputs)")


def _shows_cards() -> bool:
    """Whether somebody looks at a notebook; `nbgrader validate` looks at errors alone."""
    return get_ipython() is not None and os.environ.get("NBGRADER_EXECUTION") != "validate"


_seen_right: dict[tuple[str, str], Any] = {}
"""(assignment, problem) → the answer that was right when it was last checked in this kernel."""


def _progress(sheet: Sheet, verdict: Verdict, namespace: Mapping[str, Any]) -> str:
    """A line on the whole assignment; an answer that was defined anew since does not count."""
    key = (sheet.assignment, verdict.problem)
    _seen_right.pop(key, None)
    if verdict.status == "correct":
        _seen_right[key] = namespace[verdict.problem]
    right = [
        name
        for name in sheet.problems
        if (sheet.assignment, name) in _seen_right
        and namespace.get(name) is _seen_right[sheet.assignment, name]
    ]
    return sentences.progress(sheet.assignment, right, len(sheet.problems))


def _is_stale(name: str) -> bool:
    """Whether the cell before this one was to define `name` and could not even be read."""
    last = getattr(get_ipython(), "last_execution_result", None)
    if last is None or last.error_before_exec is None:
        return False
    return bool(re.search(rf"^(def|class)\s+{name}\b", str(last.info.raw_cell), re.MULTILINE))


def _student(frame: Any) -> tuple[Mapping[str, Any], Sequence[str]]:
    """The student's names and the text of their code: of the notebook, or of the calling script."""
    shell = get_ipython()
    if shell is not None:
        return shell.user_ns, shell.user_ns.get("In", [])
    names = frame.f_back.f_globals
    module = sys.modules.get(names.get("__name__", ""))
    try:
        return names, [inspect.getsource(module)] if module else []
    except (OSError, TypeError):
        return names, []
