"""Attacks on the configuration, and on what is installed; what stops each, and its tests.

Rule: as in `threat`.
"""

from __future__ import annotations

from tests.security.threat import Threat

RELOAD = "server/test_reload.py::"
CONFIGURED = "security/test_configuring.py::"

CONFIGURING = (
    Threat(
        "a misspelling opens something",
        "unknown names are refused, or close their table; a letter changed grants no more",
        (
            "unit/config/test_mutants.py::test_any_letter_changed_in_any_key_is_refused",
            "server/test_config_mutants.py::test_a_letter_changed_opens_nothing",
            "unit/access/test_bind.py::test_a_mistake_closes_its_table_for_those_it_was_meant_for",
            "unit/access/test_bind.py::test_claims_where_nobody_carries_any_are_refused",
            "access/test_patterns.py::test_a_pattern_that_allows_something_and_matches_nothing_refuses_to_start",
            "access/test_patterns.py::test_a_pattern_that_only_hides_and_matches_nothing_is_told",
        ),
    ),
    Threat(
        "a column or a table appears while serving, and is open before anybody meant it",
        "tables are closed until a rule opens them; a column that no list names is told, and absent where lists are asked for",
        (
            f"{CONFIGURED}test_a_table_that_appears_is_closed",
            f"{CONFIGURED}test_a_column_that_appears_is_told_or_absent_by_every_api",
            "server/test_live_schema.py::test_a_column_that_appears_unnamed_is_told",
            "server/test_live_schema.py::test_where_columns_must_be_listed_it_is_not_there",
            "unit/access/test_exposure.py::test_a_column_that_a_rule_without_a_list_opens_is_told_with_whom_and_where",
        ),
    ),
    Threat(
        "a rule loses its column, and with it its table the rule",
        "the table closes, it alone, until the rule fits again",
        (
            "security/test_moving.py::test_a_rule_whose_column_has_just_gone_lets_nobody_in",
            "server/test_live_schema.py::test_a_rule_whose_column_goes_closes_its_table_alone_until_it_comes_back",
            "unit/access/test_bind.py::test_a_mistake_closes_its_table_for_those_it_was_meant_for",
        ),
    ),
    Threat(
        "a file that is half written, or has lost its rules, is read while serving",
        "a file that cannot be used changes nothing and is told; one without rules opens nothing",
        (
            f"{RELOAD}test_a_file_that_cannot_be_used_changes_nothing_and_is_told",
            f"{RELOAD}test_a_file_that_has_lost_its_rules_opens_nothing",
            f"{RELOAD}test_nobody_else_may_order_it",
        ),
    ),
    Threat(
        "a rule means something else than its author thought",
        "what each role may do is said twice, the second time in 250 lines that share nothing with the product",
        (
            "reference/test_reference.py::test_a_caller_reads_what_the_reference_reads",
            "reference/test_reference.py::test_a_caller_writes_what_the_reference_writes",
            "reference/test_reference.py::test_the_evaluator_is_small_and_shares_nothing_with_the_product",
        ),
    ),
    Threat(
        "a line of the code that decides is wrong",
        "each condition of it, inverted or left out, turns a test red",
        ("mutants/test_mutants.py::test_no_mutant_survives",),
    ),
    Threat(
        "serve openly beside rules",
        "open modes are refused beside `auth`; who serves everybody says so",
        (
            "server/test_start.py::test_open_modes_are_refused_beside_auth",
            f"{CONFIGURED}test_open_modes_of_the_environment_are_refused_beside_auth",
            f"{CONFIGURED}test_who_serves_everybody_says_so",
        ),
    ),
    Threat(
        "read secrets in logs, complaints, figures or tracebacks",
        "a secret does not print; logs hold names of parameters and no values",
        (
            f"{CONFIGURED}test_what_a_caller_sends_is_no_line_and_no_secret_of_the_log",
            f"{CONFIGURED}test_no_option_of_the_command_takes_a_secret",
            "unit/config/test_secrets.py::test_a_configuration_prints_without_its_secrets",
            "server/test_canaries.py::test_no_answer_no_figure_and_no_line_of_the_log_holds_a_secret",
            "server/test_canaries.py::test_no_command_prints_one",
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
