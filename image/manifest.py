"""manifest.json: everything that is in an image, with versions, hashes and licences, and what the image measures."""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from image.cache import digest, digest_file
from image.context import Context
from image.executables import LINKS
from image.kmod import read_modules
from image.kubernetes import NODE_BINARIES
from image.profile import describe_profile, identify
from image.rootfs import name_binaries
from image.set_sizes import measure_sets
from image.wheels import read_wheel

LICENCE_FIELD = re.compile(r"^License:[ \t]*(\S.*)$", re.MULTILINE)
KUBERNETES_LICENCE = "Apache-2.0"


def render_manifest(context: Context, outputs: dict[str, Path]) -> str:
    """The manifest as JSON text; no path or time of the build host is in it."""
    image = context.root_image
    profile = describe_profile(context.options, context.key)
    manifest: dict[str, Any] = {
        "version": context.version,
        "board": context.board.name,
        "arch": context.arch.name,
        "built": context.epoch,
        "profile": {"id": identify(profile), **profile},
        "kernel": context.kernel_version,
        "sets": describe_sets(context),
        "kubernetes": context.kubernetes.version,
        "root": {
            "hash": image.root_hash,
            "salt": image.salt,
            "blocks": image.blocks,
            "tree_bytes": image.tree_bytes,
        },
        "files": describe_all(outputs),
        "packages": [describe_package(context, name) for name in sorted(context.trees)],
        "wheels": [describe_wheel(path) for path in sorted(context.wheels.glob("*.whl"))],
        "binaries": [describe_binary(context, name) for name in NODE_BINARIES],
        "images": [{"name": path.name, "sha256": digest_file(path)} for path in context.preloads],
        "modules": sorted(module.name for module in context.modules),
        "firmware": {file.name: file.bytes for file in context.firmware},
        "executables": describe_executables(context),
        "links": {f"/{name}": target for name, target in sorted(LINKS.items())},
    }
    return json.dumps(manifest, indent=1, sort_keys=True) + "\n"


def describe_all(outputs: dict[str, Path]) -> dict[str, dict[str, Any]]:
    """Size and SHA-256 of each file; threads, because a hash over gigabytes holds nobody up but itself."""
    names = sorted(outputs)
    with ThreadPoolExecutor() as pool:
        return dict(zip(names, pool.map(describe, (outputs[name] for name in names)), strict=True))


def describe(path: Path) -> dict[str, Any]:
    """Size in bytes and SHA-256."""
    return {"bytes": path.stat().st_size, "sha256": digest_file(path)}


def describe_sets(context: Context) -> list[dict[str, Any]]:
    """What each module set brings, in bytes."""
    top = context.kernel / "usr/lib/modules" / context.kernel_version
    modules = read_modules(top, context.cache, context.kernel.name)
    return [size.describe() for size in measure_sets(context.sets, modules, top, context.trees)]


def describe_package(context: Context, name: str) -> dict[str, Any]:
    """One Debian package."""
    package = next(package for package in context.packages if package.name == name)
    return {
        "name": name,
        "version": package.version,
        "source": package.source,
        "sha256": package.sha256,
        "licences": read_licences(context.trees[name], name),
    }


def read_licences(tree: Path, name: str) -> list[str]:
    """The licences that a package's copyright file names (Debian's machine-readable format), sorted."""
    path = tree / "usr/share/doc" / name / "copyright"
    try:
        text = path.read_text(errors="replace")
    except OSError:
        return ["see the source package"]  # the file is a link into a package that the image does not use
    return sorted({match.strip() for match in LICENCE_FIELD.findall(text)}) or ["see the source package"]


def describe_wheel(path: Path) -> dict[str, Any]:
    """One Python package."""
    name, version, licence = read_wheel(path)
    return {"name": name, "version": version, "sha256": digest_file(path), "licences": [licence]}


def describe_binary(context: Context, name: str) -> dict[str, Any]:
    """One program of Kubernetes; its hash is among the executables."""
    return {"name": name, "version": context.kubernetes.version, "licences": [KUBERNETES_LICENCE]}


def describe_executables(context: Context) -> list[dict[str, Any]]:
    """Every program with its reason and hash. The hashes are cached by where the programs come from, which is never our
    code: there is half a gigabyte to read."""
    items = context.executables

    def make(directory: Path) -> None:
        hashes = {item.path: digest_file(context.root / item.path) for item in items}
        (directory / "hashes.json").write_text(json.dumps(hashes))

    given = [package.sha256 for package in context.packages]
    key = digest(given, name_binaries(context), [item.path for item in items], context.options.overlay)
    entry = context.cache.entry("hashes", key[:24], make)
    hashes = json.loads((entry / "hashes.json").read_text())
    return [{"path": f"/{item.path}", "why": item.why, "sha256": hashes[item.path]} for item in items]
