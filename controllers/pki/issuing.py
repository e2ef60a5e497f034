"""Keep a certificate that is still good, else issue a new one: what all certificate controllers share.

"Still good" looks first at what the controller made itself and then at what a former brain kept in /run, so that a
restart of the brain changes no certificate and therefore restarts nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from controllers.pki.authority import (
    BACKDATE,
    PkiError,
    Request,
    is_too_early,
    issue,
    lifetime,
    load_authority,
    load_certificate,
    renewal_time,
    window,
)
from controllers.resources.pki import Certificate, CertificateRoot
from controllers.runtime.clock import Clock
from controllers.runtime.controller import View
from controllers.runtime.errors import Waiting

DAY = 24 * 3600
YEAR = 365 * DAY
LOOK_AGAIN = 60.0  # seconds


@dataclass(frozen=True, slots=True)
class Issuer:
    """Issues certificates of one reconcile. `kept` are certificates of a former brain, by id."""

    view: View
    clock: Clock
    kept: Mapping[str, Certificate]
    clock_set: bool
    own: Mapping[str, Certificate]

    def provide(self, id_: str, root: CertificateRoot, request: Request, seconds: int = YEAR) -> Certificate:
        """Return the certificate `id_`, the old one while it is good, and have the controller woken before it is not.

        Raises `Waiting` when a new one is needed and the clock is not set, or when the authority cannot be used.
        """
        now = self.clock.wall()
        for old in (self.own.get(id_), self.kept.get(id_)):
            if old is None or old.ca != root.certificate:
                continue
            until = self._good_until(old, root, request)
            if until > now or (until > 0 and not self.clock_set):
                self.view.wake_after(max(until - now, 1.0))
                return old
        if not self.clock_set:
            raise Waiting("the clock to be set")
        if is_too_early(now, root.certificate):
            self.view.wake_after(LOOK_AGAIN)
            raise Waiting("the clock to be set right: it is before the certificate authority was made")
        try:
            made = issue(load_authority(root.certificate, root.key, id_), request, window(now, seconds))
        except PkiError as error:
            raise Waiting(f"a usable certificate authority: {error}") from error
        fresh = Certificate(
            subject=made.subject, certificate=made.certificate, key=made.key, ca=root.certificate, not_after=made.not_after
        )
        self.view.wake_after(max(self._good_until(fresh, root, request) - now, 60.0))
        return fresh

    def _good_until(self, old: Certificate, root: CertificateRoot, request: Request) -> float:
        try:
            if self.clock_set and lifetime(old.certificate).not_before > self.clock.wall() + BACKDATE:
                return 0.0  # made while the clock was ahead
            return renewal_time(old.certificate, load_certificate(root.certificate, "authority"), request)
        except PkiError:
            return 0.0
