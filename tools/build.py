"""`python -m tools.build`: SAM CLI builds what `sam deploy` uploads, with or without the runtime's Python at hand.

SAM's stable builder runs pip under exactly the runtime's Python. Where there is none, its builder by uv (still called
beta) fetches the same wheels; it is chosen by metadata of the functions, so the template is then built from a copy.
SAM uploads sources alone. Where the runtime's Python is, its byte code is added, which halves a cold start.
Options are handed on: `python -m tools.build --parameter-overrides Architecture=x86_64`.
"""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from io import BytesIO
from pathlib import Path

from local.template import ROOT, Template, functions, load

PROGRAM = ROOT / ".venv-sam" / "bin" / "sam"
BUILT = ROOT / ".aws-sam" / "build"
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


def by_uv(template: Template) -> Template:
    """Return a copy that SAM builds by uv; it may be anywhere."""
    copy: Template = json.loads(json.dumps(template))
    copy["Globals"]["Function"]["CodeUri"] = str(ROOT / template["Globals"]["Function"]["CodeUri"])
    for name in functions(copy):
        copy["Resources"][name]["Metadata"] = {"BuildMethod": "python-uv"}
    return copy


def build(directory: Path = BUILT, *options: str, python: Path | None = None) -> None:
    """Build the functions into `directory/<logical id>`: by pip under `python`, with its byte code; by uv without one.

    Raise CalledProcessError when SAM CLI fails; it has said why.
    """
    directory.parent.mkdir(parents=True, exist_ok=True)
    template = ROOT / "template.yaml"
    if python is None:
        template = directory.parent / "by-uv.json"
        template.write_text(json.dumps(by_uv(load())), "utf-8")
        options = ("--beta-features", *options)
    here = python.parent if python else PROGRAM.parent  # uv is beside SAM CLI
    path = os.pathsep.join([str(here), os.environ.get("PATH", os.defpath)])
    command = [PROGRAM, "build", "--template-file", template, "--build-dir", directory, "--no-cached", *options]
    subprocess.run(
        [str(word) for word in command],
        cwd=ROOT,
        env={**os.environ, "PATH": path, "SAM_CLI_TELEMETRY": "0", "PIP_NO_DEPS": "1"},  # the lock is complete
        check=True,
    )
    if python:
        for built in {artefact(directory, name) for name in functions(load(directory / "template.yaml"))}:
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
        build(BUILT, *sys.argv[1:], python=python)
    except subprocess.CalledProcessError as error:
        return error.returncode
    built = artefact(BUILT, "ApiFunction")
    print(f"{zipped_size(built) / 2**20:.1f} MiB zipped, {size(built) / 2**20:.1f} MiB unzipped")
    return 0


if __name__ == "__main__":
    sys.exit(main())
