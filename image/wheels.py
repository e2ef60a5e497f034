"""Python packages of the node: wheels by exact version and hash, unpacked without running anything of them.

`requirements-node.in` says what is wanted, `requirements-node.txt` is the lock made from it, with the hashes of the wheels
of every architecture. Make the lock anew with `python -m image.wheels`.
"""

from __future__ import annotations

import json
import re
import sys
import zipfile
from collections.abc import Sequence
from email.parser import Parser
from pathlib import Path

from image.arch import ARCHES, Arch
from image.cache import Cache, digest
from image.errors import ImageError
from image.run import run

HERE = Path(__file__).parent
WANTED = HERE / "requirements-node.in"
LOCK = HERE / "requirements-node.txt"
PYTHON = "3.13"
NETWORK_TIMEOUT = 900.0  # seconds for one pip call


def pip_target(arch: Arch) -> list[str]:
    """pip's options that choose wheels for the node instead of for this machine."""
    platforms = [word for platform in arch.wheel_platforms for word in ("--platform", platform)]
    abis = ["--abi", "cp313", "--abi", "abi3", "--abi", "none"]
    return ["--python-version", PYTHON, "--implementation", "cp", *abis, *platforms, "--only-binary", ":all:"]


def fetch_wheels(cache: Cache, arch: Arch) -> Path:
    """A directory with the wheels of the lock for `arch`, each checked against its hash by pip."""

    def make(directory: Path) -> None:
        argv: list[str | Path] = [
            sys.executable,
            "-m",
            "pip",
            "download",
            "--quiet",
            "--no-deps",
            "--require-hashes",
            "-d",
            directory,
            "-r",
            LOCK,
        ]
        run([*argv, *pip_target(arch)], timeout=NETWORK_TIMEOUT)

    return cache.entry("wheels", digest(arch.name, LOCK)[:24], make)


def unpack_wheel(wheel: Path, target: Path) -> None:
    """Unpack one wheel's modules into `target`; entries that would leave it are refused."""
    with zipfile.ZipFile(wheel) as archive:
        for info in archive.infolist():
            parts = Path(info.filename).parts
            if info.filename.startswith("/") or ".." in parts:
                raise ImageError(f"{wheel.name}: entry {info.filename!r} leaves the directory", "the wheel is damaged")
        archive.extractall(target)


def read_wheel(wheel: Path) -> tuple[str, str, str]:
    """Name, version and licence that a wheel's METADATA declares (core metadata specification)."""
    with zipfile.ZipFile(wheel) as archive:
        name = next(n for n in archive.namelist() if re.fullmatch(r"[^/]+\.dist-info/METADATA", n))
        fields = Parser().parsestr(archive.read(name).decode())
    classifiers = [c.rpartition(" :: ")[2] for c in fields.get_all("Classifier", []) if c.startswith("License ::")]
    licence = fields.get("License-Expression") or fields.get("License") or ", ".join(classifiers) or "unknown"
    return str(fields["Name"]), str(fields["Version"]), str(licence).strip().splitlines()[0]


def make_lock(arches: Sequence[Arch]) -> str:
    """Resolve `requirements-node.in` for every architecture and render the lock; raises `ImageError` if they disagree."""
    versions: dict[str, str] = {}
    hashes: dict[str, set[str]] = {}
    for arch in arches:
        argv = [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed", "--report", "-"]
        report = run([*argv, "--target", "/nonexistent", "-r", WANTED, *pip_target(arch)], timeout=NETWORK_TIMEOUT)
        for item in json.loads(report)["install"]:
            name, version = item["metadata"]["name"].lower(), item["metadata"]["version"]
            if versions.setdefault(name, version) != version:
                raise ImageError(f"{name}: {versions[name]} and {version}, by architecture", f"pin it in {WANTED.name}")
            hashes.setdefault(name, set()).add(item["download_info"]["archive_info"]["hashes"]["sha256"])
    lines = [f"# Made by `python -m image.wheels` from {WANTED.name}; do not edit."]
    for name in sorted(versions):
        pins = "".join(f" \\\n    --hash=sha256:{value}" for value in sorted(hashes[name]))
        lines.append(f"{name}=={versions[name]}{pins}")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    LOCK.write_text(make_lock(list(ARCHES.values())))
