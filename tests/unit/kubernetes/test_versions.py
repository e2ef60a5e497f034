"""The table of versions."""

import pytest

from controllers.kubernetes.versions import parse_features


def test_what_changed_when() -> None:
    old, middle, new = (parse_features(v) for v in ("1.20.2", "v1.27.3", "1.36.0-rc.1"))
    assert [old.kubelet_runtime_flags, middle.kubelet_runtime_flags] == [True, False]
    assert [old.insecure_port_flag, middle.insecure_port_flag] == [True, False]
    assert [middle.kubelet_infra_image_flag, new.kubelet_infra_image_flag] == [True, False]
    assert [middle.kubelet_fail_cgroup_v1, new.kubelet_fail_cgroup_v1] == [False, True]
    assert [parse_features(v).eviction_version for v in ("1.21.9", "1.22.0")] == ["policy/v1beta1", "policy/v1"]
    assert old.control_plane_taint == "node-role.kubernetes.io/master"
    assert new.control_plane_taint == "node-role.kubernetes.io/control-plane"


@pytest.mark.parametrize("version", ["", "1.19.0", "2.0.0", "1.x", "latest"])
def test_unknown_versions_are_refused(version: str) -> None:
    with pytest.raises(ValueError, match="is no Kubernetes version"):
        parse_features(version)
