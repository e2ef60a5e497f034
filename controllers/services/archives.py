"""What an image archive holds, read without unpacking: names and digests from its `index.json`.

An archive is an OCI image layout in a tar file (OCI image specification, "Image Layout"); the name of each image is
in the annotation that containerd imports it by.
"""

import json
import tarfile
from pathlib import Path
from typing import Any

import msgspec

from controllers.services.errors import ImportFailed

NAME_ANNOTATIONS = ("io.containerd.image.name", "org.opencontainers.image.ref.name")
MAX_INDEX = 1 << 20
"""Bytes of an `index.json`."""


class ArchivedImage(msgspec.Struct, frozen=True):
    """An image in an archive: its full name, and the digest of its manifest."""

    name: str
    digest: str


def read_archive(path: Path) -> tuple[ArchivedImage, ...]:
    """Return the images of an archive. Raises `ImportFailed` when it is damaged or names none."""
    try:
        with tarfile.open(path) as archive:
            member = archive.getmember("index.json")
            file = archive.extractfile(member)
            if file is None or member.size > MAX_INDEX:
                raise ImportFailed(f"{path.name}: index.json is no file of at most {MAX_INDEX} bytes")
            index = json.loads(file.read())
        images = tuple(_parse_entry(entry) for entry in index["manifests"])
    except (OSError, tarfile.TarError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise ImportFailed(f"{path.name} is no OCI archive: {error}", "build the image anew") from error
    if not images:
        raise ImportFailed(f"{path.name} holds no image", "build the image anew")
    return images


def _parse_entry(entry: Any) -> ArchivedImage:
    """Return one manifest of the index. Raises `KeyError`, `TypeError`, `ValueError`."""
    annotations = entry.get("annotations") or {}
    name = next((annotations[key] for key in NAME_ANNOTATIONS if annotations.get(key)), "")
    if not name:
        raise ValueError("a manifest has no name")
    return ArchivedImage(str(name), str(entry["digest"]))


def parse_image_list(text: str) -> frozenset[ArchivedImage]:
    """Return what `ctr images list` printed: a title line, then REF, TYPE, DIGEST and more in columns."""
    rows = (line.split() for line in text.splitlines()[1:])
    return frozenset(ArchivedImage(row[0], row[2]) for row in rows if len(row) > 2)
