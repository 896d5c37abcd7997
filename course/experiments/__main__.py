"""`python -m course.experiments [NAME ...]`: run those named, or all, and write their tables."""

import argparse

from course.experiments import EXPERIMENTS
from course.experiments.tables import write


def main() -> None:
    """The command line of `make experiments`."""
    parser = argparse.ArgumentParser(prog="course.experiments", description=__doc__)
    parser.add_argument("names", nargs="*", default=EXPERIMENTS, metavar="NAME")
    for name in parser.parse_args().names:
        print(f"running {name} …", flush=True)
        write(name)


if __name__ == "__main__":
    main()
