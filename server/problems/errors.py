"""What only a server can object to: errors that the library's tree has no word for, because it knows nothing of HTTP.

Rule: an error here is one of the tree's (a request's, or one of access), with a code of its own that outlives its wording.
"""

from __future__ import annotations

from typing import ClassVar

from reflector.errors import AccessError, RequestError, Unauthenticated


class OwnWords(Exception):
    """An error as an API words it for its clients, with or without the cause: whoever raises it foresaw it."""


class MalformedRequest(RequestError):
    """What arrived is not what its headers say: broken HTTP, broken JSON."""

    code: ClassVar[str] = "malformed_request"


class AmbiguousCredentials(RequestError):
    """Two credentials in one request."""

    code: ClassVar[str] = "ambiguous_credentials"


class AmbiguousRole(RequestError):
    """A request that asks for two roles."""

    code: ClassVar[str] = "ambiguous_role"


class RateExceeded(AccessError):
    """The caller has asked too often."""

    code: ClassVar[str] = "rate_exceeded"


class InvalidToken(Unauthenticated):
    """A credential that is there and does not hold. `details` go on where the message ends."""

    code: ClassVar[str] = "invalid_token"

    def __init__(self, message: str, *, hint: str | None = None, details: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.details = details


class ConfigRefused(RequestError):
    """A configuration that was to be read anew, and cannot be used; the one before it serves on."""

    code: ClassVar[str] = "config_refused"


class MissingKey(InvalidToken):
    """A token came, and there is no key to hold it against."""


class UnknownKey(InvalidToken):
    """A token names a key that its issuer is not known to have."""


class UnsuitableKey(InvalidToken):
    """No key that is known signed the token."""


class RefusedClaims(InvalidToken):
    """A token whose signature holds, and whose claims do not, now or here."""


class IdentityUnavailable(AccessError):
    """A credential that nobody can judge at the moment: what is needed for it cannot be reached."""

    code: ClassVar[str] = "identity_unavailable"


class TooManyAttempts(AccessError):
    """Somebody was wrong too often, or too many are asked about at once. `retry` in seconds."""

    code: ClassVar[str] = "too_many_attempts"

    def __init__(self, message: str, *, hint: str | None = None, retry: int = 1) -> None:
        super().__init__(message, hint=hint)
        self.retry = retry


class TooManySockets(AccessError):
    """Somebody, or an address, has as many sockets open as they may."""

    code: ClassVar[str] = "too_many_sockets"


class MisdirectedRequest(AccessError):
    """The Host is none that this server answers for."""

    code: ClassVar[str] = "misdirected_request"


class ForwardedRefused(AccessError):
    """The request came through a proxy, to a server that nobody guards."""

    code: ClassVar[str] = "forwarded_refused"


class OriginRefused(AccessError):
    """A page of another origin tries to write."""

    code: ClassVar[str] = "origin_refused"
