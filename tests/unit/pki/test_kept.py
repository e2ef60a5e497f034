"""Certificates outlive the brain, in a file that is root's alone."""

import stat
from pathlib import Path

from controllers.pki.kept import Kept, KeptCertificatesController, kept_path, read_kept, write_kept
from controllers.ports import Paths, Ports
from controllers.resources.pki import ApiServing, Certificate
from controllers.runtime.resource import new
from tests.harness.reconcile import run_reconcile

ADMIN = Certificate(subject="CN=admin", certificate="c", key="secret", ca="ca", not_after=1)
SERVING = ApiServing(mode="secure", certificate="c", key="secret", client_ca="ca", fingerprint="f")


def test_what_is_kept_is_read_back_and_nobody_else_can(tmp_path: Path) -> None:
    ports = Ports(paths=Paths(tmp_path))
    controller = KeptCertificatesController(ports)
    assert run_reconcile(controller, []) == []
    assert not kept_path(ports).exists(), "a brain that has not issued anything yet must not forget what the former one did"
    run_reconcile(controller, [new("admin", ADMIN), new("api", SERVING)])
    assert stat.S_IMODE(kept_path(ports).stat().st_mode) == 0o600
    assert read_kept(kept_path(ports)) == Kept({"admin": ADMIN}, {"api": SERVING})
    assert list(kept_path(ports).parent.iterdir()) == [kept_path(ports)]


def test_it_is_written_only_when_something_changed(tmp_path: Path) -> None:
    ports = Ports(paths=Paths(tmp_path))
    controller = KeptCertificatesController(ports)
    run_reconcile(controller, [new("admin", ADMIN)])
    kept_path(ports).unlink()
    run_reconcile(controller, [new("admin", ADMIN)])
    assert not kept_path(ports).exists()


def test_rubbish_and_nothing_are_nothing(tmp_path: Path) -> None:
    path = tmp_path / "kept"
    assert read_kept(path) == Kept()
    path.write_text('{"certificates": 7}')
    assert read_kept(path) == Kept()
    write_kept(path, Kept({"admin": ADMIN}))
    assert read_kept(path).certificates == {"admin": ADMIN}
