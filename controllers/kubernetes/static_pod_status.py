"""kubelet's own list of pods → StaticPodStatus.

kubelet asks the API server whether we may look, so while that is away nobody asks kubelet: the last known states stay, and
the reason is in what this controller waits for.
"""

from collections.abc import Iterable
from typing import Any

from controllers.ports import Ports
from controllers.resources.kubernetes import StaticPod, StaticPodStatus
from controllers.resources.pki import Certificate, CertificateRoot
from controllers.resources.services import ServiceHealth
from controllers.runtime.controller import Controller, Input, Output, View, Wanted
from controllers.runtime.errors import Waiting
from controllers.services.errors import RequestError
from controllers.services.health import API_SERVER, bound_patience
from controllers.services.https_client import Endpoint, Identity, send

KUBELET_PORT = 10250
SOURCE_ANNOTATION = "kubernetes.io/config.source"
NOT_READY_INTERVAL, READY_INTERVAL = 3.0, 15.0
"""Seconds to the next look, times the patience factor."""


class StaticPodStatusController(Controller):
    """Asks kubelet."""

    name = "kubernetes.StaticPodStatusController"
    inputs = (
        Input(StaticPod),
        Input(ServiceHealth, id="kubelet"),
        Input(ServiceHealth, id=API_SERVER),
        Input(Certificate, id="kube-apiserver-kubelet-client"),
        Input(CertificateRoot, id="kubernetes"),
    )
    outputs = (Output(StaticPodStatus),)

    def __init__(self, ports: Ports) -> None:
        self._factor = bound_patience(ports.patience)

    async def reconcile(self, view: View) -> Iterable[Wanted]:
        """One status per static pod that kubelet knows."""
        for service in ("kubelet", API_SERVER):
            if not view.get(ServiceHealth, service).spec.healthy:
                raise Waiting(f"{service} to be healthy")
        leaf = view.get(Certificate, "kube-apiserver-kubelet-client").spec
        root = view.get(CertificateRoot, "kubernetes").spec
        identity = Identity(root.certificate, leaf.certificate, leaf.key)
        endpoint = Endpoint("127.0.0.1", KUBELET_PORT, identity, timeout=10.0 * self._factor)
        view.wake_after(NOT_READY_INTERVAL * self._factor)
        try:
            response = await send(endpoint, "GET", "/pods")
            if not response.ok:
                raise RequestError(f"it says {response.status}: {response.text()}")
            statuses = parse_pods(response.json())
        except RequestError as error:
            raise Waiting(f"kubelet's list of pods: {error.message}") from error
        if len(statuses) >= len(view.list(StaticPod)) and all(status.ready for status in statuses.values()):
            view.wake_seconds = READY_INTERVAL * self._factor
        return [Wanted(id_, status) for id_, status in statuses.items()]


def parse_pods(pods: dict[str, Any]) -> dict[str, StaticPodStatus]:
    """Return the static pods of a PodList (Kubernetes API, core/v1) by `NAMESPACE/NAME`."""
    found = {}
    for pod in pods.get("items") or ():
        metadata, status = pod.get("metadata") or {}, pod.get("status") or {}
        if (metadata.get("annotations") or {}).get(SOURCE_ANNOTATION) == "file":
            found[f"{metadata.get('namespace')}/{metadata.get('name')}"] = _parse_status(status)
    return found


def _parse_status(status: dict[str, Any]) -> StaticPodStatus:
    containers = status.get("containerStatuses") or []
    waiting = [(one.get("state") or {}).get("waiting") or {} for one in containers]
    reasons = [f"{one.get('reason', '')}: {one.get('message', '')}".strip(": ") for one in waiting if one]
    return StaticPodStatus(
        ready=bool(containers) and all(one.get("ready") for one in containers),
        phase=str(status.get("phase", "")),
        message="; ".join(reasons) or str(status.get("message", "")),
    )
