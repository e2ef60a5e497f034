"""Kubelets' requests are answered once, with a reason; what may become right is waited for; others may be faster."""

import json
import logging
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from controllers.config.documents import MachineType
from controllers.kubernetes import api_client
from controllers.kubernetes.api_client import MAX_PAGES, PAGE
from controllers.kubernetes.serving_apply import (
    FITS,
    INTERVAL,
    MAX_ANSWERS,
    MAX_MESSAGE,
    MAX_OF_ONE,
    WAIT_LIMIT,
    ServingApplyController,
)
from controllers.ports import Ports
from controllers.resources.kubernetes import KubeletServingRequest
from controllers.resources.pki import CertificateSANs
from controllers.runtime.controller import make_view
from controllers.runtime.errors import Waiting
from controllers.runtime.resource import Resource, new
from controllers.services.errors import RequestError
from controllers.services.https_client import Endpoint, Response
from tests.harness.clock import FakeClock
from tests.harness.reconcile import run_reconcile_async
from tests.unit.kubernetes.signing import Asked, make_node, make_pem
from tests.unit.kubernetes.world import health, machine, only, world

REQUESTS, NODES = "/apis/certificates.k8s.io/v1/certificatesigningrequests", "/api/v1/nodes"


class ApiServer:
    """Requests and nodes, in pages; approvals are counted against the version."""

    def __init__(self) -> None:
        self.requests: list[Asked] = []
        self.nodes = [make_node("cp1", "192.0.2.10"), make_node("w1", "192.0.2.21")]
        self.sent: list[tuple[str, str]] = []
        self.answers: dict[str, dict[str, Any]] = {}
        self.refusal: Callable[[str], int] = lambda name: 200
        self.error = ""
        self.endless = False

    async def __call__(self, endpoint: Endpoint, method: str, path: str, body: Any = None, content_type: str = "") -> Response:
        if self.error:
            raise RequestError(self.error)
        url = urlsplit(path)
        self.sent.append((method, path))
        if method == "GET":
            query = {key: value for key, (value,) in parse_qs(url.query).items()}
            if url.path == REQUESTS:
                assert query["fieldSelector"] == "spec.signerName=kubernetes.io/kubelet-serving"
            items = [one.item for one in self.requests] if url.path == REQUESTS else self.nodes
            begin, end = int(query.get("continue", "0")), int(query.get("continue", "0")) + int(query["limit"])
            more = {"continue": str(0 if self.endless else end)} if self.endless or end < len(items) else {}
            return Response(200, json.dumps({"metadata": more, "items": items[begin:end]}).encode())
        assert (method, content_type) == ("PATCH", "application/merge-patch+json")
        name = unquote(url.path.removeprefix(f"{REQUESTS}/").removesuffix("/approval"))
        if (status := self.refusal(name)) == 200:
            self.answers[name] = json.loads(body)
        return Response(status, b'{"message": "no"}')

    @property
    def verdicts(self) -> dict[str, tuple[str, str]]:
        """Name of the request → (condition, message)."""
        conditions = {name: patch["status"]["conditions"] for name, patch in self.answers.items()}
        return {name: (one["type"], one["message"]) for name, (one,) in conditions.items()}


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> ApiServer:
    server = ApiServer()
    monkeypatch.setattr(api_client, "send", server)
    return server


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def controller(clock: FakeClock) -> ServingApplyController:
    return ServingApplyController(Ports(clock=clock))


def resources(controller: ServingApplyController) -> list[Resource[Any]]:
    sans = new("kubernetes", CertificateSANs(names=("cp1", "kubernetes"), addresses=("10.96.0.1", "127.0.0.1", "192.0.2.10")))
    return [*only(controller, world()), sans]


async def reconcile(controller: ServingApplyController) -> dict[str, KubeletServingRequest]:
    wanted = await run_reconcile_async(controller, resources(controller))
    return {one.id: one.spec for one in wanted if isinstance(one.spec, KubeletServingRequest)}


async def test_a_good_request_is_approved(
    api: ApiServer, controller: ServingApplyController, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    api.requests = [Asked()]
    assert await reconcile(controller) == {"csr-1": KubeletServingRequest(by="system:node:w1", state="approved", message=FITS)}
    assert api.answers == {
        "csr-1": {
            "metadata": {"resourceVersion": "7"},
            "status": {
                "conditions": [{"type": "Approved", "status": "True", "reason": "OphiteKubeletServing", "message": FITS}]
            },
        }
    }
    (record,) = caplog.records
    assert (record.levelname, vars(record)["verdict"], vars(record)["by"]) == ("INFO", "Approved", "system:node:w1")


async def test_a_bad_request_is_denied_with_its_faults(
    api: ApiServer, controller: ServingApplyController, caplog: pytest.LogCaptureFixture
) -> None:
    api.requests = [Asked(pem=make_pem(names=("kubernetes",), addresses=("10.96.0.1",)))]
    shown = await reconcile(controller)
    verdict, message = api.verdicts["csr-1"]
    assert verdict == "Denied"
    assert "kubernetes is not the node's name; 10.96.0.1 is an address of the API server" in message
    assert shown["csr-1"].state == "denied"
    assert shown["csr-1"].message == message
    assert [(record.levelname, vars(record)["reason"]) for record in caplog.records] == [("WARNING", message)]
    assert [path.partition("?")[0] for _, path in api.sent] == [REQUESTS, f"{REQUESTS}/csr-1/approval"]


async def test_the_text_of_a_denial_is_short(api: ApiServer, controller: ServingApplyController) -> None:
    api.requests = [Asked(pem=make_pem(names=[f"{'x' * 60}{n}" for n in range(16)], addresses=()))]
    await reconcile(controller)
    assert len(api.verdicts["csr-1"][1]) == MAX_MESSAGE


async def test_without_requests_one_small_list_is_all(api: ApiServer, controller: ServingApplyController) -> None:
    assert await reconcile(controller) == {}
    assert len(api.sent) == 1
    view = make_view(controller, resources(controller), [], 0.0)
    await controller.reconcile(view)
    assert view.wake_seconds == INTERVAL


async def test_answered_requests_are_shown_until_they_have_their_certificate(
    api: ApiServer, controller: ServingApplyController
) -> None:
    api.requests = [
        Asked("csr-1", conditions=({"type": "Approved", "status": "True", "message": "fits"},), certificate="Q1JU"),
        Asked("csr-2", conditions=({"type": "Approved", "status": "True", "message": "fits"},)),
        Asked("csr-3", conditions=({"type": "Denied", "status": "True", "message": "by hand"},)),
        Asked(
            "csr-4", conditions=({"type": "Approved", "status": "True"}, {"type": "Failed", "status": "True", "message": "?"})
        ),
    ]
    shown = await reconcile(controller)
    assert {id_: (one.state, one.message) for id_, one in shown.items()} == {
        "csr-2": ("approved", "fits"),
        "csr-3": ("denied", "by hand"),
        "csr-4": ("failed", "?"),
    }
    assert len(api.sent) == 1


async def test_a_request_whose_node_is_not_ready_for_it_waits_and_is_denied_in_the_end(
    api: ApiServer, controller: ServingApplyController, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    api.nodes = []
    api.requests = [Asked()]
    for _ in range(2):
        assert (await reconcile(controller))["csr-1"].state == "waits"
        await clock.advance(WAIT_LIMIT / 2 - 1)
    assert len(caplog.records) == 1, "said once"
    assert api.answers == {}
    await clock.advance(2)
    assert (await reconcile(controller))["csr-1"].state == "denied"
    assert api.verdicts == {"csr-1": ("Denied", "the cluster has no node w1")}


async def test_a_request_that_waits_is_approved_when_its_node_has_come(
    api: ApiServer, controller: ServingApplyController
) -> None:
    nodes, api.nodes = api.nodes, [make_node("w1", "192.0.2.99"), make_node("w2", "192.0.2.21")]
    api.requests = [Asked()]
    assert "belongs to the node w2" in (await reconcile(controller))["csr-1"].message
    api.nodes = nodes
    await reconcile(controller)
    assert api.verdicts == {"csr-1": ("Approved", FITS)}


async def test_another_wait_begins_anew(api: ApiServer, controller: ServingApplyController, clock: FakeClock) -> None:
    api.nodes = []
    api.requests = [Asked("csr-1")]
    await reconcile(controller)
    await clock.advance(WAIT_LIMIT)
    api.requests = [Asked("csr-2")]
    assert (await reconcile(controller))["csr-2"].state == "waits"
    assert list(controller._delays) == ["uid-of-csr-2"]


@pytest.mark.parametrize("status", [409, 404])
async def test_another_control_plane_may_be_faster(
    api: ApiServer, controller: ServingApplyController, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    api.requests = [Asked()]
    api.refusal = lambda name: status
    assert (await reconcile(controller))["csr-1"].state == "waits"
    assert caplog.records == []


async def test_one_request_that_cannot_be_answered_does_not_keep_the_others(
    api: ApiServer, controller: ServingApplyController
) -> None:
    api.requests = [Asked("csr-1"), Asked("csr-2")]
    api.refusal = lambda name: 403 if name == "csr-1" else 200
    shown = await reconcile(controller)
    assert {id_: one.state for id_, one in shown.items()} == {"csr-1": "waits", "csr-2": "approved"}
    assert "403: no" in shown["csr-1"].message


async def test_an_odd_name_is_quoted_and_not_shown(api: ApiServer, controller: ServingApplyController) -> None:
    api.requests = [Asked("CSR of\nmine?x=#")]
    assert list(await reconcile(controller)) == ["uid-of-CSR of\nmine?x=#"]
    assert api.sent[-1] == ("PATCH", f"{REQUESTS}/CSR%20of%0Amine%3Fx%3D%23/approval")
    assert list(api.answers) == ["CSR of\nmine?x=#"]


async def test_no_node_crowds_out_the_others(api: ApiServer, controller: ServingApplyController) -> None:
    loud = [Asked(f"a-{n:03}", usages=("any",)) for n in range(3 * PAGE)]
    many = [Asked(f"b-{n:03}", user=f"system:node:n{n}") for n in range(2 * MAX_ANSWERS)]
    api.requests = [*loud, *many]
    await reconcile(controller)
    assert len([name for name in api.answers if name.startswith("a-")]) == MAX_OF_ONE
    assert len(api.answers) == MAX_ANSWERS


async def test_a_second_page_of_nodes_is_looked_at(api: ApiServer, controller: ServingApplyController) -> None:
    api.nodes = [*(make_node(f"n{n}", f"198.51.100.{n}") for n in range(PAGE)), *api.nodes, make_node("w2", "192.0.2.21")]
    api.requests = [Asked()]
    assert "belongs to the node w2" in (await reconcile(controller))["csr-1"].message


async def test_a_list_without_end_has_one(api: ApiServer, controller: ServingApplyController) -> None:
    api.endless = True
    with pytest.raises(Waiting, match=f"there are more than {PAGE * MAX_PAGES} certificatesigningrequests"):
        await reconcile(controller)
    assert len(api.sent) == MAX_PAGES


async def test_it_waits_for_the_api_server(api: ApiServer, controller: ServingApplyController) -> None:
    sick = [*(r for r in resources(controller) if r.id != "kube-apiserver"), health("kube-apiserver", False)]
    with pytest.raises(Waiting, match="the API server to answer"):
        await run_reconcile_async(controller, sick)
    api.error = "refused"
    view = make_view(controller, resources(controller), [], 0.0)
    with pytest.raises(Waiting, match="to give the kubelets' requests: refused"):
        await controller.reconcile(view)
    assert view.wake_seconds == INTERVAL


async def test_a_worker_answers_nobody(api: ApiServer, controller: ServingApplyController) -> None:
    assert await run_reconcile_async(controller, [machine(MachineType.WORKER)]) == []
    assert api.sent == []


async def test_patience_stretches_interval_and_limit(api: ApiServer, clock: FakeClock) -> None:
    patient = ServingApplyController(Ports(clock=clock, patience=20.0))
    api.nodes = []
    api.requests = [Asked()]
    view = make_view(patient, resources(patient), [], 0.0)
    await patient.reconcile(view)
    assert view.wake_seconds == 5 * INTERVAL
    await clock.advance(5 * WAIT_LIMIT - 1)
    assert (await reconcile(patient))["csr-1"].state == "waits"
    await clock.advance(1)
    assert (await reconcile(patient))["csr-1"].state == "denied"
