"""Who may reach a server that asks nobody for a credential, and under which names any server answers.

    auth                       whoever has a credential; `server.hosts`, where it is set, limits the names
    no auth, on loopback       this machine alone: its own names as Host, and nothing that came through a proxy
    no auth, elsewhere         whoever has the access token: the one configured, or one made at start and shown once
    no auth, --insecure        everybody; a token that is configured is still asked for

Rule: what is not said is closed; only `--insecure` opens a server to other machines without a question.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from urllib.parse import urlsplit

from reflector.secret import Secret
from server.config import Config
from server.config.models import Server
from server.config.values import is_loopback
from server.middleware.admission import LOOPBACK_HOSTS
from server.middleware.entrance import GateRules
from server.peers import Proxies


@dataclass(frozen=True, slots=True)
class Guard:
    """The gate's rules, and the token that was made for this start, None where none was needed."""

    rules: GateRules
    made: Secret | None = None


def guard_of(config: Config) -> Guard:
    """What the gate is to hold under this configuration."""
    server, asked = config.server, config.auth is not None
    pages = config.postgrest.server_cors_allowed_origins
    alone = not asked and not config.insecure and server.alone
    made = None
    if not asked and not config.insecure and not alone and server.token is None:
        made = Secret(secrets.token_urlsafe(24))
    return Guard(
        GateRules(
            hosts=LOOPBACK_HOSTS | named(config) if alone or server.hosts else None,
            forwarded=not alone,
            token=None if asked else server.token or made,
            credentials=asked or (server.token or made) is not None,
            own_origins=frozenset(filter(None, [origin_of(server.url)])),
            origins=frozenset(server.cors.origins) | frozenset(pages) - {"*"},
            anybody=config.postgrest.path.rstrip("/") + "/" if "*" in pages else None,
            clients=config.postgrest.path.rstrip("/") + "/",
            proxies=proxies_of(server),
            further=headers_of(config),
        ),
        made,
    )


def proxies_of(server: Server) -> Proxies | None:
    """Whose forwarded headers are believed, None where nobody's are."""
    by_socket = server.socket is not None and server.socket.proxy
    if not (server.trusted_proxies or by_socket):
        return None
    return Proxies(server.trusted_proxies, by_socket=by_socket)


def headers_of(config: Config) -> tuple[str, ...]:
    """The headers in which pages may send credentials, beside those that every server takes."""
    keys = config.auth.api_keys if config.auth else None
    hook = config.auth.webhook if config.auth else None
    said = ((keys.header,) if keys else ()) + ((hook.header, *hook.send) if hook else ())
    return tuple(each for each in dict.fromkeys(said) if each.lower() != "authorization")


def rules_of_figures(config: Config) -> GateRules:
    """What is held before the port of the figures: on loopback this machine's names, so that no page elsewhere reads it."""
    wanted = config.observability.metrics
    alone = wanted is not None and is_loopback(wanted.host)
    return GateRules(hosts=LOOPBACK_HOSTS if alone else None)


def named(config: Config) -> frozenset[str]:
    """The hosts that the configuration names."""
    public = urlsplit(config.server.url).hostname if config.server.url else None
    bracketed = f"[{public}]" if public and ":" in public else public
    return frozenset(filter(None, (*config.server.hosts, bracketed)))


def origin_of(url: str | None) -> str | None:
    """What a browser calls the origin of pages under this address."""
    if url is None:
        return None
    parts = urlsplit(url)
    usual = {"http": 80, "https": 443}[parts.scheme]
    host = parts.hostname or ""
    bracketed = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{bracketed}" + (f":{parts.port}" if parts.port not in {None, usual} else "")
