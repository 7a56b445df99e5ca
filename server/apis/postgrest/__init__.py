"""PostgREST's protocol: its grammar, headers, bodies, statuses and errors.

Rule: whatever a client sends that cannot be understood ends as one `PostgrestError`, which holds the answer's body; no
other exception leaves these modules.
"""

from server.apis.postgrest.refusals import Refusals
from server.apis.postgrest.routes import postgrest_routes

__all__ = ["Refusals", "postgrest_routes"]
