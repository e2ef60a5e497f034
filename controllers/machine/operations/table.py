"""How an operation is declared: a name, a typed request, and what answers it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from controllers.runtime.errors import OperationError
from controllers.runtime.wire import Method, Peer

ROOT_UID = 0
API_UID = 50
CALLERS = frozenset({ROOT_UID, API_UID})


class Request(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of requests: what comes over the socket is checked against the fields before anything runs."""


R = TypeVar("R", bound=Request)


class Nothing(Request, frozen=True):
    """A request without fields."""


def method(name: str, request: type[R], answer: Callable[[R], Any]) -> Method:
    """Return the table's line. In: `answer`, a coroutine function or an async generator function of the request."""

    def handle(params: Any, peer: Peer) -> Any:
        return answer(parse(request, params))

    return Method(name, handle, uids=CALLERS)


def parse(request: type[R], params: Any) -> R:
    """Return the request of builtins. Raises `OperationError` with the path of what is wrong."""
    try:
        return msgspec.convert({} if params is None else params, request)
    except msgspec.ValidationError as error:
        raise OperationError("invalid_argument", f"bad request: {error}") from None
