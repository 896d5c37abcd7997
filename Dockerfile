# Linux for those who have none: grading behind both walls, on macOS and Windows.
#
#   docker build --tag transformer-course .
#   docker run --rm --interactive --tty --volume "$PWD:/course" --security-opt seccomp=unconfined \
#       transformer-course make grade
#
# Docker's own seccomp profile forbids what bubblewrap does, hence the option: the walls of the
# course stand inside. JupyterLab: add --publish 8888:8888, and `make lab LAB_FLAGS="--allow-root
# --ip 0.0.0.0"`.
FROM python:3.11-slim-bookworm

RUN apt-get update \
    && apt-get install --yes --no-install-recommends bubblewrap git make \
    && rm --recursive /var/lib/apt/lists/*

# The environment lies outside the mounted folder, so that a .venv of the host is not used.
ENV VENV=/opt/course-venv
WORKDIR /course
COPY requirements.txt pyproject.toml Makefile ./
COPY autograder autograder
COPY course course
RUN make VENV=$VENV $VENV/.ready

ENV MAKEFLAGS="VENV=/opt/course-venv"
CMD ["make"]
