"""Bundles from registries: the distribution project's as a real process, and a server of our own for tokens and lies."""

import hashlib
import http.client
import json
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from unittest.mock import patch
from urllib.parse import parse_qs, urlsplit

import pytest

from controllers.lifecycle.bundle_spool import Spool
from controllers.lifecycle.errors import FetchError
from controllers.lifecycle.fetch import fetch
from controllers.lifecycle.fetch_http import Limits
from controllers.lifecycle.oci import LAYER_TYPE, MANIFEST_LIMIT, MANIFEST_TYPE
from image.tools import fetch_tools, loader_argv
from tests.harness.authority import Authority
from tests.kernel.lifecycle.http_server import Reply, Request, serve
from tests.unit.lifecycle.bundles import KEYS, Recipe

pytestmark = [pytest.mark.kernel, pytest.mark.timeout(600)]  # the registry may have to be downloaded first

LAYER = b"a bundle " * 100_000
CONFIG = """\
version: 0.1
log: {{level: error, accesslog: {{disabled: true}}}}
storage: {{filesystem: {{rootdirectory: {root}}}}}
http: {{addr: "127.0.0.1:{port}"}}
"""


def digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def make_manifest(*layers: tuple[str, bytes]) -> bytes:
    empty = {"mediaType": "application/vnd.oci.empty.v1+json", "digest": digest(b"{}"), "size": 2}
    described = [{"mediaType": kind, "digest": digest(data), "size": len(data)} for kind, data in layers]
    return json.dumps({"schemaVersion": 2, "mediaType": MANIFEST_TYPE, "config": empty, "layers": described}).encode()


@pytest.fixture
def limits(tmp_path: Path) -> Limits:
    (tmp_path / "ca.pem").write_text(AUTHORITY.pem)
    return Limits(tmp_path / "ca.pem", receive=10.0)


AUTHORITY = Authority()


def get(source: str, limits: Limits) -> bytes:
    got = bytearray()
    fetch(source, got.extend, limits)
    return bytes(got)


class Registry:
    """The real one, empty, on a port of this machine."""

    def __init__(self, port: int) -> None:
        self.host = f"127.0.0.1:{port}"

    def send(self, method: str, path: str, body: bytes = b"", kind: str = "application/octet-stream") -> str:
        with closing(http.client.HTTPConnection(self.host, timeout=10)) as connection:
            connection.request(method, path, body, {"Content-Type": kind})
            answer = connection.getresponse()
            answer.read()
        assert answer.status in (201, 202), (answer.status, path)
        return answer.headers.get("Location", "")

    def push(self, repository: str, tag: str, *layers: tuple[str, bytes], kind: str = MANIFEST_TYPE) -> str:
        """Push blobs and a manifest; return the manifest's digest."""
        for data in (b"{}", *(data for _, data in layers)):
            place = urlsplit(self.send("POST", f"/v2/{repository}/blobs/uploads/"))
            self.send("PUT", f"{place.path}?{place.query}&digest={digest(data)}", data)
        manifest = make_manifest(*layers)
        self.send("PUT", f"/v2/{repository}/manifests/{tag}", manifest, kind)
        return digest(manifest)


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    program = loader_argv(fetch_tools(["docker-registry"]), "usr/bin/docker-registry")
    directory = tmp_path_factory.mktemp("registry")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (directory / "config.yml").write_text(CONFIG.format(root=directory / "data", port=port))
    with (directory / "log").open("w") as log:
        process = subprocess.Popen([*program, "serve", str(directory / "config.yml")], stdout=log, stderr=log)
    try:
        wait_for(port, process)
        yield Registry(port)
    finally:
        process.terminate()
        process.wait(10)


def wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 20
    while time.monotonic() < end and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    raise AssertionError("docker-registry did not start within 20 s")


def test_a_bundle_is_pulled_from_a_real_registry(registry: Registry, tmp_path: Path, limits: Limits) -> None:
    data = Recipe().write(tmp_path / "made").read_bytes()
    pushed = registry.push("team/ophite", "2.0", ("application/vnd.other", b"x"), (LAYER_TYPE, data))
    for reference in ("team/ophite:2.0", f"team/ophite@{pushed}", f"team/ophite:whatever@{pushed}"):
        spool = Spool(tmp_path / "spool/bundle", KEYS)
        fetch(f"oci://{registry.host}/{reference}", spool.write, limits)
        assert spool.finish().manifest.version == "2.0"


def test_what_the_registry_does_not_have_is_said(registry: Registry, limits: Limits) -> None:
    registry.push("ophite", "1", (LAYER_TYPE, LAYER))
    for reference in ("ophite:2", "nothing:1", f"ophite@{digest(b'other')}"):
        with pytest.raises(FetchError, match="the server answered 404"):
            get(f"oci://{registry.host}/{reference}", limits)


@pytest.mark.parametrize("layers", [(), (("application/vnd.oci.image.layer.v1.tar+gzip", b"x"),), ((LAYER_TYPE, b"x"),) * 2])
def test_an_image_that_is_no_bundle_is_said(registry: Registry, limits: Limits, layers: tuple[tuple[str, bytes], ...]) -> None:
    registry.push("image", "1", *layers)
    with pytest.raises(FetchError, match=r"has (0|2) layers of type"):
        get(f"oci://{registry.host}/image:1", limits)


class Liar:
    """A registry that wants a token and may lie."""

    def __init__(self) -> None:
        self.manifest = make_manifest((LAYER_TYPE, LAYER))
        self.layer = LAYER
        self.realm = ""
        self.token = json.dumps({"access_token": "t0k3n"}).encode()
        self.challenge = 'Bearer realm="{realm}",service="here",scope="repository:x:pull"'

    def __call__(self, request: Request) -> Reply:
        path = urlsplit(request.path)
        if path.path == "/token":
            assert parse_qs(path.query) == {"service": ["here"], "scope": ["repository:x:pull"]}
            return Reply(self.token)
        if request.headers.get("authorization") != "Bearer t0k3n":
            return Reply(status=401, headers=(("WWW-Authenticate", self.challenge.format(realm=self.realm)),))
        if path.path.startswith("/v2/x/manifests/"):
            assert request.headers["accept"] == MANIFEST_TYPE
            return Reply(self.manifest)
        return Reply(self.layer)


def pull(liar: Liar, limits: Limits, reference: str = "x:1") -> tuple[bytes, list[Request]]:
    with serve(liar, limits.ca_file.parent, AUTHORITY.server()) as server:
        liar.realm = liar.realm or f"{server.url}/token"
        # Its name is that of another machine for the code, so that TLS is used: loopback would be plain.
        return get_over_tls(server.url, reference, limits), server.requests


def get_over_tls(url: str, reference: str, limits: Limits) -> bytes:
    with patch("controllers.lifecycle.oci.is_loopback", return_value=False):
        return get(f"oci://{url.removeprefix('https://')}/{reference}", limits)


def test_an_anonymous_token_is_asked_for_once(limits: Limits) -> None:
    data, requests = pull(Liar(), limits)
    assert data == LAYER
    assert [urlsplit(one.path).path for one in requests] == [
        "/v2/x/manifests/1",
        "/token",
        "/v2/x/manifests/1",
        f"/v2/x/blobs/{digest(LAYER)}",
    ]


def test_a_manifest_by_digest_is_checked(limits: Limits) -> None:
    liar = Liar()
    assert pull(liar, limits, f"x@{digest(liar.manifest)}")[0] == LAYER
    with pytest.raises(FetchError, match="not what the digest says"):
        pull(Liar(), limits, f"x@{digest(b'other')}")


@pytest.mark.parametrize("layer", [LAYER[:-1], LAYER + b"!", b"!" + LAYER[1:], b""])
def test_a_layer_is_always_checked(limits: Limits, layer: bytes) -> None:
    liar = Liar()
    liar.layer = layer
    with pytest.raises(FetchError, match="not what its digest says"):
        pull(liar, limits)


def test_no_more_is_taken_than_the_manifest_says(limits: Limits) -> None:
    liar, got = Liar(), bytearray()
    liar.layer = LAYER * 20
    with serve(liar, limits.ca_file.parent) as server:
        liar.realm = f"{server.url}/token"
        with pytest.raises(FetchError, match="not what its digest says"):
            fetch(f"oci://{server.url.removeprefix('http://')}/x:1", got.extend, limits)
    assert len(got) <= len(LAYER)


@pytest.mark.parametrize(
    ("manifest", "message"),
    [
        (b"", "not one of a bundle"),
        (b"[]", "not one of a bundle"),
        (b"{}", "not one of a bundle"),
        (json.dumps({"manifests": []}).encode(), "not one of a bundle"),
        (json.dumps({"layers": [{"mediaType": LAYER_TYPE, "digest": "md5:1", "size": 1}]}).encode(), "not one of a bundle"),
        (
            json.dumps({"layers": [{"mediaType": LAYER_TYPE, "digest": digest(b""), "size": -1}]}).encode(),
            "not one of a bundle",
        ),
        (b"[" * 100_000, "not one of a bundle"),
        (b" " * (MANIFEST_LIMIT + 1), "more than 1048576 bytes"),
    ],
)
def test_a_manifest_from_outside_is_hostile(limits: Limits, manifest: bytes, message: str) -> None:
    liar = Liar()
    liar.manifest = manifest
    with pytest.raises(FetchError, match=message):
        pull(liar, limits)


@pytest.mark.parametrize("challenge", ['Basic realm="x"', "Bearer", "Bearer realm=x", "Negotiate"])
def test_a_registry_that_wants_a_password_is_said(limits: Limits, challenge: str) -> None:
    liar = Liar()
    liar.challenge = challenge
    with pytest.raises(FetchError, match="wants a password"):
        pull(liar, limits)


@pytest.mark.parametrize("token", [b"", b"{}", b"[]", b'{"token": ""}', b'{"token": "a\\r\\nb"}'])
def test_a_token_that_is_none_is_said(limits: Limits, token: bytes) -> None:
    liar = Liar()
    liar.token = token
    with pytest.raises(FetchError, match="gave no token"):
        pull(liar, limits)


def test_a_token_that_is_not_enough_is_said(limits: Limits) -> None:
    liar = Liar()
    liar.token = b'{"token": "wrong"}'
    with pytest.raises(FetchError, match="answered 401"):
        pull(liar, limits)


@pytest.mark.parametrize("realm", ["http://192.0.2.1/token", "file:///etc/passwd", "x"])
def test_a_token_is_asked_for_over_tls_only(limits: Limits, realm: str) -> None:
    liar = Liar()
    liar.realm = realm
    with pytest.raises(FetchError, match=r"plain HTTP is not used|no address of a file"):
        pull(liar, limits)


def test_a_token_never_goes_to_the_store_behind_the_registry(limits: Limits) -> None:
    """Registries redirect to a store of blobs; the token is for the registry alone."""
    with serve(lambda _: Reply(LAYER), limits.ca_file.parent, AUTHORITY.server()) as store:

        class Redirecting(Liar):
            def __call__(self, request: Request) -> Reply:
                reply = super().__call__(request)
                if reply.body == LAYER:
                    return Reply(status=307, headers=(("Location", f"{store.url}/blob"),))
                return reply

        data, requests = pull(Redirecting(), limits)
    assert data == LAYER
    assert requests[-1].headers["authorization"] == "Bearer t0k3n"
    assert "authorization" not in store.requests[0].headers


def test_a_registry_without_tls_is_used_only_when_told(limits: Limits) -> None:
    liar = Liar()
    with serve(liar, limits.ca_file.parent) as server:
        liar.realm, host = f"{server.url}/token", server.url.removeprefix("http://")
        assert get(f"oci+http://{host}/x:1", limits) == LAYER
        assert get(f"oci://{host}/x:1", limits) == LAYER, "this machine"
        with pytest.raises(FetchError, match=r"SSL|record"):
            get_over_tls(f"https://{host}", "x:1", limits)
