"""The folders that functions are started from: our bundle and the tutorial's, with and without byte code; boto3."""

import compileall
import hashlib
import shutil
import subprocess
import sys
from pathlib import Path
from py_compile import PycInvalidationMode

from bench.environment import BUILD, ROOT

SRC = ROOT / "src"
TUTORIAL = Path(__file__).parent / "peers" / "tutorial"
FLOOR = TUTORIAL.with_name("floor")
IGNORED = shutil.ignore_patterns("__pycache__", "*.pyc", "requirements.txt")


def bundle() -> Path:
    """Return our bundle, built afresh from the pinned requirements and `src`."""
    return _with_code("bundle", SRC / "requirements.txt", SRC)


def tutorial() -> Path:
    """Return the tutorial's bundle."""
    return _with_code("tutorial", TUTORIAL / "requirements.txt", TUTORIAL)


def runtime() -> Path:
    """Return what Lambda's own runtime brings: boto3, with byte code."""
    folder = _installed("runtime", TUTORIAL / "runtime.txt")
    compileall.compile_dir(folder, quiet=2)
    return folder


def compiled(folder: Path) -> Path:
    """Return a copy of a folder with byte code, as `make build` adds it."""
    target = folder.with_name(folder.name + "-compiled")
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(folder, target)
    compileall.compile_dir(target, quiet=2, invalidation_mode=PycInvalidationMode.CHECKED_HASH)
    return target


def size(folder: Path) -> int:
    """Return the bytes of a folder's files, byte code left out."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc")


def _with_code(name: str, requirements: Path, code: Path) -> Path:
    installed = _installed(f"{name}-libraries", requirements)
    target = BUILD / name
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(installed, target, ignore=IGNORED)
    shutil.copytree(code, target, ignore=IGNORED, dirs_exist_ok=True)
    return target


def _installed(name: str, requirements: Path) -> Path:
    """Install pinned requirements into a folder, once for each version of their file."""
    mark = hashlib.sha256(requirements.read_bytes()).hexdigest()
    target = BUILD / name
    done = target / "done"
    if not done.exists() or done.read_text() != mark:
        shutil.rmtree(target, ignore_errors=True)
        options = ["--quiet", "--no-deps", "--disable-pip-version-check", "--no-compile", "--target", str(target)]
        command = [sys.executable, "-m", "pip", "install", *options, "-r", str(requirements)]
        pip = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
        if pip.returncode:
            raise RuntimeError(f"pip could not install {requirements.name}: {pip.stderr}")
        done.write_text(mark)
    return target
