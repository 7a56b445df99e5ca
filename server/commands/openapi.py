"""`reflector openapi`: the document of the API for a caller with these roles, as the server would answer it.

Rule: the bytes are the server's own; nothing is listened on and nothing is asked of the database but its schema.
"""

from __future__ import annotations

from server.app import assembled, engine_of
from server.binding import Binding
from server.commands.explain import principal_of
from server.config import Config
from server.database_settings import informed
from server.guard import guard_of
from server.openapi import setting, written
from server.openapi.fixed import defined, fixed_endpoints


async def openapi(config: Config, caller: str | None) -> bytes:
    """The document as JSON. Raises Forbidden for a role that is not declared, and what starting raises."""
    config = await informed(config)
    principal, guard, binding = principal_of(config, caller), guard_of(config), Binding(config)
    engine = await engine_of(config, binding)
    try:
        assembly = assembled(config, engine, binding, guard)
        snapshot = engine.snapshot
        limits = assembly.context.limits(principal.roles)
        fixed = fixed_endpoints(defined(assembly.house.routes))
        said = setting(config, snapshot.catalog, limits, fixed, guarded=guard.rules.token is not None)
        return await written(snapshot.access(principal), said)
    finally:
        await engine.close()
