"""What there is to be stolen: canaries in files and in the environment, and listeners."""

from __future__ import annotations

import os
import re
import secrets
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.corpus.entry import Stage

PLACES = {
    "solutions": "solutions/a1_attention_problems.py",
    "gradebook": "gradebook.old.db",
    "secret": ".autograder-secret",
    "student": "submitted/bob/private.txt",
}
"""Canary → the file of the course that ends in it."""

TOKEN = "COURSE_TOKEN"
"""The variable of the grader's environment that holds a canary."""


class Scene:
    """Canaries, and servers on this machine that note whatever they hear."""

    def __init__(self, course: Path, port: int, path: str) -> None:
        kinds = (*PLACES, "environment", "neighbour")
        self.canaries = {kind: f"canary-{kind}-{secrets.token_hex(8)}" for kind in kinds}
        self.course, self.port, self.path = course, port, path
        self.heard: list[str] = []

    def stage(self, name: str) -> Stage:
        """What the attack of that name is told."""
        return Stage(str(self.course), os.getpid(), self.port, self.path, self.word(name))

    def word(self, name: str) -> str:
        """What the attack of that name is to send."""
        return f"word-of-{name}."

    def plant(self, course: Path) -> None:
        """Put the canaries into the files of a course."""
        for kind, place in PLACES.items():
            path = course / place
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("a") as file:
                file.write(f"# {self.canaries[kind]}\n")

    def canaries_in(self, content: bytes) -> list[str]:
        """The kinds of canaries that some bytes hold."""
        return [kind for kind, text in self.canaries.items() if text.encode() in content]

    def listen(self, server: socket.socket) -> None:
        """Note what comes, until the server is closed."""
        while True:
            try:
                if server.type == socket.SOCK_DGRAM:
                    said = server.recv(1_000)
                else:
                    link, _ = server.accept()
                    with link:
                        link.settimeout(2)
                        said = link.recv(1_000)
            except TimeoutError:
                said = b""
            except OSError:
                return
            self.heard += re.findall(r"word-of-\w+\.", said.decode(errors="replace")) or [""]


@contextmanager
def staged(course: Path) -> Iterator[Scene]:
    """A scene around a course that is yet to be made, with its servers at work."""
    with ExitStack() as stack:
        tcp = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        port = tcp.getsockname()[1]
        udp = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        udp.bind(("127.0.0.1", port))
        unix = stack.enter_context(socket.socket(socket.AF_UNIX))
        path = str(course.parent / "socket")
        unix.bind(path)
        os.chmod(path, 0o777)
        unix.listen()
        scene = Scene(course, port, path)
        for server in (tcp, udp, unix):
            threading.Thread(target=scene.listen, args=(server,), daemon=True).start()
            stack.callback(_shut, server)
        yield scene


def _shut(server: socket.socket) -> None:
    """Wake whoever waits at it."""
    try:
        server.shutdown(socket.SHUT_RDWR)
    except OSError:
        server.close()
