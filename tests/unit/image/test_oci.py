"""OCI archives: a layout that every part of refers to what is there, and the same bytes each time."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from typing import Any

from image.formats.oci import Entry, Image, encode_image, encode_tar

IMAGE = Image("example.local/pause:1", "amd64", {"pause": Entry(b"program", 0o755), "tmp": Entry(None, 0o1777)}, ("/pause",))


def read(data: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        return {m.name: file.read() for m in archive.getmembers() if (file := archive.extractfile(m)) is not None}


def blob(files: dict[str, bytes], descriptor: dict[str, Any]) -> bytes:
    algorithm, _, value = descriptor["digest"].partition(":")
    content = files[f"blobs/{algorithm}/{value}"]
    assert hashlib.sha256(content).hexdigest() == value
    assert len(content) == descriptor["size"]
    return content


def test_the_layout_holds_together() -> None:
    files = read(encode_image(IMAGE))
    assert json.loads(files["oci-layout"]) == {"imageLayoutVersion": "1.0.0"}
    (entry,) = json.loads(files["index.json"])["manifests"]
    assert entry["annotations"]["io.containerd.image.name"] == "example.local/pause:1"
    assert entry["annotations"]["org.opencontainers.image.ref.name"] == "1"
    manifest = json.loads(blob(files, entry))
    config = json.loads(blob(files, manifest["config"]))
    (layer,) = manifest["layers"]
    assert config["rootfs"]["diff_ids"] == [layer["digest"]]
    assert config["config"] == {"Entrypoint": ["/pause"]}
    assert config["architecture"] == "amd64"
    assert read(blob(files, layer)) == {"pause": b"program"}


def test_the_same_bytes_each_time() -> None:
    turned = Image(IMAGE.name, IMAGE.architecture, dict(sorted(IMAGE.entries.items(), reverse=True)), IMAGE.entrypoint)
    assert encode_image(turned) == encode_image(IMAGE)


def test_tar_entries_have_root_as_owner_no_time_and_their_directories() -> None:
    data = encode_tar({"a/b/c": Entry(b"x", 0o600), "t": Entry(None, 0o1777)})
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        members = {member.name: member for member in archive.getmembers()}
    assert list(members) == ["a", "a/b", "a/b/c", "t"]
    assert members["a"].isdir()
    assert {(m.uid, m.gid, m.mtime) for m in members.values()} == {(0, 0, 0)}
    assert (members["a/b/c"].mode, members["t"].mode) == (0o600, 0o1777)
