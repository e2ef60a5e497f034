"""Every error that the client raises on purpose, as one tree.

ClientError               a message, and a hint that says what to do
├── BadAddress            not a host, nor host:port
├── NoContext             the client's file has no context to use
├── Unreachable           nothing answers there (refused, timed out, no route, unknown name)
├── TrustError            TLS refused one of the two ends
│   ├── MaintenanceMode   the node has no configuration yet, so it shows a certificate of its own making
│   ├── WrongAuthority    a certificate of another cluster
│   ├── WrongName         the node's certificate does not carry this name or address
│   ├── Expired           a certificate is over
│   ├── ClockSkew         a certificate is not valid yet: one of the two clocks is wrong
│   └── WrongFingerprint  not the node that was pinned
├── Refused               the node answered with an error; `code` is gRPC's, in lower case
└── TimedOut              no answer in time
"""


class ClientError(Exception):
    """Base of the tree. In: `message`, one line that says what happened; `hint`, what to do about it (may be empty)."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message


class BadAddress(ClientError):
    """Not a host, nor host:port."""


class NoContext(ClientError):
    """The client's file has no context to use."""


class Unreachable(ClientError):
    """Nothing answers there."""


class TrustError(ClientError):
    """TLS refused one of the two ends."""


class MaintenanceMode(TrustError):
    """The node has no configuration yet, so it shows a certificate of its own making."""


class WrongAuthority(TrustError):
    """A certificate of another cluster."""


class WrongName(TrustError):
    """The node's certificate does not carry this name or address."""


class Expired(TrustError):
    """A certificate is over."""


class ClockSkew(TrustError):
    """A certificate is not valid yet: one of the two clocks is wrong."""


class WrongFingerprint(TrustError):
    """Not the node that was pinned."""


class TimedOut(ClientError):
    """No answer in time."""


class Refused(ClientError):
    """The node answered with an error. In: `code`, the name of a gRPC status in lower case."""

    def __init__(self, code: str, message: str, hint: str = "") -> None:
        super().__init__(message, hint)
        self.code = code
