"""The engine that checks and grades: it knows no problem of its own.

Students import two names, `check` and `answers_of`. The other modules are for authors and
instructors; see CONTRIBUTING.md for the house they make up.
"""

from importlib import import_module
from typing import Any

__all__ = ["answers_of", "check"]

_HOMES = {"answers_of": "autograder.answers", "check": "autograder.checking"}


def __getattr__(name: str) -> Any:
    """Import a name when it is first asked for: it brings torch, and the command line need not."""
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'autograder' has no attribute {name!r}")
