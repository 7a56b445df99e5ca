"""Mutants that change nothing anybody could notice, each with the reason.

Rule: whoever adds a line says why no test can tell; a mutant that a test could tell gets that test.
"""

from __future__ import annotations

from collections.abc import Mapping

BIND = "reflector.access.bind:_Binding."
POLICIES = "reflector.access.policies:"
PRINCIPAL = "reflector.access.principal:"
VISIBLE = "reflector.access.permissions:_visible: "
NEITHER = "not (description.default_read or description.default_write)"

UNREACHABLE = "the cases before it are all that there are, which the types tell"
CREDENTIALS = "server.auth.credentials:"
WHOEVER = "auth is None or auth.admin_secret is None or auth.admin_role is None"
COMPLAINED = "a configuration that has the one without the other is refused; this tells the types so"
AGAIN = "judged by the same keys once more it is refused alike: this saves the work"

EQUIVALENT: Mapping[str, str] = {
    "server.called:Called.bounded: raise → gone #2": "the loop takes signals, and nobody closes what it runs",
    f"{BIND}run: for … if each.severity is not Severity.WARNING → gone": "a warning of an entry names no table",
    f"{BIND}by_default: description.columns_listed or {NEITHER} → without {NEITHER}": (
        "a permission to nothing is left out afterwards"
    ),
    (
        "reflector.access.bind:_written: rules.update is not None and permission.update is not None → "
        "without rules.update is not None"
    ): "a permission to update comes of a rule of it; this tells the types so",
    (
        "reflector.access.bind:_written: rules.delete is not None and permission.delete is not None → "
        "without rules.delete is not None"
    ): "a permission to delete comes of a rule of it; this tells the types so",
    f"{BIND}allowed: self.description.anonymous_role or '' → without ''": "no role of a file has an empty name",
    (
        "reflector.access.exposure:_unlisted: allowed is None or allowed.rules.read is None → "
        "without allowed.rules.read is None"
    ): "asked of roles that may read alone; this tells the types so",
    f"{POLICIES}_check: there.issuperset(names) and _binds(policy, table, bind) → without there.issuperset(names)": (
        "a policy does not bind to a table that lacks one of its names; this only saves the attempt"
    ),
    (
        f"{PRINCIPAL}_number: isinstance(given, bool) or not isinstance(given, int | float | Decimal) → "
        "without isinstance(given, bool)"
    ): "no boolean is read as a number of JSON either",
    f"{VISIBLE}whole or rule == rows → without whole": (
        "where every right has the column on all of its rows, its rule is the rule of the rows"
    ),
    (
        "reflector.access.reserved:_opening: rules.name in known or not is_pattern(rules.name) → "
        "without not is_pattern(rules.name)"
    ): "as a pattern, a plain name that no table has matches none",
    (
        "reflector.access.rules_hasura:compared: raise InvalidValue('a column is compared with a column of the same row, "
        "or of the row that the rule protects') → gone"
    ): "one name by itself is bound to a column of one of these rows, or refused; this tells the types so",
    (
        "reflector.access.rules_scan:scan: len(text) > LONGEST_TEXT or len(text.encode('utf-8', 'surrogatepass')) > "
        "LONGEST_TEXT → without len(text) > LONGEST_TEXT"
    ): "no text has more letters than bytes; this saves encoding a long one",
    f"{CREDENTIALS}_sessions: said is None or secret is None → without secret is None": COMPLAINED,
    f"{CREDENTIALS}_administrator: {WHOEVER} → without auth is None": "asked where there is `auth`; this tells the types so",
    f"{CREDENTIALS}_administrator: {WHOEVER} → without auth.admin_role is None": COMPLAINED,
    "server.auth.issuers:_place: config.position(*found) or Position(dotted(found)) → without Position(dotted(found))": (
        "what is said has a place; this tells the types so"
    ),
    "server.auth.own_table:OwnTable._rows: answer.body or b'[]' → without b'[]'": "a list has a body; this tells the types so",
    "server.auth.own_table:OwnTable._bind: table is None or self._by not in columns → without table is None": (
        "no table has no columns; this tells the types so"
    ),
    "server.auth.own_table:OwnTable._bind: False → True": "nothing but reading is asked with it",
    "server.auth.token_keys:_decoded: raise ValueError('no base64') from fault → gone": "nothing is no key of enough bytes either",
    "server.auth.signed:SignedBearer.prove: raise → gone": AGAIN,
    "server.auth.jwt:JwtBearer._vouch: raise → gone": AGAIN,
    (
        "server.auth.issuing:_key: config.position('auth', 'jwt') or Position('the configuration') → "
        "without Position('the configuration')"
    ): "what signs stands somewhere; this tells the types so",
    (
        "server.auth.issuing:_key: isinstance(each.key, OctKey) and wanted.intersection(each.algorithms) → "
        "without isinstance(each.key, OctKey)"
    ): "beside a secret only algorithms of shared keys may be named; this tells the types so",
    (
        "server.auth.opened:opened: not isinstance(header, dict) or not isinstance(claims, dict) or "
        "header.get('alg') not in ALGORITHMS → without not isinstance(header, dict)"
    ): "the library refuses a header that is no object; this would hold without it",
    "server.auth.opened:opened: signed.payload or b'' → without b''": "what was taken apart has a payload; this tells the types so",
    (
        "server.auth.claims:RoleRules.usually: not isinstance(given, str) or given not in roles → "
        "without not isinstance(given, str)"
    ): "roles are texts, so that nothing else is one of them; this tells the types so",
    (
        "server.auth.password_hashes:_scrypt: memory > MOST_MEMORY or lanes > 64 or (not wanted) → without not wanted"
    ): "hashlib refuses to make a hash of no bytes as well",
    "server.auth.password_hashes:_pbkdf2: not 0 < rounds <= MOST_ROUNDS or not wanted → without not wanted": (
        "hashlib refuses to make a hash of no bytes as well"
    ),
    "server.auth.passwords:Passwords.principal: known and row is not None → without row is not None": (
        "who is known has a row; this tells the types so"
    ),
    (
        "server.auth.passwords:Passwords.principal: not await self._holds(name, password, hashed, address) or row is None → "
        "without row is None"
    ): "who has no row has no hash that holds; this tells the types so",
    "server.auth.passwords:Passwords._holds: key is not None and self._was_right(key) → without key is not None": (
        "nothing that was right is remembered under no key; this tells the types so"
    ),
    "server.auth.passwords:Passwords._holds: right and key is not None → without key is not None": (
        "where there is a hash there is a key of it; this tells the types so"
    ),
    "server.auth.outbound:may_be_asked: parts.hostname or '' → without ''": "no host is none as well; this tells the types so",
    "server.auth.outbound:Connections.session: False → True": (
        "what came compressed is refused by its header, whoever would unfold it"
    ),
    "server.auth.claims:moment: False → True": "what no float can hold is beyond every moment as well",
    (
        "reflector.drivers.sets:perform_set: step.repeat is not None and bound.repeats is not None → "
        "without bound.repeats is not None"
    ): "where a step is repeated it is bound how often; this tells the types so",
    "reflector.drivers.sets:Doing.written: True → False": "each row has a place, or all have that of their order",
    "reflector.sql.filters:operand: assert_never(value) → gone": UNREACHABLE,
    "reflector.query.sets:lifted: assert_never(query) → gone": UNREACHABLE,
    "reflector.query.walk:with_operands: assert_never(query) → gone": UNREACHABLE,
    "reflector.query.walk:_member_with: assert_never(member) → gone": UNREACHABLE,
    "reflector.query.walk:filter_with: assert_never(where) → gone": UNREACHABLE,
    "reflector.access.rewrite:Rewriter.call: False → True": "what a function gives is read, and never written",
    "reflector.access.rewrite:Rewriter.member: assert_never(member) → gone": UNREACHABLE,
    "reflector.access.conditions:Conditions.expression: assert_never(expression) → gone": UNREACHABLE,
    "reflector.access.conditions:Conditions.filter: assert_never(where) → gone": UNREACHABLE,
    "reflector.access.rewrite:Rewriter.query: assert_never(query) → gone": UNREACHABLE,
    "reflector.access.rewrite:Rewriter.member: grant.shown(column) or Field(column) → without Field(column)": (
        "what is masked is shown in some way; this tells the types so"
    ),
    "reflector.access.rules_parse:_python: fault.offset or 1 → without 1": (
        "Python tells where each fault of its syntax lies; this tells the types so"
    ),
    "reflector.access.rules_bind:Binder.condition: assert_never(condition) → gone": UNREACHABLE,
    (
        "reflector.access.rules_bind:Binder.unfold: self.unfolded[key] = Unfolded(where, self.seen - before[1], "
        "self.deepest - depth) → gone"
    ): "bound anew it is the same, and counts the same: this saves the work",
    "reflector.access.rules_bind:bind_comparison: assert_never(condition) → gone": UNREACHABLE,
    "reflector.access.rules_operands:bind_column: assert_never(term) → gone": UNREACHABLE,
    "reflector.access.rules_operands:bind_value: assert_never(term) → gone": UNREACHABLE,
    "reflector.access.rules_mapping:_dynamic: raise _fault(trail, f'{given!r} is not a claim') → gone": (
        "what begins as a claim is read as a claim, or refused by the reader"
    ),
}
