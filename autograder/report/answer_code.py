"""What a student wrote as an answer, made fit to be compared with others' and to be shown.

Any text may come: what Python cannot read is compared as it stands, and not shown.
"""

from __future__ import annotations

import ast
import functools
import re
import warnings
from collections.abc import Iterable, Iterator, Sequence

MAX_CHARACTERS = 20_000
MAX_TOKENS = 2_000
"""Of an answer no more is looked at. The longest of the course's own has 1,500, and 450."""

MAX_LINES = 24
MAX_WIDTH = 120
GAP = "…"


def tokens(code: str, stub: str, problems: Iterable[str]) -> tuple[str, ...]:
    """The words and signs of an answer, without what says nothing of who wrote it.

    Gone are comments, docstrings, white space and brackets that change nothing; lines of the
    released cell; and the names that the answer gives to its own variables, arguments and helpers
    (v1, v2, … in the order in which they appear). Names of libraries stay, and those of `problems`,
    which the contract fixes.
    """
    text, own = _rewritten(code) or (code[:MAX_CHARACTERS], set())
    released = _lines_of(stub)
    kept = [line for line in text.splitlines() if line.strip() not in released]
    own -= set(problems)
    return tuple(_renamed(re.findall(r"\w+|[^\w\s]", "\n".join(kept)), own))[:MAX_TOKENS]


def excerpt(code: str, stub: str, solutions: Iterable[str]) -> list[str]:
    """The lines of an answer that the course's own solutions do not have; … for the others.

    So the page gives no solution away, and what is left is where the mistake lies. Comments and
    docstrings, which may hold names, are gone.

    Returns:
        Lines, shortened; none where Python cannot read the answer.
    """
    found = _rewritten(code)
    if found is None:
        return []
    hidden = {line for solution in solutions for line in _lines_of(solution)} - _lines_of(stub)
    return _shortened(list(_without(found[0].splitlines(), hidden)))


def _rewritten(code: str) -> tuple[str, set[str]] | None:
    """A cell as Python itself would write it, and the names that it gives.

    Comments, docstrings and lines of IPython are gone; None where Python cannot read the rest.
    """
    lines = code[:MAX_CHARACTERS].splitlines()
    text = "\n".join(line for line in lines if not line.lstrip().startswith(("%", "!")))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of Python, on a student's "\d"
            tree = ast.parse(text)
        for node in ast.walk(tree):
            _strip(node)
        return ast.unparse(tree), _own_names(tree)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _strip(node: ast.AST) -> None:
    """Take statements that are only a string out of a block."""
    body = getattr(node, "body", None)
    if isinstance(body, list):
        kept = [statement for statement in body if not _is_string(statement)]
        needed = [] if isinstance(node, ast.Module) else [ast.Pass()]
        node.body = kept or needed  # type: ignore[attr-defined]


def _is_string(statement: ast.AST) -> bool:
    value = getattr(statement, "value", None) if isinstance(statement, ast.Expr) else None
    return isinstance(value, ast.Constant) and isinstance(value.value, str)


@functools.lru_cache
def _lines_of(code: str) -> frozenset[str]:
    """The lines of a cell of the course's, rewritten in the same way."""
    text, _ = _rewritten(code) or (code, set())
    return frozenset(line.strip() for line in text.splitlines())


def _own_names(tree: ast.Module) -> set[str]:
    named = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    nodes = list(ast.walk(tree))
    return (
        {node.arg for node in nodes if isinstance(node, ast.arg)}
        | {node.id for node in nodes if isinstance(node, ast.Name) and not _is_read(node)}
        | {node.name for node in nodes if isinstance(node, named)}
    )


def _is_read(name: ast.Name) -> bool:
    return isinstance(name.ctx, ast.Load)


def _renamed(words: Sequence[str], own: set[str]) -> Iterator[str]:
    numbers: dict[str, int] = {}
    for before, word in zip(("", *words), words, strict=False):
        if word in own and before != ".":
            yield f"v{numbers.setdefault(word, len(numbers) + 1)}"
        else:
            yield word


def _without(lines: Sequence[str], hidden: set[str]) -> Iterator[str]:
    """The lines, with one … in the place of neighbours that are hidden."""
    was_hidden = False
    for line in lines:
        is_hidden = line.strip() in hidden
        if not is_hidden:
            yield line
        elif not was_hidden:
            yield line[: len(line) - len(line.lstrip())] + GAP
        was_hidden = is_hidden


def _shortened(lines: Sequence[str]) -> list[str]:
    narrow = [line if len(line) <= MAX_WIDTH else line[: MAX_WIDTH - 1] + GAP for line in lines]
    return narrow if len(narrow) <= MAX_LINES else [*narrow[: MAX_LINES - 1], GAP]
