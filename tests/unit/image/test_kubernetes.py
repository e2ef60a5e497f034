"""Where Kubernetes' binaries come from: versions, sums, bad input."""

from __future__ import annotations

from pathlib import Path

import pytest

from image.arch import AMD64, ARM64, get_host_arch
from image.cache import Cache
from image.context import Options
from image.errors import ImageError
from image.kubernetes import (
    NODE_BINARIES,
    get_kubernetes,
    linker_flags,
    main,
    parse_source_version,
    parse_sums,
    take_directory,
)


@pytest.mark.parametrize(
    ("name", "version"),
    [
        ("kubernetes_1.20.5+really1.20.2-1.1+deb12u1.dsc", "1.20.2"),
        ("kubernetes_1.32.3+ds-2.dsc", "1.32.3"),
        ("kubernetes_1.31.0.dsc", "1.31.0"),
    ],
)
def test_source_versions(name: str, version: str) -> None:
    assert parse_source_version(name) == version


def test_a_source_without_version_is_refused() -> None:
    with pytest.raises(ImageError, match="cannot read the version"):
        parse_source_version("kubernetes_master.dsc")


def test_the_programs_are_told_their_version() -> None:
    flags = linker_flags("1.20.2")
    assert "-X k8s.io/kubernetes/vendor/k8s.io/component-base/version.gitVersion=v1.20.2" in flags
    assert "-X k8s.io/kubernetes/vendor/k8s.io/client-go/pkg/version.gitMinor=20" in flags


def test_sums() -> None:
    first, second = "a" * 64, "B" * 64
    text = f"{first}  kubelet\n{second} *bin/kube-proxy\nnot a sum\n{'a' * 63}  short\n"
    assert parse_sums(text) == {"kubelet": first, "kube-proxy": "b" * 64}


def fill(directory: Path, version: str | None) -> None:
    for name in NODE_BINARIES:
        (directory / name).write_text("#!/bin/sh\necho Kubernetes v1.33.1\n")
        (directory / name).chmod(0o755)
    if version is not None:
        (directory / "version").write_text(version)


def test_a_directory_with_a_version_file(tmp_path: Path) -> None:
    fill(tmp_path, "v1.31.2\n")
    taken = take_directory(tmp_path, ARM64)
    assert (taken.version, taken.directory) == ("1.31.2", tmp_path)


def test_a_directory_whose_kubelet_tells(tmp_path: Path) -> None:
    fill(tmp_path, None)
    assert take_directory(tmp_path, get_host_arch()).version == "1.33.1"


def test_directories_that_cannot_be_used(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"kubelet, kube-apiserver, .* not found"):
        take_directory(tmp_path, AMD64)
    fill(tmp_path, "latest")
    with pytest.raises(ImageError, match="is no version"):
        take_directory(tmp_path, AMD64)
    (tmp_path / "version").unlink()
    foreign = AMD64 if get_host_arch() == ARM64 else ARM64
    with pytest.raises(ImageError, match="the version is unknown"):
        take_directory(tmp_path, foreign)


@pytest.mark.parametrize("wanted", ["latest", "1.2", "v1.2.3; rm"])
def test_neither_version_nor_directory(tmp_path: Path, wanted: str) -> None:
    with pytest.raises(ImageError, match="neither a directory nor a version"):
        get_kubernetes(Options(tmp_path, kubernetes=wanted), AMD64, Cache(tmp_path))


def test_a_release_needs_a_mirror_and_sums(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPHITE_KUBERNETES_URL", raising=False)
    with pytest.raises(ImageError, match="needs a release mirror"):
        get_kubernetes(Options(tmp_path, kubernetes="1.31.2"), AMD64, Cache(tmp_path))
    sums = tmp_path / "sums"
    sums.write_text(f"{'a' * 64}  kubelet\n")
    options = Options(tmp_path, kubernetes="1.31.2", kubernetes_url="http://m/{name}", kubernetes_sums=sums)
    with pytest.raises(ImageError, match="no SHA-256 for kube-apiserver"):
        get_kubernetes(options, AMD64, Cache(tmp_path))


def test_the_command_says_what_is_wrong(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def fail(**_: object) -> None:
        raise ImageError("no compiler", "install one")

    monkeypatch.setattr("image.kubernetes.find_binaries", fail)
    assert main(["arm64"]) == 1
    assert capsys.readouterr().err == "error: no compiler\nhint: install one\n"
    with pytest.raises(SystemExit):
        main(["mips"])
    assert "invalid choice: 'mips'" in capsys.readouterr().err
