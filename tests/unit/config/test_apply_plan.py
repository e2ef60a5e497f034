"""What applying would do; conflicts between documents; and how a request follows from a plan."""

import datetime

import pytest

from controllers.config.apply_plan import ApplyMode, plan_apply, plan_request
from controllers.config.bundle import SecretsBundle
from controllers.config.generate import generate_config
from controllers.config.loader import load
from controllers.config.patch import apply_patches
from controllers.resources.machine import ConfigRequest

BUNDLE = SecretsBundle.generate(datetime.datetime(2026, 5, 1, tzinfo=datetime.UTC))
MADE = generate_config("home", "https://192.0.2.10:6443", BUNDLE)
FULL, WORKER = MADE.controlplane, MADE.worker
NETWORK_ONLY = "apiVersion: ophite/v1\nkind: DHCPv4Config\nname: eth0\n"


def problems(new: str, mode: str = "auto", *, current: str = "", maintenance: bool = True, **more: object) -> list[str]:
    return [str(problem) for problem in plan_apply(current, new, mode, maintenance, **more).problems]  # type: ignore[arg-type]


@pytest.mark.parametrize("text", [FULL, WORKER, NETWORK_ONLY])
def test_maintenance_takes_complete_and_network_only(text: str) -> None:
    plan = plan_apply("", text, "auto", True)
    assert (plan.problems, plan.active, plan.persistent, plan.yaml) == ((), True, True, text)


def test_the_network_of_maintenance_goes_on_when_the_rest_comes() -> None:
    static = "apiVersion: ophite/v1\nkind: LinkConfig\nname: eth0\naddresses: [192.0.2.10/24]\n"
    resolver = "apiVersion: ophite/v1\nkind: ResolverConfig\nnameservers: [192.0.2.1]\n"
    plan = plan_apply(f"{static}---\n{resolver}", FULL, "auto", True)
    assert plan.yaml.startswith(FULL.rstrip("\n"))
    kept = load(plan.yaml).documents[-2:]
    assert [one.title for one in kept] == ["LinkConfig[eth0]", "ResolverConfig"]
    assert "LinkConfig" not in plan.diff, "nothing changes about it"


def test_what_the_new_configuration_speaks_of_counts() -> None:
    static = "apiVersion: ophite/v1\nkind: LinkConfig\nname: eth0\naddresses: [192.0.2.10/24]\n"
    other = f"{FULL}---\n{NETWORK_ONLY}"
    assert plan_apply(static, other, "auto", True).yaml == other, "about the links"
    assert plan_apply(static, NETWORK_ONLY, "auto", True).yaml == NETWORK_ONLY, "it is only network itself"
    assert plan_apply(f"{FULL}---\n{static}", FULL, "auto", False).yaml == FULL, "not in maintenance"


@pytest.mark.parametrize(
    ("patch", "expected"),
    [
        ("kind: EtcdConfig\n$patch: delete", "EtcdConfig: the document is missing"),
        ("kind: MachineConfig\n$patch: delete", "MachineConfig: the document is missing"),
        ("kind: ApiConfig\nca: {key: null}", "ApiConfig.ca.key: missing on a control plane"),
        ("kind: KubernetesSecretsConfig\nserviceAccountKey: null", "serviceAccountKey: missing on a control plane"),
        ("kind: KubernetesSecretsConfig\nbootstrapToken: null", "KubernetesSecretsConfig.bootstrapToken: missing"),
        ("kind: MachineConfig\ntype: worker", "EtcdConfig: only for control planes"),
        ("kind: ClusterConfig\nserviceSubnets: [10.244.1.0/24]", "10.244.1.0/24 overlaps the pods' 10.244.0.0/16"),
        ("kind: ClusterConfig\nendpoint: https://10.244.0.1", "endpoint: 10.244.0.1 is inside podSubnets 10.244.0.0/16"),
        ("kind: LinkConfig\nname: e\naddresses: [10.96.0.9/24]", "addresses[0]: 10.96.0.9 is inside serviceSubnets"),
        (
            "kind: LinkConfig\nname: e\naddresses: [192.0.2.1/24]\n---\nkind: LinkConfig\nname: f\naddresses: [192.0.2.1/24]",
            "192.0.2.1 is on e too",
        ),
    ],
)
def test_what_does_not_fit_is_told(patch: str, expected: str) -> None:
    found = problems(apply_patches(FULL, [patch]))
    assert any(expected in line for line in found), found


def test_the_nodes_own_address_is_checked() -> None:
    assert "holds this node's address 10.244.3.4" in problems(FULL, node_addresses=["10.244.3.4"])[0]
    assert problems(FULL, node_addresses=["192.0.2.4"]) == []


def test_a_running_node_wants_everything_and_keeps_its_identity() -> None:
    assert len(problems(NETWORK_ONLY, current=FULL, maintenance=False)) >= 4
    other = generate_config("home", "https://192.0.2.10:6443", SecretsBundle.generate()).controlplane
    assert "another cluster" in problems(other, current=FULL, maintenance=False)[0]
    assert "cannot change from controlplane to worker" in problems(WORKER, current=FULL, maintenance=False)[0]


@pytest.mark.parametrize(("mode", "expected"), [("staged", "needs a node"), ("try", "needs a node"), ("x", "unknown mode")])
def test_modes_that_make_no_sense_in_maintenance(mode: str, expected: str) -> None:
    assert expected in problems(FULL, mode)[0]


def test_nothing_is_half_applied() -> None:
    plan = plan_apply(FULL, f"{FULL}\n---\nkind: Nonsense\n", "auto", False)
    assert (plan.active, plan.persistent, plan.yaml, plan.message) == (False, False, "", "nothing was applied")
    assert plan_request(plan, None, 5.0) == ConfigRequest()
    assert problems("") != []


@pytest.mark.parametrize(
    ("mode", "active", "persistent", "seconds"),
    [("auto", True, True, 0), ("staged", False, True, 0), ("try", True, False, 60), ("dry-run", False, False, 0)],
)
def test_modes(mode: str, active: bool, persistent: bool, seconds: float) -> None:
    new = apply_patches(FULL, ["kind: LinkConfig\nname: eth0"])
    plan = plan_apply(FULL, new, mode, False)
    assert (plan.active, plan.persistent, plan.try_seconds) == (active, persistent, seconds)
    assert "+++ b/LinkConfig[eth0] (added)" in plan.diff
    assert "HostnameConfig" not in plan.diff


def test_the_diff_shows_that_a_secret_changed_but_not_which() -> None:
    new = apply_patches(FULL, ["kind: KubernetesSecretsConfig\nbootstrapToken: zzzzzz.0123456789abcdef"])
    plan = plan_apply(FULL, new, "dry-run", False)
    assert "+bootstrapToken: '[redacted, changed]'" in plan.diff
    assert "zzzzzz" not in plan.diff
    assert "PRIVATE" not in plan.diff
    assert plan_apply(FULL, FULL, "auto", False).message == "nothing changes"


def test_requests_follow_plans() -> None:
    def after(mode: str, before: ConfigRequest, text: str = FULL) -> ConfigRequest:
        return plan_request(plan_apply(FULL, text, mode, False), before, 100.0)

    other = apply_patches(FULL, ["kind: LinkConfig\nname: eth0"])
    staged = after("staged", ConfigRequest(active="old", persistent="old"))
    assert staged == ConfigRequest(active="old", persistent=FULL)
    trial = after("try", staged, other)
    assert trial == ConfigRequest(active="old", persistent=FULL, trial=other, trial_until=160.0)
    assert after("auto", trial, other) == ConfigRequest(active=other, persistent=other)
    assert after("staged", trial).trial == other
    assert plan_apply(FULL, FULL, "try", False, try_seconds=0).problems
    assert ApplyMode("dry-run") is ApplyMode.DRY_RUN
