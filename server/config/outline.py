"""The settings read off the models: which exist, and which section a path leads to.

Rule: nobody else lists settings; complaints, environment variables, the schema and the docs' test read them here.
"""

from __future__ import annotations

import types
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Union, get_args, get_origin

from server.config.complaints import Path
from server.config.section import Section

NAME = "<name>"


def settings(section: type[Section], above: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Every setting's path and type, sections left out; a name the user chooses is `<name>`."""
    for name, field in section.model_fields.items():
        yield from _settings(field.annotation, (*above, name))


def _settings(kind: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    bare = stripped(kind)
    if isinstance(bare, type) and issubclass(bare, Section):
        yield from settings(bare, path)
    elif get_origin(bare) is Mapping:
        yield from _settings(get_args(bare)[1], (*path, NAME))
    elif (item := item_section(bare)) is not None and not item.listed:
        yield from settings(item, path)
    else:
        yield path, bare


def section_at(section: type[Section], path: Path) -> type[Section] | None:
    """The section a path of the file leads to, None where it leads to something else."""
    kind: Any = section
    for step in path:
        bare = stripped(kind)
        item = item_section(bare)
        if item is not None and isinstance(step, int):
            kind = item
            continue
        bare = item or bare
        if isinstance(bare, type) and issubclass(bare, Section) and step in bare.model_fields:
            kind = bare.model_fields[str(step)].annotation
        elif get_origin(bare) is Mapping:
            kind = get_args(bare)[1]
        else:
            return None
    bare = stripped(kind)
    return item_section(bare) or (bare if isinstance(bare, type) and issubclass(bare, Section) else None)


def item_section(kind: Any) -> type[Section] | None:
    """The section of which a setting takes one or a list, None for any other type."""
    item = get_args(kind)[0] if get_origin(kind) is tuple and get_args(kind) else None
    return item if isinstance(item, type) and issubclass(item, Section) else None


def of_sections(kind: Any) -> bool:
    """Whether the setting is a list of sections and nothing else, which no variable could hold."""
    item = item_section(kind)
    return item is not None and item.listed


def names(section: type[Section]) -> list[str]:
    """The settings of a section as the file writes them."""
    return [field.alias or name for name, field in section.model_fields.items()]


def stripped(kind: Any) -> Any:
    """A type without what is annotated to it and without `| None`."""
    while True:
        if get_origin(kind) is Annotated:
            kind = get_args(kind)[0]
        elif get_origin(kind) in {Union, types.UnionType} and len(_present(kind)) == 1:
            kind = _present(kind)[0]
        else:
            return kind


def _present(kind: Any) -> list[Any]:
    return [each for each in get_args(kind) if each is not type(None)]
