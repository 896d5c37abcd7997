"""Dates as people write them, in five places of the world: a real text, made offline."""

import random
import re
from datetime import date, timedelta

from babel.dates import format_date

LOCALES = ("en_US", "en_GB", "de", "fr", "ko")
LENGTHS = ("medium", "long", "full")
FIRST, LAST = date(1950, 1, 1), date(2049, 12, 31)


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
