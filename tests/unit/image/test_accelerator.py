"""KVM is used only when a kernel has booted with it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from image import accelerator
from image.accelerator import KVM, PROOF, TCG, get_accelerator, probe_kvm
from image.qemu_packages import Qemu


def make_qemu(program: str) -> Qemu:
    """An emulator that is a Python program."""
    return Qemu((sys.executable, "-c", program), "10.0.0", Path(), Path())


def test_a_kernel_that_looks_for_its_root_is_the_proof(tmp_path: Path) -> None:
    assert probe_kvm(make_qemu(f"print({PROOF.decode()!r})"), "q35", tmp_path)
    assert not probe_kvm(make_qemu("print('Kernel panic: early')"), "q35", tmp_path)
    assert not probe_kvm(Qemu((str(tmp_path / "missing"),), "10.0.0", Path(), Path()), "q35", tmp_path)


def test_without_the_device_the_processor_is_emulated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accelerator, "KVM_DEVICE", tmp_path / "kvm")
    assert get_accelerator(make_qemu("raise SystemExit"), "q35", tmp_path) is TCG


def test_the_answer_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPHITE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(accelerator, "KVM_DEVICE", tmp_path)
    kernel = tmp_path / "vmlinuz"
    kernel.write_bytes(b"kernel")
    assert get_accelerator(make_qemu(f"print({PROOF.decode()!r})"), "q35", kernel) is KVM
    assert get_accelerator(make_qemu("raise SystemExit"), "q35", kernel) is KVM
    kernel.write_bytes(b"another kernel")
    assert get_accelerator(make_qemu("raise SystemExit"), "q35", kernel) is TCG
