"""Attacks on what is kept, told of changes and called; what stops each, and its tests.

Rule: as in `threat`.
"""

from __future__ import annotations

from tests.security.threat import Threat

ANSWERS = "cache/test_answers.py::"
TOLD = "apis/realtime/test_rules.py::"
SOCKETS = "apis/realtime/test_sockets.py::"
NATIVE = "apis/postgrest/test_native.py::"
RELOAD = "server/test_reload.py::"

KEEPING = (
    Threat(
        "be answered what was kept for another caller, role or host",
        "what is kept is found by roles, by the claims that rules use, and by all that an answer is rendered by",
        (
            "cache/test_keys.py::test_what_is_kept_is_what_would_be_answered",
            f"{ANSWERS}test_callers_get_their_own_answers_and_share_where_rules_do_not_tell_them_apart",
            f"{ANSWERS}test_roles_have_answers_of_their_own",
            f"{ANSWERS}test_a_missing_claim_is_refused_whatever_is_kept",
            "access/test_masks.py::test_an_answer_that_is_kept_is_not_another_callers",
            "apis/graphql/test_roles.py::test_what_one_caller_read_serves_no_other",
            "security/test_outside.py::test_no_answer_repeats_a_host_that_somebody_made_up",
        ),
    ),
    Threat(
        "have a proxy keep what is one caller's",
        "answers are private, unless everybody is answered the same and the table says so",
        (
            f"{ANSWERS}test_only_what_everybody_reads_is_public",
            "server/test_gate.py::test_every_answer_is_private_and_of_its_own_type",
        ),
    ),
    Threat(
        "be answered what was kept under rules, or a schema, of before",
        "what is kept belongs to its rules and its schema",
        (
            f"{RELOAD}test_kept_answers_are_those_of_the_rules_that_hold",
            f"{ANSWERS}test_a_change_of_the_schema_ends_every_answer",
        ),
    ),
)

FOLLOWING = (
    Threat(
        "have rows sent to a server that the file does not name, or read what a webhook proves itself by",
        "an address stands in the file alone, https but for this machine; no redirect is followed; nothing of it is told",
        (
            "webhooks/test_configuring.py::test_an_address_elsewhere_is_https_and_holds_no_password",
            "webhooks/test_delivery.py::test_what_is_refused_is_sent_again_and_everything_else_waits_behind_it",
            "webhooks/test_secrets.py::test_nothing_that_is_told_holds_what_a_webhook_proves_itself_by",
            "webhooks/test_configuring.py::test_the_spool_is_nobody_elses_to_read",
        ),
    ),
    Threat(
        "pass for this server at a receiver, or repeat and change what it sent",
        "a message is signed with its id, its moment and its body",
        ("webhooks/test_told.py::test_a_receiver_can_tell_who_sent_a_message_as_the_page_says",),
    ),
    Threat(
        "hear of rows and columns out of sight, and of rows that are removed, by following a table",
        "the row as it was and as it is are judged by the rules of reading; what is not seen to change is not told",
        (
            "properties/test_two_worlds_changes.py::test_what_is_hidden_is_not_told",
            "properties/test_two_worlds_changes.py::test_what_is_hidden_is_not_told_where_a_rule_reads_another_table",
            f"{TOLD}test_rows_beyond_the_rule_are_told_to_nobody_else",
            f"{TOLD}test_a_deletion_is_told_to_those_who_saw_the_row",
            f"{TOLD}test_an_update_of_hidden_columns_alone_is_told_to_nobody",
            f"{TOLD}test_a_key_that_may_not_be_read_is_a_token",
            f"{TOLD}test_without_old_images_what_cannot_be_judged_is_withheld",
            "webhooks/test_told.py::test_rows_and_values_beyond_the_rules_of_its_role_are_not_sent",
            "webhooks/test_told.py::test_what_is_hidden_from_its_role_changes_nothing_of_what_is_sent",
            "webhooks/test_configuring.py::test_a_right_that_is_withdrawn_by_a_reload_ends_what_is_told",
        ),
    ),
    Threat(
        "hear on after a right, a role or a credential is lost",
        "a subscription is judged anew by each reload and each change of what its rule reads; a socket ends with its credential",
        (
            f"{TOLD}test_whoever_loses_a_right_is_told_to_read_afresh_and_hears_no_more",
            "apis/realtime/test_credentials.py::test_who_loses_a_role_hears_no_more_of_it",
            "apis/realtime/test_credentials.py::test_a_withdrawn_key_ends_its_sockets",
            f"{SOCKETS}test_a_socket_ends_with_its_credential_and_tells_nothing_after",
            f"{SOCKETS}test_the_same_subject_renews_and_another_does_not",
            f"{RELOAD}test_open_sockets_live_under_the_new_rules",
            f"{RELOAD}test_a_socket_whose_credential_no_longer_holds_is_closed",
        ),
    ),
    Threat(
        "go on from another's place in the changes, or from one that was made up",
        "a place is sealed, and is no right: whoever goes on is judged as they are now",
        (
            "security/test_moving.py::test_a_cursor_of_changes_is_a_place_and_no_right",
            "apis/realtime/test_telling.py::test_a_cursor_that_was_not_made_here_is_an_error",
            "changes/test_log.py::test_a_cursor_tells_its_reader_nothing_and_cannot_be_made",
        ),
    ),
    Threat(
        "follow before saying who one is, or from a page of another origin",
        "nothing but a credential is heard first; each upgrade is asked for its origin",
        (
            "apis/realtime/test_conversation.py::test_before_a_credential_anything_else_ends_the_socket",
            f"{SOCKETS}test_without_a_credential_a_subscription_closes_the_socket",
            f"{SOCKETS}test_a_page_of_another_origin_opens_no_socket",
        ),
    ),
)

CALLED = (
    Threat(
        "call a function that nobody meant to open",
        "functions are closed unless they are named, and where PostgreSQL decides unless they are granted as well",
        (
            "apis/postgrest/test_rpc.py::test_nothing_opens_a_function_but_its_name",
            "core/test_calls.py::test_functions_are_closed_unless_they_are_named",
            f"{NATIVE}test_functions_are_closed_unless_they_are_named_and_granted",
        ),
    ),
    Threat(
        "be somebody by what another caller's function left in a connection",
        "a connection that ran a function is cleaned, or closed",
        (
            "core/test_calls.py::test_nothing_of_a_function_is_left_for_the_next_caller",
            f"{NATIVE}test_what_a_function_sets_for_the_session_does_not_meet_the_next_caller",
            f"{NATIVE}test_a_role_that_a_function_took_does_not_meet_the_next_caller",
        ),
    ),
    Threat(
        "have PostgreSQL decide by a login that no policy binds, or behind a pooler that drops settings",
        "such a login does not serve, nor such a pooler",
        (
            f"{NATIVE}test_a_superuser_does_not_serve",
            f"{NATIVE}test_roles_that_no_rule_binds_are_refused_with_what_mends_it",
            f"{NATIVE}test_a_view_that_shows_rows_past_their_rules_is_told",
            f"{NATIVE}test_callers_who_share_connections_never_meet",
            f"{NATIVE}test_nothing_runs_as_nobody",
            "drivers/test_poolers.py::test_a_pooler_that_drops_settings_is_refused",
        ),
    ),
)
