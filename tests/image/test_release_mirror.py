"""Kubernetes' binaries from a release mirror: here a web server on the loopback."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from image.arch import AMD64
from image.cache import Cache
from image.context import Options
from image.errors import ImageError
from image.kubernetes import NODE_BINARIES, get_kubernetes

pytestmark = pytest.mark.image
VERSION = "1.33.1"


class Quiet(SimpleHTTPRequestHandler):
    """Serves files without telling about it."""

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def mirror(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A mirror with all binaries: its URL template, and the file of sums."""
    place = tmp_path / f"www/v{VERSION}/amd64"
    place.mkdir(parents=True)
    for name in NODE_BINARIES:
        (place / name).write_bytes(name.encode() * 1000)
    sums = tmp_path / "sums"
    sums.write_text("".join(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in place.iterdir()))
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path / "www")))
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/v{{version}}/{{arch}}/{{name}}", sums
    server.shutdown()
    thread.join()
    server.server_close()


def options(tmp_path: Path, mirror: tuple[str, Path]) -> Options:
    return Options(tmp_path, kubernetes=VERSION, kubernetes_url=mirror[0], kubernetes_sums=mirror[1])


def test_binaries_are_downloaded_once_and_checked(tmp_path: Path, mirror: tuple[str, Path]) -> None:
    cache = Cache(tmp_path / "cache")
    got = get_kubernetes(options(tmp_path, mirror), AMD64, cache)
    assert got.version == VERSION
    for name in NODE_BINARIES:
        assert (got.directory / name).read_bytes() == name.encode() * 1000
        assert (got.directory / name).stat().st_mode & 0o111
    (tmp_path / f"www/v{VERSION}/amd64/kubelet").unlink()
    assert get_kubernetes(options(tmp_path, mirror), AMD64, cache) == got


def test_a_changed_binary_is_refused(tmp_path: Path, mirror: tuple[str, Path]) -> None:
    (tmp_path / f"www/v{VERSION}/amd64/kube-proxy").write_bytes(b"something else")
    with pytest.raises(ImageError, match=r"kube-proxy: SHA-256 [0-9a-f]{64}, expected"):
        get_kubernetes(options(tmp_path, mirror), AMD64, Cache(tmp_path / "cache"))
    kinds = tmp_path / "cache/kubernetes"
    assert [path for path in kinds.iterdir() if path.is_dir()] == []


def test_a_missing_binary_names_its_address(tmp_path: Path, mirror: tuple[str, Path]) -> None:
    (tmp_path / f"www/v{VERSION}/amd64/kubelet").unlink()
    with pytest.raises(ImageError, match="/kubelet: HTTP Error 404"):
        get_kubernetes(options(tmp_path, mirror), AMD64, Cache(tmp_path / "cache"))
