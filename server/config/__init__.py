"""The configuration: one file, the environment and the flags, read once into one frozen value."""
