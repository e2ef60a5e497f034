"""A worker's kubelet that asks for its serving certificate, without the worker: only its client certificate is needed.

The node's own controller answers, and controller-manager signs.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Self

import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from controllers.config.documents import KubernetesSecretsConfig
from controllers.config.loader import check_config
from tests.harness.authority import Authority
from tests.harness.nodes import Running, wait_for

WORKER, ADDRESS = "w1", "192.0.2.21"
SECONDS = 60  # the controller looks every 10 s, controller-manager signs at once


@dataclass(frozen=True)
class Kubelet:
    """The identity of a worker that does not exist; `kubeconfig` is its own."""

    node: Running
    kubeconfig: Path
    authority: x509.Certificate

    @classmethod
    def join(cls, node: Running) -> Self:
        """Register the Node, as kubelet does."""
        ca = get_authority(node.cluster.directory / "controlplane.yaml")
        pair = ca.client("system:nodes", name=f"system:node:{WORKER}")
        config = yaml.safe_load(node.cluster.kubeconfig.read_text())
        (user,) = config["users"]
        user["user"] = {
            "client-certificate-data": base64.b64encode(pair.certificate.encode()).decode(),
            "client-key-data": base64.b64encode(pair.key.encode()).decode(),
        }
        kubeconfig = node.cluster.directory / f"{WORKER}.kubeconfig"
        kubeconfig.write_text(yaml.safe_dump(config))
        kubelet = cls(node, kubeconfig, x509.load_pem_x509_certificate(ca.pem.encode()))
        addresses = [{"type": "InternalIP", "address": ADDRESS}, {"type": "Hostname", "address": WORKER}]
        kubelet.create({"apiVersion": "v1", "kind": "Node", "metadata": {"name": WORKER}, "status": {"addresses": addresses}})
        return kubelet

    def create(self, document: dict[str, Any]) -> str:
        """Create an object as this kubelet; its name."""
        words = ("--kubeconfig", str(self.kubeconfig), "create", "-o", "name", "-f", "-")
        return self.node.kubectl(*words, stdin=json.dumps(document)).strip().rpartition("/")[2]

    def ask(self, names: Sequence[str], addresses: Sequence[str]) -> str:
        """Ask for a serving certificate; the request's name."""
        return self.create(make_request(names, addresses))

    def find_request(self, name: str) -> dict[str, Any]:
        """The request's status."""
        value: dict[str, Any] = json.loads(self.node.kubectl("get", "csr", name, "-o", "json"))
        return value.get("status") or {}

    def wait_for_certificate(self, name: str) -> x509.Certificate:
        """The certificate that a request got."""
        wait_for(f"the certificate of {name}", lambda: self.find_request(name).get("certificate"), SECONDS)
        leaf = x509.load_pem_x509_certificate(base64.b64decode(self.find_request(name)["certificate"]))
        leaf.verify_directly_issued_by(self.authority)
        return leaf

    def wait_for_denial(self, name: str) -> str:
        """Why a request was denied."""
        wait_for(f"the answer to {name}", lambda: self.find_request(name).get("conditions"), SECONDS)
        (condition,) = self.find_request(name)["conditions"]
        assert condition["type"] == "Denied", condition
        return str(condition["message"])

    def leave(self) -> None:
        """The Node is gone, and its requests."""
        self.node.kubectl("delete", "node", WORKER)
        self.node.kubectl("delete", "csr", "--all")


def answer_requests(node: Running) -> None:
    """A good request is signed, bad ones are denied, and the node shows why."""
    kubelet = Kubelet.join(node)
    good = kubelet.ask([WORKER], [ADDRESS])
    endpoint = kubelet.ask([WORKER], [node.cluster.node_address])
    service = kubelet.ask(["kubernetes.default.svc"], [ADDRESS])
    others = kubelet.node.kubectl("create", "-o", "name", "-f", "-", stdin=json.dumps(make_request([WORKER], [ADDRESS])))
    leaf = kubelet.wait_for_certificate(good)
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names == x509.SubjectAlternativeName([x509.DNSName(WORKER), x509.IPAddress(ip_address(ADDRESS))])
    assert f"{node.cluster.node_address} is an address of the API server" in kubelet.wait_for_denial(endpoint)
    assert "kubernetes.default.svc is not the node's name" in kubelet.wait_for_denial(service)
    assert "is not a node" in kubelet.wait_for_denial(others.strip().rpartition("/")[2])
    wait_for("the denied requests in the API", lambda: find_states(node).get(endpoint) == "denied", SECONDS)
    wait_for("the signed request to be gone from the API", lambda: good not in find_states(node), SECONDS)
    kubelet.leave()


def find_states(node: Running) -> dict[str, str]:
    """Requests without a certificate and how they stand, as the node's API shows them."""
    return {one["metadata"]["id"]: one["spec"]["state"] for one in node.get("kubeletservingrequest")}


def get_authority(path: Path) -> Authority:
    """The authority of Kubernetes in a configuration."""
    (secrets,) = [one for one in check_config(path.read_text()) if isinstance(one, KubernetesSecretsConfig)]
    return Authority.load(secrets.ca.crt, secrets.ca.key)


def make_request(names: Sequence[str], addresses: Sequence[str]) -> dict[str, Any]:
    """A CertificateSigningRequest for `system:node:w1`, as kubelet makes it."""
    subject = [(NameOID.ORGANIZATION_NAME, "system:nodes"), (NameOID.COMMON_NAME, f"system:node:{WORKER}")]
    others: list[x509.GeneralName] = [x509.DNSName(one) for one in names]
    others += [x509.IPAddress(ip_address(one)) for one in addresses]
    request = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(x509.Name([x509.NameAttribute(oid, value) for oid, value in subject]))
        .add_extension(x509.SubjectAlternativeName(others), critical=False)
        .sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    )
    return {
        "apiVersion": "certificates.k8s.io/v1",
        "kind": "CertificateSigningRequest",
        "metadata": {"generateName": "csr-"},
        "spec": {
            "request": base64.b64encode(request.public_bytes(serialization.Encoding.PEM)).decode(),
            "signerName": "kubernetes.io/kubelet-serving",
            "usages": ["digital signature", "key encipherment", "server auth"],
        },
    }
