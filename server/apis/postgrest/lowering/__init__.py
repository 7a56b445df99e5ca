"""From what was written to the core's tree: names become columns and relationships of the caller's scope."""
