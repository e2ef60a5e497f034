"""Where a node's API is: `host` or `host:port`; IPv6 addresses in brackets when a port follows."""

from typing import NamedTuple

from api.client.errors import BadAddress

DEFAULT_PORT = 50000
_HINT = "write HOST or HOST:PORT, such as 192.0.2.10, node1.example:50000 or [2001:db8::1]:50000"


class Address(NamedTuple):
    """A host (name or address, without brackets) and a port."""

    host: str
    port: int = DEFAULT_PORT

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_address(text: str) -> Address:
    """Return the address that a person wrote. Raises `BadAddress`."""
    text = text.strip()
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        if not bracket or (rest and not rest.startswith(":")):
            raise BadAddress(f"{text!r} is no address", _HINT)
        port = rest[1:]
    elif text.count(":") > 1:
        host, port = text, ""
    else:
        host, _, port = text.partition(":")
    if not host or any(character in host for character in "/@, \t"):
        raise BadAddress(f"{text!r} is no address", _HINT)
    if not port:
        return Address(host)
    if not port.isdecimal() or not 0 < int(port) < 65536:
        raise BadAddress(f"{port!r} in {text!r} is no port", _HINT)
    return Address(host, int(port))
