"""Kernel settings: wanted, written, restored."""

from pathlib import Path
from typing import Any

import pytest

from controllers.config.documents.sysctl_config import SysctlConfig
from controllers.machine.sysctl_apply import SysctlApplyController, path_of
from controllers.machine.sysctl_config import DEFAULTS, SysctlConfigController
from controllers.ports import Paths, Ports
from controllers.resources.machine import PlatformInfo, SysctlSpec, SysctlStatus
from controllers.runtime.resource import Resource, new
from tests.harness.reconcile import run_reconcile


def test_the_list_and_the_document_on_top() -> None:
    given: list[Resource[Any]] = [
        new("platform", PlatformInfo(platform="metal")),
        new(
            "default",
            SysctlConfig(sysctls={"vm.max_map_count": "9", "net/ipv4/conf/eth0.1/rp_filter": "0", "vm/swappiness": "1"}),
        ),
    ]
    found = {one.id: one.spec for one in run_reconcile(SysctlConfigController(Ports()), given)}
    assert found["vm.max_map_count"] == SysctlSpec(key="vm.max_map_count", value="9")
    assert found["vm.swappiness"] == SysctlSpec(key="vm.swappiness", value="1")
    assert "net/ipv4/conf/eth0.1/rp_filter" in found
    assert set(DEFAULTS) <= set(found)


def test_in_namespaces_nothing_is_required() -> None:
    given: list[Resource[Any]] = [new("platform", PlatformInfo(platform="namespaces"))]
    specs = [one.spec for one in run_reconcile(SysctlConfigController(Ports()), given)]
    assert not any(isinstance(one, SysctlSpec) and one.required for one in specs)


def make_proc(root: Path, **values: str) -> SysctlApplyController:
    for key, value in values.items():
        path = root / "proc/sys" / key.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(value + "\n")
    return SysctlApplyController(Ports(paths=Paths(root)))


def apply(controller: SysctlApplyController, own: list[SysctlStatus] | None = None, **values: str) -> dict[str, SysctlStatus]:
    specs = [new(key.replace("__", "."), SysctlSpec(key=key.replace("__", "."), value=value)) for key, value in values.items()]
    wanted = run_reconcile(controller, specs, own=[new(one.key, one) for one in own or []])
    return {one.id: one.spec for one in wanted if isinstance(one.spec, SysctlStatus)}


def test_a_setting_is_written_and_its_default_kept(tmp_path: Path) -> None:
    controller = make_proc(tmp_path, vm__x="3")
    [status] = apply(controller, vm__x="7").values()
    assert status == SysctlStatus(key="vm.x", value="7", default="3")
    assert apply(controller, [status], vm__x="8")["vm.x"].default == "3"


def test_the_default_comes_back_when_the_spec_goes(tmp_path: Path) -> None:
    controller = make_proc(tmp_path, vm__x="3")
    [status] = apply(controller, vm__x="7").values()
    assert apply(controller, [status]) == {}
    assert (tmp_path / "proc/sys/vm/x").read_text() == "3\n"


def test_what_is_there_already_is_not_written(tmp_path: Path) -> None:
    controller = make_proc(tmp_path, vm__x="4\t4  1")
    before = (tmp_path / "proc/sys/vm/x").stat().st_mtime_ns
    assert apply(controller, vm__x="4 4 1")["vm.x"].error == ""
    assert (tmp_path / "proc/sys/vm/x").stat().st_mtime_ns == before


def test_a_key_that_is_not_there_says_so_and_is_tried_again(tmp_path: Path) -> None:
    controller = make_proc(tmp_path, vm__x="3")
    found = apply(controller, net__bridge__y="1", vm__x="1")
    assert found["net.bridge.y"].error == "net.bridge.y = 1: No such file or directory"
    assert found["vm.x"].error == ""
    (tmp_path / "proc/sys/net/bridge").mkdir(parents=True)
    (tmp_path / "proc/sys/net/bridge/y").write_text("0")
    status = apply(controller, [found["net.bridge.y"]], net__bridge__y="1")["net.bridge.y"]
    assert (status.value, status.error) == ("1", "")


def test_paths() -> None:
    assert path_of("net.ipv4.ip_forward") == "net/ipv4/ip_forward"
    assert path_of("net/ipv4/conf/eth0.1/rp_filter") == "net/ipv4/conf/eth0.1/rp_filter"


@pytest.mark.parametrize("key", ["../etc/passwd", "a/../../b", "a..b", "/etc/x", "", "a/./b"])
def test_keys_that_lead_elsewhere_are_refused(key: str) -> None:
    with pytest.raises(ValueError, match="not the name of a kernel setting"):
        path_of(key)
