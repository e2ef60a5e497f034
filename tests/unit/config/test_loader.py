"""Bad input: every problem at once, with place and fix, and never an exception."""

import pytest

from controllers.config.loader import check_config, load
from controllers.config.problem import ConfigError
from controllers.config.yamltree import MAX_ALIASES, MAX_BYTES, MAX_DEPTH

HEAD = "apiVersion: ophite/v1\nkind: "
WORKER = HEAD + "MachineConfig\ntype: worker\n"
LONG = "a" * 70
BOMB = "a: &a [x,x,x,x,x,x,x,x]\n" + "".join(
    f"{c}: &{c} [*{p},*{p},*{p},*{p},*{p},*{p},*{p},*{p}]\n" for p, c in zip("abcdefgh", "bcdefghi", strict=True)
)

BAD = {
    "not UTF-8": (b"\xff\xfe\xfa", "byte 0 is not UTF-8"),
    "not YAML": ("a: }", "line 1, column"),
    "control character": ("a: \0", "not YAML"),
    "too big": ("#" * (MAX_BYTES + 1), f"{MAX_BYTES + 1} bytes, the limit is {MAX_BYTES}"),
    "ten megabytes": (b"x" * 10_000_000, "10000000 bytes, the limit is 1048576 (1 MiB)"),
    "too deep": ("[" * (MAX_DEPTH + 1), f"nested deeper than {MAX_DEPTH} levels"),
    "bomb": (BOMB, "values once aliases are expanded"),
    "many aliases": ("a: &a 1\nb: [" + "*a," * (MAX_ALIASES + 1) + "]", f"more than {MAX_ALIASES} aliases"),
    "alias in itself": ("a: &a [*a]", "an alias inside the value that it stands for"),
    "many values": ("a: [" + "1," * 60_000 + "]", "more than 50000 values"),
    "a list": ("- a", "document 1: no fields (begin with `apiVersion: ophite/v1` and `kind:`)"),
    "a text": ("hello", "document 1: no fields"),
    "no apiVersion": ("kind: MachineConfig\ntype: worker", "MachineConfig.apiVersion: missing (write `apiVersion: ophite/v1`)"),
    "other apiVersion": ("apiVersion: v1\nkind: MachineConfig\ntype: worker", "'v1' is not known"),
    "no kind": ("apiVersion: ophite/v1", "document 1.kind: missing (one of MachineConfig,"),
    "unknown kind": (HEAD + "HostnameConfg", "unknown kind 'HostnameConfg' (did you mean `HostnameConfig`?)"),
    "unknown field": (HEAD + "LinkConfig\nname: e\nmtuu: 1", "LinkConfig[e].mtuu: unknown field (did you mean `mtu`?)"),
    "missing field": (HEAD + "MachineConfig", "MachineConfig.type: missing (add `type:`)"),
    "null for required": (HEAD + "MachineConfig\ntype: ~", "MachineConfig.type: missing"),
    "wrong choice": (HEAD + "MachineConfig\ntype: master", "(one of controlplane, worker)"),
    "wrong literal": (HEAD + "HostnameConfig\nauto: always", "(one of off, stable)"),
    "text for number": (HEAD + "LinkConfig\nname: e\nmtu: big", "LinkConfig[e].mtu: expected a whole number, found a text"),
    "float for integer": (HEAD + "LinkConfig\nname: e\nmtu: 1.5", "expected a whole number, found a number"),
    "text for bool": (HEAD + "LinkConfig\nname: e\nup: 'yes'", "LinkConfig[e].up: expected `true` or `false`, found a text"),
    "bool for text": (
        HEAD + "SysctlConfig\nsysctls: {a.b: yes}",
        'expected a text, found true or false (write "yes" in quotes)',
    ),
    "scalar for list": (HEAD + "ResolverConfig\nnameservers: 192.0.2.1", "expected a list, found a text"),
    "list for fields": (HEAD + "SysctlConfig\nsysctls: [a]", "expected keys and values, found a list"),
    "fields for text": (HEAD + "HostnameConfig\nhostname: {a: b}", "expected a text, found fields"),
    "too large": (HEAD + "LinkConfig\nname: e\nmtu: 70000", "LinkConfig[e].mtu: expected `int` <= 65535"),
    "key twice": (HEAD + "HostnameConfig\nhostname: a\nhostname: b", "HostnameConfig.hostname: there twice (keep one)"),
    "map key twice": (HEAD + "SysctlConfig\nsysctls: {a.b: '1', a.b: '2'}", "SysctlConfig.sysctls[a.b]: there twice"),
    "odd key": (HEAD + "HostnameConfig\nhostname: a\n? [a]\n: b", "a key that is no text"),
    "python tag": (HEAD + "HostnameConfig\nhostname: !!python/name:os.system x", "is not allowed (write a plain value)"),
    "same kind twice": (
        HEAD + "MachineConfig\ntype: worker\n---\n" + HEAD + "MachineConfig\ntype: worker",
        "MachineConfig: there 2 times",
    ),
    "same name twice": (HEAD + "LinkConfig\nname: e\n---\n" + HEAD + "LinkConfig\nname: e", "LinkConfig[e]: there 2 times"),
    "long name": (HEAD + f"HostnameConfig\nhostname: {LONG}", "f: HostnameConfig.hostname: 70 characters, the limit is 63"),
    "bad name": (HEAD + "HostnameConfig\nhostname: a_b", "'a_b' is no valid name"),
    "neither": (HEAD + "HostnameConfig", "`hostname` or `auto: stable`: neither is set"),
    "both": (HEAD + "HostnameConfig\nhostname: a\nauto: stable", "both are set (write exactly one of the two)"),
    "no prefix": (HEAD + "LinkConfig\nname: e\naddresses: [192.0.2.1]", "addresses[0]: the prefix length is missing"),
    "not an address": (HEAD + "ResolverConfig\nnameservers: [192.0.2.256]", "nameservers[0]: '192.0.2.256' is no IP address"),
    "no gateway": (HEAD + "LinkConfig\nname: e\nroutes: [{destination: default}]", "routes[0].gateway: missing"),
    "host bits": (HEAD + "EtcdConfig\nca: {}\nadvertisedSubnets: [10.0.0.1/8]", "(write `10.0.0.0/8`)"),
    "http endpoint": (HEAD + "ClusterConfig\nname: a\nendpoint: http://a:6443", "is no https URL with a host"),
    "no PEM": (HEAD + "ApiConfig\nca: {crt: x}", "ApiConfig.ca.crt: not the PEM certificate of an authority"),
    "volume": (HEAD + "VolumeConfig\nname: EPHEMERAL\nmaxSize: big", "VolumeConfig[EPHEMERAL].maxSize: 'big' is no size"),
    "token": (
        HEAD + "KubernetesSecretsConfig\nca: {}\nbootstrapToken: x",
        "bootstrapToken: not of the form",
    ),
}


@pytest.mark.parametrize(("text", "expected"), BAD.values(), ids=BAD)
def test_bad_input_is_told_with_place_and_fix(text: str | bytes, expected: str) -> None:
    lines = [str(problem) for problem in load(text, "f").problems]
    assert any(expected in line for line in lines), lines
    assert all(line.startswith("f: ") for line in lines)
    with pytest.raises(ConfigError):
        check_config(text, "f")


def test_every_problem_is_reported_at_once() -> None:
    text = "---\n".join(f"{BAD[name][0]}\n" for name in ("unknown kind", "unknown field", "text for number", "long name"))
    problems = load(text, "f").problems
    assert len(problems) == 5  # the two links have one name
    assert not [document for document in load(text).documents if document.title == "LinkConfig[e]"]


def test_numbers_are_taken_as_texts_where_texts_belong() -> None:
    text = HEAD + "SysctlConfig\nsysctls:\n  vm.a: 1\n  vm.b: 0x10\n  vm.c: 1_0\n  vm.d: 2026-01-01\n"
    (document,) = check_config(text)
    assert document == type(document)(sysctls={"vm.a": "1", "vm.b": "0x10", "vm.c": "1_0", "vm.d": "2026-01-01"})


def test_empty_documents_and_comments_are_skipped() -> None:
    assert check_config("# nothing\n---\n---\n" + HEAD + "MachineConfig\ntype: worker\n---\n")[0].title == "MachineConfig"
    assert check_config("") == ()
