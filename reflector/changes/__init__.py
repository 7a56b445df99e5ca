"""Committed changes of any writer: captured, kept for a while, judged by the reader's rules, and told."""
