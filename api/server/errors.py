"""From an error of the brain to a gRPC status: code, message, and the hint in the trailing metadata `ophite-hint-bin`.

Trap: metadata is ASCII unless its key ends in `-bin`, and header lists are limited to 8 KiB: texts are cut.
"""

from typing import NamedTuple

import grpc

from controllers.runtime import errors

HINT_KEY = "ophite-hint-bin"
MESSAGE_LIMIT = 3000  # characters
HINT_LIMIT = 1000

_CODES: tuple[tuple[type[errors.RuntimeFault], grpc.StatusCode], ...] = (
    (errors.NotFound, grpc.StatusCode.NOT_FOUND),
    (errors.UnknownType, grpc.StatusCode.NOT_FOUND),
    (errors.AlreadyExists, grpc.StatusCode.ALREADY_EXISTS),
    (errors.Conflict, grpc.StatusCode.ABORTED),
    (errors.OwnerConflict, grpc.StatusCode.FAILED_PRECONDITION),
    (errors.PhaseConflict, grpc.StatusCode.FAILED_PRECONDITION),
    (errors.PendingFinalizers, grpc.StatusCode.FAILED_PRECONDITION),
    (errors.Overrun, grpc.StatusCode.DATA_LOSS),
    (errors.WireError, grpc.StatusCode.UNAVAILABLE),
)

BRAIN_AWAY = "the controllers of the node do not answer; they are restarted within a second, so try again"


class Refusal(Exception):
    """A call that the API server itself refuses."""

    def __init__(self, code: grpc.StatusCode, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.code, self.message, self.hint = code, message, hint


class Status(NamedTuple):
    """What goes over the wire instead of an answer."""

    code: grpc.StatusCode
    message: str
    hint: str

    @property
    def trailing_metadata(self) -> tuple[tuple[str, bytes], ...]:
        """The hint, if there is one."""
        return ((HINT_KEY, self.hint.encode()),) if self.hint else ()


def to_status(error: errors.RuntimeFault | Refusal | TimeoutError) -> Status:
    """Return the status of an error that was raised on purpose."""
    match error:
        case Refusal():
            return _cut(error.code, error.message, error.hint)
        case TimeoutError():
            hint = "the node may be busy: look at `ophite get controllerstatus`"
            return Status(grpc.StatusCode.DEADLINE_EXCEEDED, "the node did not answer in time", hint)
        case errors.OperationError():
            return _cut(code_of(error.code), error.message, error.hint)
        case errors.WireError():
            return _cut(grpc.StatusCode.UNAVAILABLE, error.message, error.hint or BRAIN_AWAY)
    code = next((code for cls, code in _CODES if isinstance(error, cls)), grpc.StatusCode.INTERNAL)
    return _cut(code, error.message, error.hint)


def code_of(name: str) -> grpc.StatusCode:
    """Return the status code of a name in lower case; a name that gRPC does not have is `internal`."""
    return grpc.StatusCode.__members__.get(name.upper(), grpc.StatusCode.INTERNAL)


def _cut(code: grpc.StatusCode, message: str, hint: str) -> Status:
    return Status(code, message[:MESSAGE_LIMIT], hint[:HINT_LIMIT])
