"""The realtime API: `/ws`, over which changes are told as they are committed."""

from server.apis.realtime.frames import opaque_keys
from server.apis.realtime.routes import Realtime

__all__ = ["Realtime", "opaque_keys"]
