"""What one session has to do, and how it is sent to the process that forks it."""

import json
import socket
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from autograder.executor import wire
from autograder.executor.execution import Limits


@dataclass(frozen=True)
class Task:
    """Cells to run, each with its number in the notebook.

    Requests come later and through a socket of their own, each when it is its turn: what a cell
    can find in memory holds none of them. Where that socket closes, nothing more is wanted.
    `folder` holds `work`, where the cells run, and `home`, for whatever else they write.
    `seconds` is the wall clock left for the cells and all requests.
    """

    folder: str
    cells: Sequence[tuple[int, str]]
    limits: Limits
    seconds: float

    def send(self, link: socket.socket, requests: socket.socket, deadline: float) -> None:
        """Send as a JSON header, then the session's end of the socket of requests."""
        header = {**vars(self), "limits": asdict(self.limits)}
        wire.send(link, json.dumps(header).encode(), deadline)
        wire.send_socket(link, requests)

    @classmethod
    def receive(cls, link: socket.socket) -> "tuple[Task, socket.socket]":
        """Wait for the next task and its socket; raises EOFError where no more come."""
        header = json.loads(wire.receive(link))
        limits = Limits(**header.pop("limits"))
        return cls(**header, limits=limits), wire.receive_socket(link)
