"""The bookshop as a file: SQLite is what Reflector serves when it is given no URL.

Rule: a sample file is complete or not there, and is never replaced, because somebody may have it open or may have
written to it. Another release of the bookshop has another file name.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

from examples.bookshop.script import script

SOURCES = ("*.py", "sqlite.sql")


def load_sqlite(path: Path) -> None:
    """Make the bookshop in a new or empty SQLite file; sqlite3.OperationalError where its tables are already there."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.executescript(script("sqlite"))


def _fingerprint() -> str:
    """Of the sources, because making the rows to take theirs would cost every start a tenth of a second."""
    digest = hashlib.sha256()
    for pattern in SOURCES:
        for source in sorted(Path(__file__).parent.glob(pattern)):
            digest.update(source.name.encode() + b"\0" + source.read_bytes() + b"\0")
    return digest.hexdigest()[:12]


def _publish(made: Path, sample: Path) -> None:
    """Give the finished file its name unless somebody was faster; theirs is the same and may be open already."""
    with made.open("rb") as file:
        os.fsync(file.fileno())
    try:
        sample.hardlink_to(made)
    except FileExistsError:
        pass
    except OSError:  # a file system without hard links
        if not sample.exists():
            made.replace(sample)


def ensure_sample(cache_folder: Path) -> Path:
    """The path of the sample database in this folder, made now if this release of it is not there yet.

    OSError when the folder cannot be written to.
    """
    sample = cache_folder / f"bookshop-{_fingerprint()}.sqlite"
    if sample.exists():
        return sample
    cache_folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="bookshop-", dir=cache_folder) as workshop:
        made = Path(workshop, "bookshop.sqlite")
        load_sqlite(made)
        _publish(made, sample)
    return sample
