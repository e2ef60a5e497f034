"""containerd's configuration: golden for a machine, and what namespaces change."""

import tomllib
from pathlib import Path

from controllers.ports import Ports
from controllers.resources.machine import FileSpec, PlatformInfo
from controllers.runtime.resource import new
from controllers.services.containerd_config import CONFIG_PATH, ContainerdConfigController, render_containerd_config
from tests.harness.reconcile import run_reconcile

GOLDEN = Path(__file__).parents[2] / "data/kubernetes/containerd.toml"


def test_golden() -> None:
    (wanted,) = run_reconcile(ContainerdConfigController(Ports()), [new("platform", PlatformInfo(platform="metal"))])
    assert wanted.id == CONFIG_PATH
    assert isinstance(wanted.spec, FileSpec)
    assert wanted.spec.content == GOLDEN.read_text()


def test_it_is_toml_and_namespaces_keep_their_oom_scores() -> None:
    metal, namespaces = (tomllib.loads(render_containerd_config(in_namespaces=flag)) for flag in (False, True))
    cri = "io.containerd.grpc.v1.cri"
    assert metal["plugins"][cri]["restrict_oom_score_adj"] is False
    assert namespaces["plugins"][cri]["restrict_oom_score_adj"] is True
    assert (metal["oom_score"], namespaces["oom_score"]) == (-999, 0)
    assert metal["plugins"][cri]["containerd"]["snapshotter"] == "overlayfs"
