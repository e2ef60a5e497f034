"""Archives are imported once, pinned, and a damaged one does not stop the others."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from controllers.ports import Paths, Ports
from controllers.resources.services import ImageImport, ServiceHealth
from controllers.runtime.controller import make_view
from controllers.runtime.errors import Waiting
from controllers.runtime.resource import new
from controllers.services.errors import ImportFailed
from controllers.services.image_import import PINNED, ImageImportController
from tests.harness.reconcile import run_reconcile_async
from tests.unit.services.test_archives import LIST, archive, manifest

HEALTHY = new("containerd", ServiceHealth(healthy=True))


class FakeCtr:
    """Remembers commands; fails for those that begin with `fails`."""

    def __init__(self, listing: str = "", fails: str = "") -> None:
        self.listing, self.fails = listing, fails
        self.commands: list[str] = []

    async def __call__(self, argv: Sequence[str], seconds: float) -> str:
        command = " ".join(argv[4:])
        if self.fails and command.startswith(self.fails):
            raise ImportFailed("containerd says no")
        self.commands.append(command)
        return self.listing if command == "list" else ""


@pytest.fixture
def images(tmp_path: Path) -> Path:
    directory = tmp_path / "usr/share/ophite/images"
    directory.mkdir(parents=True)
    archive(directory / "pause.tar", {"manifests": [manifest("ophite.local/pause:1", "sha256:aaa")]})
    (directory / "broken.tar").write_bytes(b"?")
    return directory


async def test_import_and_pin(tmp_path: Path, images: Path) -> None:
    ctr = FakeCtr()
    controller = ImageImportController(Ports(paths=Paths(tmp_path)), ctr)
    view = make_view(controller, [HEALTHY], (), 0.0)
    wanted = {w.id: w.spec for w in await controller.reconcile(view)}
    assert ctr.commands == ["list", f"import {images}/pause.tar", f"label ophite.local/pause:1 {PINNED}"]
    assert wanted["pause.tar"] == ImageImport(images=("ophite.local/pause:1",))
    assert isinstance(wanted["broken.tar"], ImageImport)
    assert "broken.tar is no OCI archive" in wanted["broken.tar"].error
    assert view.wake_seconds == 10.0


async def test_what_containerd_has_is_not_imported_again(tmp_path: Path, images: Path) -> None:
    ctr = FakeCtr(LIST)
    wanted = await run_reconcile_async(ImageImportController(Ports(paths=Paths(tmp_path)), ctr), [HEALTHY])
    assert ctr.commands == ["list"]
    assert ImageImport(images=("ophite.local/pause:1",)) in [w.spec for w in wanted]


async def test_a_new_digest_is_imported(tmp_path: Path, images: Path) -> None:
    ctr = FakeCtr(LIST.replace("sha256:aaa", "sha256:old"))
    await run_reconcile_async(ImageImportController(Ports(paths=Paths(tmp_path)), ctr), [HEALTHY])
    assert len(ctr.commands) == 3


async def test_failures_are_told(tmp_path: Path, images: Path) -> None:
    with pytest.raises(Waiting, match="containerd says no"):
        await run_reconcile_async(ImageImportController(Ports(paths=Paths(tmp_path)), FakeCtr(fails="list")), [HEALTHY])
    wanted = await run_reconcile_async(ImageImportController(Ports(paths=Paths(tmp_path)), FakeCtr(fails="import")), [HEALTHY])
    assert ImageImport(error="containerd says no") in [w.spec for w in wanted]


async def test_containerd_first(tmp_path: Path) -> None:
    with pytest.raises(Waiting, match="containerd to be healthy"):
        await run_reconcile_async(
            ImageImportController(Ports(paths=Paths(tmp_path)), FakeCtr()), [new("containerd", ServiceHealth(healthy=False))]
        )
