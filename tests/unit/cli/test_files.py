"""The verbs that only touch files: gen, validate, config, explain; and the kubeconfig's merging."""

from pathlib import Path
from typing import Any

import pytest

from api.cli.files import FileError, write_private
from api.cli.verbs.kubeconfig import kubectl_path, merge_kubeconfigs

ENDPOINT = "https://192.0.2.10:6443"


def gen(invoke: Any, *words: str, name: str = "demo") -> Any:
    return invoke("gen", "config", name, ENDPOINT, *words)


def test_gen_config_makes_three_private_files(invoke: Any, home: Path) -> None:
    result = gen(invoke, "--output-dir", "new/dir", "--sans", "127.0.0.1, node.example", "--allow-scheduling")
    assert result.exit_code == 0
    files = sorted((home / "new/dir").iterdir())
    assert [file.name for file in files] == ["controlplane.yaml", "ophiteconfig", "worker.yaml"]
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}
    text = files[0].read_text()
    assert "node.example" in text
    assert "allowSchedulingOnControlPlanes: true" in text
    for file in ("controlplane.yaml", "worker.yaml"):
        assert invoke("validate", f"new/dir/{file}").exit_code == 0


def test_gen_config_overwrites_nothing_unless_told(invoke: Any, home: Path) -> None:
    assert gen(invoke).exit_code == 0
    before = (home / "controlplane.yaml").read_text()
    result = gen(invoke)
    assert result.exit_code == 1
    assert "--force overwrites" in result.output
    assert (home / "controlplane.yaml").read_text() == before
    assert gen(invoke, "--force").exit_code == 0
    assert (home / "controlplane.yaml").read_text() != before


def test_gen_config_from_secrets_and_patches(invoke: Any, home: Path) -> None:
    assert invoke("gen", "secrets").exit_code == 0
    (home / "patch.yaml").write_text("kind: HostnameConfig\nhostname: node1\nauto: off\n")
    result = gen(invoke, "--from-secrets", "secrets.yaml", "--patch-controlplane", "patch.yaml")
    assert result.exit_code == 0, result.output
    assert "hostname: node1" in (home / "controlplane.yaml").read_text()
    assert "hostname: node1" not in (home / "worker.yaml").read_text()


def test_gen_config_with_bad_endpoint(invoke: Any, home: Path) -> None:
    result = invoke("gen", "config", "demo", "http://x")
    assert result.exit_code == 1
    assert "endpoint" in result.output
    assert not (home / "controlplane.yaml").exists()


def test_validate_lists_every_problem_of_every_file(invoke: Any, home: Path) -> None:
    (home / "a.yaml").write_text("apiVersion: ophite/v1\nkind: HostnameConfig\nhostnam: x\n")
    (home / "b.yaml").write_text("apiVersion: ophite/v1\nkind: Nonsense\n")
    (home / "c.yaml").write_text("apiVersion: ophite/v1\nkind: HostnameConfig\nhostname: fine\n")
    result = invoke("validate", "--partial", "a.yaml", "b.yaml", "c.yaml")
    assert result.exit_code == 1
    assert "a.yaml: HostnameConfig.hostnam: unknown field" in result.output
    assert "b.yaml: document 1.kind: unknown kind 'Nonsense'" in result.output
    assert "c.yaml: fine" in result.output


def test_validate_asks_for_a_complete_configuration(invoke: Any) -> None:
    text = "apiVersion: ophite/v1\nkind: HostnameConfig\nhostname: fine\n"
    assert invoke("validate", "-", stdin=text).exit_code == 1
    assert invoke("validate", "--partial", "-", stdin=text).exit_code == 0


def test_validate_missing_file(invoke: Any) -> None:
    result = invoke("validate", "nowhere.yaml")
    assert result.exit_code == 1
    assert "cannot read nowhere.yaml: No such file" in result.output


def test_contexts(invoke: Any, home: Path) -> None:
    for name in ("one", "two"):
        gen(invoke, "-o", name, name=name)
        assert invoke("config", "merge", f"{name}/ophiteconfig").exit_code == 0
    assert (home / ".ophite/config").stat().st_mode & 0o777 == 0o600
    listed = invoke("config", "contexts").output.splitlines()
    assert [line.split() for line in listed] == [
        ["NAME", "ENDPOINTS", "NODES"],
        ["one", "192.0.2.10"],
        ["*", "two", "192.0.2.10"],
    ]
    assert invoke("config", "context", "one").exit_code == 0
    assert invoke("config", "nodes", "192.0.2.20:50001").exit_code == 0
    assert invoke("config", "endpoints", "192.0.2.21", "--context", "two").exit_code == 0
    rows = invoke("config", "contexts").output.splitlines()[1:]
    assert [row.split() for row in rows] == [["*", "one", "192.0.2.10", "192.0.2.20:50001"], ["two", "192.0.2.21"]]
    assert "roles: os:admin" in invoke("config", "info").output
    assert invoke("config", "remove", "one").exit_code == 0
    assert invoke("config", "info").exit_code == 1
    assert invoke("config", "context", "gone").exit_code == 1
    assert invoke("config", "endpoints", "not an address", "--context", "two").exit_code == 1


def test_merging_a_name_twice_keeps_both(invoke: Any) -> None:
    for directory in ("a", "b"):
        gen(invoke, "-o", directory, name="same")
        invoke("config", "merge", f"{directory}/ophiteconfig")
    names = [line.split()[-2] for line in invoke("config", "contexts").output.splitlines()[1:]]
    assert names == ["same", "same-1"]
    invoke("config", "merge", "a/ophiteconfig")
    assert len(invoke("config", "contexts").output.splitlines()) == 3


def test_context_from_files(invoke: Any, home: Path) -> None:
    for name in ("ca", "crt", "key"):
        (home / name).write_text(f"{name}\n")
    words = ("--ca", "ca", "--crt", "crt", "--key", "key", "--endpoint", "192.0.2.1")
    assert invoke("config", "add", "mine", *words).exit_code == 0
    assert "certificate: not readable" in invoke("config", "info").output
    assert invoke("config", "add", "mine", *words).exit_code == 1


def test_broken_ophiteconfig_is_explained(invoke: Any, home: Path) -> None:
    (home / "broken").write_text("contexts: [")
    result = invoke("--ophiteconfig", "broken", "config", "contexts")
    assert result.exit_code == 1
    assert "broken" in result.output


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("explain", "hostnameconfig"), "Example:\napiVersion: ophite/v1\nkind: HostnameConfig"),
        (("explain", "HostnameConfig.hostname"), "hostname: text\n  Name of the node"),
        (("explain", "LinkConfig.routes.gateway"), "gateway: text"),
        (("explain", "machinestatus"), "unmet     list of Blocker"),
        (("explain",), "HostnameConfig"),
    ],
)
def test_explain(invoke: Any, words: tuple[str, ...], text: str) -> None:
    result = invoke(*words)
    assert result.exit_code == 0
    assert text in result.output


@pytest.mark.parametrize("name", ["nonsense", "HostnameConfig.nonsense", "HostnameConfig.hostname.deeper"])
def test_nothing_to_explain(invoke: Any, name: str) -> None:
    result = invoke("explain", name)
    assert result.exit_code == 1
    assert "error: " in result.output


def test_every_document_kind_can_be_explained(invoke: Any) -> None:
    from controllers.config.documents import KINDS

    for kind in KINDS:
        assert invoke("explain", kind).exit_code == 0


KUBECONFIG = """\
apiVersion: v1
kind: Config
clusters: [{name: new, cluster: {server: "https://new"}}]
users: [{name: admin@new, user: {token: t}}]
contexts: [{name: admin@new, context: {cluster: new, user: admin@new}}]
current-context: admin@new
"""


def test_kubeconfigs_merge() -> None:
    import yaml

    old = KUBECONFIG.replace("new", "old")
    merged = yaml.safe_load(merge_kubeconfigs(old, KUBECONFIG, "f"))
    assert [one["name"] for one in merged["clusters"]] == ["old", "new"]
    assert merged["current-context"] == "admin@new"
    again = yaml.safe_load(merge_kubeconfigs(merge_kubeconfigs(old, KUBECONFIG, "f"), KUBECONFIG, "f"))
    assert again == merged


@pytest.mark.parametrize("text", ["[", "- a\n", "clusters: text\n"])
def test_no_kubeconfig_is_left_alone(text: str) -> None:
    with pytest.raises(FileError):
        merge_kubeconfigs(text, KUBECONFIG, "f")


def test_kubectls_file(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    assert kubectl_path() == home / ".kube" / "config"
    monkeypatch.setenv("KUBECONFIG", "/a/b:/c")
    assert kubectl_path() == Path("/a/b")


def test_private_file_is_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "file"
    target.write_text("old")
    target.chmod(0o644)
    write_private(target, "new")
    assert target.read_text() == "new"
    assert target.stat().st_mode & 0o777 == 0o600
    with pytest.raises(FileError, match="cannot write"):
        write_private(target / "below", "x")
