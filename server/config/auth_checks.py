"""What the settings of `auth` must have to do with one another.

Rule: as in `checks`: plain values are read, and what has the wrong shape is ignored.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from server.config.complaints import Path

KEYS: Final = ("secret", "keys", "jwks")


def issuers(data: Mapping[str, Any]) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    """Every issuer of tokens, with its place; one alone stands in no list."""
    auth = data.get("auth")
    given = auth.get("jwt") if isinstance(auth, Mapping) else None
    if isinstance(given, Mapping):
        yield ("auth", "jwt"), given
    for index, each in enumerate(given if isinstance(given, list) else ()):
        if isinstance(each, Mapping):
            yield ("auth", "jwt", index), each


def issuers_keys(data: Mapping[str, Any]) -> Iterator[tuple[Path, str, str | None]]:
    """An issuer has keys, from one place; and several have names of their own, by which their tokens are told apart."""
    every, taken = list(issuers(data)), set[str]()
    for path, issuer in every:
        said = [name for name in KEYS if name in issuer]
        if not said:
            yield path, "needs a key to hold tokens against", "name secret, keys or jwks"
        elif len(said) > 1:
            yield (*path, said[1]), f"is said by {said[0]} already", "an issuer has its keys from one place"
        else:
            yield from _algorithms(path, issuer, said[0])
        name = issuer.get("issuer")
        if len(every) > 1 and "issuer" not in issuer:
            yield path, "needs an issuer: tokens of several are told apart by it", None
        elif isinstance(name, str) and name in taken:
            yield (*path, "issuer"), "is the name of an issuer above already", None
        elif isinstance(name, str):
            taken.add(name)


def _algorithms(path: Path, issuer: Mapping[str, Any], keys: str) -> Iterator[tuple[Path, str, str | None]]:
    """What nobody's key is for would refuse every token."""
    given = issuer.get("algorithms")
    listed = [given] if isinstance(given, str) else given if isinstance(given, list) else []
    wrong = {"secret": "keys of a pair", "jwks": "a shared secret"}.get(keys)
    shared = [isinstance(name, str) and name.startswith("HS") for name in listed]
    if wrong is not None and listed and any(each == (keys == "jwks") for each in shared):
        yield (*path, "algorithms"), f"names one that is for {wrong}, and there is {keys}", None
