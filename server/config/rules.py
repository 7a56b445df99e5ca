"""What a role may do with a table: rules as they were written, not yet understood.

A rule is text of the rule language, true or false, or a filter in its JSON form. It is bound to a catalog later; until
then it is kept with the place where it stands, so that whoever binds it can complain with file and line.

Rule: every short form becomes the long one here, so nobody else has to know that there are two.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Any, ClassVar, Final, TypeAlias

from pydantic import ConfigDict, Field, model_validator

from reflector.errors import suggestion
from server.config.complaints import Position
from server.config.document import SourceMapping, SourceText
from server.config.section import Section
from server.config.short_rules import ShortFor
from server.config.values import TEXT, Flag, Named, Reads, Text, UnfitError, freeze, nothing, thaw

Constant: TypeAlias = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class RuleSource:
    """A rule as written. form: text of the rule language, a boolean, or a JSON filter (frozen mappings and tuples)."""

    form: str | bool | Mapping[str, Any]
    position: Position | None = None
    spread: bool = False

    def at(self, offset: int | None) -> Position | None:
        """Where the letter with this offset of the rule's text stands.

        Of a text that is written on several lines the line alone is told, and of a folded one the first.
        """
        if offset is None or self.position is None or not isinstance(self.form, str):
            return self.position
        if self.spread:
            return self.position.below(self.form.count("\n", 0, offset))
        return self.position.moved(offset)


@dataclass(frozen=True, slots=True)
class PresetSource:
    """What a column is set to. form: text is an expression of the rule language (`claims.sub`, `'draft'`), else a constant."""

    form: Constant
    position: Position | None = None


def read_rule(given: Any) -> RuleSource:
    """Text, a boolean or a mapping."""
    if isinstance(given, RuleSource):
        return given
    if isinstance(given, str) and not given.strip():
        raise UnfitError("is an empty rule: write a rule, true or false")
    if not isinstance(given, bool | str | Mapping):
        raise UnfitError("must be a rule: text, true, false or a filter")
    position = given.position if isinstance(given, SourceText | SourceMapping) else None
    return RuleSource(freeze(given), position, isinstance(given, SourceText) and given.spread)


def read_preset(given: Any) -> PresetSource:
    """Text or a constant."""
    if isinstance(given, PresetSource):
        return given
    if isinstance(given, str) and not given.strip():
        raise UnfitError("is an empty expression: write \"''\" for empty text")
    if given is not None and not isinstance(given, bool | str | int | float):
        raise UnfitError("must be an expression or a constant")
    return PresetSource(freeze(given), given.position if isinstance(given, SourceText) else None)


@dataclass(frozen=True, slots=True)
class MaskSource:
    """How a column is shown: `way` is one of MASKS, on rows alone where `rule` does not hold, if there is one."""

    way: str
    rule: RuleSource | None = None


MASKS: Final = ("partial", "last4", "hash", "hidden")
NULL_UNLESS: Final = "null_unless"
"""Stands for `hidden` with an exception."""
WAY: Final = "mask"
UNLESS: Final = "unless"
NO_MASK: Final = f"must be {', '.join(MASKS)}, {{{WAY}: one of them, {UNLESS}: rule}} or {{{NULL_UNLESS}: rule}}"


def read_mask(given: Any) -> MaskSource:
    """The name of a mask, `{mask: name, unless: rule}` or `{null_unless: rule}`."""
    if isinstance(given, MaskSource):
        return given
    if isinstance(given, Mapping):
        if set(given) == {NULL_UNLESS}:
            return MaskSource("hidden", read_rule(given[NULL_UNLESS]))
        if set(given) != {WAY, UNLESS}:
            raise UnfitError(NO_MASK)
        return MaskSource(_named(given[WAY]), read_rule(given[UNLESS]))
    return MaskSource(_named(given))


def _named(given: Any) -> str:
    if not isinstance(given, str) or given not in MASKS:
        near = suggestion(given, MASKS) if isinstance(given, str) else None
        raise UnfitError(NO_MASK + (f": {near}" if near else ""))
    return str(given)


def _written_mask(mask: MaskSource) -> Any:
    if mask.rule is None:
        return mask.way
    rule = thaw(mask.rule.form)
    return {NULL_UNLESS: rule} if mask.way == "hidden" else {WAY: mask.way, UNLESS: rule}


RULE = {"anyOf": [{"type": "string", "minLength": 1}, {"type": "boolean"}, {"type": "object"}]}
PRESET = {"type": ["string", "number", "boolean", "null"]}
Rule: TypeAlias = Annotated[RuleSource, Reads(read_rule, RULE, lambda rule: thaw(rule.form))]
Preset: TypeAlias = Annotated[PresetSource, Reads(read_preset, PRESET, lambda preset: preset.form)]
MASK = {
    "anyOf": [
        {"enum": list(MASKS)},
        {"type": "object", "properties": {NULL_UNLESS: RULE}, "required": [NULL_UNLESS], "additionalProperties": False},
        {
            "type": "object",
            "properties": {WAY: {"enum": list(MASKS)}, UNLESS: RULE},
            "required": [WAY, UNLESS],
            "additionalProperties": False,
        },
    ]
}
Mask: TypeAlias = Annotated[MaskSource, Reads(read_mask, MASK, _written_mask)]
Columns: TypeAlias = tuple[Text, ...]


BY_FILTER: Final = ShortFor("filter")


class Read(Section):
    """Which rows, which of their columns (None: all), and how some of them are shown."""

    filter: Rule
    columns: Columns | None = None
    mask: Named[Mask] = Field(default_factory=nothing)


class Create(Section):
    """What a new row must satisfy, which columns a caller may give (None: all), and which are set for it."""

    moved: ClassVar = MappingProxyType({"filter": "check", "set": "presets"})

    check: Rule
    columns: Columns | None = None
    presets: Named[Preset] = Field(default_factory=nothing)


class Update(Section):
    """Which rows may be changed, what they must satisfy afterwards (None: the filter again), and the columns."""

    moved: ClassVar = MappingProxyType({"set": "presets"})

    filter: Rule
    check: Rule | None = None
    columns: Columns | None = None
    presets: Named[Preset] = Field(default_factory=nothing)


class Delete(Section):
    """Which rows may be deleted."""

    filter: Rule


def _columns_in_schema(schema: dict[str, Any]) -> None:
    schema["properties"]["columns"] = {"type": "array", "items": TEXT}
    schema["properties"]["mask"] = {"type": "object", "additionalProperties": MASK}


class Allow(Section):
    """What one role may do with a table. None: nothing was said about it, so this role is not granted it here."""

    model_config = ConfigDict(json_schema_extra=_columns_in_schema)

    short: ClassVar = frozenset({"columns", "mask"})
    moved: ClassVar = MappingProxyType(
        {"select": "read", "insert": "create", "upsert": "create and update", "write": "create, update and delete"}
    )

    read: Annotated[Read, BY_FILTER] | None = None
    create: Annotated[Create, ShortFor("check")] | None = None
    update: Annotated[Update, BY_FILTER] | None = None
    delete: Annotated[Delete, BY_FILTER] | None = None
    aggregate: Flag = False

    @model_validator(mode="before")
    @classmethod
    def _columns_beside_read(cls, given: Any) -> Any:
        beside = {name: given[name] for name in ("columns", "mask") if name in given} if isinstance(given, dict) else {}
        if not beside:
            return given
        if not cls.moved.keys().isdisjoint(given):
            # What is told of the right's own name is all there is to say.
            return {name: value for name, value in given.items() if name not in beside}
        read = BY_FILTER.lengthen(given.get("read"))
        if not isinstance(read, dict):
            name = next(iter(beside))
            hint = "name the columns inside create or update" if name == "columns" else "what is not read is not shown"
            raise UnfitError(f"has {name} without read: {hint}")
        for name in beside:
            if name in read:
                raise UnfitError(f"has {name} inside read and beside it: keep one")
        rest = {name: value for name, value in given.items() if name not in {*beside, "read"}}
        return {**rest, "read": {**read, **beside}}
