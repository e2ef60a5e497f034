"""How a worker joins: its kubelet asks for a certificate with the bootstrap token (Kubernetes: "TLS bootstrapping").

controller-manager approves and signs it, because of the bindings in `rbac.py`; `serving_apply.py` approves the one that kubelet
then serves with. What kubelet gets is kept on EPHEMERAL, so a reboot needs neither the token nor anybody who signs, and kubelet
renews it by itself.
Trap: kubelet believes what it has for as long as it is not expired. So the directory's name says what that was issued for: a
node of another name, or of another cluster, finds nothing there and asks anew.
"""

import hashlib
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from controllers.kubernetes.api_client import ApiClient
from controllers.services.errors import RequestError
from controllers.services.https_client import Endpoint, Identity

CURRENT = "kubelet-client-current.pem"
"""Certificate and key that kubelet uses at this moment (client-go's certificate store)."""

LIMIT = 64 << 10
"""Bytes of that file at most."""

Read = Callable[[str], str]
"""Gives the text of a file of the node. Raises `OSError`."""


def find_join_directory(endpoint: str, ca: str, nodename: str) -> str:
    """Return where kubelet keeps what it was given. In: URL of the Kubernetes API, its authority as PEM, the node's name."""
    digest = hashlib.sha256("\n".join((endpoint, ca.strip(), nodename)).encode()).hexdigest()
    return f"/var/lib/kubelet/joined-{digest[:16]}"


def make_worker_client(endpoint: str, ca: str, directory: str, read: Read, patience: float) -> ApiClient:
    """Return a client of the cluster's API with kubelet's own certificate: it may read the node itself and little else.

    Raises `RequestError` while kubelet has none.
    """
    try:
        pem = read(f"{directory}/{CURRENT}")
    except (OSError, ValueError):
        hint = "is the cluster's endpoint reached, and is the token right?"
        raise RequestError("kubelet has no certificate of the cluster yet", hint) from None
    url = urlsplit(endpoint)
    host = url.hostname or ""
    timeout = 10.0 * min(max(patience, 1.0), 10.0)
    return ApiClient(Endpoint(host, url.port or 443, Identity(ca, pem, "", server_name=host), timeout=timeout))


def make_reader(root: Path) -> Read:
    """Return what reads files below `root`, no more than `LIMIT` of each."""

    def read(path: str) -> str:
        with (root / path.lstrip("/")).open("rb") as file:
            return file.read(LIMIT).decode("ascii")

    return read
