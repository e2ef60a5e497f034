"""Which certificates are issued, kept, rotated and refused: roots, etcd, Kubernetes."""

from typing import Any

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from controllers.config.documents.api_config import ApiConfig
from controllers.config.documents.etcd_config import EtcdConfig
from controllers.config.documents.kubernetes_secrets_config import KubernetesSecretsConfig
from controllers.config.parts import CertificateAndKey
from controllers.pki.etcd_certificates import EtcdCertificatesController
from controllers.pki.kept import Kept
from controllers.pki.kubernetes_certificates import KubernetesCertificatesController, plan_certificates
from controllers.pki.roots import RootsController
from controllers.ports import Ports
from controllers.resources.kubernetes import Nodename
from controllers.resources.network import HostnameStatus
from controllers.resources.pki import Certificate, CertificateRoot, CertificateSANs, ServiceAccountKey
from controllers.resources.timesync import TimeStatus
from controllers.runtime.controller import make_view
from controllers.runtime.errors import Waiting
from controllers.runtime.resource import Resource, new
from tests.harness.clock import FakeClock
from tests.harness.reconcile import run_reconcile
from tests.unit.pki.authorities import NOW, YEAR, make_ca

CA, FRONT = make_ca(), make_ca()
SANS = CertificateSANs(names=("localhost", "node1"), addresses=("10.0.0.2",))
DAY = 24 * 3600


def root(name: str, pair: CertificateAndKey = CA) -> Resource[CertificateRoot]:
    return new(name, CertificateRoot(certificate=pair.crt, key=pair.key))


def world(ca: CertificateAndKey = CA, *, synced: bool = True, sans: CertificateSANs = SANS) -> list[Resource[Any]]:
    return [
        root("etcd", ca),
        root("kubernetes", ca),
        root("front-proxy", FRONT),
        new("etcd", sans),
        new("kubernetes", sans),
        new("hostname", HostnameStatus(hostname="node1")),
        new("nodename", Nodename(nodename="node1")),
        new("time", TimeStatus(synced=synced)),
    ]


def issue(
    given: list[Resource[Any]], own: list[Resource[Any]] | None = None, kept: Kept | None = None, wall: float = NOW
) -> dict[str, Certificate]:
    ports = Ports(clock=FakeClock(wall=wall))
    found = {}
    for controller in (
        EtcdCertificatesController(ports, kept or Kept()),
        KubernetesCertificatesController(ports, kept or Kept()),
    ):
        for one in run_reconcile(controller, given, own=own or []):
            assert isinstance(one.spec, Certificate)
            found[one.id] = one.spec
    return found


def test_everything_that_a_control_plane_needs_and_nothing_else() -> None:
    found = issue(world())
    assert set(found) == {
        "etcd-server",
        "etcd-peer",
        "etcd-client",
        "kube-apiserver",
        "kube-apiserver-kubelet-client",
        "front-proxy-client",
        "kube-controller-manager",
        "kube-scheduler",
        "admin",
        "kubelet",
        "kubelet-serving",
    }
    authorities = {CA.crt: CA, FRONT.crt: FRONT}
    for id_, one in found.items():
        assert one.ca == (FRONT.crt if id_ == "front-proxy-client" else CA.crt)
        leaf = x509.load_pem_x509_certificate(one.certificate.encode())
        leaf.verify_directly_issued_by(x509.load_pem_x509_certificate(authorities[one.ca].crt.encode()))
        assert one.not_after == NOW + YEAR


def test_who_they_say_they_are() -> None:
    subjects = {id_: one.subject for id_, one in issue(world()).items()}
    assert subjects["admin"] == "CN=admin,O=system:masters"
    assert subjects["kubelet"] == "CN=system:node:node1,O=system:nodes"
    assert subjects["kube-scheduler"] == "CN=system:kube-scheduler"
    assert subjects["kube-controller-manager"] == "CN=system:kube-controller-manager"


def test_etcds_server_may_be_a_client_too() -> None:
    leaf = x509.load_pem_x509_certificate(issue(world())["etcd-server"].certificate.encode())
    usage = set(leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)
    assert usage == {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH}


def test_clients_carry_no_names_and_no_server_usage() -> None:
    for id_, (_, request) in plan_certificates(SANS, "node1").items():
        if id_ not in ("kube-apiserver", "kubelet-serving"):
            assert request.client
            assert not request.server
            assert not request.alternative_names


def test_nothing_is_issued_before_the_clock_is_set_but_what_is_there_stays() -> None:
    with pytest.raises(Waiting, match="the clock to be set"):
        issue(world(synced=False))
    made = issue(world())
    kept = Kept(certificates=made)
    assert issue(world(synced=False), kept=kept, wall=0.0) == made, "after a reboot of the brain with a lost clock"


def test_own_certificates_and_those_of_a_former_brain_stay() -> None:
    made = issue(world())
    own = [new(id_, one) for id_, one in made.items()]
    assert issue(world(), own, wall=NOW + 200 * DAY) == made
    assert issue(world(), kept=Kept(certificates=made)) == made


def test_rotation_when_a_third_is_left() -> None:
    made = issue(world())
    own = [new(id_, one) for id_, one in made.items()]
    later = NOW + YEAR * 2 // 3 + DAY
    rotated = issue(world(), own, wall=later)
    assert all(rotated[id_].certificate != made[id_].certificate for id_ in made)
    assert rotated["admin"].not_after == later + YEAR


def test_a_wake_up_is_asked_for_before_the_rotation() -> None:
    ports = Ports(clock=FakeClock(wall=NOW))
    controller = EtcdCertificatesController(ports, Kept())
    view = make_view(controller, world(), [], 1000.0)
    list(controller.reconcile(view))
    assert view.wake_seconds is not None
    assert 0 < view.wake_seconds <= YEAR * 2 / 3 + DAY


def test_new_names_or_a_new_authority_replace_only_what_they_concern() -> None:
    made = issue(world())
    own = [new(id_, one) for id_, one in made.items()]
    moved = issue(world(sans=CertificateSANs(names=("localhost", "node1"), addresses=("10.0.0.9",))), own)
    changed = {id_ for id_ in made if moved[id_] != made[id_]}
    assert changed == {"etcd-server", "etcd-peer", "kube-apiserver", "kubelet-serving"}
    replaced = issue(world(make_ca()), own)
    assert {id_ for id_ in made if replaced[id_] == made[id_]} == {"front-proxy-client"}


def test_a_worker_signs_nothing() -> None:
    worker = CertificateAndKey(crt=CA.crt)
    given = [root("kubernetes", worker), root("etcd", worker), *world()[3:]]
    assert issue(given) == {}


def test_an_authority_that_cannot_be_used_is_named() -> None:
    broken = CertificateAndKey(crt=CA.crt, key=make_ca().key)
    with pytest.raises(Waiting, match="does not belong to the certificate"):
        issue(world(broken))


def test_roots_come_from_the_documents() -> None:
    given: list[Resource[Any]] = [
        new("default", ApiConfig(ca=CA)),
        new("default", EtcdConfig(ca=FRONT)),
        new("default", KubernetesSecretsConfig(ca=CA, aggregator_ca=FRONT, service_account_key=CA.key)),
    ]
    found = {one.id: one.spec for one in run_reconcile(RootsController(Ports()), given)}
    assert set(found) == {"os", "etcd", "kubernetes", "front-proxy", "service-account"}
    assert found["etcd"] == CertificateRoot(certificate=FRONT.crt, key=FRONT.key)
    account = found["service-account"]
    assert isinstance(account, ServiceAccountKey)
    assert account.public_key.startswith("-----BEGIN PUBLIC KEY-----")


def test_roots_of_a_worker_have_no_key_and_no_account() -> None:
    given: list[Resource[Any]] = [
        new("default", ApiConfig(ca=CertificateAndKey(crt=CA.crt))),
        new("default", KubernetesSecretsConfig(ca=CertificateAndKey(crt=CA.crt))),
    ]
    found = {one.id: one.spec for one in run_reconcile(RootsController(Ports()), given)}
    assert set(found) == {"os", "kubernetes"}
    assert found["os"] == CertificateRoot(certificate=CA.crt, key="")


def test_a_bad_service_account_key_is_named() -> None:
    given = [new("default", KubernetesSecretsConfig(ca=CA, service_account_key="rubbish"))]
    with pytest.raises(Waiting, match=r"KubernetesSecretsConfig\.serviceAccountKey"):
        run_reconcile(RootsController(Ports()), given)
