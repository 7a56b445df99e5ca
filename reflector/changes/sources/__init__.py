"""Where changes come from: one module a database, and beside it how its values read and what it needs installed."""
