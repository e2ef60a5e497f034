"""An image described by one file, `image.yaml`, and the id of what a build was asked for.

The file is read like a machine configuration: every mistake is told, with its place and the way out. File names in it are
relative to it. Words of the command line come on top and replace what the file says.
The id is the SHA-256 of the canonical form: every field with its default filled in, files by their content and never by their
name, so the same wish has the same id on every host, whichever way it was uttered.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec

from controllers.config.decode import Decoder
from controllers.config.yamltree import TreeError, parse_stream
from image.arch import ARCHES
from image.boards import BOARDS, get_board
from image.cache import digest, digest_bytes, digest_file
from image.context import Options
from image.deliver import NAMES
from image.errors import ImageError
from image.kubernetes import NODE_BINARIES
from image.meta import find_problems
from image.sets import BASE, SETS
from image.sign import SigningKey

API_VERSION, KIND = "ophite/v1", "ImageProfile"
EXAMPLE = "see docs/images.md for an example"
FILES = ("config", "signing_key", "overlay", "kubernetes_sums")  # fields that name a file or a directory


class Profile(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The fields of the file; each is an option of the command line, too."""

    api_version: Literal["ophite/v1"]
    kind: Literal["ImageProfile"]
    board: str | None = None
    arch: str | None = None
    formats: tuple[str, ...] | None = None
    sets: tuple[str, ...] | None = None
    compress: Literal["zstd", "xz"] | None = None
    kubernetes: str | None = None
    kubernetes_url: str | None = None
    kubernetes_sums: str | None = None
    kernel_arguments: tuple[str, ...] | None = None
    config: str | None = None
    preload: tuple[str, ...] | None = None
    meta: dict[str, str] | None = None
    signing_key: str | None = None
    overlay: str | None = None
    image_version: str | None = None
    base_url: str | None = None


def read_profile(path: Path) -> dict[str, Any]:
    """The fields of `Options` that a file sets; raises `ImageError` with everything that is wrong with it."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ImageError(f"{path}: {error.strerror}", "check --profile") from error
    return parse_profile(data, path)


def parse_profile(data: bytes, path: Path) -> dict[str, Any]:
    """Like `read_profile`, of the file's content; `path` is for messages and for the files that it names."""
    try:
        roots = parse_stream(data)
    except TreeError as error:
        raise ImageError(f"{path.name}: {error.problem.message}", error.problem.hint) from error
    if len(roots) != 1:
        raise ImageError(f"{path.name}: {len(roots)} documents, exactly one is expected", EXAMPLE)
    decoder = Decoder(KIND)
    profile = decoder.decode_struct(roots[0], Profile)
    problems = [str(problem) for problem in decoder.problems]
    if profile is not None:
        problems = [f"{KIND}.{problem}" for problem in check_values(profile)]
    if profile is None or problems:
        raise ImageError("\n".join(f"{path.name}: {problem}" for problem in problems), EXAMPLE)
    return convert_profile(profile, path.parent)


def check_values(profile: Profile) -> list[str]:
    """What is wrong with values that have the right type: path, what, and the way out."""
    problems = []
    for name, value, known in (("board", profile.board, BOARDS), ("arch", profile.arch, ARCHES)):
        if value is not None and value not in known:
            problems.append(f"{name}: no {name} {value!r} (one of: {', '.join(sorted(known))})")
    for index, form in enumerate(profile.formats or ()):
        if form not in NAMES:
            problems.append(f"formats[{index}]: no format {form!r} (one of: {', '.join(NAMES)})")
    for index, name in enumerate(profile.sets or ()):
        if name not in SETS:
            problems.append(f"sets[{index}]: no module set {name!r} (one of: {', '.join(SETS)})")
    for index, word in enumerate(profile.kernel_arguments or ()):
        if not word or len(word.split()) != 1:
            problems.append(f"kernelArguments[{index}]: {word!r} is not one word (one item for each)")
    return problems + [f"meta.{problem}" for problem in find_problems(profile.meta or {})]


def convert_profile(profile: Profile, directory: Path) -> dict[str, Any]:
    """The fields of `Options`: what is not set is left out, names of files become paths."""
    values = {name: value for name, value in msgspec.structs.asdict(profile).items() if value is not None}
    del values["api_version"], values["kind"]
    for name in FILES:
        if name in values:
            values[name] = directory / values[name]
    if "preload" in values:
        values["preload"] = tuple(directory / name for name in values["preload"])
    if "kernel_arguments" in values:
        values["command_line"] = " ".join(values.pop("kernel_arguments"))
    if values.get("kubernetes", "source") != "source" and (own := directory / values["kubernetes"]).is_dir():
        values["kubernetes"] = str(own)
    return values


def describe_profile(options: Options, key: SigningKey) -> dict[str, Any]:
    """What was asked for, in the canonical form: JSON values only, and nothing that depends on the host."""
    return {
        "board": options.board,
        "arch": options.architecture,
        "formats": sorted(set(options.formats)),
        "sets": [
            item.name for item in SETS.values() if item.name in set(options.sets) - {BASE, *get_board(options.board).sets}
        ],
        "compress": options.compress,
        "kubernetes": describe_kubernetes(options),
        "kernelArguments": options.command_line.split(),
        "config": options.config and digest_file(options.config),
        "preload": {path.name: digest_file(path) for path in options.preload},
        "meta": dict(options.meta),
        "signingKey": digest_bytes(key.public.encode()),
        "overlay": options.overlay and digest(options.overlay),
        "imageVersion": options.image_version,
        "baseUrl": options.base_url,
    }


def describe_kubernetes(options: Options) -> str | Mapping[str, str]:
    """The release, or the hashes of the user's own programs."""
    directory = Path(options.kubernetes)
    if options.kubernetes == "source" or not directory.is_dir():
        return options.kubernetes.removeprefix("v")
    return {name: digest_file(directory / name) for name in NODE_BINARIES if (directory / name).is_file()}


def identify(description: Mapping[str, Any]) -> str:
    """The id: SHA-256 of the canonical form as JSON."""
    return digest_bytes(json.dumps(description, sort_keys=True, separators=(",", ":")).encode())
