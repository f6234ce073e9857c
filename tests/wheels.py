"""Wheels without a line of code: what a package index offers, as far as an installer looks at it."""

import hashlib
import zipfile


def make(folder, name, version, metadata=()):
    """Write a wheel with these lines of metadata (`Requires-Dist: …`) into a folder; return its SHA-256."""
    path = folder / f"{_plain(name)}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for place, text in _files(name, version, metadata).items():
            archive.writestr(place, text)
    return hashlib.sha256(path.read_bytes()).hexdigest()


def unpacked(folder, name, version, metadata=()):
    """Write what such a wheel leaves where it is installed."""
    for place, text in _files(name, version, metadata).items():
        (folder / place).parent.mkdir(exist_ok=True)
        (folder / place).write_text(text)


def _files(name, version, metadata):
    info = f"{_plain(name)}-{version}.dist-info"
    return {
        f"{info}/METADATA": "\n".join(["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}", *metadata, ""]),
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/RECORD": f"{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n",
    }


def _plain(name):
    return name.replace("-", "_")
