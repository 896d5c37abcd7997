"""Transactions on nbgrader's database, and what is wrong with it in a sentence."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DatabaseError, DataError, IntegrityError
from sqlalchemy.orm import Session

from autograder.errors import MendableError

# How long to wait for another program, the formgrader for one, to let go of an SQLite file.
_LOCK_SECONDS = 60.0


class GradebookError(MendableError):
    """The gradebook cannot take grades, or is not there to be read; says what to do."""


def open_engine(url: str) -> Engine:
    """An engine whose transactions on SQLite begin by taking the lock, and wait for it.

    Python's sqlite3 would begin at the first change, after the reads that decide it. See "Enabling
    Non-Legacy SQLite Transactional Modes" in SQLAlchemy's documentation of the SQLite dialect.
    """
    try:
        engine = create_engine(url)
    except (ArgumentError, ImportError) as error:
        raise GradebookError(
            f"CourseDirectory.db_url names no database that can be used here ({error}): correct "
            "it in nbgrader_config.py, or install what it needs"
        ) from error
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _wait_for_locks)
        event.listen(engine, "begin", _take_lock)
    return engine


def _wait_for_locks(connection: Any, _: Any) -> None:
    connection.isolation_level = None  # no BEGIN but ours
    connection.execute(f"PRAGMA busy_timeout = {round(_LOCK_SECONDS * 1000)}")


def _take_lock(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


@contextmanager
def transaction(engine: Engine) -> Iterator[Session]:
    """A session whose every change is committed together, at the end, or not at all.

    Raises:
        GradebookError: the database cannot be used.
    """
    with explained(), Session(engine, autoflush=False) as session, session.begin():
        yield session


@contextmanager
def explained() -> Iterator[None]:
    """Turn what is wrong with the database, not with one submission's entries, into a sentence."""
    try:
        yield
    except (DataError, IntegrityError):
        raise
    except DatabaseError as error:
        reason = " ".join(str(error.orig).split())
        raise GradebookError(
            f"the gradebook cannot be used ({reason}): see that its database is there, may be "
            "written, is held by no other program and is up to date (`nbgrader db upgrade`)"
        ) from error


def file_of(db_url: str) -> Path | None:
    """The file of an SQLite database; None for any other, and for what is none."""
    with suppress(ArgumentError):
        url = make_url(db_url)
        if url.get_backend_name() == "sqlite" and url.database:
            return Path(url.database)
    return None
