"""The settings of PostgREST's API, under PostgREST's own names with underscores.

Rule: where PostgREST's way and a safer one differ, the safer one is the default, and one setting turns on the other: those
that begin with `allow_`, `db_config`, and `*` among the origins.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Final, Literal

from pydantic import Field

from reflector.secret import Secret
from server.config.claim_paths import ClaimPath, read_claim_path
from server.config.section import Section
from server.config.values import (
    LEAST_SECRET,
    TEXT,
    Flag,
    Named,
    PublicUrl,
    Reads,
    Text,
    UnfitError,
    nothing,
    read_origin,
    read_text,
    secret,
    whole,
)

HOISTED: Final = ("statement_timeout", "plan_filter.statement_cost_limit", "default_transaction_isolation")
ROOT: Final = re.compile(r"/|(/[A-Za-z0-9._~-]+)+")
LONGEST_NAME: Final = 63
HEADER: Final = re.compile(r"[A-Za-z0-9-]{1,64}")


def read_root(given: Any) -> str:
    """Where the API begins, `/rest/v1` or `/`."""
    text = read_text(given)
    if not ROOT.fullmatch(text) or "/." in text:
        raise UnfitError("must be a path such as /rest/v1, or /")
    return text


def read_header(given: Any) -> str:
    """The name of a header."""
    text = read_text(given)
    if not HEADER.fullmatch(text):
        raise UnfitError("must be the name of a header: letters, digits and -")
    return text


def read_origin_or_any(given: Any) -> str:
    """An origin as under `server.cors`, or `*` for every page there is."""
    return "*" if given == "*" else read_origin(given)


def read_function(given: Any) -> str:
    """`name` or `schema.name`."""
    text = read_text(given)
    if not all(text.split(".")) or text.count(".") > 1:
        raise UnfitError("must be the name of a function, with its schema or without")
    return text


def read_channel(given: Any) -> str:
    """The name of a channel, which PostgreSQL takes up to 63 bytes of."""
    text = read_text(given)
    if len(text.encode()) > LONGEST_NAME:
        raise UnfitError(f"must be the name of a channel, of at most {LONGEST_NAME} bytes")
    return text


Channel = Annotated[str, Reads(read_channel, TEXT)]
Function = Annotated[str, Reads(read_function, TEXT)]
SigningKey = Annotated[Secret, secret(LEAST_SECRET)]
RoleClaim = Annotated[ClaimPath, Reads(read_claim_path, TEXT, str)]
Root = Annotated[str, Reads(read_root, TEXT)]
HeaderName = Annotated[str, Reads(read_header, TEXT)]
AllowedOrigin = Annotated[str, Reads(read_origin_or_any, TEXT)]


class PostgrestSettings(Section):
    """What `postgrest:` says."""

    allow_absent_aud: Flag = False
    allow_absent_exp: Flag = False
    allow_estimated_counts: Flag = False
    allow_granted_functions: Flag = False
    allow_plans: Flag = False
    allow_unbound_roles: tuple[Text, ...] = ()
    allow_unfiltered_writes: Flag = False
    app_settings: Named[Text] = Field(default_factory=nothing)
    client_error_verbosity: Literal["verbose", "minimal"] = "verbose"
    db_aggregates_enabled: Flag = False
    db_anon_role: Text | None = None
    db_channel: Channel = "pgrst"
    db_channel_enabled: Flag = False
    db_config: Flag = False
    db_extra_search_path: tuple[Text, ...] = ("public",)
    db_hoisted_tx_settings: tuple[Text, ...] = HOISTED
    db_max_rows: Annotated[int, whole(1, 1_000_000)] | None = None
    db_plan_enabled: Flag = False
    db_pre_config: Function | None = None
    db_pre_request: Function | None = None
    db_prepared_statements: Flag = True
    db_root_spec: Function | None = None
    db_schemas: tuple[Text, ...] = ("public",)
    db_tx_end: Literal["commit", "commit-allow-override", "rollback", "rollback-allow-override"] = "commit"
    jwt_aud: Text | None = None
    jwt_cache_max_entries: Annotated[int, whole(0, 1_000_000)] = 1000
    jwt_role_claim_key: RoleClaim = read_claim_path("$.role")
    jwt_secret: SigningKey | None = None
    jwt_secret_is_base64: Flag = False
    openapi_mode: Literal["follow-privileges", "ignore-privileges", "disabled"] = "follow-privileges"
    openapi_security_active: Flag = False
    openapi_server_proxy_uri: PublicUrl | None = None
    path: Root = "/rest/v1"
    server_cors_allowed_origins: tuple[AllowedOrigin, ...] = ()
    server_timing_enabled: Flag = False
    server_trace_header: HeaderName | None = None
    url_use_legacy_target_names: Flag = True
