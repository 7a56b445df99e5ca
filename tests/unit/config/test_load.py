"""A right configuration becomes one frozen value, with short forms made long."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pydantic
import pytest

from server.commands.init import listed
from server.config import Config, ConfigError, Flags, Position, RuleSource, limits_for, load
from tests.unit.access.blog import TEXT, column
from tests.unit.config.conftest import ENVIRONMENT, SAMPLE, Loader


def rule(source: RuleSource | None) -> object:
    assert source is not None
    return source.form


def test_every_section_of_the_sample_arrives(loaded: Loader) -> None:
    config = loaded(SAMPLE)
    assert config.database.url is not None
    assert (config.database.url.host, config.database.url.port) == ("db.example", 5433)
    assert (config.database.watch, config.database.timeout) == (timedelta(milliseconds=500), timedelta(seconds=3))
    assert (config.server.port, config.server.body) == (8080, 64 * 1024)
    assert config.server.url == "https://api.example.com"
    assert config.auth is not None
    assert [each.reveal() for each in config.auth.jwt[0].secret] == [ENVIRONMENT["SIGNING"]]
    assert config.roles["user"].extends == ("guest",)
    assert config.defaults.columns == "listed"
    assert list(config.tables) == ["*", "article"]
    assert not config.open


def test_short_forms_become_long(loaded: Loader) -> None:
    guest, user = loaded(SAMPLE).tables["article"].allow.values()
    assert guest.read is not None
    assert (rule(guest.read.filter), guest.read.columns) == ("published", ("id", "title"))
    assert (guest.create, guest.update, guest.delete) == (None, None, None)
    assert user.read is not None
    assert (rule(user.read.filter), user.read.columns) == ("own or published", None)
    assert user.create is not None
    assert {name: preset.form for name, preset in user.create.presets.items()} == {
        "owner_id": "claims.sub",
        "draft": True,
    }
    assert user.update is not None
    assert rule(user.update.check) == "status != 'locked'"
    assert user.delete is not None
    assert rule(user.delete.filter) == "own and status == 'draft'"
    assert user.aggregate


SIGNED = "version: 1\nauth: {jwt: {secret: a-signing-key-of-forty-letters-at-least}}\n"
OWN = {"owner": {"_eq": "X-Hasura-User-Id"}}


def test_a_filter_alone_is_a_rule_where_it_can_be_nothing_else(loaded: Loader) -> None:
    own = "{owner: {_eq: X-Hasura-User-Id}}"
    rights = f"read: {own}, columns: [id], create: {own}, update: {own}, delete: {{_not: {own}}}"
    allowed = loaded(f"{SIGNED}roles: {{r: {{}}}}\ntables:\n  t: {{allow: {{r: {{{rights}}}}}}}\n")
    right = allowed.tables["t"].allow["r"]
    assert right.read is not None
    assert right.create is not None
    assert right.update is not None
    assert right.delete is not None
    assert (rule(right.read.filter), right.read.columns) == (OWN, ("id",))
    assert (rule(right.create.check), rule(right.update.filter), right.update.check) == (OWN, OWN, None)
    assert rule(right.delete.filter) == {"_not": OWN}
    assert right.read.filter.position == Position(str(allowed.source), 5, 25)


@pytest.mark.parametrize(
    "given",
    [
        "{}",
        "{owner: {}}",
        "{owner: x}",
        "{owner: {name: x}}",
        "{colums: {id: {_eq: 1}}}",
        "{filtr: {owner: {_eq: 1}}}",
        "{_filter: {owner: {_eq: 1}}}",
        "{presets: {_eq: 1}}",
        "{filter: true, owner: {_eq: 1}}",
        "{columns: [id], owner: {_eq: 1}}",
        "{filter: {owner: {_eq: 1}}, _or: []}",
    ],
)
def test_what_may_be_meant_for_settings_is_no_filter(loaded: Loader, given: str) -> None:
    with pytest.raises(ConfigError) as refused:
        loaded(f"{SIGNED}roles: {{r: {{}}}}\ntables: {{t: {{allow: {{r: {{read: {given}}}}}}}}}\n")
    assert {each.path.split(".read.")[0] for each in refused.value.complaints} == {"tables.t.allow.r"}


def test_a_rule_knows_where_its_first_letter_stands(loaded: Loader) -> None:
    config = loaded(SAMPLE)
    source = str(config.source)
    assert config.policies["own"].position == Position(source, 29, 8)
    assert config.policies["own"].at(9) == Position(source, 29, 17)
    assert config.policies["published"].position == Position(source, 30, 14)
    quoted = loaded('version: 1\npolicies: {own: "owner == 1"}\n').policies["own"]
    assert quoted.position == Position(source, 2, 18)


def test_settings_know_where_they_are_written(loaded: Loader) -> None:
    config = loaded(SAMPLE)
    position = config.position("tables", "article", "allow", "user", "create", "columns", 1)
    assert position is not None
    assert (position.line, position.column) == (40, 47)
    fallen_back = config.position("tables", "article", "allow", "user", "read", "filter")
    assert fallen_back is not None
    assert fallen_back.line == 39
    assert config.position("limits", "rows") == Position(str(config.source), 48, 10)
    assert load(None, {}, Flags(url="sqlite:///x.db")).position("limits", "rows") is None


def test_the_json_form_of_a_rule_is_kept_frozen(loaded: Loader) -> None:
    form = loaded("version: 1\npolicies: {p: {_or: [{a: {_eq: 1}}, {b: {_in: [x, null]}}]}}\n").policies["p"].form
    assert form == {"_or": ({"a": {"_eq": 1}}, {"b": {"_in": ("x", None)}})}
    with pytest.raises(TypeError):
        form["_or"] = ()  # type: ignore[index]


def test_nothing_of_it_can_be_changed(loaded: Loader) -> None:
    config = loaded(SAMPLE)
    with pytest.raises(pydantic.ValidationError):
        config.server.port = 1
    with pytest.raises(TypeError):
        config.roles["admin"] = config.roles["user"]  # type: ignore[index]
    with pytest.raises(TypeError):
        Config.model_validate({"version": 1}).roles["admin"] = config.roles["user"]  # type: ignore[index]


def test_yaml_is_version_1_2(loaded: Loader) -> None:
    config = loaded(
        "version: 1\ndatabase: {exclude: [yes, 2024-01-01, 'true']}\n"
        "policies: {c: 'true', d: true}\ntables: {on: {name: off}}\n"
    )
    assert config.database.exclude == ("yes", "2024-01-01", "true")
    assert [each.form for each in config.policies.values()] == ["true", True]
    assert config.tables["on"].name == "off"


def test_aliases_repeat_what_they_name(loaded: Loader) -> None:
    config = loaded("version: 1\nroles:\n  a: &small {limits: {max_rows: 5}}\n  b: *small\n")
    assert config.roles["a"] == config.roles["b"]


@pytest.mark.parametrize(
    ("written", "environ", "meant"),
    [
        ("${A}", {"A": "x"}, "x"),
        ("a ${A} b ${B}", {"A": "1", "B": "2"}, "a 1 b 2"),
        ("${A:-near}", {}, "near"),
        ("${A:-near}", {"A": ""}, "near"),
        ("${A:-}x", {}, "x"),
        ("${A:?say it}", {"A": "x"}, "x"),
        ("$${A}", {"A": "x"}, "${A}"),
        ("cost $5 $$ $", {}, "cost $5 $ $"),
        ("${A}", {"A": "${B}", "B": "no"}, "${B}"),
        ("${A}", {"A": "{b: [c, 'd"}, "{b: [c, 'd"),
        ("${A}", {"A": "x\nadmin: true"}, "x\nadmin: true"),
        ("${A}", {"A": "true"}, "true"),
    ],
)
def test_references_fill_one_value_and_nothing_else(
    loaded: Loader, written: str, environ: dict[str, str], meant: str
) -> None:
    config = loaded(f'version: 1\npolicies: {{p: {{title: {{_eq: "{written}"}}}}}}\n', environ)
    assert {name: each.form for name, each in config.policies.items()} == {"p": {"title": {"_eq": meant}}}


def test_numbers_and_flags_may_come_from_the_environment(loaded: Loader) -> None:
    text = "version: 1\nserver: {port: '${P}'}\ndefaults: {read: '${R}'}\ndatabase: {pool: {max: '${M:-7}'}}\n"
    config = loaded(text, {"P": "81", "R": "true"})
    assert (config.server.port, config.defaults.read, config.database.pool.max) == (81, True, 7)


@pytest.mark.parametrize("written", ["%s", "%s\n", "%s\r\n", "%s\n\n", "\ufeff%s\n"])
def test_a_secret_may_stand_in_a_file_beside_the_configuration(loaded: Loader, tmp_path: Path, written: str) -> None:
    (tmp_path / "key").write_bytes((written % ("x" * 40)).encode())
    config = loaded("version: 1\nauth: {jwt: {secret: file:key}}\n")
    assert config.auth is not None
    assert [each.reveal() for each in config.auth.jwt[0].secret] == ["x" * 40]


def test_without_a_file_flags_win_over_variables() -> None:
    environ = {"DATABASE_URL": "sqlite:///a.db", "REFLECTOR_HOST": "::1", "REFLECTOR_PORT": "81", "HOME": "/x"}
    config = load(None, environ, Flags(url="sqlite:///b.db", port=82, writable=True))
    assert (str(config.database.url), config.server.host, config.server.port) == ("sqlite:///b.db", "::1", 82)
    assert (config.open, config.writable, config.insecure, config.source) == (True, True, False, None)


def test_variables_win_over_the_file(loaded: Loader) -> None:
    environ = {
        **ENVIRONMENT,
        "DATABASE_URL": "sqlite:///a.db",
        "REFLECTOR_DATABASE_URL": "sqlite:///b.db",
        "REFLECTOR_SERVER_PORT": "9",
        "REFLECTOR_DATABASE_POOL_MAX": "3",
        "REFLECTOR_SERVER_CORS_ORIGINS": "https://a.example, https://b.example",
    }
    config = loaded(SAMPLE, environ)
    assert (str(config.database.url), config.server.port, config.database.pool.max) == ("sqlite:///b.db", 9, 3)
    assert config.server.cors.origins == ("https://a.example", "https://b.example")
    assert loaded(SAMPLE, environ, Flags(url="sqlite:///c.db")).database.url is not None


def test_a_token_may_come_from_a_variable() -> None:
    token = load(None, {"REFLECTOR_TOKEN": "another-token-entirely"}, Flags(url="sqlite:///a.db")).server.token
    assert token is not None
    assert token.reveal() == "another-token-entirely"


def test_what_is_overridden_need_not_be_set(loaded: Loader) -> None:
    config = loaded('version: 1\ndatabase: {url: "${NOT_SET}"}\n', {}, Flags(url="sqlite:///c.db"))
    assert str(config.database.url) == "sqlite:///c.db"


def test_which_file_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert load(None, {}, Flags()).source is None
    Path("config.yaml").write_text("version: 1\n")
    Path("other.yaml").write_text("version: 1\n")
    assert load(None, {}, Flags()).source == "config.yaml"
    assert load(None, {}, Flags(url="sqlite:///x.db")).source is None
    assert load(None, {"REFLECTOR_CONFIG": "other.yaml"}, Flags(url="sqlite:///x.db")).source == "other.yaml"
    assert load(Path("config.yaml"), {"REFLECTOR_CONFIG": "other.yaml"}, Flags()).source == "config.yaml"
    with pytest.raises(ConfigError, match=r"missing\.yaml: there is no such file"):
        load(None, {"REFLECTOR_CONFIG": "missing.yaml"}, Flags())


def test_limits_are_a_roles_own_then_inherited_then_common(loaded: Loader) -> None:
    config = loaded(SAMPLE)
    guest, editor = limits_for(config, ["guest"]), limits_for(config, ["editor"])
    assert (guest.rows, guest.depth, guest.terms, guest.timeout) == (100, 4, 100, timedelta(seconds=3))
    assert (editor.rows, editor.depth, editor.terms, editor.timeout) == (100, 4, 50, timedelta(seconds=5))
    assert limits_for(config, ["guest", "editor"]).terms == 100
    assert limits_for(config, []).rows == 500


@pytest.mark.parametrize(
    ("section", "is_open"),
    [
        ("", True),
        ("roles: {a: {}}", True),
        ("auth: {anonymous_role: a}\nroles: {a: {}}", False),
        ("tables: {a: {name: b}}", False),
        ("defaults: {read: false}", False),
        ("tables: {}", False),
    ],
)
def test_open_means_that_nothing_says_who_may(loaded: Loader, section: str, is_open: bool) -> None:
    assert loaded(f"version: 1\n{section}\n").open is is_open


WHOLE = "version: 1\nauth: {jwt: {secret: '${KEY}', audience: api}, anonymous_role: guest}\nroles: {guest: {}}\ntables: {t: {allow: {guest: {read: a == 1}}}}\n"


def test_a_variable_may_say_all_that_a_file_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("config.yaml").write_text("version: 1\nlimits: {rows: 7}\n")
    environ = {"REFLECTOR_CONFIG_TEXT": WHOLE, "KEY": "x" * 32, "REFLECTOR_LIMITS_DEPTH": "3"}
    config = load(None, environ, Flags(url="sqlite:///x.db"))
    assert (list(config.tables), config.limits.depth, config.limits.rows) == (["t"], 3, 1000)
    assert config.source == "environment variable REFLECTOR_CONFIG_TEXT"
    assert config.position("tables", "t") == Position(config.source, 4, 10)
    (tmp_path / "key").write_text("y" * 40)
    read = load(None, {"REFLECTOR_CONFIG_TEXT": WHOLE.replace("${KEY}", "file:key")}, Flags())
    assert read.auth is not None
    assert [each.reveal() for each in read.auth.jwt[0].secret] == ["y" * 40]
    assert load(Path("config.yaml"), environ, Flags()).limits.rows == 7


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        (
            {"REFLECTOR_CONFIG_TEXT": WHOLE.replace("t: {allow: {guest", "t: {allow: {gest"), "KEY": "x" * 32},
            [
                (
                    "environment variable REFLECTOR_CONFIG_TEXT:4:22: tables.t.allow.gest: there is no role 'gest';"
                    " did you mean 'guest'?"
                )
            ],
        ),
        (
            {"REFLECTOR_CONFIG_TEXT": " \n"},
            ["environment variable REFLECTOR_CONFIG_TEXT: is set, but empty; unset it, or give it a value"],
        ),
        (
            {"REFLECTOR_CONFIG": ""},
            ["environment variable REFLECTOR_CONFIG: is set, but empty; unset it, or give it a value"],
        ),
        (
            {"REFLECTOR_CONFIG_TEXT": "version: 1\n", "REFLECTOR_CONFIG": "c.yaml"},
            [
                "c.yaml: there is no such file",
                "environment variable REFLECTOR_CONFIG_TEXT: is refused beside REFLECTOR_CONFIG; keep one of them",
            ],
        ),
        (
            {"REFLECTOR_CONFIG_TEXT": "version: 1\nserver: {port: 1\n"},
            ["environment variable REFLECTOR_CONFIG_TEXT:3:1: this is not YAML: expected ',' or '}'"],
        ),
    ],
)
def test_a_variable_that_says_it_wrongly_is_named(
    environ: dict[str, str], said: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError) as caught:
        load(None, environ, Flags())
    assert [str(each) for each in caught.value.complaints] == said


def test_names_that_look_like_references_are_written_as_the_names_they_are(loaded: Loader) -> None:
    names = ("$USD", "${A}", "a$b", "$$", "$", "plain")
    text = listed(column(name, TEXT) for name in names)
    config = loaded(
        "version: 1\nauth: {anonymous_role: a}\nroles: {a: {}}\n"
        f"tables: {{t: {{allow: {{a: {{read: true, columns: {text}}}}}}}}}\n"
    )
    read = config.tables["t"].allow["a"].read
    assert read is not None
    assert read.columns == names


@pytest.mark.parametrize(
    "environ",
    [
        {"REFLECTOR_SERVICE_HOST": "10.0.0.1", "REFLECTOR_SERVICE_PORT": "80", "REFLECTOR_SERVICE_PORT_HTTP": "80"},
        {"REFLECTOR_PORT": "tcp://10.0.0.1:80", "REFLECTOR_SERVER_PORT": "tcp://10.0.0.1:80"},
        {f"REFLECTOR_PORT_80_TCP{end}": "x" for end in ("", "_PROTO", "_PORT", "_ADDR")},
        {"REFLECTOR_SHOP_SERVICE_HOST": "10.0.0.1", "REFLECTOR_SHOP_PORT_80_UDP_ADDR": "10.0.0.1"},
        {"REFLECTION_TOKEN": "x", "REFLECTR_NOTHING": "x", "TOKEN": "x", "reflector": "x", "REFLECTED_HOST": "x"},
    ],
)
def test_what_others_set_is_no_setting(environ: dict[str, str]) -> None:
    assert load(None, environ, Flags(url="sqlite:///x.db")).server == load(None, {}, Flags(url="sqlite:///x.db")).server
