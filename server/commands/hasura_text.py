"""What became of a Hasura's metadata, as the text of a config.yaml.

Rule: every value is written on one line, as JSON that is YAML as well, and none of them refers to the environment.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

REFERENCE: Final = re.compile(r"\$(?=[${])|(?<=\")\$(?=\w+\")")
"""A `$` that would begin a reference to the environment."""
HEAD: Final = """\
# Made from the metadata of a Hasura: the same tables, rows and columns for the same roles. Tokens are those that Hasura
# takes: their claims stand under `namespace`, and X-Hasura-Role asks for one of the allowed roles.
version: 1

database:
  url: "${DATABASE_URL}"

auth:
  jwt:
    secret: "${JWT_SECRET}"          # the `key` of HASURA_GRAPHQL_JWT_SECRET
    namespace: "https://hasura.io/jwt/claims"
    role_claim: x-hasura-allowed-roles
    usual_role_claim: x-hasura-default-role
    undeclared_roles: ignore         # tokens may name roles without a permission
"""


def text_of(
    *,
    roles: Mapping[str, Any],
    tables: Mapping[str, Mapping[str, Any]],
    sections: Mapping[str, Mapping[str, Any]],
    anonymous: str | None,
    claims: list[str],
    told: bool | list[str],
) -> str:
    """The file. `sections`: relationships and functions, each where it says anything."""
    lines = [HEAD.rstrip("\n")]
    if claims:
        lines.append(f"  claims: {_flow(claims)}")
    if anonymous is not None:
        lines.append(f"  anonymous_role: {_flow(anonymous)}")
    lines += ["", *_section("roles", [f"  {_flow(name)}: {_flow(said)}" for name, said in roles.items()])]
    lines += ["", *_section("tables", [line for name, said in tables.items() for line in _table(name, said)])]
    if told is not True:
        lines += ["", f"graphql: {{introspection: {_flow(told)}}}"]
    for section, entries in sections.items():
        if entries:
            lines += ["", f"{section}:", *(f"  {_flow(name)}: {_flow(said)}" for name, said in entries.items())]
    return "\n".join(lines) + "\n"


def _section(name: str, lines: list[str]) -> list[str]:
    return [f"{name}:", *lines] if lines else [f"{name}: {{}}"]


def _table(name: str, said: Mapping[str, Any]) -> Iterator[str]:
    allow = said.get("allow") or {}
    if not allow and "name" not in said:
        yield f"  {_flow(name)}: {{}}"
        return
    yield f"  {_flow(name)}:"
    if "name" in said:
        yield f"    name: {_flow(said['name'])}"
    if allow:
        yield "    allow:"
    for role, rights in allow.items():
        yield f"      {_flow(role)}:"
        yield from (f"        {right}: {_flow(value)}" for right, value in rights.items())


def _flow(value: Any) -> str:
    """A value on one line, in the JSON that is YAML as well; what would be a reference to the environment is none."""
    return REFERENCE.sub("$$", json.dumps(value, ensure_ascii=False))
