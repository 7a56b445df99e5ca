"""PostgREST's protocol, from outside."""
