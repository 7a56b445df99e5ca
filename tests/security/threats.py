"""Every attack that is known: those that something stops, with their tests, and those on what this version does not have.

Rule: a row without a test is in `LATER`, with what is missing, and docs/security.md says so.
"""

from __future__ import annotations

from tests.security.threat import Later
from tests.security.threats_of_callers import CALLING
from tests.security.threats_of_changes import CALLED, FOLLOWING, KEEPING
from tests.security.threats_of_configuration import CONFIGURING
from tests.security.threats_of_rows import READING, WRITING

THREATS = (*READING, *WRITING, *CALLING, *KEEPING, *FOLLOWING, *CALLED, *CONFIGURING)

LATER = (
    Later("find words in hidden text by `q=`", "`q=` is not offered"),
    Later("tell a hidden parent from an absent one by a foreign key", "no setting keeps secret that a row is there"),
    Later("make rows under another's parent by nested bodies", "rows inside of rows are not taken"),
    Later("half a batch, or a batch that counts as one request", "there is no `:batch`"),
    Later("change or remove every row by an empty `where`", "GraphQL writes rows by their keys alone"),
    Later("overwrite a row by `PUT` at `/api`, or change several there", "`/api` changes one row, at its key"),
    Later("follow changes by GraphQL, or those of MariaDB", "neither is offered"),
    Later("use the console's cookie, or see in it what others may not", "there is no console"),
    Later("use another's `Idempotency-Key`, or one key twice at once", "`Idempotency-Key` is refused"),
    Later("lose an update between two readers by `If-Match`", "`If-Match` is refused on writes"),
)
