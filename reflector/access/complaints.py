"""From faults of rules to complaints about a config."""

from __future__ import annotations

from reflector.access.description import Complaint, Severity
from reflector.access.rules_operands import UnfitRule
from reflector.catalog.model import Table
from reflector.errors import RuleError


def of_rule(fault: RuleError, where: object, table: Table | None = None) -> Complaint:
    """The complaint about one fault of a rule, and about the table that it closes.

    What is wrong on every database is an ERROR; what does not fit this one is UNBOUND.
    """
    unfit = isinstance(fault, UnfitRule)
    severity, code = (Severity.UNBOUND, "rule_unbound") if unfit else (Severity.ERROR, "rule_error")
    return Complaint(
        severity, code, fault.message, fault.hint, where, fault.offset, table.label if table else None, fault.trail
    )
