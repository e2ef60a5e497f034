"""The command line of the build: words, and a profile below them."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from image.arch import ARCHES
from image.boards import BOARDS
from image.context import Options
from image.deliver import COMPRESSORS, NAMES
from image.meta import parse_words
from image.profile import read_profile
from image.sets import SETS


def parse_options(argv: Sequence[str]) -> tuple[Options, bool]:
    """The command line → options, and whether to be quiet. What it does not say comes from the profile, and what that does
    not say from the defaults of `Options`. Raises `ImageError` for a profile or values that cannot be used."""
    values = vars(make_parser().parse_args(argv))
    quiet = values.pop("quiet", False)
    profile: Path | None = values.pop("profile", None)
    below = read_profile(profile) if profile is not None else {}
    return Options(**{**below, **convert_words(values)}), quiet


def convert_words(values: dict[str, Any]) -> dict[str, Any]:
    """What was said, as fields of `Options`."""
    converted = dict(values)
    if "preload" in values:
        converted["preload"] = tuple(values["preload"])
    for name in ("formats", "sets"):
        if name in values:
            converted[name] = tuple(dict.fromkeys(values[name]))
    if "meta" in values:
        converted["meta"] = parse_words(values["meta"])
    return converted


def make_parser() -> argparse.ArgumentParser:
    """All options; one that is not said is not among the parsed values."""
    parser = argparse.ArgumentParser(
        prog="image.build", description="Build an Ophite image. No root is needed.", argument_default=argparse.SUPPRESS
    )
    add = parser.add_argument
    add("--profile", type=Path, metavar="FILE", help="image.yaml; what else is said here replaces what it says")
    add("--output", type=Path, required=True, metavar="DIR", help="where the image goes")
    add("--board", choices=sorted(BOARDS), help="the kind of machine (default: cloud)")
    add("--arch", choices=sorted(ARCHES), help="the processor (default: the first that the board has)")
    add("--format", action="append", choices=NAMES, dest="formats", help="what to make, several times (default: raw)")
    add("--set", action="append", choices=tuple(SETS), dest="sets", metavar="NAME", help="drivers to put in (docs/images.md)")
    add("--compress", choices=tuple(COMPRESSORS), help="pack what --format makes")
    add("--kubernetes", metavar="source|VERSION|DIR", help="where Kubernetes comes from (default: source)")
    add("--kubernetes-url", metavar="TEMPLATE", help="release mirror: a URL with {version} {arch} {name}")
    add("--kubernetes-sums", type=Path, metavar="FILE", help="SHA-256 sums of the release, as sha256sum writes them")
    add("--config", type=Path, metavar="FILE", help="machine configuration to put into the image")
    add("--preload", type=Path, action="append", metavar="OCI.tar", help="container image to put in")
    add("--command-line", metavar="WORDS", help="more words for the kernel")
    add("--meta", action="append", metavar="KEY=VALUE", help="a value for META, such as user.site=berlin")
    add("--signing-key", type=Path, metavar="FILE", help="Ed25519 key in PEM (default: a key of yours, made once)")
    add("--overlay", type=Path, metavar="DIR", help="files to lay over the root: DIR/etc/x becomes /etc/x")
    add("--base-url", metavar="URL", help="where the image will be offered: goes into the list for flash tools")
    add("--image-version", metavar="X.Y.Z", help="the image's version (default: the project's)")
    add("--mirror", metavar="URL", help="Debian mirror (default: the one that the host's apt uses)")
    add("--refresh", action="store_true", help="look for newer packages")
    add("--rebuild", action="store_true", help="make everything again that is not downloaded or built from source")
    add("--quiet", action="store_true", help="say nothing but errors")
    return parser
