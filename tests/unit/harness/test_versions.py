"""The bad versions: each is the checkout's code with something behind one module, and still is Python."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.harness.bench import INSTALLER
from tests.harness.nodes import PROJECT
from tests.harness.versions import BAD, BASE, CODE, GOOD, Version, make_overlay

CHANGED = (*BAD, INSTALLER)


@pytest.mark.parametrize("version", CHANGED, ids=lambda version: version.number)
def test_an_overlay_is_the_module_with_something_behind_it(tmp_path: Path, version: Version) -> None:
    (tmp_path / "old").touch()
    overlay = make_overlay(version, tmp_path)
    files = [path for path in overlay.rglob("*") if path.is_file()]
    assert {str(path.relative_to(overlay / CODE)) for path in files} == set(version.behind)
    for path in files:
        own = (PROJECT / path.relative_to(overlay / CODE)).read_text()
        assert path.read_text().startswith(own)
        assert path.read_text() != own
        compile(path.read_text(), str(path), "exec")


def test_what_a_bad_version_replaces_is_there() -> None:
    from controllers.etcd import service
    from controllers.network import address_apply

    assert callable(service.render_etcd_flags)
    assert callable(address_apply.AddressApplyController.reconcile)


def test_every_version_has_its_own_number() -> None:
    numbers = [version.number for version in (BASE, GOOD, *CHANGED)]
    assert len(set(numbers)) == len(numbers)
