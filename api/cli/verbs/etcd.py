"""`ophite etcd`."""

import click

from api.cli.output import message_to_dict, output_option, render_size, show_rows
from api.cli.settings import Settings, node_options, pass_settings
from api.generated import etcd_pb2


@click.group()
def command() -> None:
    """Look at etcd."""


@command.command()
@output_option
@node_options
@pass_settings
def members(settings: Settings, output: str) -> None:
    """List the members of the cluster."""
    with settings.connect() as node:
        answer = node.call("EtcdService.MemberList", etcd_pb2.MemberListRequest(), etcd_pb2.MemberListResponse)
    found = list(answer.members)
    rows = [(one.id, one.name, list(one.peer_urls), list(one.client_urls), one.learner) for one in found]
    show_rows(output, ("ID", "NAME", "PEER URLS", "CLIENT URLS", "LEARNER"), rows, [message_to_dict(one) for one in found])


@command.command()
@output_option
@node_options
@pass_settings
def status(settings: Settings, output: str) -> None:
    """Show what the member of a node says of itself."""
    with settings.connect() as node:
        found = node.call("EtcdService.Status", etcd_pb2.EtcdStatusRequest(), etcd_pb2.EtcdStatusResponse)
    row = (found.member_id, found.healthy, found.leader, found.version, render_size(found.db_size), found.message)
    show_rows(output, ("MEMBER", "HEALTHY", "LEADER", "VERSION", "DB SIZE", "MESSAGE"), [row], message_to_dict(found))
