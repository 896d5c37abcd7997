"""What the course's commands share: errors in one line, and a word about unknown options."""

import argparse
import sys
from collections.abc import Callable
from difflib import get_close_matches
from typing import NoReturn

from autograder.errors import MendableError


class OptionsError(MendableError):
    """Options do not fit together, or do not fit the data: says which, and what to do."""


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, without the usage of fifty options above it."""

    def __init__(self, **options: object) -> None:
        super().__init__(allow_abbrev=False, **options)  # type: ignore[arg-type]

    def error(self, message: str) -> NoReturn:
        """Print and exit with status 2."""
        self.exit(2, f"{self.prog}: {message} (--help lists what there is)\n")

    def refuse_unknown(self, words: list[str]) -> None:
        """Refuse an option that does not exist, before any is missed: a typo looks like both."""
        for name in (word.split("=")[0] for word in words if word.startswith("--")):
            if name not in self._option_string_actions:
                near = get_close_matches(name, self._option_string_actions, n=1, cutoff=0.8)
                self.error(
                    f"unrecognized arguments: {name}" + "".join(f": {n} was meant?" for n in near)
                )


def run(parser: Parser, main: Callable[[argparse.Namespace], None]) -> None:
    """Parse the command line and do the work; what a user can mend becomes one line."""
    parser.refuse_unknown(sys.argv[1:])
    args = parser.parse_args()
    try:
        main(args)
    except MendableError as error:
        sys.exit(f"{parser.prog}: {error}")
    except KeyboardInterrupt:
        sys.exit(130)


def pair(text: str) -> tuple[float, float]:
    """Two numbers as fairseq writes them: "(0.9, 0.98)"."""
    try:
        first, second = (float(part) for part in text.strip("() ").split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not two numbers: '(0.9, 0.98)'") from None
    return first, second


def several(text: str) -> list[int]:
    """Numbers parted by commas: one for each epoch, the last for all that follow."""
    return [int(part) for part in text.split(",")]
