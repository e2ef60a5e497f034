"""What a DHCP server says is checked before it is believed."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controllers.config.checks import is_dns_name
from controllers.network.lease import Dhcp4Lease, parse_lease

OPTIONS: dict[str, Any] = {
    "subnet_mask": "255.255.255.0",
    "router": ["192.0.2.1"],
    "name_server": ["192.0.2.53", "192.0.2.53", "0.0.0.0", "127.0.0.1", "224.0.0.1", "192.0.2.54"],
    "ntp_servers": ["192.0.2.123"],
    "lease_time": 3600,
    "server_id": "192.0.2.1",
    "host_name": "Node1.\0",
    "domain_name": b"example.com.",
    "interface_mtu": 1400,
}


def test_a_good_lease() -> None:
    assert parse_lease("192.0.2.50", OPTIONS, 100.0) == Dhcp4Lease(
        address="192.0.2.50/24",
        server="192.0.2.1",
        gateway="192.0.2.1",
        nameservers=("192.0.2.53", "192.0.2.54"),
        search_domains=("example.com",),
        timeservers=("192.0.2.123",),
        hostname="node1",
        domain="example.com",
        mtu=1400,
        expires=3700.0,
    )


@pytest.mark.parametrize(
    ("address", "changes"),
    [
        ("0.0.0.0", {}),
        ("127.0.0.5", {}),
        ("224.0.0.5", {}),
        ("255.255.255.255", {}),
        (None, {}),
        ("192.0.2.50", {"subnet_mask": "255.0.255.0"}),
        ("192.0.2.50", {"subnet_mask": "0.0.0.0"}),
        ("192.0.2.50", {"lease_time": 5}),
        ("192.0.2.50", {"lease_time": None}),
    ],
)
def test_a_lease_that_cannot_be_used_is_refused(address: Any, changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"lease of|address"):
        parse_lease(address, OPTIONS | changes, 0.0)


@pytest.mark.parametrize(
    ("changes", "field", "expected"),
    [
        ({"interface_mtu": 68}, "mtu", 0),
        ({"interface_mtu": "1500"}, "mtu", 0),
        ({"host_name": "a" * 64}, "hostname", ""),
        ({"host_name": "a b; reboot"}, "hostname", ""),
        ({"domain_name": "x\nnameserver 6.6.6.6"}, "search_domains", ()),
        ({"router": ["192.0.2.50", "192.0.2.7"]}, "gateway", "192.0.2.7"),
        ({"router": "192.0.2.1"}, "gateway", ""),
        ({"name_server": [f"192.0.2.{n}" for n in range(1, 100)]}, "nameservers", tuple(f"192.0.2.{n}" for n in range(1, 9))),
        ({"name_server": 7}, "nameservers", ()),
        ({"lease_time": -1}, "expires", 0.0),
        ({"server_id": None}, "server", ""),
    ],
)
def test_what_is_not_valid_is_left_out(changes: dict[str, Any], field: str, expected: Any) -> None:
    assert getattr(parse_lease("192.0.2.50", OPTIONS | changes, 0.0), field) == expected


ANYTHING = st.one_of(
    st.none(), st.integers(), st.text(max_size=80), st.binary(max_size=80), st.lists(st.text(max_size=20), max_size=20)
)


@given(st.dictionaries(st.sampled_from(sorted(OPTIONS)), ANYTHING))
def test_no_option_can_do_harm(changes: dict[str, Any]) -> None:
    try:
        lease = parse_lease("192.0.2.50", OPTIONS | changes, 0.0)
    except ValueError:
        return
    assert all(is_dns_name(name) for name in (*lease.search_domains, *filter(None, (lease.hostname, lease.domain))))
    assert len(lease.nameservers) <= 8
    assert lease.mtu == 0 or 576 <= lease.mtu <= 65535
