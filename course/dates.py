"""Dates as people write them, in five places of the world: a real text, made offline."""

import random
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
