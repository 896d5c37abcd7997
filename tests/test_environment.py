"""One set of pins: what pip, CI and conda install is what requirements.txt says."""

from __future__ import annotations

import importlib.metadata
import os
import sys
import sysconfig
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

ROOT = Path(__file__).parent.parent
PINS = [
    Requirement(line)
    for line in (ROOT / "requirements.txt").read_text().splitlines()
    if line.strip() and not line.startswith("#")
]


def test_every_pin_is_exact_and_installed() -> None:
    assert len(PINS) > 100
    for pin in PINS:
        (specifier,) = pin.specifier
        installed = importlib.metadata.version(pin.name).partition("+")[0]
        assert (specifier.operator, specifier.version) == ("==", installed), pin


def test_everything_installed_is_pinned() -> None:
    names = {pin.name.lower().replace("_", "-") for pin in PINS}
    ours = {"transformer-course", "pip"}
    installed = {
        distribution.name.lower().replace("_", "-").replace(".", "-")
        for distribution in importlib.metadata.distributions(path=[sysconfig.get_path("purelib")])
    }
    assert installed - {name.replace(".", "-") for name in names} - ours == set()


def test_conda_installs_the_same_pins_on_the_same_python() -> None:
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    python, pip, rest = environment["dependencies"]
    assert python == f"python={sys.version_info.major}.{sys.version_info.minor}"
    assert pip == "pip"
    assert rest == {"pip": ["-r requirements.txt", "-e ."]}


def test_what_the_packages_import_is_pinned() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    pinned = {pin.name.lower().replace("_", "-") for pin in PINS}
    assert {Requirement(text).name for text in project["dependencies"]} <= pinned


def test_tests_that_share_a_run_share_a_process(request: pytest.FixtureRequest) -> None:
    """pytest-xdist 3.8 marks groups in an id that pytest 9.2 does not read: notebooks ran twice."""
    assert ("@" in request.node.nodeid) == ("PYTEST_XDIST_WORKER" in os.environ)
