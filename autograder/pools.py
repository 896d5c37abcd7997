"""Where jobs run: threads of this process, which forks do the work for, or a cluster of dask."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from autograder.errors import MendableError
from autograder.grading import Pool

CONNECT_SECONDS = 10


class ClusterError(MendableError):
    """There is no cluster to work on; says what to do."""


@contextmanager
def local(workers: int) -> Iterator[Pool]:
    """Threads: each waits for a fork of the warm process, which runs on a core of its own."""
    executor = ThreadPoolExecutor(workers)
    try:
        yield Pool(executor, workers, lambda exam: exam)
    finally:
        executor.shutdown(cancel_futures=True)


@contextmanager
def cluster(address: str) -> Iterator[Pool]:
    """The workers of a running dask scheduler ("tcp://host:8786").

    Raises:
        ClusterError: dask is not installed, nobody answers at that address, or no worker is there.
    """
    try:
        from dask.distributed import Client
    except ImportError as error:
        raise ClusterError("--cluster needs dask: install `distributed`") from error
    try:
        client = Client(address, timeout=CONNECT_SECONDS)
    except (OSError, ValueError) as error:
        raise ClusterError(
            f"no dask scheduler answers at {address}: start one with `dask scheduler`, and workers "
            "with `dask worker`, in an environment that has this course installed"
        ) from error
    with client:
        workers = sum(client.nthreads().values())
        if not workers:
            raise ClusterError(f"the scheduler at {address} has no workers: start `dask worker`")
        shared = {}

        def share(exam: object) -> object:
            if id(exam) not in shared:
                (shared[id(exam)],) = client.scatter([exam], broadcast=True)
            return shared[id(exam)]

        yield Pool(client.get_executor(pure=False), workers, share)
