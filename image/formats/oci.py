"""OCI image archives (OCI image-spec: image layout in a tar), deterministic: the same input gives the same bytes."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"
INDEX = "application/vnd.oci.image.index.v1+json"
CREATED = "1970-01-01T00:00:00Z"


@dataclass(frozen=True)
class Entry:
    """One file of a layer, or a directory when `data` is None."""

    data: bytes | None
    mode: int


@dataclass(frozen=True)
class Image:
    """An image of one layer."""

    name: str  # with its tag
    architecture: str  # Go's name
    entries: Mapping[str, Entry]  # path without a leading slash
    entrypoint: Sequence[str] = ()


def encode_image(image: Image) -> bytes:
    """The archive's bytes. containerd and others take the image's name from the index's annotations."""
    layer = encode_tar(image.entries)
    config = _json(
        {
            "created": CREATED,
            "architecture": image.architecture,
            "os": "linux",
            "config": {"Entrypoint": list(image.entrypoint)} if image.entrypoint else {},
            "rootfs": {"type": "layers", "diff_ids": [_digest(layer)]},
            "history": [{"created": CREATED}],
        }
    )
    manifest = _json(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": _describe(CONFIG, config),
            "layers": [_describe(LAYER, layer)],
        }
    )
    named = _describe(MANIFEST, manifest) | {
        "annotations": {
            "io.containerd.image.name": image.name,
            "org.opencontainers.image.ref.name": image.name.rpartition(":")[2],
        },
        "platform": {"architecture": image.architecture, "os": "linux"},
    }
    files = {"oci-layout": _json({"imageLayoutVersion": "1.0.0"})}
    files["index.json"] = _json({"schemaVersion": 2, "mediaType": INDEX, "manifests": [named]})
    files |= {f"blobs/sha256/{hashlib.sha256(blob).hexdigest()}": blob for blob in (layer, config, manifest)}
    return encode_tar({name: Entry(data, 0o644) for name, data in files.items()})


def encode_tar(entries: Mapping[str, Entry]) -> bytes:
    """A tar with these entries in order of name, owned by root, without times; directories above a file are added."""
    complete = dict(entries)
    for name in entries:
        for depth in range(1, len(parts := name.split("/"))):
            complete.setdefault("/".join(parts[:depth]), Entry(None, 0o755))
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name in sorted(complete):
            entry = complete[name]
            info = tarfile.TarInfo(name)
            info.mode = entry.mode
            if entry.data is None:
                info.type = tarfile.DIRTYPE
                archive.addfile(info)
            else:
                info.size = len(entry.data)
                archive.addfile(info, io.BytesIO(entry.data))
    return stream.getvalue()


def _json(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def _digest(blob: bytes) -> str:
    return f"sha256:{hashlib.sha256(blob).hexdigest()}"


def _describe(kind: str, blob: bytes) -> dict[str, Any]:
    return {"mediaType": kind, "digest": _digest(blob), "size": len(blob)}
