"""Extensions of the configuration, loaded and run: the one place where code of the user's own is called."""

from server.extensions.loaded import Extensions, Loaded, Offered
from server.extensions.loading import load_extensions

__all__ = ["Extensions", "Loaded", "Offered", "load_extensions"]
