"""What the server counts and measures of itself, and how that is told."""
