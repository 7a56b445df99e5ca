"""The bookshop with code of its own."""
