"""Errors as Hasura tells them: `extensions.code`, and `extensions.path`, a JSONPath into the request.

Rule: what is told of an error of ours is what `server.problems` tells of it; GraphQL adds its own code and the place.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from graphql import (
    ArgumentNode,
    DirectiveNode,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLSyntaxError,
    ListValueNode,
    Node,
    ObjectFieldNode,
    OperationDefinitionNode,
    VariableDefinitionNode,
)

from reflector.errors import (
    CheckRefused,
    CheckViolation,
    DatabaseError,
    DatabaseUnavailable,
    Forbidden,
    ForeignKeyViolation,
    InvalidData,
    InvalidValue,
    LimitExceeded,
    MissingClaim,
    NotNullViolation,
    NotSupported,
    OutcomeUnknown,
    PoolExhausted,
    ReflectorError,
    RequestError,
    RowNotFound,
    RuleUnbound,
    SerializationFailure,
    StatementTimeout,
    Unauthenticated,
    UniqueViolation,
    UnknownColumn,
    UnknownTable,
)
from reflector.extension import FunctionTimeout, Refused
from server.problems import MalformedRequest, OwnWords, RateExceeded, TooManyAttempts, TooManySockets, told

REQUEST: Final = "$"
VALIDATION: Final = "validation-failed"

CODES: Final[Mapping[type[ReflectorError], str]] = {
    ReflectorError: "unexpected",
    RequestError: VALIDATION,
    MalformedRequest: "invalid-json",
    InvalidValue: VALIDATION,
    LimitExceeded: "limit-exceeded",
    NotSupported: "not-supported",
    RowNotFound: "not-found",
    UnknownColumn: VALIDATION,
    UnknownTable: VALIDATION,
    Unauthenticated: "invalid-jwt",
    Forbidden: "access-denied",
    RateExceeded: "rate-limit-exceeded",
    TooManyAttempts: "rate-limit-exceeded",
    TooManySockets: "rate-limit-exceeded",
    CheckRefused: "permission-error",
    MissingClaim: "not-found",
    RuleUnbound: "unexpected",
    DatabaseError: "unexpected",
    UniqueViolation: "constraint-violation",
    ForeignKeyViolation: "constraint-violation",
    NotNullViolation: "constraint-violation",
    CheckViolation: "permission-error",
    InvalidData: "data-exception",
    SerializationFailure: "busy",
    StatementTimeout: "time-limit-exceeded",
    FunctionTimeout: "time-limit-exceeded",
    DatabaseUnavailable: "unexpected",
    PoolExhausted: "busy",
    OutcomeUnknown: "outcome-unknown",
}
"""Hasura's word for an error, or for the nearest of its parents."""

PREFIXES: Final[Mapping[type[ReflectorError], str]] = {
    UniqueViolation: "Uniqueness violation. ",
    ForeignKeyViolation: "Foreign key violation. ",
    NotNullViolation: "Not-NULL violation. ",
    CheckViolation: "Check constraint violation. ",
}
REFUSED: Final = "check constraint of an insert/update permission has failed"


class Fault(GraphQLError, OwnWords):
    """An error of ours at a place of the request. `error` is what it was."""

    def __init__(self, error: ReflectorError, path: str) -> None:
        super().__init__(message_of(error), extensions={"code": code_of(error), "path": path})
        self.error = error


def fault(message: str, path: str, code: str = VALIDATION) -> GraphQLError:
    """A fault of the request itself."""
    return GraphQLError(message, extensions={"code": code, "path": path})


def code_of(error: ReflectorError) -> str:
    """Hasura's word; an extension that refuses has chosen its own."""
    if isinstance(error, Refused):
        return error.code
    return next(CODES[kind] for kind in type(error).__mro__ if kind in CODES)


def message_of(error: ReflectorError) -> str:
    """What the caller is told; of a failure of ours, the words of the table alone."""
    words = told(error).words
    if words is not None:
        return words
    if isinstance(error, CheckRefused):
        return REFUSED
    prefix = PREFIXES.get(type(error), "")
    hint = "" if error.hint is None else f" ({error.hint})"
    return f"{prefix}{error.message}{hint}"


def status_of_errors(errors: list[GraphQLError]) -> int:
    """The HTTP status for those who accept GraphQL's own media type: that of the first error."""
    return told(errors[0].error).status if isinstance(errors[0], Fault) else 400


def formatted(error: GraphQLError, document: DocumentNode | None) -> dict[str, Any]:
    """The error as it goes out, with code and path where it has none yet."""
    shown: dict[str, Any] = dict(error.formatted)
    if error.extensions and "code" in error.extensions:
        return shown
    syntax = isinstance(error, GraphQLSyntaxError)
    path = "$.query" if syntax else place_of(error, document)
    shown["extensions"] = {**(error.extensions or {}), "code": VALIDATION, "path": path}
    return shown


# ── where in a document ──────────────────────────────────────────────────────────────────────


def place_of(error: GraphQLError, document: DocumentNode | None) -> str:
    """The JSONPath of the node that an error is about."""
    if not error.nodes or document is None:
        return REQUEST
    wanted = error.nodes[0]
    found = next((path for node, path in _places(document, REQUEST) if node is wanted), None)
    return REQUEST if found is None else found


def _places(node: Node, path: str) -> Iterator[tuple[Node, str]]:
    """Every node below this one, and its path. Without recursion: a document may be deep."""
    waiting = [(node, path)]
    while waiting:
        here, where = waiting.pop()
        yield here, where
        waiting += [(child, _step(here, child, where)) for child in _children(here)]


def _children(node: Node) -> Iterator[Node]:
    for key in node.keys:
        value = getattr(node, key, None)
        if isinstance(value, Node):
            yield value
        elif isinstance(value, list | tuple):
            yield from (each for each in value if isinstance(each, Node))


def _step(parent: Node, child: Node, path: str) -> str:
    match child:
        case FragmentDefinitionNode():
            return f"{path}.fragments.{child.name.value}"
        case VariableDefinitionNode():
            return f"{path}.variables.{child.variable.name.value}"
        case FieldNode():
            return f"{path}.selectionSet.{child.name.value}"
        case ArgumentNode() if isinstance(parent, DirectiveNode):
            return path
        case ArgumentNode():
            return f"{path}.args.{child.name.value}"
        case ObjectFieldNode():
            return f"{path}.{child.name.value}"
        case _ if isinstance(parent, ListValueNode):
            return f"{path}[{next(index for index, each in enumerate(parent.values) if each is child)}]"
        case OperationDefinitionNode():
            return path
        case _:
            return path
