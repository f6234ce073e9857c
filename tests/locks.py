"""What the locks say, and whether it is all that the installed packages ask for."""

import re
import tomllib
from importlib.metadata import distributions
from typing import NamedTuple

from packaging.markers import Marker, default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from local.template import ROOT

HASH = r" +--hash=sha256:[0-9a-f]{64}"
PIN = re.compile(rf"([a-z0-9.-]+)==([^\s;]+)(?: ; (.+?))? \\\n({HASH}(?: \\\n{HASH})*)\n")
GROUPS = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["dependency-groups"]


class Pin(NamedTuple):
    """One package of a lock; `text` is all of its lines."""

    name: str
    version: str
    marker: str | None
    text: str

    def wanted(self, environment):
        return self.marker is None or Marker(self.marker).evaluate(environment)


def path_of(name):
    return ROOT / "src" / "requirements.txt" if name == "bundle" else ROOT / "requirements" / f"{name}.txt"


def read(name):
    """Return the pins of a lock, by the name of its dependency group."""
    return [Pin(*match.group(1, 2, 3, 0)) for match in PIN.finditer(path_of(name).read_text("utf-8"))]


def asked(group):
    """Return what a dependency group asks for, those that it includes with it."""
    for line in GROUPS[group]:
        if isinstance(line, dict):
            yield from asked(line["include-group"])
        else:
            yield Requirement(line)


def unmet(requirements, pins, folder, python=None):
    """Return a sentence for each requirement, direct or of an installed package, that a lock does not meet.

    `folder` is where the packages are installed, `python` the full version of its Python, if it is not this one.
    """
    versions = {"python_full_version": python, "python_version": ".".join(python.split(".")[:2])} if python else {}
    environment = {**default_environment(), **versions}
    pinned = {pin.name: pin.version for pin in pins if pin.wanted(environment)}
    installed = {canonicalize_name(one.name): one for one in distributions(path=[str(folder)])}
    waiting, seen, found = [("pyproject.toml", one) for one in requirements], set(), []
    while waiting:
        asker, requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        if fault := _fault(requirement, pinned.get(name), installed.get(name)):
            found.append(f"{asker} asks for {requirement}: {fault}")
            continue
        extras = {"", *requirement.extras} - {extra for known, extra in seen if known == name}
        seen |= {(name, extra) for extra in extras}
        for text in installed[name].requires or []:
            further = Requirement(text)
            wanted = further.marker is None or any(
                further.marker.evaluate({**environment, "extra": extra}) for extra in extras
            )
            if wanted:
                waiting.append((f"{name} {pinned[name]}", further))
    return sorted(set(found))


def _fault(requirement, version, distribution):
    if version is None:
        return "it is not pinned"
    if not requirement.specifier.contains(version, prereleases=True):
        return f"{version} is pinned"
    if distribution is None:
        return "it is not installed"
    if distribution.version != version:
        return f"{version} is pinned, and {distribution.version} is installed"
    return None
