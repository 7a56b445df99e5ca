"""Attacks on what may be read and written; what stops each, and its tests.

Rule: as in `threat`.
"""

from __future__ import annotations

from tests.security.threat import Threat

PROBING = "security/test_probing.py::"
ROWS = "security/test_probing_rows.py::"
ORDER = "security/test_row_order.py::"
REFUSED = "security/test_writes_refused.py::"
MET = "security/test_writes_met.py::"
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
            "access/test_masks.py::test_worlds_that_differ_in_masked_letters_alone_answer_alike",
            "access/test_masks.py::test_worlds_that_differ_in_what_an_exception_leaves_masked_answer_alike",
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
            f"{ROWS}test_rules_that_read_one_another_s_tables_come_to_an_end",
            "unit/access/test_bind.py::test_policies_may_refer_to_each_other_s_tables_without_end",
        ),
    ),
    Threat(
        "see by the order of rows, or by which of them a limit leaves, how many rows are hidden",
        "where other tables decide which rows there are, every order is ended by what its reader sees",
        (
            f"{ORDER}test_rows_that_a_rule_finds_by_another_table_come_by_their_key",
            f"{ORDER}test_rows_that_a_caller_finds_by_another_table_come_by_their_key",
            f"{ORDER}test_related_rows_are_in_such_an_order_too",
            f"{ORDER}test_nothing_is_ordered_by_a_key_out_of_sight",
            f"{ORDER}test_rows_that_were_changed_or_removed_are_told_by_what_is_seen_of_them",
            f"{ORDER}test_rows_of_a_function_stay_in_the_order_in_which_it_gives_them",
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
            f"{ROWS}test_a_row_out_of_sight_that_cannot_be_read_fails_no_question",
            f"{ROWS}test_a_related_row_out_of_sight_fails_no_question_either",
            f"{ROWS}test_a_document_out_of_sight_that_is_none_fails_no_question",
            "core/test_expressions.py::test_a_row_out_of_sight_cannot_make_a_cast_fail",
            "apis/postgrest/test_computed.py::test_a_function_is_not_asked_of_hidden_rows",
        ),
    ),
    Threat(
        "break a constraint, so that the error prints the row",
        "errors are told in our words, by columns that their reader may know",
        (
            f"{REFUSED}test_a_constraint_over_a_hidden_column_tells_neither_it_nor_its_default",
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
            f"{ROWS}test_a_tag_of_another_caller_is_no_answer",
            f"{ROWS}test_tags_and_cursors_are_made_with_the_secret_of_the_configuration",
            "cache/test_answers.py::test_a_tag_is_of_its_caller_alone",
        ),
    ),
    Threat(
        "read, forge or replay a cursor",
        "cursors are encrypted for table, order, roles and schema",
        (
            f"{ROWS}test_a_cursor_is_of_its_list_its_order_and_its_readers_roles",
            f"{ROWS}test_tags_and_cursors_are_made_with_the_secret_of_the_configuration",
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
            f"{REFUSED}test_what_is_hidden_is_not_to_be_given_and_told_like_what_is_not_there",
            f"{REFUSED}test_what_is_seen_may_not_be_given_for_that",
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
            f"{MET}test_no_key_leads_an_upsert_to_a_row_of_another",
            f"{MET}test_rows_that_are_left_alone_are_those_of_anybody_and_nobody_is_told_of_them",
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
            f"{REFUSED}test_more_rows_than_may_be_written_are_none",
        ),
    ),
    Threat(
        "half a set, or half a mutation",
        "a request is one transaction",
        (
            f"{REFUSED}test_a_constraint_over_a_hidden_column_tells_neither_it_nor_its_default",
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
            f"{MET}test_a_write_whose_acknowledgement_is_lost_is_made_once_and_told_as_unknown",
            "drivers/test_faults.py::test_a_write_whose_answer_is_lost_has_an_unknown_outcome",
            "drivers/test_faults.py::test_a_lost_answer_to_commit_is_an_unknown_outcome",
        ),
    ),
    Threat(
        "count on a condition of a write that is not kept",
        "`If-Match` and `Idempotency-Key` are refused, and never passed over",
        (
            f"{REFUSED}test_a_condition_that_would_not_be_kept_is_refused",
            "apis/resource/test_rows.py::test_conditions_that_would_not_be_kept_are_refused",
        ),
    ),
)
