"""What is served: one package for each API. They never import one another."""
