"""The few requests that the node makes to its own API server, as the administrator.

Objects are written by server-side apply (Kubernetes API concepts, "Server-Side Apply"): create and change in one call,
and what others set in the object stays theirs.
"""

import json
from collections.abc import AsyncIterator
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

from controllers.resources.pki import Certificate, CertificateRoot
from controllers.runtime.controller import View
from controllers.services.errors import RequestError
from controllers.services.health import API_SERVER_PORT
from controllers.services.https_client import Endpoint, Identity, Response, send

FIELD_MANAGER = "ophite"
NOT_FOUND, CONFLICT, TOO_MANY_REQUESTS = 404, 409, 429
PAGE, MAX_PAGES = 50, 100
"""Objects of one answer (a Node has up to 30 kB), and answers of one list."""

APPLY, MERGE = "application/apply-patch+yaml", "application/merge-patch+json"


class Collection(NamedTuple):
    """Where objects of a kind are: prefix of the API group, plural name, whether they live in namespaces."""

    prefix: str
    plural: str
    namespaced: bool


COLLECTIONS = {
    "CertificateSigningRequest": Collection("/apis/certificates.k8s.io/v1", "certificatesigningrequests", False),
    "ClusterRoleBinding": Collection("/apis/rbac.authorization.k8s.io/v1", "clusterrolebindings", False),
    "ClusterRole": Collection("/apis/rbac.authorization.k8s.io/v1", "clusterroles", False),
    "ConfigMap": Collection("/api/v1", "configmaps", True),
    "DaemonSet": Collection("/apis/apps/v1", "daemonsets", True),
    "Deployment": Collection("/apis/apps/v1", "deployments", True),
    "Node": Collection("/api/v1", "nodes", False),
    "Secret": Collection("/api/v1", "secrets", True),
    "Service": Collection("/api/v1", "services", True),
    "ServiceAccount": Collection("/api/v1", "serviceaccounts", True),
}


class ApiClient:
    """The local API server. In: `eviction`, the API version of its evictions."""

    def __init__(self, endpoint: Endpoint, eviction: str = "policy/v1") -> None:
        self._endpoint = endpoint
        self._eviction = eviction

    async def apply(self, document: str) -> None:
        """Apply one object, given as JSON. Raises `RequestError` with the server's reason."""
        path = f"{object_path(json.loads(document))}?fieldManager={FIELD_MANAGER}&force=true"
        await self._expect("PATCH", path, document.encode(), APPLY)

    async def find_node(self, name: str) -> dict[str, Any] | None:
        """Return a Node, None when it has not registered. Raises `RequestError`."""
        response = await send(self._endpoint, "GET", node_path(name))
        if response.status == NOT_FOUND:
            return None
        return _checked(response, f"node {name}").json()

    async def patch_node(self, name: str, patch: dict[str, Any]) -> None:
        """Merge `patch` into a Node (RFC 7396). Raises `RequestError`, also when it changed meanwhile."""
        await self._expect("PATCH", node_path(name), json.dumps(patch).encode(), MERGE)

    async def list_pages(self, kind: str, selector: str = "") -> AsyncIterator[list[dict[str, Any]]]:
        """Yield all objects of a kind that is in no namespace, some at a time. In: a field selector. Raises `RequestError`."""
        collection = COLLECTIONS[kind]
        path, token = f"{collection.prefix}/{collection.plural}", ""
        for _ in range(MAX_PAGES):
            query = {"limit": str(PAGE), "fieldSelector": selector, "continue": token}
            words = urlencode({key: value for key, value in query.items() if value})
            page = _checked(await send(self._endpoint, "GET", f"{path}?{words}"), collection.plural).json()
            items = page.get("items")
            yield [one for one in items if isinstance(one, dict)] if isinstance(items, list) else []
            token = str((page.get("metadata") or {}).get("continue") or "")
            if not token:
                return
        raise RequestError(f"there are more than {PAGE * MAX_PAGES} {collection.plural}")

    async def answer_request(self, name: str, patch: dict[str, Any]) -> bool:
        """Merge `patch` into the approval of a CertificateSigningRequest; False when somebody was faster, or it is gone.

        Raises `RequestError`.
        """
        collection = COLLECTIONS["CertificateSigningRequest"]
        path = f"{collection.prefix}/{collection.plural}/{quote(name, safe='')}/approval"
        response = await send(self._endpoint, "PATCH", path, json.dumps(patch).encode(), MERGE)
        if response.status not in (CONFLICT, NOT_FOUND):
            _checked(response, f"approval of {name[:64]!r}")
        return response.ok

    async def list_pods(self, node: str) -> list[dict[str, Any]]:
        """Return the pods that are bound to a node. Raises `RequestError`."""
        path = f"/api/v1/pods?fieldSelector={quote(f'spec.nodeName={node}')}"
        pods = _checked(await send(self._endpoint, "GET", path), f"pods of {node}").json().get("items")
        return [pod for pod in pods if isinstance(pod, dict)] if isinstance(pods, list) else []

    async def evict(self, namespace: str, name: str) -> bool:
        """Ask a pod to leave; False while a disruption budget forbids it (429). A pod that is gone has left.

        Raises `RequestError`.
        """
        metadata = {"namespace": namespace, "name": name}
        body = {"apiVersion": self._eviction, "kind": "Eviction", "metadata": metadata}
        path = f"/api/v1/namespaces/{quote(namespace, safe='')}/pods/{quote(name, safe='')}/eviction"
        response = await send(self._endpoint, "POST", path, body)
        if response.status not in (TOO_MANY_REQUESTS, NOT_FOUND):
            _checked(response, f"eviction of {namespace}/{name}")
        return response.status != TOO_MANY_REQUESTS

    async def _expect(self, method: str, path: str, body: bytes, content_type: str) -> None:
        _checked(await send(self._endpoint, method, path, body, content_type), path)


def get_client(view: View, patience: float, eviction: str = "policy/v1") -> ApiClient:
    """Return a client for the local API server. In: `eviction`, the API version of evictions, for who evicts.

    The controller declares `Certificate/admin` and `CertificateRoot/kubernetes`. Raises `Waiting` without them.
    """
    admin, root = view.get(Certificate, "admin").spec, view.get(CertificateRoot, "kubernetes").spec
    identity = Identity(root.certificate, admin.certificate, admin.key, server_name="localhost")
    endpoint = Endpoint("127.0.0.1", API_SERVER_PORT, identity, timeout=10.0 * min(max(patience, 1.0), 10.0))
    return ApiClient(endpoint, eviction)


def object_path(document: dict[str, Any]) -> str:
    """Return an object's path. Raises `RequestError` for a kind that the table lacks."""
    collection = COLLECTIONS.get(document["kind"])
    if collection is None:
        raise RequestError(f"no path known for objects of kind {document['kind']}", "add it to COLLECTIONS")
    metadata = document["metadata"]
    namespace = f"/namespaces/{quote(metadata['namespace'])}" if collection.namespaced else ""
    return f"{collection.prefix}{namespace}/{collection.plural}/{quote(metadata['name'], safe='')}"


def node_path(name: str) -> str:
    """Return a node's path."""
    return f"/api/v1/nodes/{quote(name, safe='')}"


def _checked(response: Response, what: str) -> Response:
    if response.ok:
        return response
    try:
        reason = str(response.json().get("message", ""))
    except RequestError:
        reason = response.text()
    raise RequestError(f"{what}: the API server says {response.status}: {reason[:300]}")
