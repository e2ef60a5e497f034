"""The requests of a drain: which pods are listed, and what an eviction's answers mean."""

import json
from typing import Any

import pytest

from controllers.kubernetes import api_client
from controllers.kubernetes.api_client import ApiClient
from controllers.services.errors import RequestError
from controllers.services.https_client import Endpoint, Response

Sent = list[tuple[str, str, Any]]


@pytest.fixture
def sent() -> Sent:
    return []


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch, sent: Sent) -> list[Response]:
    """What the API server says next."""
    said: list[Response] = []

    async def send(endpoint: Endpoint, method: str, path: str, body: Any = None, content_type: str = "") -> Response:
        sent.append((method, path, body))
        return said.pop(0)

    monkeypatch.setattr(api_client, "send", send)
    return said


def client(eviction: str = "policy/v1") -> ApiClient:
    return ApiClient(Endpoint("127.0.0.1", 6443), eviction)


async def test_only_the_pods_of_the_node_are_listed(answers: list[Response], sent: Sent) -> None:
    answers.append(Response(200, json.dumps({"items": [{"metadata": {"name": "a"}}, "nonsense"]}).encode()))
    assert await client().list_pods("n 1") == [{"metadata": {"name": "a"}}]
    assert sent[0][:2] == ("GET", "/api/v1/pods?fieldSelector=spec.nodeName%3Dn%201")


@pytest.mark.parametrize(("status", "leaves"), [(201, True), (200, True), (404, True), (429, False)])
async def test_what_an_answer_to_an_eviction_means(answers: list[Response], sent: Sent, status: int, leaves: bool) -> None:
    answers.append(Response(status, b"{}"))
    assert await client("policy/v1beta1").evict("default", "web") is leaves
    method, path, body = sent[0]
    assert (method, path) == ("POST", "/api/v1/namespaces/default/pods/web/eviction")
    assert body["apiVersion"] == "policy/v1beta1"
    assert body["kind"] == "Eviction"


async def test_another_answer_is_an_error_with_the_servers_words(answers: list[Response]) -> None:
    answers.append(Response(500, b'{"message": "more than one budget"}'))
    with pytest.raises(RequestError, match=r"eviction of default/web: .* 500: more than one budget"):
        await client().evict("default", "web")


async def test_an_answer_without_a_list_is_no_pods(answers: list[Response]) -> None:
    answers.append(Response(200, b'{"items": null}'))
    assert await client().list_pods("n1") == []
