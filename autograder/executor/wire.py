"""Frames, a length and that many bytes: the only thing that passes between the processes.

Bytes cannot do anything to who reads them. Nothing here or above ever unpickles.
"""

import socket
import struct
import time

_LENGTH = struct.Struct("!Q")
_CHUNK = 1 << 20


def send(link: socket.socket, payload: bytes, deadline: float | None = None) -> None:
    """Send one frame. Past `deadline` (of `time.monotonic`) raises TimeoutError."""
    for part in (_LENGTH.pack(len(payload)), payload):
        link.settimeout(_remaining(deadline))
        link.sendall(part)


def receive(link: socket.socket, limit: int | None = None, deadline: float | None = None) -> bytes:
    """The next frame.

    Raises EOFError where the other end is gone, TimeoutError past `deadline` (of
    `time.monotonic`), and ValueError on a frame longer than `limit`, which it does not read.
    """
    (length,) = _LENGTH.unpack(_exactly(link, _LENGTH.size, deadline))
    if limit is not None and length > limit:
        raise ValueError(f"a frame of {length} bytes where at most {limit} are taken")
    return _exactly(link, length, deadline)


def send_socket(link: socket.socket, passed: socket.socket) -> None:
    """Hand a socket over to the process at the other end."""
    socket.send_fds(link, [b"s"], [passed.fileno()])


def receive_socket(link: socket.socket) -> socket.socket:
    """The socket that the other end hands over. Raises EOFError where it is gone."""
    _, descriptors, _, _ = socket.recv_fds(link, 1, 1)
    if not descriptors:
        raise EOFError("the other end closed")
    return socket.socket(fileno=descriptors[0])


def _exactly(link: socket.socket, size: int, deadline: float | None) -> bytes:
    data = bytearray()
    while len(data) < size:
        link.settimeout(_remaining(deadline))
        try:
            chunk = link.recv(min(size - len(data), _CHUNK))
        except ConnectionResetError:
            chunk = b""
        if not chunk:
            raise EOFError("the other end closed")
        data += chunk
    return bytes(data)


def _remaining(deadline: float | None) -> float | None:
    """Seconds until `deadline`, never 0 because a socket takes that for "do not wait"."""
    if deadline is None:
        return None
    remaining = deadline - time.monotonic()
    if remaining <= 0:
        raise TimeoutError("the deadline has passed")
    return remaining
