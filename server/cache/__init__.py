"""Answers that are kept: for how long, for whom, and until which write.

Rule: an answer is never staler than its rule allows, and never crosses callers who would get different ones.
"""
