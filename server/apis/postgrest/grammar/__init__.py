"""The query string: text in, frozen trees out. Nothing here knows a catalog or a database."""
