"""What a browser may say of a page that is not one of `https://good.example`."""

from __future__ import annotations

from typing import Final

FOREIGN: Final = (
    "https://evil.example",
    "null",
    "https://good.example.evil",
    "https://evil-good.example",
    "http://good.example",
    "https://good.example:444",
    "https://GOOD.example",
    "",
)
