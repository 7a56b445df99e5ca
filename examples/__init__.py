"""Things to try Reflector with; each folder stands alone."""
