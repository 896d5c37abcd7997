"""What is said where a wall cannot be built."""

from autograder.errors import MendableError


class WallError(MendableError):
    """A wall cannot be had on this machine; says what is missing and what to do."""
