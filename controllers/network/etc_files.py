"""EtcFilesController: hostname, hosts and resolv.conf, which programs read from /etc. Pure rendering."""

from collections.abc import Iterator

from controllers.network.hostname_config import HOSTNAME
from controllers.network.resolver_config import RESOLVERS
from controllers.resources.machine import FileSpec
from controllers.resources.network import NETWORK, HostnameStatus, NodeAddress, ResolverSpec
from controllers.runtime.controller import SHARED, Controller, Input, Output, View, Wanted

HOSTNAME_FILE = "/run/ophite/etc/hostname"
HOSTS_FILE = "/run/ophite/etc/hosts"
RESOLV_FILE = "/run/ophite/etc/resolv.conf"
ETC_FILES = (HOSTNAME_FILE, HOSTS_FILE, RESOLV_FILE)
MAX_RESOLVERS = 3
"""The C library's limit (resolv.conf(5), MAXNS)."""


class EtcFilesController(Controller):
    """HostnameStatus, NodeAddress and ResolverSpec → FileSpec."""

    name = "network.EtcFilesController"
    inputs = (
        Input(HostnameStatus, id=HOSTNAME),
        Input(NodeAddress, id="default"),
        Input(ResolverSpec, NETWORK, id=RESOLVERS),
    )
    outputs = (Output(FileSpec, kind=SHARED),)

    def reconcile(self, view: View) -> Iterator[Wanted]:
        host = view.find(HostnameStatus, HOSTNAME)
        address = view.find(NodeAddress, "default")
        resolver = view.find(ResolverSpec, RESOLVERS)
        if host is not None:
            name = host.spec
            addresses = address.spec.addresses if address else ()
            yield _file(HOSTNAME_FILE, f"{name.hostname}\n")
            yield _file(HOSTS_FILE, render_hosts(name.hostname, name.domain, addresses))
        if resolver is not None:
            yield _file(RESOLV_FILE, render_resolv_conf(resolver.spec.servers, resolver.spec.search_domains))


def render_hosts(hostname: str, domain: str, addresses: tuple[str, ...]) -> str:
    """Return hosts(5): the loopback, and this host under its address (loopback until it has one)."""
    names = f"{hostname}.{domain} {hostname}" if domain else hostname
    own = addresses[:1] or ("127.0.1.1",)
    lines = ["127.0.0.1 localhost", "::1 localhost ip6-localhost", *(f"{address} {names}" for address in own)]
    return "\n".join(lines) + "\n"


def render_resolv_conf(servers: tuple[str, ...], search_domains: tuple[str, ...]) -> str:
    """Return resolv.conf(5) with the first three servers."""
    lines = [f"nameserver {server}" for server in servers[:MAX_RESOLVERS]]
    if search_domains:
        lines.append(f"search {' '.join(search_domains)}")
    return "".join(f"{line}\n" for line in lines)


def _file(path: str, content: str) -> Wanted:
    return Wanted(path, FileSpec(path=path, content=content))
