"""`os_list.json`: what Raspberry Pi Imager reads to offer an image: where it is, what it has to be, for which machines.

`rpi-imager --repo URL/os_list.json` shows it. The list brings its own machines (`imager.devices`), because Imager asks for
one first and then shows only what bears one of its tags; the tags are those of the official list, so an entry may be taken
over as it is.
Trap: Imager takes absolute URLs only. Without `--base-url` the list has the file's name, and whoever offers it puts the rest
in front.
Source: rpi-imager, doc/json-schema/os-list-schema.json and doc/schema-notes.md (repository format 4, Imager 1.8 and later).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from image.boards.board import Board
from image.errors import ImageError

NAME = "os_list.json"
SCHEMES = ("https", "http", "file")
NO_CUSTOMISATION = "none"  # a node has no users and no shell to put settings in; its configuration comes by `apply-config`
ARCHITECTURES = {"arm64": "armv8"}
SPARE = ";/?:@&=+$,~*'()!"


@dataclass(frozen=True)
class Content:
    """A file: size in bytes and SHA-256 in hex."""

    size: int
    sha256: str


@dataclass(frozen=True)
class Offer:
    """A packed image that is offered: its name, what it is packed and unpacked, and the build's time in seconds since 1970."""

    board: Board
    arch: str
    version: str
    name: str
    packed: Content
    unpacked: Content
    built: int


def check_base_url(url: str) -> None:
    """Raise `ImageError` unless it is empty or begins an absolute URL."""
    parts = urlsplit(url)
    if url and (parts.scheme not in SCHEMES or not (parts.netloc or parts.scheme == "file") or parts.query or parts.fragment):
        raise ImageError(
            f"--base-url {url!r} is no place for files", "such as https://example.com/ophite, or file:///srv/ophite"
        )


def render_list(offer: Offer, base_url: str) -> str:
    """The list with one image as JSON text."""
    machines = [
        {**describe_device(offer.board.summary, list(offer.board.imager)), "matching_type": "exclusive", "default": True},
        {**describe_device("No filtering", []), "matching_type": "inclusive", "default": False},
    ]
    listed = {"imager": {"devices": machines}, "os_list": [describe_offer(offer, base_url)]}
    return json.dumps(listed, indent=1, ensure_ascii=False) + "\n"


def describe_device(name: str, tags: list[str]) -> dict[str, Any]:
    """A kind of machine that Imager asks for."""
    return {"name": name, "tags": tags, "icon": "", "description": ""}


def describe_offer(offer: Offer, base_url: str) -> dict[str, Any]:
    """An entry of the list."""
    return {
        "name": f"Ophite {offer.version} ({offer.board.name})",
        "description": f"Immutable Linux for Kubernetes, for {offer.board.summary}",
        "icon": "",
        "url": join_url(base_url, offer.name),
        "extract_size": offer.unpacked.size,
        "extract_sha256": offer.unpacked.sha256,
        "image_download_size": offer.packed.size,
        "image_download_sha256": offer.packed.sha256,
        "release_date": datetime.fromtimestamp(offer.built, UTC).date().isoformat(),
        "init_format": NO_CUSTOMISATION,
        "devices": list(offer.board.imager),
        "architecture": ARCHITECTURES[offer.arch],
        "capabilities": [],
    }


def join_url(base: str, name: str) -> str:
    """The URL of a file in a place; its name alone where no place is known."""
    return f"{base.rstrip('/')}/{quote(name, safe=SPARE)}" if base else name


def write_list(offer: Offer, base_url: str, output: Path) -> None:
    """Put the list into a directory in place of an older one."""
    scratch = output / f".{NAME}.new"
    scratch.write_text(render_list(offer, base_url))
    scratch.replace(output / NAME)
