"""The engine that checks and grades: it knows no problem of its own.

Students import one name, `check`. The other modules are for authors and instructors; see
CONTRIBUTING.md for the house they make up.
"""

from autograder.check import check

__all__ = ["check"]
