"""Serving certificates of the workers' kubelets: their requests are approved, or denied with the reason.

The API server asks kubelets for logs and `exec`, and believes only certificates of the cluster's authority. A worker holds no
key of it: its kubelet asks with a CertificateSigningRequest, controller-manager signs, and between them somebody must approve.
Every control plane does it: the first wins, by the request's version. Faults are denied at once, so that nobody approves them
by hand in a hurry; what may become right is left alone for `WAIT_LIMIT` and then denied: kubelet asks anew by itself.
"""

import logging
import re
from collections import Counter
from collections.abc import Iterable
from typing import Any

import msgspec

from controllers.config.documents import ClusterConfig, MachineConfig, MachineType
from controllers.kubernetes.api_client import ApiClient, get_client
from controllers.kubernetes.serving_request import Address, SigningRequest, parse_signing_request
from controllers.kubernetes.serving_rules import (
    SIGNER,
    Nodes,
    Reserved,
    find_delays,
    find_faults,
    make_reserved,
    parse_nodes,
    show,
)
from controllers.ports import Ports
from controllers.resources.kubernetes import KubeletServingRequest
from controllers.resources.pki import Certificate, CertificateRoot, CertificateSANs
from controllers.resources.services import ServiceHealth
from controllers.runtime.controller import Controller, Input, Output, View, Wanted
from controllers.runtime.errors import Waiting
from controllers.services.errors import RequestError
from controllers.services.health import API_SERVER, bound_patience

INTERVAL = 10.0
"""Seconds between two looks, before patience: so long a new worker's logs cannot be read."""

WAIT_LIMIT = 300.0
"""Seconds, before patience, that a request may wait for the cluster's nodes; kubelet itself gives up after 900."""

MAX_ANSWERS, MAX_OF_ONE, MAX_SHOWN = 64, 4, 64
"""Requests that are looked at in one round, those of one user among them, and those that are shown."""

MAX_MESSAGE = 500
"""Characters of a reason: a request may have many faults."""

APPROVED, DENIED = "Approved", "Denied"
FITS = "the subject, names and addresses are those of the node"
_ID = re.compile(r"[a-z0-9][a-z0-9.-]{0,252}")
_log = logging.getLogger(__name__)


class Delay(msgspec.Struct, frozen=True):
    """Since when (monotonic seconds) a request waits, and what for."""

    since: float
    reason: str


class ServingApplyController(Controller):
    """Answers the kubelets' requests for serving certificates, and shows those that have no certificate."""

    name = "kubernetes.ServingApplyController"
    inputs = (
        Input(MachineConfig, id="default"),
        Input(ClusterConfig, id="default"),
        Input(CertificateSANs, id="kubernetes"),
        Input(ServiceHealth, id=API_SERVER),
        Input(Certificate, id="admin"),
        Input(CertificateRoot, id="kubernetes"),
    )
    outputs = (Output(KubeletServingRequest),)

    def __init__(self, ports: Ports) -> None:
        self._patience = ports.patience
        self._factor = bound_patience(ports.patience)
        self._clock = ports.clock
        self._delays: dict[str, Delay] = {}
        """Uid of a request that waits; a new brain begins to count again."""

    async def reconcile(self, view: View) -> Iterable[Wanted]:
        """One list; with it the nodes only when somebody asks."""
        if view.get(MachineConfig, "default").spec.type is not MachineType.CONTROL_PLANE:
            return []
        if not view.get(ServiceHealth, API_SERVER).spec.healthy:
            raise Waiting("the API server to answer /readyz")
        cluster, sans = view.get(ClusterConfig, "default").spec, view.get(CertificateSANs, "kubernetes").spec
        client = get_client(view, self._patience)
        view.wake_after(INTERVAL * self._factor)
        try:
            return await self._answer_all(client, make_reserved(cluster, sans))
        except RequestError as error:
            raise Waiting(f"the API server to give the kubelets' requests: {error.message}") from error

    async def _answer_all(self, client: ApiClient, reserved: Reserved) -> list[Wanted]:
        pending, answered = await list_requests(client)
        faults = {one.metadata.uid: find_faults(one, reserved) for one in pending}
        nodes = {} if all(faults.values()) else await list_nodes(client)
        self._delays = {uid: delay for uid, delay in self._delays.items() if uid in faults}
        shown = []
        for one in pending:
            shown.append(await self._answer(client, one, faults[one.metadata.uid], nodes))
        return [*shown, *map(describe, answered)][:MAX_SHOWN]

    async def _answer(self, client: ApiClient, request: SigningRequest, faults: list[str], nodes: Nodes) -> Wanted:
        """Approve, deny or leave one request; what is to be shown of it."""
        delays = [] if faults else find_delays(request, nodes)
        reason = "; ".join(faults or delays)
        if delays and not self._is_over(request, reason):
            return show_request(request, "waits", reason)
        verdict, message = (DENIED, reason) if reason else (APPROVED, FITS)
        try:
            first = await client.answer_request(request.metadata.name, make_patch(request, verdict, message))
        except RequestError as error:
            _log.warning("a kubelet's request cannot be answered", extra=_fields(request, error.message))
            return show_request(request, "waits", error.message)
        if not first:
            return show_request(request, "waits", "somebody else answers it at this moment")
        level = logging.WARNING if reason else logging.INFO
        _log.log(level, "a kubelet's request is answered", extra={"verdict": verdict, **_fields(request, message)})
        return show_request(request, verdict.lower(), message)

    def _is_over(self, request: SigningRequest, reason: str) -> bool:
        """Note that a request waits, and say it when that is new; whether it has waited long enough."""
        now, uid = self._clock.now(), request.metadata.uid
        known = self._delays.get(uid)
        if known is None or known.reason != reason:
            _log.info("a kubelet's request waits", extra=_fields(request, reason))
        self._delays[uid] = delay = Delay(known.since if known else now, reason)
        return now - delay.since >= WAIT_LIMIT * self._factor


async def list_requests(client: ApiClient) -> tuple[list[SigningRequest], list[SigningRequest]]:
    """Return requests of the signer that are to be answered now, and answered ones without a certificate.

    Raises `RequestError`.
    """
    pending: list[SigningRequest] = []
    answered: list[SigningRequest] = []
    users: Counter[str] = Counter()
    async for page in client.list_pages("CertificateSigningRequest", f"spec.signerName={SIGNER}"):
        for request in map(parse_signing_request, page):
            user = request.spec.username
            if request.pending and len(pending) < MAX_ANSWERS and users[user] < MAX_OF_ONE:
                users[user] += 1
                pending.append(request)
            elif not request.pending and not request.status.certificate and len(answered) < MAX_SHOWN:
                answered.append(request)
    return pending, answered


async def list_nodes(client: ApiClient) -> dict[str, frozenset[Address]]:
    """Return the cluster's nodes and their addresses. Raises `RequestError`."""
    nodes: dict[str, frozenset[Address]] = {}
    async for page in client.list_pages("Node"):
        nodes |= parse_nodes(page)
    return nodes


def make_patch(request: SigningRequest, verdict: str, message: str) -> dict[str, Any]:
    """Return the merge patch that approves or denies this version of a request, and no later one."""
    condition = {"type": verdict, "status": "True", "reason": "OphiteKubeletServing", "message": message[:MAX_MESSAGE]}
    version = {"resourceVersion": request.metadata.resource_version}
    return {"metadata": version, "status": {"conditions": [condition]}}


def describe(request: SigningRequest) -> Wanted:
    """Return what is shown of a request that was answered, also by somebody else, and has no certificate."""
    last = request.status.conditions[-1]
    return show_request(request, last.type.lower(), last.message)


def show_request(request: SigningRequest, state: str, message: str) -> Wanted:
    """Return a request as a resource; of a name that is no usual one its uid."""
    name = request.metadata.name
    spec = KubeletServingRequest(by=show(request.spec.username), state=show(state), message=message[:MAX_MESSAGE])
    return Wanted(name if _ID.fullmatch(name) else request.metadata.uid, spec)


def _fields(request: SigningRequest, reason: str) -> dict[str, str]:
    """Return the fields of a line in the log."""
    return {"request": show(request.metadata.name), "by": show(request.spec.username), "reason": reason[:MAX_MESSAGE]}
