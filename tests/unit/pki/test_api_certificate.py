"""What the API serves with, and that maintenance never lingers."""

from typing import Any

import pytest
from cryptography import x509

from controllers.pki import authority
from controllers.pki.api_certificate import LIFE, MAINTENANCE_NAME, ApiCertificateController
from controllers.pki.kept import Kept
from controllers.ports import Ports
from controllers.resources.machine import ConfigStatus, VersionInfo
from controllers.resources.pki import ApiServing, CertificateRoot, CertificateSANs
from controllers.resources.timesync import TimeStatus
from controllers.runtime.errors import Waiting
from controllers.runtime.resource import Resource, new
from tests.harness.clock import FakeClock
from tests.harness.reconcile import run_reconcile
from tests.unit.pki.authorities import NOW, YEAR, make_ca

CA = make_ca()
VERSION = new("version", VersionInfo(version="1", kubernetes="1", kernel="6", board="b", arch="x", built=NOW - 1000))
ROOT = new("os", CertificateRoot(certificate=CA.crt, key=CA.key))
SANS = new("api", CertificateSANs(names=("localhost", "node1"), addresses=("10.0.0.2", "127.0.0.1")))
SYNCED = new("time", TimeStatus(synced=True))
INCOMPLETE, COMPLETE = new("config", ConfigStatus()), new("config", ConfigStatus(complete=True))


def serve(*given: Resource[Any], own: ApiServing | None = None, kept: Kept | None = None, wall: float = NOW) -> ApiServing:
    controller = ApiCertificateController(Ports(clock=FakeClock(wall=wall)), kept or Kept())
    [wanted] = run_reconcile(controller, given, own=[new("api", own)] if own else [])
    assert isinstance(wanted.spec, ApiServing)
    return wanted.spec


def leaf_of(serving: ApiServing) -> x509.Certificate:
    return x509.load_pem_x509_certificate(serving.certificate.encode())


def names_of(serving: ApiServing) -> set[str]:
    names = leaf_of(serving).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return {str(one.value) for one in names}


def test_maintenance_is_self_signed_and_stays_the_same() -> None:
    found = serve(INCOMPLETE, VERSION)
    assert (found.mode, found.client_ca) == ("maintenance", "")
    assert names_of(found) == {MAINTENANCE_NAME}
    assert found.fingerprint == authority.fingerprint(found.certificate)
    assert serve(INCOMPLETE, VERSION, own=found) == found
    assert serve(INCOMPLETE, VERSION, kept=Kept(serving={"api": found})) == found, "the fingerprint survives the brain"


def test_maintenance_is_valid_for_a_client_whose_clock_is_right_when_ours_is_not() -> None:
    found = serve(INCOMPLETE, VERSION, wall=0.0)
    life = authority.lifetime(found.certificate)
    assert life.not_before == 0
    assert life.not_after > NOW + 10 * YEAR
    late = authority.lifetime(serve(INCOMPLETE, VERSION, wall=NOW + 50 * YEAR).certificate)
    assert late.not_before < NOW, "the build is the lower bound, however wrong our clock is"


def test_nothing_is_served_before_the_search_for_a_configuration_has_ended() -> None:
    with pytest.raises(Waiting, match="ConfigStatus/config"):
        serve(VERSION)


def test_a_complete_configuration_ends_maintenance() -> None:
    before = serve(INCOMPLETE, VERSION)
    found = serve(COMPLETE, ROOT, SANS, SYNCED, VERSION, own=before)
    assert (found.mode, found.client_ca) == ("secure", CA.crt)
    assert names_of(found) == {"localhost", "node1", "10.0.0.2", "127.0.0.1"}
    leaf_of(found).verify_directly_issued_by(x509.load_pem_x509_certificate(CA.crt.encode()))
    assert serve(COMPLETE, ROOT, SANS, SYNCED, VERSION, own=found) == found


def test_secure_also_without_clock_and_names() -> None:
    unset = serve(COMPLETE, ROOT, VERSION, wall=0.0)
    assert unset.mode == "secure"
    assert names_of(unset) == {"localhost", "127.0.0.1", "::1"}
    assert authority.lifetime(unset.certificate) == authority.lifetime(CA.crt), "good for a client whose clock is right"
    later = serve(COMPLETE, ROOT, SANS, SYNCED, VERSION, own=unset)
    assert later.certificate != unset.certificate
    assert authority.lifetime(later.certificate).not_after == NOW + LIFE


def test_it_rotates_before_it_expires_and_when_names_change() -> None:
    first = serve(COMPLETE, ROOT, SANS, SYNCED, VERSION)
    assert serve(COMPLETE, ROOT, SANS, SYNCED, VERSION, own=first, wall=NOW + LIFE // 2) == first
    assert serve(COMPLETE, ROOT, SANS, SYNCED, VERSION, own=first, wall=NOW + LIFE * 3 // 4) != first
    moved = new("api", CertificateSANs(names=("localhost",), addresses=("10.0.0.3",)))
    assert "10.0.0.3" in names_of(serve(COMPLETE, ROOT, moved, SYNCED, VERSION, own=first))


def test_a_former_brains_certificate_is_served_while_the_names_are_gathered() -> None:
    first = serve(COMPLETE, ROOT, SANS, SYNCED, VERSION)
    kept = Kept(serving={"api": first})
    assert serve(COMPLETE, ROOT, VERSION, kept=kept) == first
    other = make_ca()
    changed = serve(COMPLETE, new("os", CertificateRoot(certificate=other.crt, key=other.key)), VERSION, kept=kept)
    assert changed.client_ca == other.crt


def test_a_worker_asks_for_client_certificates_although_it_cannot_sign() -> None:
    worker = new("os", CertificateRoot(certificate=CA.crt, key=""))
    found = serve(COMPLETE, worker, SANS, SYNCED, VERSION)
    assert (found.mode, found.client_ca) == ("secure", CA.crt)
    assert leaf_of(found).issuer == leaf_of(found).subject
    assert serve(COMPLETE, worker, SANS, SYNCED, VERSION, own=found) == found


def test_an_authority_that_cannot_be_used_is_named() -> None:
    broken = new("os", CertificateRoot(certificate=CA.crt, key=make_ca().key))
    with pytest.raises(Waiting, match=r"ApiConfig\.ca"):
        serve(COMPLETE, broken, SANS, SYNCED, VERSION)
