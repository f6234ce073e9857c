"""The locks: complete, closed, and of one mind. What installs them is tested in tests/local/test_install.py."""

import os
import re
import sysconfig
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests import locks, wheels

HERE = ("run", "dev", "browser", "bundle")  # in the environment that runs the tests, browser not always
APART = ("emulator", "fuzz", "audit", "checkov", "sam")


def environment_of(name):
    """Return where a lock is installed and the version of Python there; skip if it is not, unless LOCKS=required."""
    if name in HERE:
        folder, python = Path(sysconfig.get_path("purelib")), None
        present = name != "browser" or (folder / "playwright").exists()
    else:
        home = locks.ROOT / f".venv-{name}"
        present = (home / "done").exists()
        python = re.search(r"^version = (\S+)", (home / "pyvenv.cfg").read_text(), re.MULTILINE)[1] if present else None
        folder = home / "lib" / f"python{'.'.join((python or '').split('.')[:2])}" / "site-packages"
    if not present:
        how = "make .venv/browser" if name == "browser" else f"make .venv-{name}/done"
        (pytest.fail if os.environ.get("LOCKS") == "required" else pytest.skip)(f"{name} is not installed: `{how}`")
    return folder, python


@pytest.mark.parametrize("name", [*HERE, *APART])
def test_whatever_an_installed_package_asks_for_is_pinned_and_installed(name):
    folder, python = environment_of(name)

    assert locks.unmet(locks.asked(name), locks.read(name), folder, python) == []


@pytest.mark.parametrize("name", [*HERE, *APART])
def test_a_lock_holds_versions_and_hashes_and_nothing_else(name):
    text = locks.path_of(name).read_text("utf-8")

    assert text
    assert "".join(pin.text for pin in locks.read(name)) == text


def test_each_group_of_pyproject_has_its_lock():
    assert set(locks.GROUPS) == {*HERE, *APART}
    assert {path.stem for path in (locks.ROOT / "requirements").iterdir()} == set(locks.GROUPS) - {"bundle"}


@pytest.mark.parametrize(("part", "whole"), [("run", "dev"), ("bundle", "run")])
def test_what_runs_is_what_is_tested(part, whole):
    versions = {pin.name: pin.version for pin in locks.read(whole)}

    assert {pin.name: pin.version for pin in locks.read(part)}.items() <= versions.items()


def test_the_browsers_layer_changes_no_version_of_the_one_below():
    below = {pin.name: pin.version for pin in locks.read("dev")}

    assert [pin for pin in locks.read("browser") if below.get(pin.name, pin.version) != pin.version] == []


@pytest.mark.parametrize(
    ("pinned", "installed", "fault"),
    [
        ({"cover": "7.1", "toml": "2.0"}, {"cover": "7.1", "toml": "2.0"}, None),
        ({"cover": "7.1"}, {"cover": "7.1"}, 'cover 7.1 asks for toml>1; extra == "toml": it is not pinned'),
        (
            {"cover": "7.1", "toml": "2.0"},
            {"cover": "7.1"},
            'cover 7.1 asks for toml>1; extra == "toml": it is not installed',
        ),
        (
            {"cover": "7.1", "toml": "2.0"},
            {"cover": "7.1", "toml": "2.1"},
            'cover 7.1 asks for toml>1; extra == "toml": 2.0 is pinned, and 2.1 is installed',
        ),
        (
            {"cover": "6.9", "toml": "2.0"},
            {"cover": "6.9", "toml": "2.0"},
            "plugin 1.0 asks for cover[toml]>=7: 6.9 is pinned",
        ),
    ],
)
def test_what_is_not_met_is_named_extras_included(tmp_path, pinned, installed, fault):
    requires = {
        "plugin": ["Requires-Dist: cover[toml]>=7", "Requires-Dist: never; python_version < '3'"],
        "cover": ["Requires-Dist: toml>1; extra == 'toml'", "Requires-Dist: never; extra == 'other'"],
    }
    for name, version in {"plugin": "1.0", **installed}.items():
        wheels.unpacked(tmp_path, name, version, requires.get(name, ()))
    pins = [locks.Pin(name, version, None, "") for name, version in {"plugin": "1.0", **pinned}.items()]

    # `cover` is asked for without its extra too, and the extra counts all the same.
    found = locks.unmet([Requirement("plugin"), Requirement("cover")], pins, tmp_path)

    assert found == ([fault] if fault else [])
