"""Run the cells of a notebook and ask its functions, where a submission can do no harm.

    trusted            Executor ── WarmProcess ·············· socketpair, bytes only
                                        :
    runs no one's code            zygote: imports torch once, forks and guards
                                        │ fork, one per submission
    untrusted                     session: runs the cells in a shell
                                        │ fork, one per problem
                                  probe: answers one request

`execution` holds the results and reads the untrusted bytes; `task` and `wire` say what goes over
the socket; `shell` and `outputs` are IPython without messaging; `confine` limits a session.
"""

from autograder.executor.execution import CellRun, Execution, Failure, Limits
from autograder.executor.executor import Executor
from autograder.executor.warm_process import ExecutorError

__all__ = ["CellRun", "Execution", "Executor", "ExecutorError", "Failure", "Limits"]
