"""What one session has to do, and how it is sent to the warm process."""

import json
import socket
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from autograder.executor import wire
from autograder.executor.execution import Limits


@dataclass(frozen=True)
class Task:
    """Cells to run, each with its number in the notebook, then requests to answer.

    `folder` holds `work`, where the cells run, and `home`, for whatever else they write.
    `seconds` is the wall clock left for all of it.
    """

    folder: str
    cells: Sequence[tuple[int, str]]
    requests: Sequence[bytes]
    limits: Limits
    seconds: float

    def send(self, link: socket.socket, deadline: float) -> None:
        """Send as a JSON header and one frame per request."""
        header = {**vars(self), "requests": len(self.requests), "limits": asdict(self.limits)}
        wire.send(link, json.dumps(header).encode(), deadline)
        for request in self.requests:
            wire.send(link, request, deadline)

    @classmethod
    def receive(cls, link: socket.socket) -> "Task":
        """Wait for the next task; raises EOFError where no more come."""
        header = json.loads(wire.receive(link))
        limits = Limits(**header.pop("limits"))
        requests = [wire.receive(link) for _ in range(header.pop("requests"))]
        return cls(**header, requests=requests, limits=limits)
