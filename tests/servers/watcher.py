"""Ends a server whose owner is gone: a shell that waits on a pipe which only the owner holds open.

The owner says `done` when it has stopped the server itself. A pipe that closes without a word means that the owner was
killed; then the shell kills the server by its process id and removes its folder.
"""

import subprocess
from pathlib import Path

SCRIPT = """
read -r word
[ "$word" = done ] && exit
kill -9 "$1" 2>/dev/null
sleep 0.2
rm -rf -- "$2"
"""


class Watcher:
    def __init__(self, pid: int, folder: Path) -> None:
        self._process = subprocess.Popen(
            ["/bin/sh", "-c", SCRIPT, "sh", str(pid), str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def dismiss(self) -> None:
        """Tell the shell that there is nothing left to watch, and wait for it to leave."""
        self._process.communicate(b"done\n", timeout=10)
