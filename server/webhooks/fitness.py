"""Whether the webhooks of a configuration can be told anything: what does not fit the database, and the file they need.

Rule: what is wrong is a complaint with its place, all at once, before the configuration is taken.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import Executor
from pathlib import Path
from typing import Final

from reflector.capture import Capture
from reflector.changes.setup import HINT
from reflector.engine import Engine
from reflector.errors import ReflectorError
from server.access import database_of
from server.apis.realtime.frames import opaque_keys
from server.config import Complaint, Config, ConfigError, Position
from server.telling import terms_of
from server.webhooks.asked import complaints_of
from server.webhooks.delivery import Desk
from server.webhooks.spool import Spool, SpoolRefused

FILE: Final = "webhooks.spool"
"""What the file is called where the configuration does not say; it stands beside the configuration."""
OURS: Final = "name a file for us alone"


async def misfits_of(config: Config, engine: Engine, key: bytes) -> list[Complaint]:
    """What of the webhooks does not fit the database, or cannot be told of it; nothing where there are none."""
    if not config.webhooks:
        return []
    capture = Capture(engine, database_of(config), opaque_keys(key), terms_of(config))
    complaints = [*complaints_of(config, capture)]
    position = config.position("webhooks") or Position("webhooks")
    try:
        setup = await capture.setup()
    except ReflectorError as fault:
        complaints.append(Complaint(position, "webhooks", fault.message, fault.hint))
    else:
        if not setup.installed:
            message = "changes of this database are not captured: what they need is not installed"
            complaints.append(Complaint(position, "webhooks", message, HINT))
    return complaints


async def desk_of(config: Config, thread: Executor) -> Desk:
    """The file, opened; raises ConfigError where it cannot be used."""
    try:
        spool = await asyncio.get_running_loop().run_in_executor(thread, Spool.open, spool_path(config))
    except SpoolRefused as fault:
        position = config.position("changes", "spool", "path") or config.position("webhooks") or Position("webhooks")
        message = f"the file of webhooks {fault}"
        raise ConfigError([Complaint(position, "changes.spool.path", message, OURS)]) from None
    return Desk(spool, thread)


def spool_path(config: Config) -> Path:
    """Where the file is; a path that does not begin with / begins at the folder of the configuration."""
    folder = Path(config.source).parent if config.source and Path(config.source).is_file() else Path()
    return folder / (config.changes.spool.path or FILE)
