"""`python -m tools.build`: SAM CLI builds what `sam deploy` uploads, with or without the runtime's Python at hand.

SAM's stable builder runs pip under exactly the runtime's Python. Where there is none, its builder by uv (still called
beta) fetches the same wheels; it is chosen by metadata of the functions. SAM uploads sources alone. Where the runtime's
Python is, its byte code is added, which halves a cold start.
The processor and the published versions are no parameters of the stack: they are written into what is built, so that
nothing can be built for one processor and deployed for another: `ARCHITECTURE=x86_64 VERSIONS=yes`.
"""

import json
import os
import shutil
import struct
import subprocess
import sys
import time
import zipfile
from io import BytesIO
from pathlib import Path
from typing import Any

from local.template import ROOT, Template, functions, load

PROGRAM = ROOT / ".venv-sam" / "bin" / "sam"
BUILT = ROOT / ".aws-sam" / "build"
# `e_machine` of an ELF file: https://refspecs.linuxfoundation.org/elf/gabi4+/ch4.eheader.html
MACHINES = {62: "x86_64", 183: "arm64"}
WITHOUT = "Python 3.13 is not on this machine: built by uv, without byte code; a cold start takes twice as long"


def runtime_python(version: str = "3.13") -> Path | None:
    """Return the interpreter of a version, from PATH or pyenv's own directory; None if this machine has none.

    pyenv's shims are on PATH for every version that it has installed, and run only those that are chosen: what counts
    is the interpreter that answers.
    """
    root = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    candidates = [shutil.which(f"python{version}"), *sorted(root.glob(f"versions/{version}.*/bin/python{version}"))]
    for candidate in filter(None, candidates):
        command = [candidate, "-c", "import sys; print(sys.executable)"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return Path(done.stdout.strip())
    return None


class WrongArchitecture(Exception):
    """A library of the package is for another processor than the functions; the text names both."""


def merged(under: Any, over: Any) -> Any:
    """Return a template with what another one says on top of it."""
    if not (isinstance(under, dict) and isinstance(over, dict)):
        return over
    return under | {name: merged(under.get(name), part) for name, part in over.items()}


def with_versions(template: Template, release: str) -> Template:
    """Return a copy with versions.yaml on top, in which each function's version is that of a release.

    A published version takes new code and changed parameters only if it is a new one, so each build is a release.
    """
    published = {"Properties": {"AutoPublishCodeSha256": release}}
    result: Template = merged(template, load(ROOT / "versions.yaml"))
    return merged(result, {"Resources": dict.fromkeys(functions(template), published)})  # type: ignore[no-any-return]


def built_from(template: Template, architecture: str, *, by_uv: bool) -> Template:
    """Return a copy that SAM builds for a processor; it may be anywhere."""
    code = str(ROOT / template["Globals"]["Function"]["CodeUri"])
    result: Template = merged(template, {"Globals": {"Function": {"Architectures": [architecture], "CodeUri": code}}})
    for name in functions(template) if by_uv else ():
        result["Resources"][name].setdefault("Metadata", {})["BuildMethod"] = "python-uv"
    return result


def check(built: Path, architecture: str) -> None:
    """Raise WrongArchitecture if a library of an artefact is for another processor.

    It would be found only by what imports it, and no webhook does.
    """
    for path in built.rglob("*.so*"):
        with path.open("rb") as file:
            found = MACHINES.get(struct.unpack_from("<H", file.read(20), 18)[0], "another processor")
        if found != architecture:
            raise WrongArchitecture(f"{path.relative_to(built)} is for {found}, the functions are for {architecture}.")


def build(
    directory: Path = BUILT,
    *options: str,
    python: Path | None = None,
    architecture: str = "arm64",
    versions: bool = False,
) -> None:
    """Build the functions into `directory/<logical id>`: by pip under `python`, with its byte code; by uv without one.

    Raise CalledProcessError when SAM CLI fails; it has said why. Raise WrongArchitecture as `check` does.
    """
    directory.parent.mkdir(parents=True, exist_ok=True)
    source = with_versions(load(), f"{time.time():.0f}") if versions else load()
    template = directory.parent / "built-from.json"
    template.write_text(json.dumps(built_from(source, architecture, by_uv=python is None)), "utf-8")
    options = options if python else ("--beta-features", *options)
    here = python.parent if python else PROGRAM.parent  # uv is beside SAM CLI
    path = os.pathsep.join([str(here), os.environ.get("PATH", os.defpath)])
    command = [PROGRAM, "build", "--template-file", template, "--build-dir", directory, "--no-cached", *options]
    subprocess.run(
        [str(word) for word in command],
        cwd=ROOT,
        env={**os.environ, "PATH": path, "SAM_CLI_TELEMETRY": "0", "PIP_NO_DEPS": "1"},  # the lock is complete
        check=True,
    )
    for built in {artefact(directory, name) for name in functions(load(directory / "template.yaml"))}:
        check(built, architecture)
        if python:
            add_byte_code(built, python)


def add_byte_code(folder: Path, python: Path) -> None:
    """Compile a folder's modules, as they will be in Lambda; raise CalledProcessError if one cannot be compiled.

    The times of files are lost on the way to Lambda, so what Python compares is a hash of the source. Another Python
    reads the sources.
    """
    options = ["--invalidation-mode", "checked-hash", "-s", folder, "-p", "/var/task"]
    subprocess.run([str(word) for word in [python, "-m", "compileall", "-q", *options, folder]], check=True)


def artefact(directory: Path, function: str) -> Path:
    """Return the directory of a built function: SAM's builders differ in whether functions share a directory."""
    built = load(directory / "template.yaml")
    return (directory / functions(built)[function]["CodeUri"]).resolve()


def zipped_size(built: Path) -> int:
    """Return how many bytes of an artefact are uploaded."""
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(built.rglob("*")):
            archive.write(path, path.relative_to(built))
    return buffer.tell()


def size(built: Path) -> int:
    """Return how many bytes an artefact takes unzipped."""
    return sum(path.stat().st_size for path in built.rglob("*") if path.is_file())


def main() -> int:
    """Build, and say how large the package is; return an exit code."""
    python = runtime_python()
    print(f"Built by pip under {python}" if python else WITHOUT, flush=True)
    try:
        build(
            *(BUILT, *sys.argv[1:]),
            python=python,
            architecture=os.environ.get("ARCHITECTURE") or "arm64",
            versions=bool(os.environ.get("VERSIONS")),
        )
    except subprocess.CalledProcessError as error:
        return error.returncode
    except WrongArchitecture as error:
        print(error, file=sys.stderr)
        return 1
    built = artefact(BUILT, "ApiFunction")
    print(f"{zipped_size(built) / 2**20:.1f} MiB zipped, {size(built) / 2**20:.1f} MiB unzipped")
    return 0


if __name__ == "__main__":
    sys.exit(main())
