"""Attacks on who is calling; what stops each, and its tests.

Rule: as in `threat`.
"""

from __future__ import annotations

from tests.security.threat import Threat

SIGN_IN = "server/test_sign_in.py::"
PEOPLE = "server/test_passwords.py::"
ELSEWHERE = "server/test_asked_elsewhere.py::"
RELOAD = "server/test_reload.py::"
DOUBTS = "server/test_doubts.py::"
ROLE = "access/test_role_choice.py::"
PROBING = "security/test_probing.py::"
CALLERS = "security/test_callers.py::"
OUTSIDE = "security/test_outside.py::"

CALLING = (
    Threat(
        "forge a token: no algorithm, another's, a key in its header, a critical extension",
        "the key says the algorithm, and is one that was configured",
        (
            "server/test_who_is_calling.py::test_no_forgery_is_anybody_at_any_api_and_nothing_is_fetched",
            f"{CALLERS}test_no_forgery_opens_a_socket_by_a_header_or_a_frame",
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
            f"{CALLERS}test_a_flood_of_unknown_keys_is_one_question",
            f"{CALLERS}test_an_issuer_that_answers_otherwise_has_no_keys",
            "server/test_issuers.py::test_a_thousand_unknown_keys_are_asked_for_once",
            "server/test_issuers.py::test_an_issuer_that_answers_otherwise_is_away",
            "server/test_issuers.py::test_while_the_issuer_is_away_its_old_keys_serve_on",
            "server/test_outbound.py::test_only_https_and_this_machine_are_asked",
            "server/test_asked_elsewhere.py::test_a_webhook_that_fails_makes_nobody_a_guest",
        ),
    ),
    Threat(
        "use a token that was verified once for longer than it holds",
        "what is remembered ends with the token and with the set of keys",
        (
            f"{CALLERS}test_old_keys_serve_while_the_issuer_is_away_and_a_withdrawn_one_ends_what_was_verified",
            "server/test_issuers.py::test_a_withdrawn_key_holds_nothing_from_the_next_look_on",
            "server/test_frame.py::test_a_clock_that_is_set_back_keeps_nothing_for_longer",
        ),
    ),
    Threat(
        "be the guest by a bad credential, or somebody by an unknown role",
        "a bad credential is 401, an unknown role 403, two credentials 400",
        (
            f"{CALLERS}test_a_role_of_an_odd_form_is_neither_the_guest_nor_the_usual_one",
            "server/test_jwt.py::test_a_bad_token_is_refused_where_guests_may_read",
            "server/test_jwt.py::test_a_role_of_an_odd_form_or_name_is_forbidden",
            "server/test_frame.py::test_what_does_not_hold_is_never_the_guest",
            "server/test_who_is_calling.py::test_two_credentials_are_refused_whatever_their_kinds_by_every_api",
        ),
    ),
    Threat(
        "have the database read a number out of a text, or take two texts for one",
        "claims are read canonically before they are bound, and texts compared letter by letter",
        (
            f"{PROBING}test_a_claim_is_compared_letter_by_letter",
            "server/test_who_is_calling.py::test_a_claim_is_a_value_of_its_column_or_nobody_s",
            "server/test_who_is_calling.py::test_a_text_of_a_claim_is_that_text_byte_by_byte",
            "security/test_writes_refused.py::test_a_claim_that_is_no_value_of_its_column_writes_nothing",
            "unit/access/test_principal.py::test_a_claim_that_is_not_of_the_type_is_refused_and_not_repeated",
        ),
    ),
    Threat(
        "guess keys, or read their table",
        "keys are found by their hash; their table is nobody's, and a rule that opens it is refused",
        (
            "server/test_api_keys.py::test_the_table_of_keys_does_not_exist_for_anybody",
            "server/test_api_keys.py::test_nobody_hears_of_its_changes",
            "server/test_api_keys.py::test_every_key_takes_the_same_path",
            "server/test_api_keys.py::test_a_rule_that_opens_it_is_refused",
            "server/test_api_keys.py::test_a_view_of_the_table_is_opened_by_its_name_alone",
            "server/test_api_keys.py::test_where_the_database_decides_a_key_names_one_of_its_roles",
        ),
    ),
    Threat(
        "guess a name and its password by Basic or at /auth/token, or learn which names there are",
        "all that does not hold is answered alike, after one hash; whoever is wrong too often waits, by address and name",
        (
            f"{PEOPLE}test_nobody_else_is_anybody_and_all_are_answered_alike",
            f"{PEOPLE}test_whoever_is_wrong_too_often_waits_and_another_address_in_a_header_is_no_way_around",
            f"{PEOPLE}test_what_is_no_hash_or_too_dear_is_nobodys",
            f"{PEOPLE}test_a_network_of_ipv6_is_one",
        ),
    ),
    Threat(
        "have /auth/token make more of a password than it proves, or a page elsewhere ask it",
        "a token says what its person's row says, ends by its own clock, and is given to no page of another origin",
        (
            f"{PEOPLE}test_a_name_and_its_password_are_somebody",
            f"{PEOPLE}test_a_token_of_a_password_is_no_more_than_its_person",
            f"{PEOPLE}test_what_is_no_name_and_password_is_told",
        ),
    ),
    Threat(
        "read the table of people, write into it, or be in it still when locked out",
        "it is nobody's, or served without what proves people; it is asked again within seconds",
        (
            f"{PEOPLE}test_the_table_of_people_is_nobodys",
            f"{PEOPLE}test_one_that_is_served_as_well_keeps_what_proves_people_and_what_they_are",
            f"{PEOPLE}test_whoever_is_locked_out_is_out_within_seconds",
            "server/test_api_keys.py::test_a_revoked_key_ends_its_requests_and_its_sockets",
        ),
    ),
    Threat(
        "finish the sign-in of another, finish one twice, or bring a token along that it did not make",
        "a sign-in is bound to its browser, its moment and its verifier, and its token to it and to the provider's keys",
        (
            f"{SIGN_IN}test_a_sign_in_is_finished_once_and_by_whoever_began_it",
            f"{SIGN_IN}test_a_token_that_is_not_of_this_sign_in_makes_nobody",
            f"{SIGN_IN}test_a_token_that_somebody_else_signed_makes_nobody",
            f"{SIGN_IN}test_a_code_is_worth_nothing_without_its_verifier",
        ),
    ),
    Threat(
        "use the cookie of somebody's page from a page elsewhere, or at an API",
        "cookies are of this host alone and no credential of any API; our own pages alone make tokens of them",
        (
            f"{SIGN_IN}test_no_api_takes_a_cookie",
            f"{SIGN_IN}test_only_our_own_pages_make_tokens_of_a_cookie",
            f"{SIGN_IN}test_over_https_the_cookies_are_bound_to_this_host",
            f"{SIGN_IN}test_what_is_sealed_opens_for_its_purpose_alone_and_in_time",
        ),
    ),
    Threat(
        "be led elsewhere by a sign-in, or lead this server elsewhere",
        "ways back are to our pages, and the provider is where the file says, whatever it says of itself",
        (
            f"{SIGN_IN}test_nobody_is_sent_anywhere_but_to_a_page_of_ours",
            f"{SIGN_IN}test_a_provider_that_leads_elsewhere_is_not_believed",
            f"{SIGN_IN}test_no_redirect_of_the_provider_is_followed",
        ),
    ),
    Threat(
        "name oneself in the header of a proxy",
        "such headers are of trusted proxies alone; from anybody else they are refused, and two stories are none",
        (
            "server/test_identities.py::test_from_anybody_else_the_headers_make_nobody_and_are_refused",
            "server/test_identities.py::test_what_a_trusted_proxy_says_must_be_clear",
            "server/test_proxies.py::test_two_stories_are_refused",
            "server/test_proxies.py::test_nobody_else_is_believed",
            "server/test_proxies.py::test_trusted_or_not_nothing_forwarded_reaches_a_server_that_asks_nobody",
        ),
    ),
    Threat(
        "flood whoever is asked what credentials are worth",
        "one question for a credential, refusals are believed for a moment, and guesses end before anybody is asked",
        (
            f"{ELSEWHERE}test_many_requests_with_one_token_are_one_question",
            f"{ELSEWHERE}test_what_can_be_no_token_is_not_asked_about",
            f"{DOUBTS}test_who_guesses_tokens_is_told_to_wait_before_the_issuer_is_asked",
            f"{DOUBTS}test_a_token_in_a_frame_is_counted_with_the_others",
            f"{DOUBTS}test_a_webhook_is_not_asked_either",
            f"{DOUBTS}test_a_table_of_keys_is_not_asked_for_every_guess",
            f"{DOUBTS}test_many_guesses_at_once_are_no_way_around_the_count",
            f"{DOUBTS}test_what_is_remembered_and_what_waits_is_bounded",
            f"{DOUBTS}test_what_held_before_is_asked_about_whoever_else_guesses_there",
        ),
    ),
    Threat(
        "use the outage of whoever is asked",
        "nobody is a guest because nobody answers: 503, and readiness says so",
        (
            f"{ELSEWHERE}test_an_issuer_that_is_away_makes_nobody_a_guest",
            f"{ELSEWHERE}test_a_webhook_that_fails_makes_nobody_a_guest",
            f"{ELSEWHERE}test_a_server_asks_for_its_callers_and_says_so_when_it_cannot",
            f"{DOUBTS}test_that_nobody_could_be_asked_is_not_remembered_and_not_counted",
            "server/test_frame.py::test_what_cannot_be_judged_is_never_the_guest_and_is_asked_again",
        ),
    ),
    Threat(
        "have an answer about a credential lie: another form, roles that are not there, a longer life, other headers",
        "an answer is held against the file like a token, for the very headers that were sent, and for its time at most",
        (
            f"{ELSEWHERE}test_a_token_that_does_not_hold_is_nobody_s",
            f"{ELSEWHERE}test_what_is_no_introspection_makes_nobody_a_guest",
            f"{ELSEWHERE}test_a_role_of_an_answer_must_be_declared",
            f"{ELSEWHERE}test_an_answer_is_kept_no_longer_than_is_configured",
            f"{ELSEWHERE}test_an_answer_is_kept_for_the_very_headers_that_were_sent",
        ),
    ),
    Threat(
        "take another role by X-Role",
        "one of the credential's own roles is chosen, or it is 403, whether there is such a role or not",
        (
            f"{ROLE}test_a_role_that_the_caller_has_not_is_refused_whether_it_exists_or_not",
            f"{ROLE}test_the_role_that_is_asked_for_holds_alone",
            f"{ROLE}test_who_carries_no_credential_has_the_role_of_guests_and_no_other",
            f"{ROLE}test_several_roles_are_refused",
        ),
    ),
    Threat(
        "be an administrator by guessing, or by a secret that is none",
        "the secret has a length, is compared in constant time, and names a role that the file declares",
        (
            "server/test_identities.py::test_whoever_knows_the_secret_is_the_administrator",
            "server/test_identities.py::test_what_would_make_nobody_or_anybody_is_a_complaint",
        ),
    ),
    Threat(
        "come back by a reload: signed out, out of guesses, under rules or keys of before",
        "what was learned while serving outlives the file; tokens, sockets and kept answers are judged by the new one",
        (
            f"{SIGN_IN}test_a_session_that_was_left_stays_left_when_the_configuration_is_read_again",
            f"{PEOPLE}test_wrong_passwords_are_counted_on_when_the_configuration_is_read_again",
            f"{DOUBTS}test_refusals_are_counted_on_when_the_configuration_is_read_again",
            f"{RELOAD}test_tokens_are_verified_anew",
            f"{RELOAD}test_open_sockets_live_under_the_new_rules",
            f"{RELOAD}test_a_socket_whose_credential_no_longer_holds_is_closed",
            f"{RELOAD}test_kept_answers_are_those_of_the_rules_that_hold",
        ),
    ),
    Threat(
        "escape the rate by another forwarded address",
        "who is counted is the subject, or the peer; forwarded headers of a trusted proxy alone",
        (
            f"{OUTSIDE}test_an_address_that_is_made_up_is_no_way_around_the_rate",
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
            f"{OUTSIDE}test_no_page_of_another_origin_writes_a_row",
        ),
    ),
    Threat(
        "read by a page of another origin",
        "origins are listed exactly",
        (
            "server/test_gate.py::test_no_other_origin_is_told_that_it_may_read",
            f"{OUTSIDE}test_no_other_origin_is_told_by_any_api_that_it_may_read",
            "server/test_identities.py::test_a_page_elsewhere_cannot_use_what_the_proxy_knows_of_its_visitor",
        ),
    ),
    Threat(
        "have an answer lead elsewhere by a host, or be another method by a header, that somebody made up",
        "links are of this server's own addresses; such headers are not looked at",
        (f"{OUTSIDE}test_no_answer_repeats_a_host_that_somebody_made_up",),
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
            f"{OUTSIDE}test_nobody_else_is_told_what_is_for_administrators",
            "server/test_telemetry.py::test_figures_are_for_administrators",
            "server/test_reload.py::test_nobody_else_may_order_it",
        ),
    ),
)
