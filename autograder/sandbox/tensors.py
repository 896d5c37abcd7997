"""Tensors that pass between a notebook's processes, as from the workers of a DataLoader.

torch passes the file that holds a tensor's memory, over a listening socket, which the inner wall
does not allow; and a worker that cannot pass its batch leaves the loader waiting for ever.
"""

from collections.abc import Callable
from multiprocessing.reduction import ForkingPickler

import torch


def pass_by_value() -> None:
    """Let multiprocessing pickle the numbers themselves, in this process and its later forks."""
    ForkingPickler.register(torch.UntypedStorage, _reduced)


def _reduced(
    storage: torch.UntypedStorage,
) -> tuple[Callable[[bytes], torch.UntypedStorage], tuple[bytes]]:
    numbers = torch.empty(0, dtype=torch.uint8).set_(storage)
    return _restored, (numbers.numpy().tobytes(),)


def _restored(content: bytes) -> torch.UntypedStorage:
    storage = torch.UntypedStorage(len(content))
    if content:
        numbers = torch.empty(0, dtype=torch.uint8).set_(storage)
        numbers.copy_(torch.frombuffer(bytearray(content), dtype=torch.uint8))
    return storage
