"""The files that a notebook may read: the one list that both walls go by.

It names what Python needs and nothing else. The course's own folder is not on it: it holds the
solutions, the submissions, the gradebook and the secret. Of the course, only the folders of the two
packages are; the virtual environment, which may lie in that folder, is named part by part.
"""

import importlib.util
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

PACKAGES = ("autograder", "course")

# Of the environment and of the Python beneath it. Not `share`, `etc` or whatever lies beside.
_PYTHON = ("bin", "lib", "lib64", "pyvenv.cfg")

_SYSTEM = (
    "/lib",  # the loader and the C library; on most systems links into /usr
    "/lib64",
    "/usr/lib",
    "/usr/lib64",
    "/etc/ld.so.cache",  # where the loader finds libraries
    "/etc/localtime",  # local time, of datetime and of log lines
    "/usr/share/zoneinfo",
    "/usr/share/fonts",  # matplotlib looks here for fonts beyond its own
    "/usr/local/share/fonts",
    "/sys/devices/system/cpu",  # torch counts the processor's cores and caches
)


@cache
def readable() -> tuple[Path, ...]:
    """Files and folders that exist on this machine, none of them inside another."""
    found = dict.fromkeys(path for path in _wanted() if path.is_symlink() or path.exists())
    return tuple(path for path in found if not found.keys() & set(path.parents))


def _wanted() -> Iterator[Path]:
    yield from map(Path, _SYSTEM)
    for prefix in (sys.base_prefix, sys.prefix):
        yield from (Path(prefix, part) for part in _PYTHON)
    for name in PACKAGES:
        if spec := importlib.util.find_spec(name):
            yield from map(Path, spec.submodule_search_locations or ())
