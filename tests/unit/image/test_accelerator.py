"""KVM is used only when a kernel has booted with it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from image import accelerator
from image.accelerator import KVM, PROOF, TCG, emulate, get_accelerator, probe_kvm
from image.arch import get_host_arch
from image.qemu_boards import HARDWARE, USUAL
from image.qemu_packages import Qemu

OWN = HARDWARE[USUAL[get_host_arch().name]]


def make_qemu(program: str) -> Qemu:
    """An emulator that is a Python program."""
    return Qemu((sys.executable, "-c", program), "10.0.0", Path(), Path())


def test_a_kernel_that_looks_for_its_root_is_the_proof(tmp_path: Path) -> None:
    assert probe_kvm(make_qemu(f"print({PROOF.decode()!r})"), "q35", tmp_path)
    assert not probe_kvm(make_qemu("print('Kernel panic: early')"), "q35", tmp_path)
    assert not probe_kvm(Qemu((str(tmp_path / "missing"),), "10.0.0", Path(), Path()), "q35", tmp_path)


def test_without_the_device_the_processor_is_emulated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accelerator, "KVM_DEVICE", tmp_path / "kvm")
    assert get_accelerator(make_qemu("raise SystemExit"), OWN, tmp_path).name == TCG.name


def test_the_answer_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPHITE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(accelerator, "KVM_DEVICE", tmp_path)
    kernel = tmp_path / "vmlinuz"
    kernel.write_bytes(b"kernel")
    assert get_accelerator(make_qemu(f"print({PROOF.decode()!r})"), OWN, kernel) is KVM
    assert get_accelerator(make_qemu("raise SystemExit"), OWN, kernel) is KVM
    kernel.write_bytes(b"another kernel")
    assert get_accelerator(make_qemu("raise SystemExit"), OWN, kernel).name == TCG.name


@pytest.mark.parametrize("name", ["raspi3b", *(USUAL[arch] for arch in USUAL if arch != get_host_arch().name)])
def test_what_is_not_this_host_s_processor_is_emulated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(accelerator, "KVM_DEVICE", tmp_path)
    found = get_accelerator(make_qemu(f"print({PROOF.decode()!r})"), HARDWARE[name], tmp_path)
    assert found.options[-1] == HARDWARE[name].processor
    assert (found.name, found.patience) == (TCG.name, TCG.patience)


@pytest.mark.parametrize(("cpus", "host", "thread"), [(0, 1, "multi"), (4, 4, "multi"), (4, 2, "single"), (4, None, "single")])
def test_more_processors_than_the_host_has_take_turns(
    monkeypatch: pytest.MonkeyPatch, cpus: int, host: int | None, thread: str
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: host)
    assert f"thread={thread}," in emulate("cortex-a53", cpus).options[1]
