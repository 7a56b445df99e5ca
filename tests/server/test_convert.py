"""A configuration of PostgREST's becomes one of ours: every option has a place or a reason, and the result is accepted."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from server.commands.convert import OPTIONS, THEIR_WAY, Converted, converted
from server.config import Config, ConfigError, Flags, load
from server.config.postgrest import PostgrestSettings
from tests.server.harness import reflector

SAMPLE = """
# how it was served
db-uri = "postgres://authenticator:pa$$word@localhost:5432/app"
db-schemas = "api, v2"
db-anon-role = web_anon
db-pool = 20
jwt-secret = "$(JWT_SECRET)"   # of forty letters
jwt-aud = "x"
role-claim-key = ".realm.roles[0]"
server-port = 3001
max-rows = 100
app.settings.flavour = "van\\"illa $5"
db-tx-end = "commit-allow-override"
server-cors-allowed-origins = "https://a.example, https://b.example"
admin-server-port = 3002
log-level = "warn"
"""
SECRET = "a-signing-key-of-forty-letters-at-least"


def convert(folder: Path, text: str, **environ: str) -> Converted:
    (folder / "postgrest.conf").write_text(text)
    return converted(folder / "postgrest.conf", environ)


def loaded(folder: Path, made: Converted, **environ: str) -> Config:
    (folder / "config.yaml").write_text(made.text)
    return load(folder / "config.yaml", {"JWT_SECRET": SECRET, **environ}, Flags())


def test_what_it_says_holds_here(tmp_path: Path) -> None:
    config = loaded(tmp_path, convert(tmp_path, SAMPLE))
    said, url = config.postgrest, config.database.url
    assert url is not None
    assert url.password is not None
    assert (url.user, url.password.reveal(), url.database) == ("authenticator", "pa$$word", "app")
    assert (config.database.pool.max, config.server.port, config.server.host) == (20, 3001, "0.0.0.0")
    assert config.decided_by_database
    assert (said.db_schemas, said.db_anon_role, said.jwt_aud) == (("api", "v2"), "web_anon", "x")
    assert said.jwt_secret is not None
    assert said.jwt_secret.reveal() == SECRET
    assert said.jwt_role_claim_key.role_of({"realm": {"roles": ["author"]}}) == "author"
    assert (said.db_max_rows, said.db_tx_end, said.path) == (100, "commit-allow-override", "/")
    assert dict(said.app_settings) == {"flavour": 'van"illa $5'}
    assert said.server_cors_allowed_origins == ("https://a.example", "https://b.example")
    assert config.observability.level == "warning"


def test_postgrests_way_is_said_where_ours_is_safer(tmp_path: Path) -> None:
    said = loaded(tmp_path, convert(tmp_path, "db-anon-role = web_anon"), DATABASE_URL="postgresql://a@b/c").postgrest
    assert said.server_cors_allowed_origins == ("*",)
    assert (said.allow_absent_aud, said.allow_absent_exp, said.allow_granted_functions) == (True, True, True)
    assert said.allow_estimated_counts


def test_what_is_not_carried_over_is_named(tmp_path: Path) -> None:
    said = (
        'admin-server-host = "127.0.0.1"\nadmin-server-unix-socket = "/run/own.sock"\nserver-unix-socket-mode = 660\n'
    )
    left = convert(tmp_path, said + "jwt-cache-max-lifetime = 60\ndb-pool-automatic-recovery = false").left
    assert {each.partition(":")[0] for each in left} == {
        "admin-server-host",
        "admin-server-unix-socket",
        "server-unix-socket-mode",
        "jwt-cache-max-lifetime",
        "db-pool-automatic-recovery",
    }


def test_what_is_so_anyway_is_not_named(tmp_path: Path) -> None:
    assert convert(tmp_path, "db-pool-automatic-recovery = true").left == ()


def test_the_pool_has_the_times_of_postgrest_where_nothing_is_said(tmp_path: Path) -> None:
    pool = loaded(tmp_path, convert(tmp_path, BEFORE)).database.pool
    times = (pool.wait, pool.idle, pool.lifetime)
    assert [None if each is None else each.total_seconds() for each in times] == [10, 30, 1800]


def test_a_socket_and_the_port_of_the_administrator_have_their_places(tmp_path: Path) -> None:
    said = 'server-unix-socket = "/run/own.sock"\nserver-unix-socket-mode = "600"\nadmin-server-port = 3009\n'
    config = loaded(tmp_path, convert(tmp_path, BEFORE + said + "server-host = 127.0.0.1"))
    socket, figures = config.server.socket, config.observability.metrics
    assert socket is not None
    assert (str(socket.path), socket.mode, socket.proxy) == ("/run/own.sock", 0o600, False)
    assert figures is not None
    assert (figures.host, figures.port) == ("127.0.0.1", 3009)


@pytest.mark.parametrize("name", OPTIONS)
def test_every_option_has_a_place_or_a_reason(tmp_path: Path, name: str) -> None:
    beside = OPTIONS[name].beside
    made = convert(tmp_path, f'{name} = "{SPOKEN.get(name, 1)}"' + (f"\n{beside} = 1" if beside else ""))
    carried = name.replace("-", "_") in made.text or bool(OPTIONS[name].path)
    assert made.unknown == ()
    assert carried is not any(each.startswith(f"{name}: ") for each in made.left)


SPOKEN: Mapping[str, str] = {
    "admin-server-host": "0.0.0.0",
    "admin-server-port": "3001",
    "admin-server-unix-socket": "/run/admin.sock",
    "admin-server-unix-socket-mode": "660",
    "app.settings.flavour": "mint",
    "client-error-verbosity": "minimal",
    "db-aggregates-enabled": "true",
    "db-anon-role": "other_anon",
    "db-channel": "own",
    "db-channel-enabled": "false",
    "db-config": "false",
    "db-extra-search-path": "one, two",
    "db-hoisted-tx-settings": "statement_timeout",
    "db-max-rows": "77",
    "db-plan-enabled": "true",
    "db-pool": "7",
    "db-pool-acquisition-timeout": "20",
    "db-pool-automatic-recovery": "false",
    "db-pool-max-idletime": "60",
    "db-pool-max-lifetime": "60",
    "db-pre-config": "api.configure",
    "db-pre-request": "api.check",
    "db-prepared-statements": "false",
    "db-root-spec": "api.root",
    "db-schemas": "one, two",
    "db-tx-end": "rollback",
    "db-uri": "postgresql://a@b/d",
    "jwt-aud": "other",
    "jwt-cache-max-entries": "5",
    "jwt-role-claim-key": ".other",
    "jwt-secret": "another-signing-key-of-forty-letters-here",
    "jwt-secret-is-base64": "true",
    "log-level": "info",
    "log-query": "main-query",
    "openapi-mode": "ignore-privileges",
    "openapi-security-active": "true",
    "openapi-server-proxy-uri": "https://api.example/v1",
    "server-cors-allowed-origins": "https://page.example",
    "server-host": "127.0.0.1",
    "server-port": "3999",
    "server-reuseport": "true",
    "server-timing-enabled": "true",
    "server-trace-header": "X-Request-Id",
    "server-unix-socket": "/run/own.sock",
    "server-unix-socket-mode": "660",
    "url-use-legacy-target-names": "false",
}
"""Every option that PostgREST documents, with a value that is not its own default."""
BEFORE = """
db-uri = "postgresql://a@b/c"
db-anon-role = "web_anon"
jwt-secret = "a-signing-key-of-forty-letters-at-least"
"""


@pytest.mark.parametrize("name", SPOKEN)
def test_what_an_option_says_holds_or_is_named(tmp_path: Path, name: str) -> None:
    lines = [line for line in BEFORE.splitlines() if not line.startswith(f"{name} ")]
    made = convert(tmp_path, "\n".join([*lines, f'{name} = "{SPOKEN[name]}"']))
    before = loaded(tmp_path, convert(tmp_path, BEFORE))
    after = loaded(tmp_path, made)
    named = any(each.startswith(f"{name}: ") for each in made.left)
    assert (known(after) != known(before)) is not named


def known(config: Config) -> dict[str, Any]:
    """What is configured, secrets by what they are."""
    secret = config.postgrest.jwt_secret
    return {**config.model_dump(exclude={"places", "source"}), "secret": None if secret is None else secret.reveal()}


def test_no_option_is_missing_from_that_list() -> None:
    assert OPTIONS.keys() - SPOKEN.keys() <= {"jwt-cache-max-lifetime"}


def test_expressions_are_on_as_they_are_there(tmp_path: Path) -> None:
    config = loaded(tmp_path, convert(tmp_path, BEFORE + 'log-level = "info"\ndb-pool-acquisition-timeout = 10'))
    assert config.limits.regex
    assert (config.observability.level, config.observability.requests) == ("info", True)
    assert config.database.pool.wait.total_seconds() == 10


def test_what_is_more_open_is_a_setting_or_named(tmp_path: Path) -> None:
    left = convert(tmp_path, "").left
    for name in THEIR_WAY:
        assert (name in PostgrestSettings.model_fields) is not any(each.startswith(f"{name}: ") for each in left)


def test_variables_win_and_secrets_stay_in_theirs(tmp_path: Path) -> None:
    environ = {
        "PGRST_DB_URI": "postgresql://a@b/c",
        "PGRST_DB_ANON_ROLE": "guest",
        "PGRST_APP_SETTINGS_FLAVOUR": "mint",
    }
    made = convert(tmp_path, SAMPLE, **environ)
    config = loaded(tmp_path, made, **environ)
    assert "postgresql://a@b/c" not in made.text
    assert (str(config.database.url), config.postgrest.db_anon_role) == ("postgresql://a@b:5432/c", "guest")
    assert config.postgrest.app_settings["flavour"] == "mint"


def test_what_is_no_line_of_such_a_file_is_told_with_its_place(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as refused:
        convert(tmp_path, "db-uri = x\nserver-prot = 1\nnothing at all\n")
    assert [each.position.line for each in refused.value.complaints] == [2, 3]


def test_what_is_no_option_is_told_with_its_place_and_the_rest_is_carried_over(tmp_path: Path) -> None:
    (tmp_path / "own.conf").write_text(BEFORE + 'jwt-audd = "us"\nserver-port = 3003\n')
    place = str(tmp_path / "own.conf")
    status, out, said = reflector("init", "--from-postgrest", place, environ={"PGRST_DB_ANON_ROLLE": "guest"})
    assert status == 1
    assert f"{place}:5:1: jwt-audd: is no option of PostgREST's; did you mean 'jwt-aud'?" in said
    assert "environment: PGRST_DB_ANON_ROLLE: is no option of PostgREST's; did you mean 'PGRST_DB_ANON_ROLE'?" in said
    assert "# NOT IN FORCE, because nobody knows it: " in out
    assert loaded(tmp_path, Converted(out, ())).server.port == 3003


def test_the_command_prints_the_file_and_says_the_rest(tmp_path: Path) -> None:
    (tmp_path / "postgrest.conf").write_text(SAMPLE)
    status, out, said = reflector("init", "--from-postgrest", str(tmp_path / "postgrest.conf"))
    assert status == 0
    assert out.startswith("# Made from postgrest.conf")
    assert "not carried over" not in said
