"""Kernel modules: which, and how each fares."""

import json
from pathlib import Path
from typing import Any

import pytest

from controllers.config.documents.kernel_module_config import KernelModuleConfig
from controllers.machine import modules_apply
from controllers.machine.modules_apply import BATCH, KEPT, ModulesApplyController
from controllers.machine.modules_config import REQUIRED, ModulesConfigController
from controllers.ports import Paths, Ports
from controllers.resources.hardware import DeviceModule
from controllers.resources.machine import KernelModuleSpec, KernelModuleStatus, PlatformInfo
from controllers.runtime.controller import make_view
from controllers.runtime.resource import Resource, new
from tests.harness.reconcile import run_reconcile

METAL = new("platform", PlatformInfo(platform="metal"))


def test_the_list_and_documents_on_top() -> None:
    given: list[Resource[Any]] = [METAL, new("nbd", KernelModuleConfig(name="nbd", parameters=("nbds_max=4",)))]
    found = {one.id: one.spec for one in run_reconcile(ModulesConfigController(Ports()), given)}
    assert set(REQUIRED) < set(found)
    assert found["overlay"] == KernelModuleSpec(name="overlay")
    assert found["xt_comment"] == KernelModuleSpec(name="xt_comment", required=False)
    assert found["nbd"] == KernelModuleSpec(name="nbd", parameters=("nbds_max=4",))


def test_a_document_keeps_a_module_out() -> None:
    given: list[Resource[Any]] = [
        METAL,
        new("usb_storage", DeviceModule(devices=("usb/1-1:1.0",), count=1)),
        new("usb-storage", KernelModuleConfig(name="usb-storage", denied=True)),
        new("vfat", KernelModuleConfig(name="vfat", denied=True)),
    ]
    found = {one.id for one in run_reconcile(ModulesConfigController(Ports()), given)}
    assert not found & {"usb_storage", "vfat"}
    both = KernelModuleConfig(name="nbd", parameters=("a=1",), denied=True).validate()
    assert [problem.path for problem in both] == ["denied"]


def test_a_machine_short_of_memory_compresses_it() -> None:
    assert "zram" not in {one.id for one in run_reconcile(ModulesConfigController(Ports()), [METAL])}
    found = {one.id: one.spec for one in run_reconcile(ModulesConfigController(Ports(memory=905 << 20)), [METAL])}
    assert found["zram"] == KernelModuleSpec(name="zram", required=False, reason="swap in compressed memory")


def test_in_namespaces_the_kernel_is_the_hosts() -> None:
    given: list[Resource[Any]] = [
        new("platform", PlatformInfo(platform="namespaces")),
        new("nbd", KernelModuleConfig(name="nbd")),
    ]
    assert run_reconcile(ModulesConfigController(Ports()), given) == []


class Loader:
    """Stands in for finit_module(2)."""

    def __init__(self) -> None:
        self.loaded: list[tuple[str, str]] = []

    def load(self, path: str, parameters: str = "") -> None:
        if "bad" in path:
            raise OSError(8, f"finit_module {path}: Exec format error")
        self.loaded.append((path, parameters))


@pytest.fixture
def loader(monkeypatch: pytest.MonkeyPatch) -> Loader:
    made = Loader()
    monkeypatch.setattr(modules_apply, "load_file", made.load)
    return made


def write_index(root: Path, order: dict[str, list[str]]) -> Ports:
    (root / "usr/lib/ophite").mkdir(parents=True)
    (root / "usr/lib/ophite/modules.json").write_text(json.dumps({"order": order, "aliases": {}}))
    return Ports(paths=Paths(root))


def statuses(controller: ModulesApplyController, *specs: KernelModuleSpec) -> dict[str, KernelModuleStatus]:
    wanted = run_reconcile(controller, [new(one.name, one) for one in specs])
    return {one.id: one.spec for one in wanted if isinstance(one.spec, KernelModuleStatus)}


def test_loaded_built_in_missing_and_broken(tmp_path: Path, loader: Loader) -> None:
    ports = write_index(tmp_path, {"nbd": ["/a/dep.ko", "/a/nbd.ko"], "bad": ["/a/bad.ko"]})
    (tmp_path / "sys/module/tun").mkdir(parents=True)
    names = ("tun", "bad", "none")
    specs = [KernelModuleSpec(name="nbd", parameters=("a=1", "b=2")), *(KernelModuleSpec(name=name) for name in names)]
    found = statuses(ModulesApplyController(ports), *specs)
    assert {name: one.state for name, one in found.items()} == {
        "nbd": "loaded",
        "tun": "builtin",
        "bad": "failed",
        "none": "failed",
    }
    assert loader.loaded == [("/a/dep.ko", ""), ("/a/nbd.ko", "a=1 b=2")]
    assert "Exec format error" in found["bad"].error
    assert "not in this image" in found["none"].error


def test_a_few_at_a_time_the_file_system_first_each_once(tmp_path: Path, loader: Loader) -> None:
    names = [f"m{number}" for number in range(BATCH)] + ["ext4"]
    controller = ModulesApplyController(write_index(tmp_path, {name: [f"/{name}.ko"] for name in names}))
    specs = [KernelModuleSpec(name=name) for name in names]
    first = statuses(controller, *specs)
    assert len(first) == BATCH
    assert first["ext4"].state == "loaded"
    assert len(statuses(controller, *specs)) == BATCH + 1
    statuses(controller, *specs)
    assert len(loader.loaded) == BATCH + 1


def test_what_needs_a_denied_module_is_not_loaded(tmp_path: Path, loader: Loader) -> None:
    ports = write_index(tmp_path, {"uas": ["/m/usb-storage.ko.xz", "/m/uas.ko.xz"], "tun": ["/m/tun.ko.xz"]})
    controller = ModulesApplyController(ports)
    specs = [new(name, KernelModuleSpec(name=name, required=False)) for name in ("uas", "tun")]
    denied = new("usb-storage", KernelModuleConfig(name="usb-storage", denied=True))
    found = {one.id: one.spec for one in run_reconcile(controller, [*specs, denied])}
    assert found["uas"] == KernelModuleStatus(
        name="uas", state="failed", error="needs usb_storage, which KernelModuleConfig denies"
    )
    assert loader.loaded == [("/m/tun.ko.xz", "")]
    assert statuses(controller, KernelModuleSpec(name="uas"))["uas"].state == "loaded", "no longer denied"


def test_drivers_of_devices_come_before_the_rest_of_the_list(tmp_path: Path, loader: Loader) -> None:
    names = [f"m{number}" for number in range(BATCH)]
    controller = ModulesApplyController(write_index(tmp_path, {name: [f"/{name}.ko"] for name in [*names, "igb"]}))
    specs = [*(KernelModuleSpec(name=name) for name in names), KernelModuleSpec(name="igb", required=False, reason="device")]
    assert "igb" in statuses(controller, *specs)
    statuses(controller, *specs)
    statuses(controller, *(KernelModuleSpec(name=one.name, reason="another") for one in specs))
    assert len(loader.loaded) == BATCH + 1, "another reason is no reason to load it again"


def test_the_table_is_forgotten_when_everything_is_loaded(tmp_path: Path, loader: Loader) -> None:
    controller = ModulesApplyController(write_index(tmp_path, {"tun": ["/tun.ko"]}))
    specs = [new("tun", KernelModuleSpec(name="tun"))]
    run_reconcile(controller, specs, now=1000.0)
    assert controller._index is not None, "one driver leads to the next"
    view = make_view(controller, specs, [], 1001.0)
    list(controller.reconcile(view))
    assert view.wake_seconds == KEPT
    run_reconcile(controller, specs, now=1000.0 + KEPT)
    assert controller._index is None


def test_what_is_loaded_already_is_left_alone(tmp_path: Path, loader: Loader) -> None:
    ports = write_index(tmp_path, {"nbd": ["/a/nbd.ko"]})
    (tmp_path / "sys/module/nbd").mkdir(parents=True)
    (tmp_path / "sys/module/nbd/initstate").write_text("live\n")
    assert statuses(ModulesApplyController(ports), KernelModuleSpec(name="nbd"))["nbd"].state == "loaded"
    assert loader.loaded == []


def test_no_index_is_a_failure_of_every_module(tmp_path: Path, loader: Loader) -> None:
    found = statuses(ModulesApplyController(Ports(paths=Paths(tmp_path))), KernelModuleSpec(name="nbd"))
    assert found["nbd"].state == "failed"
    assert "modules.json" in found["nbd"].error
