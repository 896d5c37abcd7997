"""The engine that checks and grades: it knows no problem of its own.

Students import one name, `check`. The other modules are for authors and instructors; see
CONTRIBUTING.md for the house they make up.
"""

from typing import Any

__all__ = ["check"]


def __getattr__(name: str) -> Any:
    """Import `check` when it is first asked for: it brings torch, and the command line need not."""
    if name == "check":
        from autograder.checking import check

        return check
    raise AttributeError(f"module 'autograder' has no attribute {name!r}")
