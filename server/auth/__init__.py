"""Ways of proving who is calling: one module each."""
