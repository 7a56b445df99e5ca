"""Documents, parsed and validated once: by schema and text.

Rule: what a document may cost is limited before it is looked at (its length) and while it is read (its tokens, its
depth); what was found wrong is kept like what was right. The cache is bounded in bytes: callers choose texts.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from graphql import (
    DocumentNode,
    FieldNode,
    GraphQLError,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    parse,
    specified_rules,
    validate,
)

from reflector.errors import RuleUnbound
from server.apis.graphql.arguments import variables_of_directives
from server.apis.graphql.errors import Fault, fault, place_of
from server.apis.graphql.schema import Schema
from server.callers import Recent
from server.config.graphql import Graphql

COMMENTS: Final = 1_000
OFF_LOOP: Final = 8 * 1024
"""Characters from which on a document is read in a thread, so that nobody waits for it."""
KEPT_BYTES: Final = 32 * 1024 * 1024
FAULTS: Final = 20
"""Faults that are told of one document."""


@dataclass(frozen=True, eq=False, slots=True)
class Document:
    """A document under one schema. `faults` are what is wrong with it, `deciding` the variables of its directives."""

    node: DocumentNode | None
    faults: tuple[GraphQLError, ...]
    deciding: frozenset[str] = frozenset()

    def operation(self, name: str | None) -> OperationDefinitionNode | None:
        """The operation of that name, or the only one; None where there is none, or none can be chosen."""
        found = [each for each in self._operations() if name is None or (each.name and each.name.value == name)]
        return found[0] if len(found) == 1 else None

    def _operations(self) -> list[OperationDefinitionNode]:
        definitions = () if self.node is None else self.node.definitions
        return [each for each in definitions if isinstance(each, OperationDefinitionNode)]


class DocumentCache:
    """Documents by schema and text."""

    def __init__(self, terms: Graphql, capacity: int = KEPT_BYTES) -> None:
        self._terms = terms
        self._kept: Recent[Document] = Recent(capacity)

    async def get(self, schema: Schema, text: str) -> Document:
        """The document of that text, right or wrong."""
        key = (schema.key, text)
        found = self._kept.get(key)
        if found is None:
            if len(text) > OFF_LOOP:
                found = await asyncio.to_thread(read_document, schema, text, self._terms)
            else:
                found = read_document(schema, text, self._terms)
            # A tree takes much more than its text.
            self._kept.put(key, found, 4_000 + 100 * len(text))
        return found

    def clear(self) -> None:
        self._kept.clear()


def read_document(schema: Schema, text: str, terms: Graphql) -> Document:
    """Parse and validate."""
    longest = terms.document
    if len(text) > longest or len(text.encode("utf-8", "surrogatepass")) > longest:
        return Document(None, (fault(f"a document has at most {longest} bytes", "$.query", "limit-exceeded"),))
    try:
        node = parse(text, max_lexical_tokens=terms.tokens, max_comments=COMMENTS)
    except GraphQLError as error:
        return Document(None, (error,))
    try:
        found = validate(schema.graphql, node, specified_rules, max_errors=FAULTS, hide_suggestions=not schema.told)
        faults = tuple(_told(found, node, schema.closed) if schema.closed else found)
        return Document(node, faults, frozenset() if faults else variables_of_directives(node))
    except RecursionError:
        return Document(None, (fault("the document is nested too deeply", "$.query", "limit-exceeded"),))


def _told(faults: Iterable[GraphQLError], node: DocumentNode, closed: frozenset[str]) -> Iterator[GraphQLError]:
    """The faults of a document. That a root field is not there because its table is closed is told as every API tells it."""
    tables = "|".join(map(re.escape, closed))
    fields = re.compile(rf"(?:insert_|update_|delete_)?(?:{tables})(?:_one|_by_pk|_aggregate)?")
    roots = {
        id(each): each.name.value
        for operation in node.definitions
        if isinstance(operation, OperationDefinitionNode)
        for each in operation.selection_set.selections
        if isinstance(each, FieldNode)
    }
    for found in faults:
        name = roots.get(id(found.nodes[0])) if found.nodes else None
        if name is not None and fields.fullmatch(name):
            yield Fault(RuleUnbound("a rule of the table does not fit the database"), place_of(found, node))
        else:
            yield found


def is_query(operation: OperationDefinitionNode) -> bool:
    return operation.operation is OperationType.QUERY


def asks_schema_alone(selections: SelectionSetNode) -> bool:
    """Whether all of an operation's root fields are the schema's own, so that its answer never changes."""
    return all(
        isinstance(each, FieldNode) and each.name.value in ("__schema", "__type", "__typename") and not each.directives
        for each in selections.selections
    )
