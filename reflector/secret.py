"""A value that must not be seen: passwords, signing keys, tokens.

Rule: nothing that prints, formats or logs a `Secret` shows it; only `reveal()` does, and whoever calls it hands the
result straight to what needs it.
"""

from __future__ import annotations

import hmac
from typing import Final, final

MASK: Final = "***"


@final
class Secret:
    """Text that `repr`, `str` and `format` write as `***`. Equal secrets compare equal, in constant time."""

    __slots__ = ("_text",)
    _text: str

    def __init__(self, text: str) -> None:
        object.__setattr__(self, "_text", text)

    def reveal(self) -> str:
        """The text itself."""
        return self._text

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("a secret is frozen")

    def __delattr__(self, name: str) -> None:
        raise AttributeError("a secret is frozen")

    def __bool__(self) -> bool:
        return bool(self._text)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(
            self._text.encode(errors="surrogatepass"), other._text.encode(errors="surrogatepass")
        )

    def __hash__(self) -> int:
        return hash((Secret, self._text))

    def __repr__(self) -> str:
        return f"Secret({MASK!r})"

    def __str__(self) -> str:
        return MASK

    def __reduce__(self) -> str:
        raise TypeError("a secret is not pickled")

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: object) -> Secret:
        return self
