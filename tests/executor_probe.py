"""A stand-in for `autograder.probe`: the request is an expression over the notebook's names."""

from typing import Any


def answer(namespace: dict[str, Any], request: bytes) -> bytes:
    return str(eval(request, namespace)).encode()
