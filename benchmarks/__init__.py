"""Measuring Reflector beside a hand-written server on the same data; see README.md in this folder."""
