"""The network of the boot prompt in the configuration of the disk."""

from controllers.config.documents import HostnameConfig, LinkConfig, ResolverConfig, TimeSyncConfig
from controllers.config.loader import check_config
from controllers.install.travel import add_network, needs_link

HOST = "apiVersion: ophite/v1\nkind: MachineConfig\ntype: worker\n"
IP = "192.0.2.10::192.0.2.1:255.255.255.0:node7:eth1:none:192.0.2.53::192.0.2.123"


def test_a_static_address_becomes_documents() -> None:
    documents = check_config(add_network(HOST, {"ip": IP}, "eth0"))[1:]
    link, resolver, time, name = documents
    assert isinstance(link, LinkConfig)
    assert (link.name, link.addresses) == ("eth1", ("192.0.2.10/24",))
    assert [(one.destination, one.gateway) for one in link.routes] == [("default", "192.0.2.1")]
    assert resolver == ResolverConfig(nameservers=("192.0.2.53",))
    assert time == TimeSyncConfig(servers=("192.0.2.123",))
    assert name == HostnameConfig(hostname="node7")


def test_without_a_device_the_first_link_is_meant() -> None:
    yaml = add_network(HOST, {"ip": "192.0.2.10:::255.255.255.0"}, "enp1s0")
    assert check_config(yaml)[1] == LinkConfig(name="enp1s0", addresses=("192.0.2.10/24",))
    assert add_network(HOST, {"ip": "192.0.2.10:::255.255.255.0"}, "") == HOST


def test_only_an_address_without_a_device_needs_a_link() -> None:
    assert needs_link({"ip": "192.0.2.10:::255.255.255.0"})
    assert not any(needs_link({"ip": text}) for text in ("", "dhcp", "off", IP))


def test_what_the_configuration_says_counts() -> None:
    given = HOST + "---\napiVersion: ophite/v1\nkind: DHCPv4Config\nname: eth1\n"
    given += "---\napiVersion: ophite/v1\nkind: HostnameConfig\nauto: stable\n"
    added = check_config(add_network(given, {"ip": IP, "ophite.hostname": "other"}, ""))[3:]
    assert [type(one) for one in added] == [ResolverConfig, TimeSyncConfig]


def test_nothing_to_add_leaves_the_text_as_it_is() -> None:
    for cmdline in ({}, {"ip": "dhcp"}, {"ip": "off"}, {"ip": "nonsense:::::x/y"}, {"ophite.hostname": "-bad-"}):
        assert add_network(HOST, cmdline, "eth0") == HOST


def test_a_second_time_adds_nothing() -> None:
    once = add_network(HOST, {"ip": IP}, "eth0")
    assert add_network(once, {"ip": IP}, "eth0") == once
