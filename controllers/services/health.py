"""Are the services that run also well? ServiceStatus → ServiceHealth, by one small check per service.

containerd has to answer like a gRPC server, etcd and kubelet by their health pages on loopback, the API server by
/readyz. A service that is not well is asked again soon, one that is well now and then.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import NamedTuple

from controllers.ports import Ports
from controllers.resources.kubernetes import StaticPod
from controllers.resources.pki import Certificate, CertificateRoot
from controllers.resources.services import ServiceHealth, ServiceStatus
from controllers.runtime.controller import Controller, Input, Output, View, Wanted
from controllers.services import https_client
from controllers.services.errors import RequestError

UNWELL_INTERVAL, WELL_INTERVAL = 1.0, 15.0
"""Seconds to the next round, times the patience factor (at most `MAX_FACTOR`)."""

MAX_FACTOR = 5.0
"""An emulated machine is asked less often, but not so seldom that the boot waits for the question."""

ETCD_METRICS_PORT = 2381
KUBELET_HEALTH_PORT = 10248
API_SERVER_PORT = 6443

HTTP2_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes((0, 0, 0, 4, 0, 0, 0, 0, 0))
"""RFC 9113, 3.4: the client's preface with an empty SETTINGS frame."""

SETTINGS_FRAME = 4


def bound_patience(patience: float) -> float:
    """Return the factor for intervals and for limits of short questions: from 1 to `MAX_FACTOR`."""
    return min(max(patience, 1.0), MAX_FACTOR)


class Probe(NamedTuple):
    """What a check needs: the node's paths are in `socket`, certificates in `identity` (None: not there yet)."""

    socket: str
    identity: https_client.Identity | None
    timeout: float


Check = Callable[[Probe], Awaitable[str]]
"""Returns what is wrong, empty when nothing is."""


async def check_containerd(probe: Probe) -> str:
    """Speak the beginning of HTTP/2 over the socket: a living gRPC server sends its SETTINGS frame first."""
    try:
        async with asyncio.timeout(probe.timeout):
            reader, writer = await asyncio.open_unix_connection(probe.socket)
            try:
                writer.write(HTTP2_PREFACE)
                frame = await reader.readexactly(9)
            finally:
                writer.close()
    except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
        return f"{probe.socket}: {error or 'no answer in time'}"
    return "" if frame[3] == SETTINGS_FRAME else f"{probe.socket}: no gRPC server"


async def check_etcd(probe: Probe) -> str:
    """Ask etcd's health page; it is true only when the member knows a leader and can read."""
    endpoint = https_client.Endpoint("127.0.0.1", ETCD_METRICS_PORT, timeout=probe.timeout)
    try:
        answer = (await https_client.send(endpoint, "GET", "/health")).json()
    except RequestError as error:
        return error.message
    return "" if answer.get("health") in ("true", True) else f"etcd says: {answer.get('reason') or 'not healthy'}"


async def check_kubelet(probe: Probe) -> str:
    """Ask kubelet's health page."""
    return await _ask(https_client.Endpoint("127.0.0.1", KUBELET_HEALTH_PORT, timeout=probe.timeout), "/healthz")


async def check_api_server(probe: Probe) -> str:
    """Ask whether the local API server is ready to serve."""
    if probe.identity is None:
        return "waits for the administrator's certificate"
    endpoint = https_client.Endpoint("127.0.0.1", API_SERVER_PORT, probe.identity, timeout=probe.timeout)
    return await _ask(endpoint, "/readyz")


async def _ask(endpoint: https_client.Endpoint, path: str) -> str:
    try:
        answer = await https_client.send(endpoint, "GET", path)
    except RequestError as error:
        return error.message
    return "" if answer.ok else f"{path} says {answer.status}: {answer.text()}"


API_SERVER = "kube-apiserver"

CHECKS: dict[str, Check] = {
    "containerd": check_containerd,
    "etcd": check_etcd,
    "kubelet": check_kubelet,
    API_SERVER: check_api_server,
}


class HealthController(Controller):
    """The health of every running service that has a check, and of the local API server."""

    name = "services.HealthController"
    inputs = (
        Input(ServiceStatus),
        Input(StaticPod, id=API_SERVER),
        Input(Certificate, id="admin"),
        Input(CertificateRoot, id="kubernetes"),
    )
    outputs = (Output(ServiceHealth),)

    def __init__(self, ports: Ports, checks: dict[str, Check] | None = None) -> None:
        self._checks = CHECKS if checks is None else checks
        self._factor = bound_patience(ports.patience)
        self._socket = str(ports.paths / "run/containerd/containerd.sock")

    async def reconcile(self, view: View) -> Iterable[Wanted]:
        """Run the checks side by side."""
        running = {r.id for r in view.list(ServiceStatus) if r.spec.state == "running"}
        if view.find(StaticPod, API_SERVER):
            running.add(API_SERVER)
        ids = sorted(running & self._checks.keys())
        probe = Probe(self._socket, _identity(view), 5.0 * self._factor)
        troubles = await asyncio.gather(*(self._checks[id_](probe) for id_ in ids))
        if ids:
            view.wake_after((UNWELL_INTERVAL if any(troubles) else WELL_INTERVAL) * self._factor)
        return [
            Wanted(id_, ServiceHealth(healthy=not trouble, message=trouble)) for id_, trouble in zip(ids, troubles, strict=True)
        ]


def _identity(view: View) -> https_client.Identity | None:
    """Return the administrator's identity towards the API server."""
    admin, root = view.find(Certificate, "admin"), view.find(CertificateRoot, "kubernetes")
    if admin is None or root is None:
        return None
    return https_client.Identity(root.spec.certificate, admin.spec.certificate, admin.spec.key, server_name="localhost")
