"""What a configuration may say and people should know of: it is served, with a warning at every start and from `check`.

Rule: a warning is about what somebody outside decides and the file could have decided; what is a choice of the file is none.
"""

from __future__ import annotations

from collections.abc import Iterator

from server.config.complaints import Complaint, Path, Position, dotted
from server.config.models import Config


def advice(config: Config) -> Iterator[Complaint]:
    """The warnings, each with its place."""
    for index, issuer in enumerate(config.auth.jwt if config.auth else ()):
        if issuer.jwks is None or issuer.audience or issuer.audience is False:
            continue
        listed: Path = ("auth", "jwt", index, "jwks")
        path = listed if listed in config.places else ("auth", "jwt", "jwks")
        yield Complaint(
            config.position(*path) or Position(dotted(path)),
            dotted(path),
            "who publishes these keys signs with them for other applications too, and every such token is taken here",
            f"name the audience that is this application's in {dotted((*path[:-1], 'audience'))}, or say false there: none has one",
        )
