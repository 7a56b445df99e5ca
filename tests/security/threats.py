"""Attacks on what may be read and written, on who is calling and on the configuration; what stops each, and its tests.

Rule: a row without a test is in `LATER`, with what is missing, and docs/security.md says so.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Threat:
    """`tests` are `file::function` below tests/."""

    attack: str
    rule: str
    tests: tuple[str, ...]


@dataclass(frozen=True)
class Later:
    """An attack on what this version does not have."""

    attack: str
    missing: str


PROBING = "security/test_probing.py::"
WRITES = "security/test_writes.py::"

READING = (
    Threat(
        "ask about a hidden column, in any spelling",
        "names come out of the scope of the caller's roles alone; what is not in it is told like a misspelling, before SQL",
        (
            f"{PROBING}test_a_hidden_column_is_told_like_one_that_is_not_there",
            "properties/test_probing.py::test_a_hidden_column_is_told_like_a_misspelt_one_and_no_sql_is_sent",
            "architecture/test_layers.py::test_a_name_of_a_caller_meets_the_catalog_in_a_scope_only",
        ),
    ),
    Threat(
        "ask about a masked column by order, group, aggregate, cast or conflict target",
        "a masked column can be selected and nothing else",
        (
            "access/test_masks.py::test_a_masked_column_has_no_other_use",
            "access/test_masks.py::test_nothing_is_grouped_by_it",
        ),
    ),
    Threat(
        "order or filter by cells that are shown on some rows alone",
        "what is not shown on a row is null there in every use",
        (
            "core/test_rights.py::test_a_column_seen_in_some_rows_is_null_in_filters_too",
            "apis/resource/test_roles.py::test_pages_by_a_column_that_is_seen_on_some_rows_only",
            "reference/test_reference.py::test_a_caller_reads_what_the_reference_reads",
            "properties/test_two_worlds.py::test_what_is_hidden_is_found_by_no_path",
        ),
    ),
    Threat(
        "look for related rows that are hidden; rules that read one another's tables for ever",
        "each read and each condition of a caller is over rows in sight; what a rule reads is read once, as its author",
        (
            f"{PROBING}test_related_rows_out_of_sight_count_for_nothing",
            "unit/access/test_bind.py::test_policies_may_refer_to_each_other_s_tables_without_end",
        ),
    ),
    Threat(
        "have the planner guess how many hidden rows there are; read a plan",
        "guesses only of tables that are seen whole, and where a setting allows it; plans for administrators",
        (
            f"{PROBING}test_counts_are_of_rows_in_sight",
            "apis/postgrest/test_counting.py::test_what_hidden_rows_hold_does_not_show",
            "apis/postgrest/test_plans.py::test_plans_are_for_administrators_and_told_to_others_like_a_type_that_does_not_exist",
        ),
    ),
    Threat(
        "make a condition fail on a hidden row, so that the error tells its value",
        "what may fail is asked under the row rule; no words of the database are answered",
        (
            f"{PROBING}test_a_condition_cannot_fail_on_a_row_out_of_sight",
            "core/test_expressions.py::test_a_row_out_of_sight_cannot_make_a_cast_fail",
        ),
    ),
    Threat(
        "break a constraint, so that the error prints the row",
        "errors are told in our words, by columns that their reader may know",
        (
            f"{WRITES}test_a_refusal_of_the_database_shows_no_row",
            "apis/postgrest/test_writes_faults.py::test_bodies_of_refusals_tell_nothing_of_the_row",
            "apis/resource/test_roles.py::test_a_constraint_over_hidden_columns_names_none",
        ),
    ),
    Threat(
        "cast to a type of the system catalogs, to read names",
        "types to cast to are a list; any other is unknown",
        (f"{PROBING}test_a_cast_to_a_type_of_the_system_is_one_to_no_type",),
    ),
    Threat(
        "count, total or aggregate rows beyond one's own",
        "they are of the rewritten question, and for whom may aggregate",
        (
            f"{PROBING}test_aggregates_are_of_rows_in_sight_and_for_who_may",
            "reference/test_reference.py::test_a_caller_reads_what_the_reference_reads",
        ),
    ),
    Threat(
        "learn by a conflict what another row holds",
        "a residual of unique and foreign keys; a check keeps rows away from parents out of sight, and no value is told",
        (
            f"{WRITES}test_a_row_is_not_joined_to_one_out_of_sight_where_the_check_says_so",
            "apis/resource/test_parts.py::test_only_what_may_be_known_is_named",
        ),
    ),
    Threat(
        "read hidden names in suggestions, OPTIONS, documents, introspection, refusals of sockets",
        "what is hidden and what is not there are told alike",
        (
            f"{PROBING}test_a_hidden_table_is_told_like_one_that_is_not_there",
            f"{PROBING}test_no_document_names_what_is_hidden",
            "properties/test_probing.py::test_a_name_near_a_hidden_one_is_suggested_nothing",
            "properties/test_two_worlds.py::test_the_document_of_the_api_is_the_same",
            "properties/test_two_worlds_changes.py::test_what_is_hidden_is_not_told",
        ),
    ),
    Threat(
        "use the tag of another's answer",
        "a tag is a keyed hash of its caller's own answer",
        (
            f"{PROBING}test_a_tag_of_another_caller_is_no_answer",
            "cache/test_answers.py::test_a_tag_is_of_its_caller_alone",
        ),
    ),
    Threat(
        "read, forge or replay a cursor",
        "cursors are encrypted for table, order, roles and schema",
        (
            "properties/test_probing.py::test_a_cursor_of_another_list_role_or_hand_is_refused_before_any_sql",
            "properties/test_probing.py::test_a_cursor_holds_nothing_that_can_be_read",
            "server/test_faults.py::test_cursors_outlive_the_process_where_a_secret_is_set",
        ),
    ),
)

WRITING = (
    Threat(
        "give a column that is hidden, preset or not listed, in any form of a body",
        "what may not be given is told like what is not there, and nothing is written",
        (
            f"{WRITES}test_a_column_that_is_preset_is_given_by_nobody",
            f"{WRITES}test_a_row_is_made_as_the_rule_says",
            "properties/test_probing.py::test_what_may_not_be_given_is_told_alike_and_nothing_is_written",
        ),
    ),
    Threat(
        "change a row of another by an upsert, or by PUT",
        "needs both rights; a row that is there must be seen, found by a right to change it, and pass its check",
        (
            f"{WRITES}test_an_upsert_is_no_way_to_change_a_row_of_another",
            f"{WRITES}test_an_upsert_needs_the_right_to_make_and_the_right_to_change",
            "apis/postgrest/test_writes_faults.py::test_an_upsert_is_no_way_around_what_may_be_changed",
            "core/test_set_rights.py::test_an_upsert_needs_both_rights_and_judges_old_and_new",
        ),
    ),
    Threat(
        "give a row away, or pull one in",
        "the rule of rows holds before, the check afterwards, of one and the same right",
        (
            f"{WRITES}test_a_row_is_neither_given_away_nor_pulled_in",
            "core/test_rights.py::test_a_row_found_by_one_right_is_not_judged_by_the_check_of_another",
            "reference/test_reference.py::test_a_caller_writes_what_the_reference_writes",
        ),
    ),
    Threat(
        "learn of rows out of sight by the conditions of a write",
        "a write finds rows that its caller sees, and no others",
        (
            f"{WRITES}test_a_write_finds_no_row_that_its_caller_does_not_see",
            f"{WRITES}test_a_row_out_of_sight_is_neither_changed_nor_removed_by_its_key",
        ),
    ),
    Threat(
        "write with a condition that vanishes, or with none",
        "an empty or null operand is an error or finds nothing; every row only where a setting allows it; a most of rows",
        (
            f"{WRITES}test_no_condition_of_a_write_vanishes",
            f"{WRITES}test_a_key_of_a_mutation_is_a_value",
            f"{WRITES}test_a_write_of_every_row_is_refused_unless_a_setting_allows_it",
            "properties/test_probing.py::test_no_condition_vanishes",
            "access/test_limits.py::test_no_more_rows_are_written_than_may_be",
        ),
    ),
    Threat(
        "half a set, or half a mutation",
        "a request is one transaction",
        (
            "apis/graphql/test_roles.py::test_a_refused_check_says_so_and_takes_all_back",
            "apis/postgrest/test_writes_faults.py::test_a_row_that_a_check_refuses_takes_all_back",
        ),
    ),
    Threat(
        "be shown in the answer of a write what reading would not show",
        "the answer is a read under the rules of reading",
        (
            f"{WRITES}test_who_may_make_and_not_read_is_shown_nothing",
            "apis/postgrest/test_writes_faults.py::test_who_may_not_read_is_answered_nothing",
        ),
    ),
    Threat(
        "a commit whose acknowledgement is lost is sent again",
        "a write that was sent is never sent twice: its outcome is told as unknown",
        (
            "drivers/test_faults.py::test_a_write_whose_answer_is_lost_has_an_unknown_outcome",
            "drivers/test_faults.py::test_a_lost_answer_to_commit_is_an_unknown_outcome",
        ),
    ),
    Threat(
        "count on a condition of a write that is not kept",
        "`If-Match` and `Idempotency-Key` are refused, and never passed over",
        ("apis/resource/test_rows.py::test_conditions_that_would_not_be_kept_are_refused",),
    ),
)

CALLING = (
    Threat(
        "forge a token: no algorithm, another's, a key in its header, a critical extension",
        "the key says the algorithm, and is one that was configured",
        (
            "server/test_jwt.py::test_no_forgery_is_taken_for_a_token_nor_for_nobody",
            "server/test_issuers.py::test_a_public_key_is_never_a_secret",
            "server/test_issuers.py::test_what_a_key_brings_along_is_never_asked_for",
        ),
    ),
    Threat(
        "use a token for elsewhere, or one without an end",
        "audience and issuer must be there where they are configured, and the end always",
        (
            "server/test_jwt.py::test_a_token_says_who_vouches_for_it_and_until_when",
            "server/test_jwt.py::test_clocks_may_differ_by_the_leeway_and_no_more",
            "server/test_issuers.py::test_every_api_holds_the_same_credentials",
        ),
    ),
    Threat(
        "have published keys fetched from elsewhere, or without end; use their outage",
        "addresses stand in the file, https alone, no redirect; one fetch per half a minute; old keys serve on",
        (
            "server/test_issuers.py::test_a_thousand_unknown_keys_are_asked_for_once",
            "server/test_issuers.py::test_while_the_issuer_is_away_its_old_keys_serve_on",
            "server/test_issuers.py::test_only_https_and_this_machine_are_asked",
            "server/test_asked_elsewhere.py::test_a_webhook_that_fails_makes_nobody_a_guest",
        ),
    ),
    Threat(
        "use a token that was verified once for longer than it holds",
        "what is remembered ends with the token and with the set of keys",
        (
            "server/test_issuers.py::test_a_withdrawn_key_holds_nothing_from_the_next_look_on",
            "server/test_frame.py::test_a_clock_that_is_set_back_keeps_nothing_for_longer",
        ),
    ),
    Threat(
        "be the guest by a bad credential, or somebody by an unknown role",
        "a bad credential is 401, an unknown role 403, two credentials 400",
        (
            "server/test_jwt.py::test_a_bad_token_is_refused_where_guests_may_read",
            "server/test_jwt.py::test_a_role_of_an_odd_form_or_name_is_forbidden",
            "server/test_frame.py::test_what_does_not_hold_is_never_the_guest",
        ),
    ),
    Threat(
        "have the database read a number out of a text, or take two texts for one",
        "claims are read canonically before they are bound, and texts compared letter by letter",
        (
            f"{PROBING}test_a_claim_is_compared_letter_by_letter",
            "unit/access/test_principal.py::test_a_claim_that_is_not_of_the_type_is_refused_and_not_repeated",
        ),
    ),
    Threat(
        "guess keys, or read their table",
        "keys are found by their hash; their table is nobody's, and a rule that opens it is refused",
        (
            "server/test_api_keys.py::test_the_table_of_keys_does_not_exist_for_anybody",
            "server/test_api_keys.py::test_a_rule_that_opens_it_is_refused",
        ),
    ),
    Threat(
        "escape the rate by another forwarded address",
        "who is counted is the subject, or the peer; forwarded headers of a trusted proxy alone",
        (
            "access/test_limits.py::test_a_forwarded_address_is_no_other_address",
            "access/test_limits.py::test_credentials_that_do_not_hold_are_counted_with_those_of_guests",
            "server/test_proxies.py::test_nobody_else_is_believed",
        ),
    ),
    Threat(
        "reach an open server by a page, a name that leads here, or a proxy on its machine",
        "own names alone are served; what was forwarded is refused; no page of elsewhere writes",
        (
            "server/test_gate.py::test_another_host_is_misdirected",
            "server/test_gate.py::test_nothing_that_came_through_a_proxy_reaches_an_open_server",
            "server/test_gate.py::test_no_page_of_another_origin_writes",
        ),
    ),
    Threat(
        "read by a page of another origin",
        "origins are listed exactly",
        (
            "server/test_gate.py::test_no_other_origin_is_told_that_it_may_read",
            "server/test_identities.py::test_a_page_elsewhere_cannot_use_what_the_proxy_knows_of_its_visitor",
        ),
    ),
    Threat(
        "have the page of documents show another document, or run what stands in the database",
        "pages take nothing from their address, and text is text",
        (
            "browser/test_docs.py::test_no_other_document_is_shown_whatever_the_address_says",
            "browser/test_docs.py::test_markup_in_comments_is_inert",
        ),
    ),
    Threat(
        "read figures, plans or the state of the server as anybody",
        "they are for administrators, or a port of their own; anybody is told one word",
        (
            "server/test_telemetry.py::test_figures_are_for_administrators",
            "server/test_reload.py::test_nobody_else_may_order_it",
        ),
    ),
)

CONFIGURING = (
    Threat(
        "a misspelling opens something",
        "unknown names are refused, or close their table; a letter changed grants no more",
        (
            "unit/config/test_mutants.py::test_any_letter_changed_in_any_key_is_refused",
            "unit/access/test_bind.py::test_a_mistake_closes_its_table_for_those_it_was_meant_for",
            "unit/access/test_bind.py::test_claims_where_nobody_carries_any_are_refused",
        ),
    ),
    Threat(
        "a line of the code that decides is wrong",
        "each condition of it, inverted or left out, turns a test red",
        ("mutants/test_mutants.py::test_no_mutant_survives",),
    ),
    Threat(
        "serve openly beside rules",
        "open modes are refused beside `auth`",
        ("server/test_start.py::test_open_modes_are_refused_beside_auth",),
    ),
    Threat(
        "read secrets in logs, complaints, figures or tracebacks",
        "a secret does not print; logs hold names of parameters and no values",
        (
            "unit/config/test_secrets.py::test_a_configuration_prints_without_its_secrets",
            "server/test_start.py::test_the_log_holds_no_secret_of_the_file",
            "server/test_telemetry.py::test_a_traceback_shows_no_values_and_forges_no_line",
            "server/test_faults.py::test_a_line_of_the_log_is_one_line",
        ),
    ),
    Threat(
        "a container with more rights than it needs; what is installed is not what was locked",
        "nobody in particular runs it, and hashes say what is installed",
        (
            "container/test_container.py::test_the_image_is_run_by_nobody_in_particular_and_installs_by_hashes_alone",
            "container/test_container.py::test_the_stack_holds_no_secret_and_opens_no_door",
        ),
    ),
)

THREATS = (*READING, *WRITING, *CALLING, *CONFIGURING)

LATER = (
    Later("find words in hidden text by `q=`", "`q=` is not offered"),
    Later("tell a hidden parent from an absent one by a foreign key", "no setting keeps secret that a row is there"),
    Later("make rows under another's parent by nested bodies", "rows inside of rows are not taken"),
    Later("half a batch, or a batch that counts as one request", "there is no `:batch`"),
    Later("use another's `Idempotency-Key`, or one key twice at once", "`Idempotency-Key` is refused"),
    Later("lose an update between two readers by `If-Match`", "`If-Match` is refused on writes"),
)
