"""Reading image archives and containerd's list."""

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from controllers.services.archives import ArchivedImage, parse_image_list, read_archive
from controllers.services.errors import ImportFailed

LIST = """REF                  TYPE                                       DIGEST     SIZE  PLATFORMS   LABELS
ophite.local/pause:1 application/vnd.oci.image.manifest.v1+json sha256:aaa 9 KiB linux/amd64 -
"""


def archive(path: Path, index: Any) -> Path:
    """Write a tar with an index.json."""
    data = json.dumps(index).encode()
    with tarfile.open(path, "w") as tar:
        member = tarfile.TarInfo("index.json")
        member.size = len(data)
        tar.addfile(member, io.BytesIO(data))
    return path


def manifest(name: str, digest: str, key: str = "io.containerd.image.name") -> dict[str, Any]:
    return {"digest": digest, "annotations": {key: name}}


def test_names_and_digests(tmp_path: Path) -> None:
    index = {"manifests": [manifest("a/b:1", "sha256:1"), manifest("c:2", "sha256:2", "org.opencontainers.image.ref.name")]}
    assert read_archive(archive(tmp_path / "x.tar", index)) == (
        ArchivedImage("a/b:1", "sha256:1"),
        ArchivedImage("c:2", "sha256:2"),
    )


@pytest.mark.parametrize(
    "index", [[], {}, {"manifests": []}, {"manifests": [{}]}, {"manifests": [3]}, {"manifests": [{"digest": "x"}]}]
)
def test_damaged_archives_are_named(tmp_path: Path, index: Any) -> None:
    with pytest.raises(ImportFailed, match=r"x\.tar"):
        read_archive(archive(tmp_path / "x.tar", index))


def test_no_tar_at_all(tmp_path: Path) -> None:
    (tmp_path / "x.tar").write_bytes(b"hello")
    with pytest.raises(ImportFailed, match="no OCI archive"):
        read_archive(tmp_path / "x.tar")


def test_list_of_images() -> None:
    assert parse_image_list(LIST) == {ArchivedImage("ophite.local/pause:1", "sha256:aaa")}
    assert parse_image_list("") == frozenset()
