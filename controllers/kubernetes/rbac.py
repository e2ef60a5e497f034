"""Who may do what in a new cluster: the bindings that Kubernetes leaves to whoever sets it up, and the bootstrap token.

Sources: Kubernetes documentation, "TLS bootstrapping" and "Bootstrap tokens".
"""

from typing import Any

RBAC = "rbac.authorization.k8s.io"
BOOTSTRAPPERS = "system:bootstrappers:nodes"
"""Group of nodes that join with a bootstrap token; such a group must begin with `system:bootstrappers:`."""

CSR = "system:certificates.k8s.io:certificatesigningrequests"

BINDINGS = (
    ("ophite:node-bootstrapper", "system:node-bootstrapper", "Group", BOOTSTRAPPERS),
    ("ophite:approve-node-client", f"{CSR}:nodeclient", "Group", BOOTSTRAPPERS),
    ("ophite:approve-node-renewal", f"{CSR}:selfnodeclient", "Group", "system:nodes"),
    ("ophite:kubelet-api", "system:kubelet-api-admin", "User", "kube-apiserver-kubelet-client"),
    ("ophite:kube-proxy", "system:node-proxier", "ServiceAccount", "kube-proxy"),
)
"""Name of the binding, cluster role, kind and name of who gets it."""


def make_bindings() -> list[dict[str, Any]]:
    """Return the ClusterRoleBindings."""
    return [_make_binding(*row) for row in BINDINGS]


def _make_binding(name: str, role: str, kind: str, subject: str) -> dict[str, Any]:
    who: dict[str, Any] = {"kind": kind, "name": subject}
    if kind == "ServiceAccount":
        who["namespace"] = "kube-system"
    else:
        who["apiGroup"] = RBAC
    return {
        "apiVersion": f"{RBAC}/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": name},
        "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": role},
        "subjects": [who],
    }


def make_bootstrap_token(token: str) -> dict[str, Any]:
    """Return the Secret of a bootstrap token of the form `ID.SECRET`."""
    token_id, _, secret = token.partition(".")
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": f"bootstrap-token-{token_id}", "namespace": "kube-system"},
        "type": "bootstrap.kubernetes.io/token",
        "stringData": {
            "token-id": token_id,
            "token-secret": secret,
            "usage-bootstrap-authentication": "true",
            "usage-bootstrap-signing": "true",
            "auth-extra-groups": BOOTSTRAPPERS,
        },
    }


def make_service_account(name: str) -> dict[str, Any]:
    """Return a service account of the system's namespace."""
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": "kube-system"}}
