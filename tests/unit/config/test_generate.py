"""From a bundle to files that are valid, complete, and give a worker nothing that it must not have."""

import datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from controllers.config.bundle import SecretsBundle, parse_bundle
from controllers.config.clientconfig import (
    ClientConfig,
    Context,
    merge_client_configs,
    parse_client_config,
    render_client_config,
)
from controllers.config.documents import ClusterConfig
from controllers.config.generate import GenerateOptions, generate_config
from controllers.config.loader import check_config
from controllers.config.problem import ConfigError
from controllers.config.validation import find_conflicts, find_document, find_missing

NOW = datetime.datetime(2026, 5, 1, tzinfo=datetime.UTC)
ENDPOINT = "https://192.0.2.10:6443"


@pytest.fixture(scope="module")
def bundle() -> SecretsBundle:
    return SecretsBundle.generate(NOW)


def test_bundle_round_trip(bundle: SecretsBundle) -> None:
    assert parse_bundle(bundle.render()) == bundle
    assert "PRIVATE KEY" not in repr(bundle)
    with pytest.raises(ConfigError, match="osx: unknown field"):
        parse_bundle(bundle.render().replace("\nos:", "\nosx:"), "s.yaml")
    with pytest.raises(ConfigError, match="0 documents instead of one"):
        parse_bundle("")


@pytest.mark.parametrize("name", ["os", "etcd", "kubernetes", "front_proxy"])
def test_authorities_are_ecdsa_for_ten_years(bundle: SecretsBundle, name: str) -> None:
    certificate = x509.load_pem_x509_certificate(getattr(bundle, name).crt.encode())
    key = certificate.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    assert key.curve.name == "secp256r1"
    assert certificate.not_valid_after_utc == NOW + datetime.timedelta(days=3650)
    assert certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca


def test_files_are_complete_and_fit(bundle: SecretsBundle) -> None:
    made = generate_config("home", ENDPOINT, bundle, GenerateOptions(sans=("node1.example.com",)), NOW)
    for text in (made.controlplane, made.worker):
        documents = check_config(text)
        assert find_missing(documents) == []
        assert find_conflicts(documents) == []
    assert made.controlplane.count("PRIVATE KEY") == 10
    assert "PRIVATE KEY" not in made.worker
    assert "EtcdConfig" not in made.worker
    assert made.worker.startswith("# What this node is")


def test_patches_reach_the_files_they_are_for(bundle: SecretsBundle) -> None:
    options = GenerateOptions(
        patches=("kind: ClusterConfig\ndnsDomain: all.example",),
        worker_patches=("kind: HostnameConfig\nauto: null\nhostname: w1",),
    )
    made = generate_config("home", ENDPOINT, bundle, options, NOW)
    for text in (made.controlplane, made.worker):
        cluster = find_document(check_config(text), ClusterConfig)
        assert cluster is not None
        assert cluster.dns_domain == "all.example"
    assert "hostname: w1" in made.worker
    assert "hostname: w1" not in made.controlplane


def test_bad_names_and_endpoints_are_refused(bundle: SecretsBundle) -> None:
    with pytest.raises(ConfigError) as caught:
        generate_config("a b", "http://x", bundle, GenerateOptions(pod_subnets=("10.96.0.0/16",)))
    assert {problem.path for problem in caught.value.problems} == {"name", "endpoint", "serviceSubnets"}


def test_client_certificate_is_an_administrators_for_a_year(bundle: SecretsBundle) -> None:
    client = generate_config("home", ENDPOINT, bundle, now=NOW).client
    assert parse_client_config(render_client_config(client)) == client
    context = client.current
    assert context is not None
    assert context.endpoints == ("192.0.2.10",)
    certificate = x509.load_pem_x509_certificate(context.crt.encode())
    certificate.verify_directly_issued_by(x509.load_pem_x509_certificate(bundle.os.crt.encode()))
    assert [name.value for name in certificate.subject] == ["os:admin"]
    assert certificate.not_valid_after_utc == NOW + datetime.timedelta(days=365)


def test_client_configs_merge_without_losing_a_context() -> None:
    one = ClientConfig(context="a", contexts={"a": Context(endpoints=("192.0.2.1",))})
    two = ClientConfig(context="a", contexts={"a": Context(endpoints=("192.0.2.2",)), "b": Context()})
    merged = merge_client_configs(one, two)
    assert merged.context == "a-1"
    assert set(merged.contexts) == {"a", "a-1", "b"}
    assert merge_client_configs(merged, two) == merged


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("context: x", "'x' is not in contexts"),
        ("contexts: []", "expected keys and values"),
        ("contexts: {a: {endpoint: []}}", "did you mean `endpoints`?"),
        ("a: 1\n---\nb: 1", "more than one document"),
        ("a: }", "line 1"),
    ],
)
def test_bad_client_configs_are_told(text: str, expected: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_client_config(text, "ophiteconfig")
    assert expected in str(caught.value)
    assert "ophiteconfig: " in str(caught.value)


def test_an_empty_client_config_is_one() -> None:
    assert parse_client_config("") == ClientConfig()
