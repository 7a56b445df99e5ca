"""The bookshop that is used where nothing names a database.

Rule: it is made once, in the user's cache folder, and what is written into it stays.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from examples.bookshop import ensure_sample
from reflector.changes.sources.sqlite_setup import install_sqlite
from server.config import Config, Flags, load

URL: Final = "REFLECTOR_DATABASE_URL"


def cache_folder(environ: Mapping[str, str]) -> Path:
    """Where this user keeps what can be made again."""
    given = Path(environ.get("XDG_CACHE_HOME") or "")
    return (given if given.is_absolute() else Path.home() / ".cache") / "reflector"


def with_sample(environ: Mapping[str, str]) -> tuple[Mapping[str, str], Path]:
    """The variables with the sample's URL, and the sample's file; raises OSError."""
    sample = ensure_sample(cache_folder(environ))
    install_sqlite(sample)
    return {**environ, URL: f"sqlite:///{sample.absolute()}"}, sample


def loaded(path: Path | None, environ: Mapping[str, str], flags: Flags) -> tuple[Config, Path | None]:
    """The configuration, and the sample's file where nothing names a database; raises ConfigError and OSError.

    A file that names none is configuration all the same: its rules hold over the sample.
    """
    config = load(path, environ, flags)
    if config.database.url is not None:
        return config, None
    variables, sample = with_sample(environ)
    return load(path, variables, flags), sample
