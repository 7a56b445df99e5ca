"""Where the servers' programs stand, and how to install what is missing.

Rule: a missing program is a failure that names the command to mend it; nothing is skipped. A variable of the environment
names the folder of another server's programs, and then no other server is ever started in its place.
"""

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

EXTRA_FOLDERS = ("/usr/sbin", "/usr/local/sbin", "/usr/local/bin", "/opt/homebrew/bin")


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the programs of one kind of server come from: a variable with their folder, else Debian's package."""

    variable: str
    package: str


# Without the product's own prefix: it refuses variables that are spelled like its settings and are none.
POSTGRESQL: Final = Origin("POSTGRESQL_PROGRAMS", "postgresql")
MARIADB: Final = Origin("MARIADB_PROGRAMS", "mariadb-server")


class MissingProgram(Exception):
    def __init__(self, program: str, package: str, where: str = "it is not installed") -> None:
        super().__init__(
            f"{program} cannot be run: {where}. Install it with `make servers` as root, or with\n"
            f"    sudo apt-get update && sudo apt-get install --no-install-recommends {package}",
        )


def find_program(names: tuple[str, ...], package: str, folders: tuple[Path, ...] = ()) -> Path:
    """Return the first of `names` found in `folders`, on the PATH or where servers usually stand."""
    for folder in (*folders, None, *map(Path, EXTRA_FOLDERS)):
        for name in names:
            found = shutil.which(name, path=str(folder) if folder else None)
            if found is not None:
                return Path(found)
    raise MissingProgram(names[0], package)


def find_server(names: tuple[str, ...], origin: Origin, environ: Mapping[str, str] = os.environ) -> Path:
    """Return the first of `names` of the server that is to be run; MissingProgram when it is not in the folder that the
    environment names."""
    chosen = environ.get(origin.variable)
    if not chosen:
        return find_postgresql(names[0]) if origin is POSTGRESQL else find_program(names, origin.package)
    for name in names:
        found = shutil.which(name, path=chosen)
        if found is not None:
            return Path(found)
    raise MissingProgram(names[0], origin.package, f"it is not in {origin.variable}={chosen}")


def find_postgresql(name: str) -> Path:
    """Return a program of the newest PostgreSQL that is installed; Debian keeps each version in a folder of its own."""
    versions = sorted(
        (folder for folder in Path("/usr/lib/postgresql").glob("*/bin") if (folder / "initdb").exists()),
        key=lambda folder: int(folder.parent.name),
        reverse=True,
    )
    return find_program((name,), "postgresql", tuple(versions))
