"""Dates as people write them, in five countries: a real text, made offline."""

import functools
import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

import torch
from babel.dates import format_date, get_date_format, tokenize_pattern
from jaxtyping import Bool
from torch import Tensor

LOCALES = ("en_US", "en_GB", "de", "fr", "ko")
Length = Literal["medium", "long", "full"]
LENGTHS: tuple[Length, ...] = ("medium", "long", "full")
FIRST, LAST = date(1950, 1, 1), date(2049, 12, 31)

Days = Literal["train", "valid", "test"]
HELD_OUT = 2_000
"""Days that only "test" has, and as many that only "valid" has; "train" has the others."""

ISO_FIELDS = tuple("yyyy-MM-dd".replace("-", " "))


def written_dates(count: int, seed: int) -> list[str]:
    """`count` dates between 1950 and 2049, each in a place and a length drawn at random.

    "Feb 3, 1962", "3. Februar 1962", "1962년 2월 3일 토요일"; locales of Unicode CLDR, by Babel.
    """
    draw = random.Random(seed)
    days = (LAST - FIRST).days
    return [
        format_date(
            FIRST + timedelta(days=draw.randint(0, days)),
            format=draw.choice(LENGTHS),
            locale=draw.choice(LOCALES),
        )
        for _ in range(count)
    ]


def is_a_date(text: str) -> bool:
    """Whether some day is written so, to the letter, in one of the places and lengths."""
    numbers = {int(digits) for digits in re.findall(r"\d+", text)}
    for year in numbers.intersection(range(FIRST.year, LAST.year + 1)):
        for month in range(1, 13):
            for day in numbers.intersection(range(1, 32)):
                try:
                    when = date(year, month, day)
                except ValueError:
                    continue  # no such day
                forms = (format_date(when, f, locale=place) for f in LENGTHS for place in LOCALES)
                if text in forms:
                    return True
    return False


@dataclass(frozen=True)
class Pair:
    """A text with dates, and the same dates in ISO 8601.

    Attributes:
        source: "Feb 3, 1962".
        target: "1962-02-03".
        source_fields, target_fields: of each character the field it belongs to: "y", "M", "d", and
            "E" for the day of the week; " " for none; "y1" in the first of several dates.
    """

    source: str
    target: str
    source_fields: tuple[str, ...]
    target_fields: tuple[str, ...]

    @property
    def alignment(self) -> Bool[Tensor, "n_t n_s"]:
        """True where a target character and a source character belong to the same field."""
        rows = [[t == s and t != " " for s in self.source_fields] for t in self.target_fields]
        return torch.tensor(rows)


def written(when: date, length: Length, locale: str) -> Pair:
    """A day as it is written in a place."""
    source, fields = "", ""
    for field, pattern in _parts(length, locale):
        part = format_date(when, pattern, locale) if field != " " else pattern
        source, fields = source + part, fields + field * len(part)
    return Pair(source, when.isoformat(), tuple(fields), ISO_FIELDS)


def joined(pairs: Sequence[Pair]) -> Pair:
    """Several dates in one line: ", " between the written ones, "," between the others."""
    parts = [_numbered(pair, str(number)) for number, pair in enumerate(pairs, start=1)]
    return Pair(
        ", ".join(pair.source for pair in pairs),
        ",".join(pair.target for pair in pairs),
        tuple(name for source, _ in parts for name in (*source, " ", " "))[:-2],
        tuple(name for _, target in parts for name in (*target, " "))[:-1],
    )


def drawn(count: int, draw: random.Random, days: Days = "train", dates: int = 1) -> list[Pair]:
    """`count` lines of so many dates each: days of one of the three sets, all else at random."""
    known = split()[days]
    pairs = [
        written(known[draw.randrange(len(known))], draw.choice(LENGTHS), draw.choice(LOCALES))
        for _ in range(count * dates)
    ]
    lines = [pairs[i : i + dates] for i in range(0, len(pairs), dates)]
    return [joined(line) if dates > 1 else line[0] for line in lines]


@functools.cache
def split() -> dict[Days, tuple[date, ...]]:
    """All days, each in one of three sets, so that none is both learnt and tested."""
    days = [FIRST + timedelta(days=i) for i in range((LAST - FIRST).days + 1)]
    random.Random(0).shuffle(days)
    return {
        "test": tuple(days[:HELD_OUT]),
        "valid": tuple(days[HELD_OUT : 2 * HELD_OUT]),
        "train": tuple(days[2 * HELD_OUT :]),
    }


@functools.cache
def alphabet() -> tuple[str, ...]:
    """Every character of the written dates, in all months, days of the week, places and lengths."""
    days = (date(2001, month, day) for month in range(1, 13) for day in range(1, 8))
    texts = (written(when, f, place).source for when in days for f in LENGTHS for place in LOCALES)
    return tuple(sorted({*"0123456789".join(texts)}))


def _numbered(pair: Pair, number: str) -> list[list[str]]:
    """The fields of a pair, source and target, with a number behind each name."""
    both = (pair.source_fields, pair.target_fields)
    return [[name if name == " " else name + number for name in names] for names in both]


@functools.cache
def _parts(length: Length, locale: str) -> tuple[tuple[str, str], ...]:
    """The pattern of a form in parts: (field, its own pattern), or (" ", the characters)."""
    parts = []
    for _, value in tokenize_pattern(get_date_format(length, locale).pattern):
        letter, count = value if isinstance(value, tuple) else (" ", 0)
        parts.append((letter, letter * count or str(value)))
    return tuple(parts)
