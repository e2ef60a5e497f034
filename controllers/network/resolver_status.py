"""ResolverStatusController: the DNS servers that resolv.conf has, once it is written."""

from collections.abc import Iterator

from controllers.network.etc_files import MAX_RESOLVERS, RESOLV_FILE
from controllers.network.resolver_config import RESOLVERS
from controllers.resources.machine import FileStatus
from controllers.resources.network import NETWORK, ResolverSpec, ResolverStatus
from controllers.runtime.controller import Controller, Input, Output, View, Wanted
from controllers.runtime.errors import Waiting


class ResolverStatusController(Controller):
    """ResolverSpec and FileStatus of resolv.conf → ResolverStatus."""

    name = "network.ResolverStatusController"
    inputs = (Input(ResolverSpec, NETWORK, id=RESOLVERS), Input(FileStatus, id=RESOLV_FILE))
    outputs = (Output(ResolverStatus),)

    def reconcile(self, view: View) -> Iterator[Wanted]:
        spec = view.get(ResolverSpec, RESOLVERS).spec
        status = view.get(FileStatus, RESOLV_FILE).spec
        if status.error:
            raise Waiting(f"{RESOLV_FILE}: {status.error}")
        servers = spec.servers[:MAX_RESOLVERS]
        yield Wanted(RESOLVERS, ResolverStatus(servers=servers, search_domains=spec.search_domains))
