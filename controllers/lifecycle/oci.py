"""A bundle as an artefact in a registry: one manifest with one layer of our media type, which is the bundle as it is.

`oci://registry/repository:tag` or `@sha256:…`, over TLS; plain HTTP only to this machine or by `oci+http://`. A registry that
wants a token gets an anonymous one. What a digest names is checked against it: the manifest when it was asked for by digest,
the layer always. Sources: OCI distribution specification 1.1, "Pull"; OCI image specification 1.1, manifest; RFC 6750.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlencode

import msgspec

from controllers.lifecycle.errors import FetchError
from controllers.lifecycle.fetch_http import MAX_BODY, Answer, Limits, Plain, Web, expect_ok, is_loopback, show

LAYER_TYPE = "application/vnd.ophite.bundle.v1.tar"
MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
MANIFEST_LIMIT = 1 << 20
TOKEN_LIMIT = 64 * 1024
UNAUTHORIZED = 401
REFERENCE = re.compile(
    r"(?P<scheme>oci|oci\+http)://"
    r"(?P<registry>\[[0-9a-fA-F:.]+\](?::[0-9]{1,5})?|[A-Za-z0-9][A-Za-z0-9.-]*(?::[0-9]{1,5})?)/"
    r"(?P<repository>[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*)"
    r"(?::(?P<tag>[A-Za-z0-9_][A-Za-z0-9._-]{0,127}))?(?:@(?P<digest>sha256:[0-9a-f]{64}))?"
)
CHALLENGE = re.compile(r'([a-z]+)="([^"]{0,2000})"')
EXAMPLE = "it looks like oci://registry.example.org/team/ophite:1.2.3, or ends with @sha256:…"

Digest = Annotated[str, msgspec.Meta(pattern=r"^sha256:[0-9a-f]{64}\Z")]


@dataclass(frozen=True, slots=True)
class Reference:
    """Where a bundle is in a registry. `digest` counts when both are given."""

    registry: str
    repository: str
    tag: str = ""
    digest: str = ""
    plain: bool = False

    @property
    def base(self) -> str:
        """The address that all requests begin with."""
        host = self.registry.rpartition(":")[0] if re.search(r":[0-9]+\Z", self.registry) else self.registry
        http = self.plain or is_loopback(host.strip("[]"))
        return f"{'http' if http else 'https'}://{self.registry}/v2/{self.repository}"


class Layer(msgspec.Struct, frozen=True, rename="camel"):
    """A descriptor: what kind of data, how big, and its digest."""

    media_type: str
    digest: Digest
    size: Annotated[int, msgspec.Meta(ge=0, le=MAX_BODY)]


class ImageManifest(msgspec.Struct, frozen=True, rename="camel"):
    """What is needed of a manifest."""

    layers: Annotated[tuple[Layer, ...], msgspec.Meta(max_length=64)]


class Token(msgspec.Struct, frozen=True):
    """A token, under either name (RFC 6749 and older registries)."""

    token: str = ""
    access_token: str = ""


def parse_reference(text: str) -> Reference:
    """Return the reference that a text is. Raises `FetchError`."""
    match = REFERENCE.fullmatch(text)
    if match is None or len(text) > 500:
        raise FetchError(f"{show(text)} is no reference to a bundle in a registry", EXAMPLE)
    tag, digest = match["tag"] or "", match["digest"] or ""
    if not tag and not digest:
        raise FetchError(f"{show(text)} names neither a tag nor a digest", EXAMPLE)
    return Reference(match["registry"], match["repository"], tag, digest, match["scheme"] == "oci+http")


def pull(reference: Reference, sink: Callable[[bytes], None], limits: Limits) -> None:
    """Hand the bundle's bytes to `sink` as they come. Raises `FetchError`, and what `sink` raises.

    That all of them were right is known only when this returns.
    """
    registry = _Registry(reference, Web(limits, Plain.ANYWHERE if reference.plain else Plain.LOOPBACK))
    layer = registry.find_layer()
    digest, count = hashlib.sha256(), 0
    with registry.request(f"blobs/{layer.digest}") as answer:
        for data in answer.read():
            count += len(data)
            if count > layer.size:
                break
            digest.update(data)
            sink(data)
    if count != layer.size or f"sha256:{digest.hexdigest()}" != layer.digest:
        raise FetchError(f"{show(reference.base)}: the layer is not what its digest says", "push the bundle again")


class _Registry:
    """Requests to one repository; the token of the first that was refused is used for all that follow."""

    def __init__(self, reference: Reference, web: Web) -> None:
        self._reference = reference
        self._web = web
        self._headers: dict[str, str] = {}

    def find_layer(self) -> Layer:
        """Return the layer that is the bundle. Raises `FetchError`."""
        wanted, where = self._reference.digest or self._reference.tag, show(self._reference.base)
        with self.request(f"manifests/{wanted}", {"Accept": MANIFEST_TYPE}) as answer:
            body = answer.read_small(MANIFEST_LIMIT)
        if self._reference.digest and f"sha256:{hashlib.sha256(body).hexdigest()}" != self._reference.digest:
            raise FetchError(f"{where}: the manifest is not what the digest says", "the registry is broken or lies")
        try:
            layers = msgspec.json.decode(body, type=ImageManifest).layers
        except (msgspec.MsgspecError, RecursionError) as error:
            raise FetchError(
                f"{where}:{wanted}: the manifest is not one of a bundle: {error}", "push the bundle as an artefact"
            ) from error
        found = [layer for layer in layers if layer.media_type == LAYER_TYPE]
        if len(found) != 1:
            text = f"{where}:{wanted} has {len(found)} layers of type {LAYER_TYPE} instead of one"
            raise FetchError(text, "push the bundle as an artefact with that media type")
        return found[0]

    @contextmanager
    def request(self, path: str, headers: Mapping[str, str] | None = None) -> Iterator[Answer]:
        """Send a GET to the repository, with a token if it wants one. Raises `FetchError`."""
        url, sent = f"{self._reference.base}/{path}", dict(headers or {})
        with self._web.get(url, self._headers | sent) as answer:
            challenge = answer.headers.get("www-authenticate", "") if answer.status == UNAUTHORIZED else ""
            if not challenge:
                yield expect_ok(answer)
                return
        self._headers["Authorization"] = f"Bearer {self._ask_token(challenge)}"
        with self._web.get(url, self._headers | sent) as answer:
            yield expect_ok(answer)

    def _ask_token(self, challenge: str) -> str:
        values, where = dict(CHALLENGE.findall(challenge)), show(self._reference.base)
        if not challenge.lower().startswith("bearer ") or "realm" not in values:
            raise FetchError(f"{where}: the registry wants a password", "make the repository readable for everybody")
        query = {name: values[name] for name in ("service", "scope") if name in values}
        separator = "&" if "?" in values["realm"] else "?"
        with self._web.get(f"{values['realm']}{separator}{urlencode(query)}") as answer:
            body = expect_ok(answer).read_small(TOKEN_LIMIT)
        try:
            found = msgspec.json.decode(body, type=Token)
        except (msgspec.MsgspecError, RecursionError) as error:
            raise FetchError(f"{where}: the registry gave no token", "make the repository readable for everybody") from error
        token = found.token or found.access_token
        if not token.isascii() or not token.isprintable() or not token:
            raise FetchError(f"{where}: the registry gave no token", "make the repository readable for everybody")
        return token
