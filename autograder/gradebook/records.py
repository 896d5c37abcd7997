"""What was graded last of each student: a table of ours beside nbgrader's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import String, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


@dataclass(frozen=True)
class Record:
    """What was graded last of a student.

    Attributes:
        fingerprint: of all that the grades depend on; an equal one needs no second grading.
        rows: the graded problems as JSON takes them.
    """

    fingerprint: str
    rows: list[dict[str, Any]]


class Table(DeclarativeBase):
    """Tables that are not nbgrader's: its migrations neither know nor touch them."""


class RecordRow(Table):
    """A `Record` in the database.

    `notebook` is the id of nbgrader's submitted notebook, new whenever one is made: a record
    outlives no grades. No foreign key, which would keep nbgrader from removing a submission.
    """

    __tablename__ = "autograder_record"

    student: Mapped[str] = mapped_column(String(128), primary_key=True)
    assignment: Mapped[str] = mapped_column(String(128), primary_key=True)
    notebook: Mapped[str] = mapped_column(String(32))
    fingerprint: Mapped[str] = mapped_column(Text)
    rows: Mapped[str] = mapped_column(Text)
