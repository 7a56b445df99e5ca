"""A private Redis that keeps nothing on disk: what it held is gone when it ends."""

from collections.abc import Mapping
from typing import ClassVar

import redis

from tests.servers.process import ServerProcess
from tests.servers.programs import find_program

SETTINGS: Mapping[str, str] = {
    "bind": "127.0.0.1",
    "save": "",
    "appendonly": "no",
    "daemonize": "no",
    "databases": "64",
}


class RedisServer(ServerProcess):
    name: ClassVar[str] = "Redis"
    user: ClassVar[str] = "redis"

    def prepare(self) -> None:
        """Redis needs nothing before its first start."""

    def command(self) -> list[str]:
        settings = {
            **SETTINGS,
            **self.settings,
            "port": str(self.port),
            "dir": str(self.folder),
            "unixsocket": str(self.folder / "redis.sock"),
        }
        program = find_program(("redis-server", "valkey-server"), "redis-server")
        return [str(program), *(part for name, value in settings.items() for part in (f"--{name}", value))]

    def ping(self) -> None:
        with redis.Redis(host=self.host, port=self.port, socket_timeout=5) as client:
            client.ping()

    def disconnect(self) -> None:
        """Redis is asked anew each time; no connection is kept."""

    def url(self, database: int = 0) -> str:
        return f"redis://{self.host}:{self.port}/{database}"

    def clear(self) -> None:
        """Forget everything in every database."""
        with redis.Redis(host=self.host, port=self.port, socket_timeout=5) as client:
            client.flushall()
