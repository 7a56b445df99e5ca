"""How each API spells a question, and what it told.

Rule: nothing here decides what is right; a refusal is told apart from an answer by the API's own status or errors.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from tests.properties.asking import exact, written
from tests.reference.model import WAYS
from tests.reference.questions import Question, Where, canonical
from tests.server.harness import Reply

HINTS = {("person", "article_by_owner"): "article!owner_id", ("person", "article_by_editor"): "article!editor_id"}
HINTS |= {("article", "tag"): "tag!article_tag", ("tag", "article"): "article!article_tag"}
HINTS |= {("person", "person"): "person!boss_id", ("person", "boss"): "boss_id"}


@dataclass(frozen=True)
class Asked:
    method: str
    path: str
    body: str | None = None
    headers: Mapping[str, str] | None = None


@dataclass(frozen=True)
class Told:
    """Rows in their order, and how many there are in all where that was asked; None when it was refused."""

    rows: list[Any] | None
    total: int | None = None


def spelled(api: str, asked: Question) -> Asked:
    return {"resource": resource, "graphql": graphql, "postgrest": postgrest}[api](asked)


def told(api: str, asked: Question, reply: Reply) -> Told:
    assert reply.status < 500, reply.body
    if api == "graphql":
        given = exact(reply.body)
        if "errors" in given:
            return Told(None)
        counted = given["data"].get(f"{asked.table}_aggregate")
        return Told([canonical(row) for row in given["data"][asked.table]], counted and counted["aggregate"]["count"])
    if reply.status == 416:  # nothing lies behind the offset
        return Told([], int(reply.headers["Content-Range"].rpartition("/")[2]))
    if reply.status >= 400:
        return Told(None)
    given = exact(reply.body)
    if api == "resource":
        return Told([canonical(row) for row in given["items"]], given["page"]["total"])
    total = reply.headers.get("Content-Range", "*/*").rpartition("/")[2]
    return Told([canonical(row) for row in given], None if total == "*" else int(total))


# ── the resource API ─────────────────────────────────────────────────────────────────────────


def resource(asked: Question) -> Asked:
    fields = [*asked.columns, *(f"{name}.{each}" for name, (columns, _) in asked.embeds.items() for each in columns)]
    words = ["fields=" + ",".join(fields)]
    if asked.where:
        words.append("filter=" + quote(written(dict(asked.where))))
    if asked.order:
        words.append("sort=" + ",".join("-" * descending + name for name, descending in asked.order))
    if asked.limit is not None:
        words.append(f"limit={asked.limit}")
    if asked.count:
        words.append("count=exact")
    return Asked("GET", f"/api/{asked.table}?" + "&".join(words))


# ── GraphQL ──────────────────────────────────────────────────────────────────────────────────

GRAPHQL_WORDS = {"_ne": "_neq", "_isnull": "_is_null"}


def graphql(asked: Question) -> Asked:
    variables: dict[str, Any] = {"w": worded(asked.where)}
    declared = [f"$w: {asked.table}_bool_exp!"]
    fields = list(asked.columns)
    for number, (name, (columns, where)) in enumerate(asked.embeds.items()):
        given = ""
        if where:
            variables[f"w{number}"] = worded(where)
            declared.append(f"$w{number}: {WAYS[asked.table][name].target}_bool_exp!")
            given = f"(where: $w{number})"
        fields.append(f"{name}{given} {{{' '.join(columns)}}}")
    order = ", ".join(f"{{{name}: {'desc' if descending else 'asc'}}}" for name, descending in asked.order)
    more = [f"order_by: [{order}]"] if order else []
    more += [f"limit: {asked.limit}", f"offset: {asked.offset}"] if asked.limit is not None else []
    text = f"{asked.table}({', '.join(['where: $w', *more])}) {{{' '.join(fields)}}}"
    counted = f" {asked.table}_aggregate(where: $w) {{aggregate {{count}}}}" if asked.count else ""
    document = {"query": f"query ({', '.join(declared)}) {{{text}{counted}}}", "variables": variables}
    return Asked("POST", "/graphql", written(document))


def worded(where: Any) -> Any:
    if isinstance(where, list):
        return [worded(each) for each in where]
    if isinstance(where, Mapping):
        return {GRAPHQL_WORDS.get(name, name): worded(each) for name, each in where.items()}
    return where


# ── PostgREST ────────────────────────────────────────────────────────────────────────────────


def postgrest(asked: Question) -> Asked:
    select = list(asked.columns)
    words = conditions(asked.where)
    for name, (columns, where) in asked.embeds.items():
        select.append(f"{name}:{relation(asked.table, name)}({','.join(columns)})")
        words += conditions(where, f"{name}.")
    for function, name in asked.aggregates:
        select.append(f"{function}_{name}:" + (f"{name}.{function}()" if name else "count()"))
    words.append("select=" + ",".join(select))
    if asked.order:
        words.append(
            "order=" + ",".join(f"{name}.{'desc' if descending else 'asc'}" for name, descending in asked.order)
        )
    if asked.limit is not None:
        words += [f"limit={asked.limit}", f"offset={asked.offset}"]
    return Asked(
        "GET", f"/rest/v1/{asked.table}?" + "&".join(words), None, {"Prefer": "count=exact"} if asked.count else {}
    )


def relation(table: str, name: str) -> str:
    """By the table, with a hint where there are two ways; a table's rows among themselves by the column."""
    way = WAYS[table][name]
    return HINTS.get((table, name), way.target if way.many else f"{way.target}!{way.pairs[0][0]}")


def conditions(where: Where, before: str = "") -> list[str]:
    """The parameters that must all hold."""
    found = []
    for name, given in where.items():
        if name in {"_and", "_or"}:
            found.append(f"{before}{name[1:]}=({','.join(tree(each) for each in given)})")
        elif name == "_not":
            found.append(f"{before}not.and=({tree(given)})")
        else:
            found += [f"{before}{name}={operation(op, operand)}" for op, operand in given.items()]
    return found


def tree(where: Where) -> str:
    ((name, given),) = where.items()
    if name in {"_and", "_or"}:
        return f"{name[1:]}({','.join(tree(each) for each in given)})"
    if name == "_not":
        return f"not.and({tree(given)})"
    ((op, operand),) = given.items()
    return f"{name}.{operation(op, operand, inside=True)}"


def operation(op: str, operand: Any, *, inside: bool = False) -> str:
    if op == "_isnull":
        return "is.null" if operand else "not.is.null"
    if op in {"_in", "_nin"}:
        return ("not." if op == "_nin" else "") + "in.(" + ",".join(text(each, quoted=True) for each in operand) + ")"
    return f"{ {'_ne': 'neq'}.get(op, op[1:]) }.{text(operand, quoted=inside)}"


def text(value: Any, *, quoted: bool) -> str:
    plain = value if isinstance(value, str) else json.dumps(value)
    if quoted and isinstance(value, str):
        plain = '"' + plain.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return quote(plain, safe="")
