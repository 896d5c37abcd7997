"""Two walls between student code and everything else; each holds without the other.

    the grader: solutions, gradebook, secret, network
    ═══════════════ outer wall, around the warm process: bubblewrap ═══════════════════════════════
      no network · no file but Python's and the packages', read only, and one scratch folder ·
      own /proc, /tmp, /dev/shm · all of it dies with the grader
        warm process, which runs no student code
        ───────────── inner wall, around each fork of it: rlimits, Landlock, seccomp ──────────────
          one submission's own folder · no socket · no program · no other process ·
          no more memory, processes and file than a notebook needs
            student code

What gets through one wall alone: the outer one lets a submission read those that run beside it,
start programs, end the warm process, and take all memory; the inner one lets it see names and sizes
of files, /proc and /dev/shm, and as root start processes without limit. tests/test_sandbox.py lists
it attack by attack. On Linux before 6.12, signals reach other processes behind the same outer wall.

Both fail closed: `Walls.check` says in one sentence what is missing, and `doctor` tries every part.
`places` lists what may be read, `syscalls` which system calls are refused. `bubblewrap.command` and
`hand_over` are for who starts the warm process, `inner.prepare` and `tensors` for that process,
`inner.enter` for its forks.
"""

from autograder.sandbox.doctor import Finding, examine
from autograder.sandbox.wall_error import WallError
from autograder.sandbox.walls import Walls

__all__ = ["Finding", "WallError", "Walls", "examine"]
