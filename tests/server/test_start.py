"""How the program starts and ends: what it says, what it refuses, and with which status."""

from __future__ import annotations

import json
import os
import signal
import socket
import sqlite3
import urllib.error
import urllib.request
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from reflector.catalog.model import DatabaseKind
from reflector.engine import utc_now
from tests.server.harness import ServedProcess, reflector
from tests.servers import MariaDBServer, PostgreSQLServer

AUTH = """\
version: 1
auth: {jwt: {secret: a-signing-key-of-forty-letters-at-least}, anonymous_role: guest}
roles: {guest: {}, user: {extends: guest}}
"""


def get(url: str) -> tuple[int, bytes]:
    with urllib.request.urlopen(url, timeout=20) as reply:
        return reply.status, reply.read()


# ── the way people begin ─────────────────────────────────────────────────────────────────────


def test_without_a_database_the_sample_is_served_and_says_how_to_go_on(tmp_path: Path) -> None:
    environ = {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    with ServedProcess("serve", "--port", "0", environ=environ, folder=tmp_path) as process:
        base = process.wait_until_it_serves()
        status, body = get(f"{base}/api/book?limit=1&fields=id,title")
        assert status == 200
        assert json.loads(body)["items"][0]["id"] == 1
        samples = list((tmp_path / "cache" / "reflector").glob("bookshop-*.sqlite"))
        assert len(samples) == 1
        process.signal(signal.SIGTERM)
        assert process.wait() == 0
    assert str(samples[0]) in process.said
    commands = [line.strip() for line in process.said.splitlines() if line.strip().startswith("curl")]
    assert len(commands) >= 2
    assert all(base in command for command in commands)


@pytest.mark.parametrize(("arguments", "file"), [((), "config.yaml"), (("--config", "other.yaml"), "other.yaml")])
def test_a_file_that_names_no_database_is_laid_over_the_sample(
    tmp_path: Path, arguments: tuple[str, ...], file: str
) -> None:
    (tmp_path / file).write_text("version: 1\ntables: {tag: {name: label}}\ndefaults: {read: true}\n")
    environ = {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    with ServedProcess("serve", "--port", "0", *arguments, environ=environ, folder=tmp_path) as process:
        base = process.wait_until_it_serves()
        status, body = get(f"{base}/api/label/signed")
        process.signal(signal.SIGTERM)
        assert process.wait() == 0
    assert (status, json.loads(body)["name"]) == (200, "signed")
    assert "No database was named" in process.said


def test_a_file_that_cannot_be_used_makes_no_sample(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("version: 1\nserver: {prot: 1}\n")
    status, _, err = reflector("serve", environ={"XDG_CACHE_HOME": str(tmp_path / "cache")}, folder=tmp_path)
    assert (status, len(err.splitlines())) == (2, 1)
    assert not (tmp_path / "cache").exists()


def test_the_commands_that_the_sample_suggests_work(tmp_path: Path) -> None:
    environ = {"XDG_CACHE_HOME": str(tmp_path)}
    with ServedProcess("serve", "--port", "0", environ=environ, folder=tmp_path) as process:
        process.wait_until_it_serves()
        process.signal(signal.SIGTERM)
        process.wait()
    suggested = [line.split("'")[1] for line in process.said.splitlines() if line.strip().startswith("curl")]
    port = suggested[0].split(":")[2].split("/")[0]
    with ServedProcess("serve", "--port", port, environ=environ, folder=tmp_path) as again:
        again.wait_until_it_serves()
        assert [get(url)[0] for url in suggested] == [200] * len(suggested)


def test_rules_are_served_without_any_file(bookshop: str, tmp_path: Path) -> None:
    text = AUTH + "tables: {book: {allow: {guest: {read: id <= 2, columns: [id]}}}}\n"
    environ = {"REFLECTOR_CONFIG_TEXT": text, "DATABASE_URL": bookshop, "REFLECTOR_PORT": "0"}
    with ServedProcess("serve", environ=environ, folder=tmp_path) as process:
        base = process.wait_until_it_serves()
        assert json.loads(get(f"{base}/api/book?sort=id")[1])["items"] == [{"id": 1}, {"id": 2}]
        with pytest.raises(urllib.error.HTTPError, match="404"):
            get(f"{base}/api/customer")
        process.signal(signal.SIGTERM)
        assert process.wait() == 0


@pytest.mark.parametrize(
    ("variable", "meant"),
    [("REFLECTOR_TOKN", "TOKEN"), ("REFLECTR_TOKEN", "TOKEN"), ("REFLECTOR_CONFIG_TXT", "CONFIG_TEXT")],
)
def test_a_misspelt_variable_is_told_by_name_and_nothing_is_served(
    shops: Mapping[DatabaseKind, str], kind: DatabaseKind, tmp_path: Path, variable: str, meant: str
) -> None:
    environ = {"DATABASE_URL": shops[kind], "REFLECTOR_PORT": "0", variable: "canary-of-more-than-sixteen-bytes"}
    for command in ("check", "serve"):
        status, out, err = reflector(command, environ=environ, folder=tmp_path)
        assert (status, out) == (2, "")
        assert err == f"environment variable {variable}: is unknown; did you mean 'REFLECTOR_{meant}'?\n"


def test_variables_alone_serve_each_database(
    shops: Mapping[DatabaseKind, str], kind: DatabaseKind, tmp_path: Path
) -> None:
    linked = {"REFLECTOR_SERVICE_HOST": "10.0.0.1", "REFLECTOR_SERVER_PORT": "tcp://10.0.0.1:8000"}
    environ = {"DATABASE_URL": shops[kind], "REFLECTOR_PORT": "0", "REFLECTOR_LIMITS_ROWS": "2", **linked}
    with ServedProcess("serve", environ=environ, folder=tmp_path) as process:
        base = process.wait_until_it_serves()
        assert len(json.loads(get(f"{base}/api/tag")[1])["items"]) == 2
        process.signal(signal.SIGTERM)
        assert process.wait() == 0


def test_ctrl_c_ends_quietly(bookshop: str) -> None:
    with ServedProcess("serve", bookshop, "--port", "0") as process:
        process.wait_until_it_serves()
        process.signal(signal.SIGINT)
        assert process.wait() == 130
        assert "Traceback" not in process.said


def test_the_log_names_the_database_and_no_password(postgresql_server: PostgreSQLServer) -> None:
    url = postgresql_server.url().replace("postgres@", "postgres:hunter2@")
    with ServedProcess("serve", url, "--port", "0", "--verbose") as process:
        process.wait_until_it_serves()
        process.signal(signal.SIGTERM)
        process.wait()
    assert "postgres:***@" in process.said
    assert "hunter2" not in process.said


def test_every_name_and_every_clash_stands_in_the_log(bookshop: str) -> None:
    for flags, named in (((), False), (("--verbose",), True)):
        with ServedProcess("serve", bookshop, "--port", "0", *flags) as process:
            process.wait_until_it_serves()
            process.signal(signal.SIGTERM)
            process.wait()
        assert "name_clash: address.order would be ambiguous" in process.said
        assert ("relationship book.author: many author through book_author" in process.said) is named


def test_a_file_whose_rules_do_not_hold_is_told_of(bookshop: str, tmp_path: Path) -> None:
    """Named with its database alone the server serves without rules, and here are some that were written for it."""
    (tmp_path / "config.yaml").write_text(AUTH)
    for arguments, told in ((("serve", bookshop), True), (("serve", bookshop, "--config", "config.yaml"), False)):
        with ServedProcess(*arguments, "--port", "0", folder=tmp_path) as process:
            process.wait_until_it_serves()
            process.signal(signal.SIGTERM)
            process.wait()
        assert ("config.yaml of this folder is not read" in process.said) is told


def test_the_log_holds_no_secret_of_the_file(bookshop: str, tmp_path: Path) -> None:
    (tmp_path / "auth.yaml").write_text(AUTH + "server: {secret: canary-cursor-key-of-thirty-two-bytes}\n")
    arguments = ("serve", bookshop, "--config", "auth.yaml", "--port", "0", "--verbose")
    with ServedProcess(*arguments, folder=tmp_path) as process:
        base = process.wait_until_it_serves()
        with pytest.raises(urllib.error.HTTPError) as caught:
            get(f"{base}/api/book?limit=1")
        caught.value.close()
        process.signal(signal.SIGTERM)
        process.wait()
    assert [secret for secret in ("canary", "a-signing-key") if secret in process.said] == []


def test_the_token_is_shown_once_where_other_machines_can_reach(bookshop: str) -> None:
    with ServedProcess("serve", bookshop, "--host", "0.0.0.0", "--port", "0") as process:
        base = process.wait_until_it_serves()
        process.signal(signal.SIGTERM)
        process.wait()
    shown = [line.rpartition(" ")[2] for line in process.said.splitlines() if "access token" in line]
    assert len(shown) == 1
    assert process.said.count(shown[0]) == 1
    assert base.startswith("http://127.0.0.1:")


def test_a_token_that_is_configured_is_not_shown(bookshop: str) -> None:
    environ = {"REFLECTOR_TOKEN": "canary-token-of-some-length"}
    with ServedProcess("serve", bookshop, "--host", "0.0.0.0", "--port", "0", environ=environ) as process:
        process.wait_until_it_serves()
        process.signal(signal.SIGTERM)
        process.wait()
    assert "canary" not in process.said
    assert "access token" not in process.said


def test_without_a_token_an_open_server_says_so(bookshop: str) -> None:
    with ServedProcess("serve", bookshop, "--host", "0.0.0.0", "--port", "0", "--insecure") as process:
        base = process.wait_until_it_serves()
        assert get(f"{base}/api/book?limit=1")[0] == 200
        process.signal(signal.SIGTERM)
        process.wait()
    assert "--insecure" in process.said


# ── what is refused ──────────────────────────────────────────────────────────────────────────


def test_a_database_file_is_never_made(tmp_path: Path) -> None:
    for command in ("serve", "inspect", "check"):
        status, out, err = reflector(command, f"sqlite:///{tmp_path}/nothing.sqlite")
        assert (status, out, len(err.splitlines())) == (2, "", 1)
        assert "file" in err
        assert "nothing.sqlite" in err
    assert list(tmp_path.iterdir()) == []


def test_each_part_of_a_wrong_url_is_named(postgresql_server: PostgreSQLServer, mariadb_server: MariaDBServer) -> None:
    good, other = postgresql_server.url(), mariadb_server.url("mysql")
    wrong = {
        "postgresql://postgres@127.0.0.1:1/postgres": "host",
        "postgresql://postgres@nowhere.invalid/postgres": "host",
        good.replace("/postgres", "/nothing").replace("//nothing", "//postgres"): "database name",
        good.replace("//postgres@", "//nobody:hunter2@"): "credentials",
        "mysql://root@127.0.0.1:1/shop": "host",
        other.replace("/mysql", "/nothing").replace("//nothing", "//mysql"): "database name",
        other.replace("//root@", "//root:hunter2@"): "credentials",
    }
    for url, part in wrong.items():
        status, out, err = reflector("inspect", url)
        assert (status, out, len(err.splitlines())) == (2, "", 1), (url, err)
        assert part in err, (url, err)
        assert "hunter2" not in err


def test_a_url_of_nothing_we_know_is_refused() -> None:
    status, _, err = reflector("serve", "oracle://x:hunter2@y/z")
    assert status == 2
    assert "scheme" in err
    assert "hunter2" not in err


MISTAKES = """\
version: 1
server: {prot: 1, body: 1}
auth: {jwt: {secret: short}, anonymous_role: gust}
roles: {guest: {}}
tables: {book: {allow: {nobody: {read: true}}}}
"""


@pytest.mark.parametrize("command", ["serve", "check", "inspect"])
def test_every_mistake_of_a_file_is_told_at_once(bookshop: str, tmp_path: Path, command: str) -> None:
    (tmp_path / "wrong.yaml").write_text(MISTAKES)
    status, out, err = reflector(command, bookshop, "--config", "wrong.yaml", folder=tmp_path)
    assert (status, out) == (2, "")
    told = err.splitlines()
    assert len(told) == 5
    assert [line.split(":")[:3] for line in told] == sorted([line.split(":")[:3] for line in told])
    assert all(line.startswith("wrong.yaml:") for line in told)


UNFIT = (
    AUTH
    + """\
policies: {own: onwer_id == claims.sub}
tables:
  book: {allow: {guest: {read: price < 5 and titel == 'x'}, user: {read: true, columns: [id, prise]}}}
  bok: {allow: {user: {read: true}}}
  author: {allow: {user: {read: own}}}
  publisher: {allow: {user: {read: true}}}
"""
)


def test_rules_that_do_not_fit_are_refused_when_strict_with_their_places(bookshop: str, tmp_path: Path) -> None:
    (tmp_path / "unfit.yaml").write_text(UNFIT)
    for arguments in (("check", bookshop), ("serve", bookshop, "--strict", "--port", "0")):
        status, out, err = reflector(*arguments, "--config", "unfit.yaml", folder=tmp_path)
        assert (status, out) == (2, "")
        complaints = [line for line in err.splitlines() if line.startswith("unfit.yaml:")]
        assert any(line.startswith("unfit.yaml:6:46: ") and "titel" in line for line in complaints), err
        assert any("prise" in line and "price" in line for line in complaints)
        assert any("'bok'" in line and "book" in line for line in complaints)
        assert any("onwer_id" in line for line in complaints)


def test_rules_that_do_not_fit_close_their_tables_alone(bookshop: str, tmp_path: Path) -> None:
    (tmp_path / "unfit.yaml").write_text(UNFIT + "  tag: {allow: {guest: {read: true}}}\n")
    with ServedProcess("serve", bookshop, "--config", "unfit.yaml", "--port", "0", folder=tmp_path) as process:
        base = process.wait_until_it_serves()
        assert get(f"{base}/api/tag?limit=1")[0] == 200
        assert get(f"{base}/health/ready") == (200, b'{"status": "degraded"}')
        with pytest.raises(urllib.error.HTTPError) as caught:
            get(f"{base}/api/book?limit=1")
        with caught.value as refused:
            assert (refused.code, json.loads(refused.read())["code"]) == (503, "rule_unbound")
        process.signal(signal.SIGTERM)
        assert process.wait() == 0
    assert "book is closed" in process.said


def test_a_rule_that_is_wrong_everywhere_refuses_to_start(bookshop: str, tmp_path: Path) -> None:
    wrong = AUTH + "tables: {book: {allow: {guest: {read: owner_id == claims.sub}, user: {read: 'price <'}}}}\n"
    (tmp_path / "wrong.yaml").write_text(wrong)
    status, _, err = reflector("serve", bookshop, "--config", "wrong.yaml", "--port", "0", folder=tmp_path)
    assert status == 2
    assert [line for line in err.splitlines() if line.startswith("wrong.yaml:4:")]


def test_what_lies_over_the_catalog_is_refused_with_its_place(bookshop: str, tmp_path: Path) -> None:
    text = (
        "version: 1\ndatabase: {schemas: [mian]}\ntables:\n  bok: {name: books}\n"
        "relationships:\n  book.nothing: {rename: something}\n"
    )
    (tmp_path / "over.yaml").write_text(text)
    status, _, err = reflector("check", bookshop, "--config", "over.yaml", folder=tmp_path)
    assert status == 2
    assert [line.split(" ")[0] for line in err.splitlines()] == ["over.yaml:2:12:", "over.yaml:4:3:", "over.yaml:6:3:"]


EVERYTHING = """\
version: 1
database: {url: "sqlite:///bookshop.sqlite"}
server: {prot: 1}
auth: {anonymous_role: gust}
roles: {guest: {limits: {max_rows: 0}}, user: {extends: guest}}
policies:
  own: customer_id == claims.sub
  today: true
  spare: ownr == 1
  worse: a = 1
tables:
  book:
    name: customer
    allow:
      guest: {read: prise < 5 and titel == 'x', columns: [id, titl]}
      user:
        create: {check: own, columns: [isbn, tite], presets: {prise: 1, status: draft}}
        update:
          filter: |
            price == 1 and
            titlee == 'x'
        delete: worse or price
  bok: {name: books, allow: {user: {read: true}}}
  order: {name: "a.b", allow: {guest: {read: own}}}
  review: {allow: {user: {create: {check: true, columns: [title]}}}}
relationships:
  bok.author: {to: author, join: {x: y}}
  book.nothing: {rename: "x,y"}
  book.best: {to: review, join: {idd: book_id}}
"""
EVERY_LINE = [3, 4, 5, 8, 9, 10, 13, 15, 15, 15, 17, 17, 17, 17, 21, 23, 24, 25, 25, 25, 27, 28, 28, 29]


def test_a_file_that_is_wrong_in_every_way_is_told_of_at_once(bookshop: str, tmp_path: Path) -> None:
    (tmp_path / "bookshop.sqlite").symlink_to(bookshop.removeprefix("sqlite:///"))
    (tmp_path / "all.yaml").write_text(EVERYTHING)
    status, out, err = reflector("check", "--config", "all.yaml", folder=tmp_path)
    assert (status, out) == (2, "")
    told = [line.split(":", 3) for line in err.splitlines()]
    assert [each[0] for each in told] == ["all.yaml"] * len(told), err
    assert sorted(int(each[1]) for each in told) == EVERY_LINE, err
    assert len(set(err.splitlines())) == len(told)
    for words in ("server.prot", "'gust'", "max_rows", "'today'", "'ownr'", "worse: this is not a rule", "'customer'"):
        assert sum(words in line for line in err.splitlines()) == 1, (words, err)


def test_without_its_database_a_file_is_told_of_as_far_as_can_be(tmp_path: Path) -> None:
    (tmp_path / "all.yaml").write_text(EVERYTHING)
    status, out, err = reflector("check", "--config", "all.yaml", folder=tmp_path)
    assert (status, out) == (2, "")
    assert [int(line.split(":")[1]) for line in err.splitlines()] == [2, 3, 4, 5, 8, 10, 17, 24, 28]
    assert "the rest cannot be checked" in err
    for command in (("serve", "--port", "0"), ("inspect",)):
        status, out, err = reflector(*command, "--config", "all.yaml", folder=tmp_path)
        assert (status, out) == (2, "")
        assert [int(line.split(":")[1]) for line in err.splitlines()] == [3, 4, 5, 8, 10, 17, 24, 28]


def test_a_port_that_is_taken_is_told_in_a_line(bookshop: str) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
        status, _, err = reflector("serve", bookshop, "--port", str(port))
    assert status == 2
    told = [line for line in err.splitlines() if line.startswith("reflector:")]
    assert len(told) == 1
    assert str(port) in told[0]
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [((), "COMMAND"), (("srve",), "srve"), (("serve", "--prot", "1"), "--prot"), (("serve", "--port", "x"), "--port")],
)
def test_a_wrong_command_line_is_told(arguments: tuple[str, ...], said: str) -> None:
    status, _, err = reflector(*arguments)
    assert status == 2
    assert said in err


def test_open_modes_are_refused_beside_auth(bookshop: str, tmp_path: Path) -> None:
    (tmp_path / "auth.yaml").write_text(AUTH)
    for flag in ("--insecure", "--writable"):
        status, _, err = reflector("serve", bookshop, "--config", "auth.yaml", flag, folder=tmp_path)
        assert (status, flag in err) == (2, True)


# ── TLS ──────────────────────────────────────────────────────────────────────────────────────


def certificate(folder: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = utc_now()
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now.replace(year=now.year - 1))
        .not_valid_after(now.replace(year=now.year + 1))
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    plain = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "key.pem").write_bytes(key.private_bytes(*plain))


def test_https_is_served_with_the_files_that_are_named(bookshop: str, tmp_path: Path) -> None:
    import ssl

    certificate(tmp_path)
    (tmp_path / "tls.yaml").write_text("version: 1\nserver: {tls: {certificate: cert.pem, key: key.pem}}\n")
    with ServedProcess("serve", bookshop, "--config", "tls.yaml", "--port", "0", folder=tmp_path) as process:
        base = process.wait_until_it_serves()
        assert base.startswith("https://")
        trusting = ssl.create_default_context()
        trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
        with urllib.request.urlopen(f"{base}/health/live", context=trusting, timeout=20) as reply:
            assert reply.status == 200


@pytest.mark.parametrize("missing", ["cert.pem", "key.pem", "both"])
def test_tls_without_its_files_is_refused(bookshop: str, tmp_path: Path, missing: str) -> None:
    certificate(tmp_path)
    for name in ("cert.pem", "key.pem") if missing == "both" else (missing,):
        (tmp_path / name).write_text("no PEM")
    (tmp_path / "tls.yaml").write_text("version: 1\nserver: {tls: {certificate: cert.pem, key: key.pem}}\n")
    status, _, err = reflector("serve", bookshop, "--config", "tls.yaml", folder=tmp_path)
    assert status == 2
    assert err.startswith("tls.yaml:2:10: server.tls: ")


# ── the other commands ───────────────────────────────────────────────────────────────────────


def test_inspect_shows_names_keys_clashes(bookshop: str) -> None:
    status, out, err = reflector("inspect", bookshop)
    assert (status, err) == (0, "")
    for said in (
        "book  (table",
        "→ publisher: one",
        "through book_author",
        "key, not null",
        "table_without_key",
        "name_clash",
    ):
        assert said in out, said


def test_inspect_writes_json(bookshop: str) -> None:
    status, out, _ = reflector("inspect", bookshop, "--json")
    document = json.loads(out)
    assert status == 0
    tables = {table["name"]: table for table in document["tables"]}
    assert tables["order_line"]["primary_key"] == ["order_id", "line_number"] or tables["order_line"]["primary_key"]
    assert {each["name"] for each in tables["book"]["relationships"]} >= {"publisher", "author"}
    assert [notice["code"] for notice in document["notices"]].count("name_clash") >= 1


def test_inspect_shows_a_file_with_what_the_configuration_lays_over_it(bookshop: str, tmp_path: Path) -> None:
    (tmp_path / "over.yaml").write_text("version: 1\ndatabase: {exclude: ['b*']}\ntables: {tag: {name: labels}}\n")
    names = [
        each["name"]
        for each in json.loads(reflector("inspect", bookshop, "--config", "over.yaml", "--json", folder=tmp_path)[1])[
            "tables"
        ]
    ]
    assert "labels" in names
    assert [name for name in names if name.startswith("b")] == []


def test_check_is_content_with_what_fits(bookshop: str, tmp_path: Path) -> None:
    (tmp_path / "fit.yaml").write_text(
        AUTH + "tables: {book: {allow: {guest: {read: price < 20}}}, '*_x': {columns: {a: hidden}}}\n"
    )
    status, out, err = reflector("check", bookshop, "--config", "fit.yaml", folder=tmp_path)
    assert (status, err) == (0, "")
    assert [line.split(":")[0] for line in out.splitlines()] == ["warning", "OK"]


KEYS = "jwks: http://127.0.0.1:9/keys"


@pytest.mark.parametrize(
    ("jwt", "place"),
    [
        (f"{{{KEYS}, issuer: a}}", "2:14: auth.jwt.jwks: who publishes"),
        (f"[{{{KEYS}, issuer: a, audience: shop}}, {{{KEYS}, issuer: b}}]", "2:75: auth.jwt[1].jwks: who publishes"),
        (f"{{{KEYS}, audience: shop}}", None),
        (f"{{{KEYS}, audience: false}}", None),
        ("{secret: a-signing-key-of-forty-letters-at-least}", None),
    ],
)
def test_keys_of_somebody_who_signs_for_others_are_warned_of(
    bookshop: str, tmp_path: Path, jwt: str, place: str | None
) -> None:
    (tmp_path / "config.yaml").write_text(f"version: 1\nauth: {{jwt: {jwt}}}\nroles: {{user: {{}}}}\n")
    status, out, _ = reflector("check", bookshop, "--config", "config.yaml", folder=tmp_path)
    assert status == 0
    warnings = [line for line in out.splitlines() if line.startswith("warning: ")]
    told = [line.removeprefix("warning: config.yaml:").partition(" these keys")[0] for line in warnings]
    assert told == ([place] if place else [])


def test_a_server_warns_of_such_keys_when_it_starts(bookshop: str, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(f"version: 1\nauth: {{jwt: {{{KEYS}}}}}\nroles: {{user: {{}}}}\n")
    with ServedProcess("serve", bookshop, "--config", "config.yaml", "--port", "0", folder=tmp_path) as process:
        process.wait_until_it_serves()
        process.signal(signal.SIGTERM)
        process.wait()
    assert process.said.count("config.yaml:2:14: auth.jwt.jwks: who publishes these keys signs with them") == 1


def test_config_schema_is_a_schema() -> None:
    status, out, _ = reflector("config", "schema")
    assert status == 0
    Draft202012Validator.check_schema(json.loads(out))


def test_a_reader_that_has_enough_is_no_fault(bookshop: str) -> None:
    import subprocess
    import sys

    command = f"{sys.executable} -m server inspect {bookshop} | head -1"
    done = subprocess.run(
        ["bash", "-c", command], capture_output=True, text=True, timeout=60, check=False, env={**os.environ}
    )
    assert done.stderr == ""


EXPLAINED = (
    AUTH
    + "tables: {book: {name: books, allow: {guest: {read: price < 20, columns: [id, title, price]}, user: {read: id == claims.sub}}}}\n"
)


def test_explain_shows_the_way_of_a_request(bookshop: str, tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text(EXPLAINED)
    request = "GET /api/books?fields=id,title&sort=-price&limit=2"
    common = ("explain", "--url", bookshop, "--config", "c.yaml")
    status, out, err = reflector(*common, "--as", "role=user,sub=7", request, folder=tmp_path)
    assert (status, err) == (0, "")
    for said in (
        "caller: roles guest, user, sub = 7",
        "select: [id, title",
        "user reads where id == claims.sub",
        "c.yaml:4:",
        'FROM "main"."book"',
        "claims.sub",
        "plan:",
        "SCAN",
    ):
        assert said in out, said
    status, out, _ = reflector(*common, request, folder=tmp_path)
    assert "caller: roles guest" in out
    assert "claims.sub" not in out


def test_explain_reads_one_row_and_changes_nothing(own_bookshop: str) -> None:
    assert reflector("explain", "--url", own_bookshop, "GET /api/book/1?fields=id")[0] == 0
    for refused in ("DELETE /api/book/1", "GET /nothing", "POST /api/book", "GET /api/book/1/author", "nonsense"):
        assert reflector("explain", "--url", own_bookshop, refused)[0] == 2
    with closing(sqlite3.connect(own_bookshop.removeprefix("sqlite:///"))) as connection:
        assert connection.execute("SELECT count(*) FROM book WHERE id = 1").fetchone() == (1,)


def test_explain_tells_an_operator_what_the_database_said_when_it_refuses(
    postgresql_server: PostgreSQLServer, mariadb_server: MariaDBServer
) -> None:
    other = postgresql_server.create_database("explained")
    postgresql_server.run(
        "explained",
        "CREATE TABLE hers (id int PRIMARY KEY);"
        "CREATE ROLE explainer LOGIN; GRANT SELECT ON hers TO explainer; ALTER TABLE hers ENABLE ROW LEVEL SECURITY;"
        "CREATE POLICY broken ON hers USING (EXISTS (SELECT FROM pg_authid))",
    )
    url = mariadb_server.create_database("explained")
    mariadb_server.run(
        "explained",
        "CREATE TABLE hers (id int PRIMARY KEY); CREATE VIEW shown AS SELECT id FROM hers;"
        "CREATE OR REPLACE USER explainer@'%'; GRANT SELECT ON explained.shown TO explainer@'%';",
    )
    for address, table, words in (
        (
            other.replace("//postgres@", "//explainer@"),
            "hers",
            "permission denied for table pg_authid",
        ),
        (url.replace("//root@", "//explainer@"), "shown", "lacking privileges for underlying table"),
    ):
        status, out, err = reflector("explain", "--url", address, f"GET /api/{table}")
        assert (status, "sql:" in out, len(err.splitlines())) == (2, True, 1), err
        assert words in err


def test_explain_refuses_as_the_server_would(bookshop: str, tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text(EXPLAINED)
    common = ("explain", "--url", bookshop, "--config", "c.yaml")
    status, _, err = reflector(*common, "GET /api/books?isbn=1&nothing=2", folder=tmp_path)
    assert (status, len(err.splitlines())) == (2, 2)
    status, _, err = reflector(*common, "--as", "role=usr", "GET /api/books", folder=tmp_path)
    assert (status, "did you mean 'user'?" in err) == (2, True)
