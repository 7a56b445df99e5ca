"""Reflects a database and answers questions about it; knows nothing of HTTP."""
