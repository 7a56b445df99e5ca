"""Where the servers' programs stand, and how to install what is missing.

Rule: a missing program is a failure that names the command to mend it; nothing is skipped.
"""

import shutil
from pathlib import Path

EXTRA_FOLDERS = ("/usr/sbin", "/usr/local/sbin", "/usr/local/bin", "/opt/homebrew/bin")


class MissingProgram(Exception):
    def __init__(self, program: str, package: str) -> None:
        super().__init__(
            f"{program} is not installed. Install it with `make servers` as root, or with\n"
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


def find_postgresql(name: str) -> Path:
    """Return a program of the newest PostgreSQL here; Debian keeps each version in a folder of its own."""
    versions = sorted(
        (folder for folder in Path("/usr/lib/postgresql").glob("*/bin") if (folder / "initdb").exists()),
        key=lambda folder: int(folder.parent.name),
        reverse=True,
    )
    return find_program((name,), "postgresql", tuple(versions))
