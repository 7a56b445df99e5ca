"""Private database servers for tests and benchmarks: started here, stopped here, seen by nobody else.

Rule: a server belongs to the process that started it and dies with it, whatever becomes of that process.
"""

from tests.servers.mariadb import MariaDBServer
from tests.servers.postgresql import PostgreSQLServer
from tests.servers.process import ServerFailed, ServerProcess
from tests.servers.programs import MissingProgram
from tests.servers.redis import RedisServer

__all__ = ["MariaDBServer", "MissingProgram", "PostgreSQLServer", "RedisServer", "ServerFailed", "ServerProcess"]
