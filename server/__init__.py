"""Serves a reflected database over HTTP, on top of the names that reflector makes public."""
