"""What the node's API serves with: a self-signed certificate in maintenance, then one of the OS authority.

Maintenance ends only with a complete configuration. From then on clients must bring a certificate, whatever else is
missing: before the clock is set the leaf gets its authority's whole life (so that the API can be asked why), and a worker,
which may not sign, vouches for itself until a control plane signs for it.
"""

from __future__ import annotations

from collections.abc import Iterable

from controllers.pki.authority import (
    BACKDATE,
    Issued,
    PkiError,
    Request,
    Window,
    fingerprint,
    is_too_early,
    issue,
    lifetime,
    load_authority,
    load_certificate,
    renewal_time,
    self_signed,
    window,
)
from controllers.pki.issuing import DAY, YEAR
from controllers.pki.kept import Kept
from controllers.pki.sans import LOOPBACK
from controllers.ports import Ports
from controllers.resources.machine import ConfigStatus, VersionInfo
from controllers.resources.pki import ApiServing, CertificateRoot, CertificateSANs
from controllers.resources.timesync import TimeStatus
from controllers.runtime.controller import Controller, Input, Output, View, Wanted
from controllers.runtime.errors import Waiting

LIFE = 7 * DAY
MAINTENANCE_NAME = "maintenance.ophite.internal"


class ApiCertificateController(Controller):
    """`ConfigStatus`, `CertificateRoot` os, `CertificateSANs` api → `ApiServing`."""

    name = "pki.ApiCertificateController"
    inputs = (
        Input(ConfigStatus, id="config"),
        Input(CertificateRoot, id="os"),
        Input(CertificateSANs, id="api"),
        Input(TimeStatus, id="time"),
        Input(VersionInfo, id="version"),
    )
    outputs = (Output(ApiServing),)

    def __init__(self, ports: Ports, kept: Kept) -> None:
        self._clock = ports.clock
        self._kept = kept

    def reconcile(self, view: View) -> Iterable[Wanted]:
        old = [one.spec for one in view.own(ApiServing)] or list(self._kept.serving.values())
        if not view.get(ConfigStatus, "config").spec.complete:
            return [Wanted("api", self._maintenance(view, old))]
        root = view.get(CertificateRoot, "os").spec
        found = view.find(CertificateSANs, "api")
        for one in old:
            if found is None and one.mode == "secure" and one.client_ca == root.certificate:
                return [Wanted("api", one)]  # the names are still being gathered after a restart of the brain
        sans = found.spec if found else CertificateSANs(names=("localhost",), addresses=LOOPBACK)
        host = sans.names[0] if sans.names else "node"
        request = Request(host, names=sans.names, addresses=sans.addresses, server=True, client=True)
        return [Wanted("api", self._secure(view, old, root, request))]

    def _maintenance(self, view: View, old: list[ApiServing]) -> ApiServing:
        for one in old:
            if one.mode == "maintenance":
                return one
        built = view.get(VersionInfo, "version").spec.built
        start = min(built or int(self._clock.wall()), int(self._clock.wall()))
        request = Request("ophite maintenance", names=(MAINTENANCE_NAME,), server=True)
        made = self_signed(request, Window(start - DAY, max(built, int(self._clock.wall())) + 20 * YEAR))
        return _serving("maintenance", made, "")

    def _secure(self, view: View, old: list[ApiServing], root: CertificateRoot, request: Request) -> ApiServing:
        time, now = view.find(TimeStatus, "time"), self._clock.wall()
        synced = time is not None and time.spec.synced and not is_too_early(now, root.certificate)
        for one in old:
            until = _good_until(one, root, request, now, synced)
            if until > now or (until > 0 and not synced):
                view.wake_after(max(until - now, 60.0))
                return one
        view.wake_after(LIFE / 2)
        try:
            return _serving("secure", _issue(root, request, now, synced), root.certificate)
        except PkiError as error:
            raise Waiting(f"a usable certificate authority: {error}") from error


def _issue(root: CertificateRoot, request: Request, now: float, synced: bool) -> Issued:
    """Return a new leaf: of the authority where its key is here, else one that vouches for itself. Raises `PkiError`."""
    whole = lifetime(root.certificate)
    if not root.key:
        start = int(now) - DAY if synced else whole.not_before
        return self_signed(request, Window(start, start + 20 * YEAR))
    authority = load_authority(root.certificate, root.key, "ApiConfig.ca")
    return issue(authority, request, window(now, LIFE) if synced else whole)


def _good_until(old: ApiServing, root: CertificateRoot, request: Request, now: float, synced: bool) -> float:
    """Return until when a former certificate can be kept, 0 when it cannot."""
    if old.mode != "secure" or old.client_ca != root.certificate:
        return 0.0
    try:
        above = load_certificate(root.certificate if root.key else old.certificate, "authority")
        life = lifetime(old.certificate)
        if root.key and synced and life.not_after - life.not_before > LIFE + DAY:
            return 0.0  # made before the clock was set
        if synced and life.not_before > now + BACKDATE:
            return 0.0  # made while the clock was ahead
        return renewal_time(old.certificate, above, request)
    except PkiError:
        return 0.0


def _serving(mode: str, made: Issued, client_ca: str) -> ApiServing:
    return ApiServing(
        mode=mode,
        certificate=made.certificate,
        key=made.key,
        client_ca=client_ca,
        fingerprint=fingerprint(made.certificate),
    )
