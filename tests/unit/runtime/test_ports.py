"""The node's paths can be anywhere."""

from pathlib import Path

from controllers.ports import Paths, Ports


def test_paths_are_the_nodes() -> None:
    paths = Paths()
    assert paths.brain_socket == Path("/run/ophite/brain.sock")
    assert paths.control_socket == Path("/run/ophite/control.sock")
    assert (paths.state_config, paths.state_identity) == (Path("/state/config.yaml"), Path("/state/identity.json"))
    assert (paths.modules, paths.release) == (Path("/usr/lib/ophite/modules.json"), Path("/usr/share/ophite/release.json"))


def test_every_path_can_be_moved(tmp_path: Path) -> None:
    paths = Paths(tmp_path)
    names = [name for name, value in vars(Paths).items() if isinstance(value, property)]
    assert len(names) > 15
    for name in names:
        assert tmp_path in getattr(paths, name).parents
    assert paths / "/usr/bin/etcd" == paths / "usr/bin/etcd" == tmp_path / "usr/bin/etcd"


def test_ports_have_defaults_for_tests() -> None:
    ports = Ports()
    assert (ports.patience, dict(ports.cmdline)) == (1.0, {})
