"""Telling other servers what changed: at least once, in order, under the rules of the role that each was given.

    hub ─► reader ─► spool (a file of ours) ─► delivery ─► the receiver
                       └► only then may the database forget

Rule: nothing that was to be told is lost in silence: what cannot be told is replaced by one `resync`, and that is said aloud.
"""
