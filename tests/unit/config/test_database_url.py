"""A database URL is read whole or refused, and never shows its password."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reflector.database_url import DatabaseKind, InvalidDatabaseUrl, parse_database_url
from reflector.secret import Secret

POSTGRESQL, MYSQL, SQLITE = DatabaseKind.POSTGRESQL, DatabaseKind.MYSQL, DatabaseKind.SQLITE


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("postgresql://u:p@h:1/d", (POSTGRESQL, "h", 1, "u", "p", "d", ())),
        ("postgres://h/d?sslmode=require", (POSTGRESQL, "h", 5432, None, None, "d", (("sslmode", "require"),))),
        ("postgresql://", (POSTGRESQL, None, 5432, None, None, None, ())),
        ("postgresql:///d?host=/run/pg", (POSTGRESQL, "/run/pg", 5432, None, None, "d", ())),
        ("postgresql://%2Frun%2Fpg/d", (POSTGRESQL, "/run/pg", 5432, None, None, "d", ())),
        ("postgresql://u:@h/d", (POSTGRESQL, "h", 5432, "u", "", "d", ())),
        ("postgresql://a%40b:p%3A%2F%3F%23%40%25@h/my%20db", (POSTGRESQL, "h", 5432, "a@b", "p:/?#@%", "my db", ())),
        ("postgresql://u@[2001:DB8::1]:6432/d", (POSTGRESQL, "2001:db8::1", 6432, "u", None, "d", ())),
        (
            "mysql://u:p@127.0.0.1/d?ssl_mode=required",
            (MYSQL, "127.0.0.1", 3306, "u", "p", "d", (("ssl_mode", "required"),)),
        ),
        ("mariadb://[::1]/d", (MYSQL, "::1", 3306, None, None, "d", ())),
        ("mysql://u@/d?unix_socket=/run/m.sock", (MYSQL, "/run/m.sock", 3306, "u", None, "d", ())),
        ("sqlite:///shop.db", (SQLITE, None, None, None, None, "shop.db", ())),
        ("sqlite:////srv/a%20b.db?mode=ro", (SQLITE, None, None, None, None, "/srv/a b.db", (("mode", "ro"),))),
        ("sqlite:///a@b:c.db", (SQLITE, None, None, None, None, "a@b:c.db", ())),
    ],
)
def test_what_a_url_says(text: str, said: tuple[object, ...]) -> None:
    url = parse_database_url(text)
    password = None if url.password is None else url.password.reveal()
    assert (url.kind, url.host, url.port, url.user, password, url.database, url.options) == said


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("shop.db", "no scheme", "a database URL begins with"),
        ("postgrse://h/d", "unknown scheme 'postgrse'", "did you mean 'postgres'?"),
        ("mysql+aiomysql://h/d", "unknown scheme 'mysql+aiomysql'", "did you mean 'mysql'?"),
        ("oracle-of-delphi://h", "unknown scheme", "a database URL begins with"),
        ("postgresql://h/d?sslmod=require", "unknown option 'sslmod'", "did you mean 'sslmode'?"),
        ("postgresql://h/d?sslmode=perhaps", "'sslmode' must be disable, allow", None),
        ("postgresql://h/d?sslmode=require&sslmode=allow", "'sslmode' twice", None),
        ("postgresql://h/d?password=p", "unknown option 'password'", "known: host"),
        ("postgresql://h/d?host=/run", "a host and a unix socket", None),
        ("postgresql:///d?host=run", "'host' must be an absolute path", None),
        ("postgresql://a,b/d", "several hosts", None),
        ("postgresql://h:0/d", "port", "%40"),
        ("postgresql://h:65536/d", "port", "%40"),
        ("postgresql://[::1/d", "not closed", "[::1]:5432"),
        ("postgresql://[h]/d", "not an IPv6 address", None),
        ("postgresql://h h/d", "not a host name", None),
        ("postgresql://:p@h/d", "no user name", "%40"),
        ("postgresql://u:%zz@h/d", "begins no escape", "%25"),
        ("postgresql://u:%ff@h/d", "not UTF-8", None),
        ("postgresql://u:%00@h/d", "control character", None),
        (" postgresql://h/d", "a space", None),
        ("postgresql://h/d\n", "line break", None),
        ("sqlite://shop.db", "has no host", "sqlite:///file.db"),
        ("sqlite://", "names no file", None),
        ("sqlite:///:memory:", "names no file", "in memory"),
        ("sqlite:///a.db?mode=rwc", "'mode' must be ro, rw", None),
        ("sqlite:///a.db?vfs=x", "unknown option 'vfs'", "known: mode"),
        ("sqlite:///a#b.db", "unescaped '#'", "%23"),
    ],
)
def test_what_is_wrong_with_a_url(text: str, message: str, hint: str | None) -> None:
    with pytest.raises(InvalidDatabaseUrl) as caught:
        parse_database_url(text)
    assert message in caught.value.message
    assert hint is None or hint in (caught.value.hint or "")


@pytest.mark.parametrize(
    "password", ["pa/ss", "pa?ss", "pa#ss", "pa@s/s", "123/4", "a?sslmode=b", "%zz", "[x", "pa:ss/x", "a b,c/d"]
)
@pytest.mark.parametrize("scheme", ["postgresql", "mysql", "postgrse"])
def test_a_password_that_is_not_encoded_is_not_repeated(scheme: str, password: str) -> None:
    try:
        shown = str(parse_database_url(f"{scheme}://user:{password}@host/shop"))
    except InvalidDatabaseUrl as refused:
        shown = f"{refused.message} {refused.hint}".replace("'/', '?', '#' or '@'", "")
    assert password not in shown


@given(
    st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1),
    st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=4),
)
def test_encoded_credentials_arrive_and_stay_unseen(user: str, password: str) -> None:
    url = parse_database_url(f"postgresql://{quote(user, safe='')}:{quote('canary' + password, safe='')}@h/d")
    assert (url.user, url.password) == (user, Secret("canary" + password))
    assert "canary" not in f"{url} {url!r} {url.redacted()}".replace(quote(user, safe=""), "")


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://u:***@h:1/d?sslmode=require",
        "postgresql:///d?host=/run/pg",
        "mysql://u@/d?unix_socket=/run/m.sock&connect_timeout=3",
        "mariadb://[::1]:3306/d",
        "sqlite:////srv/shop.db?mode=ro",
        "sqlite:///shop.db",
    ],
)
def test_a_redacted_url_reads_as_it_was_written(text: str) -> None:
    assert parse_database_url(text).redacted() == text


def test_sockets_and_options_are_asked_by_name() -> None:
    url = parse_database_url("mysql://u@/d?unix_socket=/run/m.sock&ssl_mode=disabled")
    assert (url.socket, url.option("ssl_mode"), url.option("ssl_ca")) == ("/run/m.sock", "disabled", None)
    assert parse_database_url("mysql://h/d").socket is None
    assert {url: 1}[parse_database_url("mysql://u@/d?unix_socket=/run/m.sock&ssl_mode=disabled")] == 1
