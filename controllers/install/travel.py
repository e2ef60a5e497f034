"""The network that worked before the installation, written into the configuration that the disk gets.

A node that was started from a medium may have its address from the boot prompt (`ip=`, `ophite.hostname=`), and the disk's own
command line does not have it. So it becomes documents, where people can see and change it. What the configuration says
itself always counts: a link that it has an own document for is left alone, and so are resolver, name and time servers.
Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from controllers.config.document import Document
from controllers.config.documents.dhcpv4_config import DHCPv4Config
from controllers.config.documents.hostname_config import HostnameConfig
from controllers.config.documents.link_config import LinkConfig, RouteConfig
from controllers.config.documents.resolver_config import ResolverConfig
from controllers.config.documents.time_sync_config import TimeSyncConfig
from controllers.config.kept_network import append_documents
from controllers.config.loader import load
from controllers.network.ip_parameter import parse_ip_parameter


def add_network(yaml: str, cmdline: Mapping[str, str], first_link: str) -> str:
    """Return a configuration with what the boot prompt says about the network added as documents; `yaml` as it is when there
    is nothing to add.

    In: `first_link`, name of the first physical link, which `ip=` without a device means; empty: not known.
    """
    documents = load(yaml).documents
    added = [one for one in plan_documents(documents, cmdline, first_link) if not one.validate()]
    return append_documents(yaml, added)


def needs_link(cmdline: Mapping[str, str]) -> bool:
    """Return whether `ip=` means the first physical link, so that it has to be known."""
    parameter = parse_ip_parameter(cmdline.get("ip", ""))
    return bool(parameter.address) and not parameter.device


def plan_documents(documents: Sequence[Document], cmdline: Mapping[str, str], first_link: str) -> Iterator[Document]:
    """Yield the documents that are missing from a configuration."""
    parameter = parse_ip_parameter(cmdline.get("ip", ""))
    kinds = {type(one) for one in documents}
    links = {one.id for one in documents if isinstance(one, LinkConfig | DHCPv4Config)}
    device = parameter.device or first_link
    if parameter.address and device and device not in links:
        routes = (RouteConfig(destination="default", gateway=parameter.gateway),) if parameter.gateway else ()
        yield LinkConfig(name=device, addresses=(parameter.address,), routes=routes)
    if parameter.nameservers and ResolverConfig not in kinds:
        yield ResolverConfig(nameservers=parameter.nameservers)
    if parameter.timeservers and TimeSyncConfig not in kinds:
        yield TimeSyncConfig(servers=parameter.timeservers)
    hostname = cmdline.get("ophite.hostname", "") or parameter.hostname
    if hostname and HostnameConfig not in kinds:
        yield HostnameConfig(hostname=hostname)
