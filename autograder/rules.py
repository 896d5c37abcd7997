"""What a notebook's text says of a problem: forbidden calls, and calls of other problems.

Everything is read from the syntax tree, so that a mention in a comment or a string counts for
nothing. Only code that the problem's own definition reaches is looked at: the definition, and the
definitions of the helpers it names. What no text can show (a name built at run time) is seen by
`autograder.probe.Watch` instead; code that evades both is a documented limit and forges nothing.
"""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

_LIBRARIES = ("torch", "scipy")


@dataclass(frozen=True)
class Breach:
    """A forbidden call in the text: its dotted name, and the line within its cell."""

    name: str
    line: int


class Notebook:
    """The definitions and imports of a notebook's code cells, the last of each name counting."""

    def __init__(self, sources: Iterable[str]) -> None:
        self._definitions: dict[str, ast.AST] = {}
        self._imports: dict[str, str] = {}
        self._lines: set[str] = set()
        for source in sources:
            self._lines.update(map(str.strip, source.splitlines()))
            definitions, imports = _scan(source)
            self._definitions.update(definitions)
            self._imports.update(imports)

    def has_line(self, text: str) -> bool:
        """Whether a line of the notebook reads so, indentation aside."""
        return text.strip() in self._lines

    def is_left_unanswered(self, name: str) -> bool:
        """Whether a definition holds the line that marks the place of its answer."""
        definition = self._definitions.get(name)
        return definition is not None and any(map(_is_mark, ast.walk(definition)))

    def says_more_than_raise(self, name: str) -> bool:
        """Whether the body of a definition has other statements beside one, its docstring aside."""
        body: list[ast.stmt] = getattr(self._definitions.get(name), "body", [])
        return len([line for line in body if not _is_docstring(line)]) > 1

    def names(self) -> set[str]:
        """Every name that the notebook defines."""
        return set(self._definitions)

    def breaches(
        self, name: str, forbidden: Sequence[str], modules: Sequence[str] = ()
    ) -> list[Breach]:
        """Forbidden library functions and modules named in code that `name` reaches, in order."""
        found = [
            Breach(dotted, getattr(node, "lineno", 0))
            for definition in self._reached(name)
            for node, dotted in self._library_names(definition)
            if (dotted.startswith(_LIBRARIES) and dotted.rpartition(".")[2] in forbidden)
            or any(f"{dotted}.".startswith(f"{module}.") for module in modules)
        ]
        if not found and name not in self._definitions:  # `from torch import softmax` as the answer
            dotted = self._imports.get(name, "")
            if dotted.startswith(_LIBRARIES) and dotted.rpartition(".")[2] in forbidden:
                found = [Breach(dotted, 1)]
        return found

    def uses(self, name: str, others: Iterable[str]) -> list[str]:
        """Which of the names `others` the definition of `name` and its helpers refer to.

        Names that are nowhere defined count, too: a cell with a mistake in it defines nothing.
        """
        wanted = set(others) - {name}
        named: set[str] = set()
        for definition in self._reached(name, stop=wanted):
            named |= _free_names(definition)
        elsewhere = self._imports.keys() - self._definitions.keys()
        return sorted((wanted & named) - elsewhere)

    def _reached(self, name: str, stop: Iterable[str] = ()) -> Iterator[ast.AST]:
        """The definition of `name` and of every helper it names, directly or not."""
        waiting, seen = [name], {*stop}
        while waiting:
            current = waiting.pop()
            if current in seen or current not in self._definitions:
                continue
            seen.add(current)
            definition = self._definitions[current]
            yield definition
            waiting += sorted(_free_names(definition))

    def _library_names(self, definition: ast.AST) -> Iterator[tuple[ast.AST, str]]:
        for node in ast.walk(definition):
            if isinstance(node, ast.Attribute | ast.Name) and isinstance(node.ctx, ast.Load):
                dotted = self._resolve(node)
                if dotted:
                    yield node, dotted

    def _resolve(self, node: ast.expr) -> str:
        """The dotted library name that an expression stands for, "" where it is none."""
        attributes = []
        while isinstance(node, ast.Attribute):
            attributes.append(node.attr)
            node = node.value
        if not isinstance(node, ast.Name) or node.id in self._definitions:
            return ""
        base = self._imports.get(node.id, "")
        return base and ".".join([base, *reversed(attributes)])


def definitions(source: str) -> str:
    """The imports, functions and classes of a cell, without what the cell does with them."""
    kinds = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    kept = [ast.unparse(node) for node in _statements(source) if isinstance(node, kinds)]
    return "\n".join(kept)


def _is_mark(node: ast.AST) -> bool:
    """Whether a statement is `raise NotImplementedError()`, with brackets or without."""
    raised = getattr(node, "exc", None) if isinstance(node, ast.Raise) else None
    name = raised.func if isinstance(raised, ast.Call) else raised
    return isinstance(name, ast.Name) and name.id == "NotImplementedError"


def _is_docstring(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def _free_names(definition: ast.AST) -> set[str]:
    """The names that a definition takes from the notebook: not its arguments and variables.

    A scratch cell may well have used the same name, for what torch's own function gives.
    """
    nodes = list(ast.walk(definition))
    names = [node for node in nodes if isinstance(node, ast.Name)]
    own = {node.arg for node in nodes if isinstance(node, ast.arg)}
    if isinstance(definition, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        own |= {node.id for node in names if isinstance(node.ctx, ast.Store)}
    return {node.id for node in names if isinstance(node.ctx, ast.Load)} - own


@functools.lru_cache(maxsize=4096)  # a running kernel's history is read at every check
def _scan(source: str) -> tuple[dict[str, ast.AST], dict[str, str]]:
    """The definitions and imports of a cell."""
    definitions: dict[str, ast.AST] = {}
    imports: dict[str, str] = {}
    for statement in _statements(source):
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            definitions[statement.name] = statement
        definitions.update(dict.fromkeys(_assigned(statement), statement))
        for node in ast.walk(statement):
            imports.update(_imported(node))
    return definitions, imports


def _statements(source: str) -> list[ast.stmt]:
    """The statements of a cell; lines of IPython (%magic, !shell) are left out."""
    try:
        return ast.parse(source).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        plain = [line for line in source.splitlines() if not line.lstrip().startswith(("%", "!"))]
    try:
        return ast.parse("\n".join(plain)).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []


def _assigned(statement: ast.stmt) -> list[str]:
    targets: list[ast.expr] = []
    if isinstance(statement, ast.Assign):
        targets = statement.targets
    elif isinstance(statement, ast.AnnAssign | ast.AugAssign):
        targets = [statement.target]
    return [
        node.id for target in targets for node in ast.walk(target) if isinstance(node, ast.Name)
    ]


def _imported(node: ast.AST) -> dict[str, str]:
    """Local name → dotted name, for an import."""
    if isinstance(node, ast.Import):
        return {
            alias.asname or alias.name.partition(".")[0]: alias.name
            if alias.asname
            else alias.name.partition(".")[0]
            for alias in node.names
        }
    if isinstance(node, ast.ImportFrom) and node.module and not node.level:
        return {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
    return {}
