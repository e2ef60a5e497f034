"""Every error that the runtime raises on purpose, as one tree.

RuntimeFault                      a message, and a hint that says what to do
├── StoreError                    a store refused
│   ├── NotFound                  no such resource
│   ├── AlreadyExists             create of one that is there
│   ├── Conflict                  the version changed since it was read
│   ├── OwnerConflict             it belongs to somebody else
│   ├── PhaseConflict             it is (not) tearing down
│   ├── PendingFinalizers         destroy while others still hold it
│   └── Overrun                   a watcher fell behind, or its bookmark is too old: list again
├── OperationError                an operation refused; `code` is a gRPC status name in lower case
├── WireError                     the other end is gone, silent, or does not speak the protocol
├── GraphError                    controllers that do not fit together
├── UnknownType                   no resource type has this name
└── UndeclaredAccess              a controller read or wrote what it did not declare: a bug
Waiting                           not an error: the reconcile needs something first
"""


class RuntimeFault(Exception):
    """Base of the tree.

    In: `message`, one line that says what happened; `hint`, what to do about it (may be empty).
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message


class StoreError(RuntimeFault):
    """A store refused."""


class NotFound(StoreError):
    """There is no such resource."""


class AlreadyExists(StoreError):
    """Create found one of this id."""


class Conflict(StoreError):
    """The resource changed since the caller read it; read again and retry."""


class OwnerConflict(StoreError):
    """The resource belongs to another owner, who alone may change it."""


class PhaseConflict(StoreError):
    """The resource is tearing down (or, where that is needed, is not)."""


class PendingFinalizers(StoreError):
    """Destroy while finalizers are left; they are named in the message."""


class Overrun(StoreError):
    """A watcher fell too far behind, or resumed from a bookmark that is no longer held. Watch anew without a
    bookmark.
    """


class OperationError(RuntimeFault):
    """An operation of the brain refused.

    In: `code`, the name of a gRPC status in lower case (`invalid_argument`, `failed_precondition`, `permission_denied`,
    `not_found`, `unavailable`, `internal` …); message and hint for the user.
    """

    def __init__(self, code: str, message: str, hint: str = "") -> None:
        super().__init__(message, hint)
        self.code = code


class WireError(RuntimeFault):
    """The other end of a socket is gone, silent, or does not speak the protocol."""


class GraphError(RuntimeFault):
    """Controllers that do not fit together: two owners of one output, a name used twice, an input that nobody makes."""


class UnknownType(RuntimeFault):
    """No resource type has this name."""


class UndeclaredAccess(RuntimeFault):
    """A controller read or wrote what it did not declare. A bug in the controller; the engine never lets it pass."""


class Waiting(Exception):
    """Raised in `reconcile`: the outputs stay as they are and `ControllerStatus.waits_for` shows `what`.

    In: `what`, completing "waits for …": `HostnameStatus/hostname`, `the clock to be set`.
    """

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what
