"""From a database to a configuration, a token, a document and a server that waits: the commands of the first hour."""

from __future__ import annotations

import base64
import json
import re
import sqlite3
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey
from ruamel.yaml import YAML

from examples import bookshop as sample
from tests.server.harness import ServedProcess, reflector, served
from tests.servers import MariaDBServer, PostgreSQLServer

SECRET = "a-signing-key-of-forty-letters-at-least"
AUTH = f"""version: 1
auth: {{jwt: {{secret: {SECRET}, audience: shop, issuer: us, role_claim: realm.roles}}}}
roles: {{user: {{}}, admin: {{}}}}
tables: {{book: {{allow: {{user: {{read: id == claims.sub}}, admin: {{read: true}}}}}}}}
"""


# ── init ─────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(params=["sqlite", "postgresql", "mariadb"])
def shop(
    request: pytest.FixtureRequest,
    bookshop: str,
    postgresql_server: PostgreSQLServer,
    mariadb_server: MariaDBServer,
) -> str:
    if request.param == "sqlite":
        return bookshop
    server: PostgreSQLServer | MariaDBServer = postgresql_server if request.param == "postgresql" else mariadb_server
    url = server.create_database("first_steps")
    server.run("first_steps", sample.script(request.param))
    return url


def opened(text: str) -> str:
    """The file with every example taken."""
    return re.sub(r"^#(?! )", "", re.sub(r"^#(?=  )", "", text, flags=re.MULTILINE), flags=re.MULTILINE)


def test_what_is_written_can_be_used_as_it_is_and_with_every_example(shop: str, tmp_path: Path) -> None:
    status, out, err = reflector("init", shop, folder=tmp_path)
    assert (status, out) == (0, "")
    file = tmp_path / "config.yaml"
    environ = {"DATABASE_URL": shop, "JWT_SECRET": SECRET, "SERVER_SECRET": SECRET}
    as_it_is = reflector("check", folder=tmp_path, environ={"DATABASE_URL": shop})
    assert (as_it_is[0], as_it_is[2]) == (0, "")
    file.write_text(opened(file.read_text()))
    checked = reflector("check", folder=tmp_path, environ=environ)
    assert (checked[0], checked[2]) == (0, "")
    assert "warning" not in checked[1]
    said = YAML(typ="safe").load(file.read_text())
    assert set(said["tables"]) >= {"book", "author", "review", "reader's note", "customer"}
    assert all(each["allow"] for each in said["tables"].values())
    assert said["tables"]["book"]["allow"]["guest"]["read"] is True
    assert "guest" not in said["tables"]["review"]["allow"]
    review = said["tables"]["review"]["allow"]["user"]
    assert review["read"] == "customer_id == claims.sub"
    assert review["create"]["presets"] == {"customer_id": "claims.sub"}
    assert "customer_id" not in review["create"]["columns"]
    assert said["tables"]["customer"]["allow"]["user"]["update"]["filter"] == "id == claims.sub"
    assert "export JWT_SECRET=" in err


def test_what_is_written_closes_every_table(bookshop: str, tmp_path: Path) -> None:
    reflector("init", bookshop, folder=tmp_path)
    with ServedProcess("serve", "--port", "0", folder=tmp_path) as process:
        process.wait_until_it_serves()
    text = (tmp_path / "config.yaml").read_text()
    assert "auth:\n  anonymous_role: guest\n" in text


async def test_a_table_is_opened_by_taking_the_marks_away(bookshop: str, tmp_path: Path) -> None:
    reflector("init", bookshop, folder=tmp_path)
    text = (tmp_path / "config.yaml").read_text()
    assert json.loads(await listed(bookshop, text)) == []
    before, _, rest = text.partition("  publisher:\n")
    table, blank, after = rest.partition("\n\n")
    assert json.loads(await listed(bookshop, f"{before}  publisher:\n{opened(table)}{blank}{after}")) == ["publisher"]


async def listed(url: str, text: str) -> str:
    """The tables that a caller without a credential may use."""
    config = re.sub(r"^version: 1$", "", text, flags=re.MULTILINE)
    async with served(url, config) as api:
        return json.dumps([each["name"] for each in (await api.get("/api")).json["items"]])


EVIL = 'a"b\n  x: {allow: {guest: {read: true}}}\n#'


def test_nothing_in_a_database_ends_a_line_and_secrets_are_hidden(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "evil.sqlite")) as connection:
        quoted = EVIL.replace('"', '""')
        connection.execute(
            f'CREATE TABLE "{quoted}" (id INTEGER PRIMARY KEY, "{quoted}" TEXT, "from" TEXT, "true" INT)'
        )
        connection.execute(
            'CREATE TABLE "true" (id INTEGER PRIMARY KEY, password_hash TEXT, api_key TEXT, owner_id INT)'
        )
        connection.execute('CREATE TABLE "all*" (id INTEGER PRIMARY KEY)')
    status, text, err = reflector("init", "sqlite:///evil.sqlite", "--output", "-", folder=tmp_path)
    assert (status, err) == (0, "")
    said = YAML(typ="safe").load(text)
    assert set(said["tables"]) == {EVIL, "true"}
    assert said["tables"]["true"]["columns"] == {"password_hash": "hidden", "api_key": "hidden"}
    (tmp_path / "config.yaml").write_text(opened(text))
    environ = {"JWT_SECRET": SECRET, "SERVER_SECRET": SECRET, "DATABASE_URL": "sqlite:///evil.sqlite"}
    checked = reflector("check", folder=tmp_path, environ=environ)
    assert (checked[0], checked[2]) == (0, "")


def test_a_file_is_not_replaced_and_no_password_is_written(postgresql_server: PostgreSQLServer, tmp_path: Path) -> None:
    url = postgresql_server.url().replace("postgres@", "postgres:hunter2@")
    status, _, err = reflector("init", url, "--output", "mine.yaml", folder=tmp_path)
    text = (tmp_path / "mine.yaml").read_text()
    assert status == 0
    assert "hunter2" not in text + err
    assert '"${DATABASE_URL}"' in text
    made = re.search(r"JWT_SECRET='([^']{32,})'", err)
    assert made is not None
    assert made[1] not in text
    status, _, err = reflector("init", url, "--output", "mine.yaml", folder=tmp_path)
    assert (status, "there already" in err) == (2, True)
    assert (tmp_path / "mine.yaml").read_text() == text


def test_the_database_may_be_named_by_the_environment(bookshop: str, tmp_path: Path) -> None:
    status, out, err = reflector("init", "--output", "-", folder=tmp_path, environ={"DATABASE_URL": bookshop})
    assert (status, err) == (0, "")
    assert out == reflector("init", bookshop, "--output", "-", folder=tmp_path)[1]
    status, _, err = reflector("init", "--output", "-", folder=tmp_path)
    assert (status, "init needs the URL of a database, or DATABASE_URL" in err) == (2, True)


# ── token ────────────────────────────────────────────────────────────────────────────────────


async def test_a_token_is_taken_by_the_server(bookshop: str, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(AUTH)
    status, out, err = reflector("token", "--role", "user", "--sub", "3", "--claim", 'x={"a": 1}', folder=tmp_path)
    assert (status, err, len(out.split())) == (0, "", 1)
    headers: Mapping[str, str] = {"Authorization": f"Bearer {out.strip()}"}
    async with served(bookshop, AUTH.removeprefix("version: 1\n")) as api:
        reply = await api.get("/api/book?fields=id", headers)
        assert [each["id"] for each in reply.json["items"]] == [3]
        assert (await api.get("/api/book")).status == 401


def set_of(*secrets: str) -> str:
    keys = [{**key_of(each), "kid": each[0]} for each in secrets]
    return f"'{json.dumps({'keys': keys})}'"


def list_of(*secrets: str) -> str:
    return f"[{', '.join(secrets)}]"


@pytest.mark.parametrize("written", [set_of, list_of])
async def test_a_secret_is_rotated_where_the_first_signs_and_every_one_holds(
    bookshop: str, tmp_path: Path, written: Callable[..., str]
) -> None:
    old, new, tokens = "o" * 40, "n" * 40, {}
    for name, secrets in {"before": [old], "between": [new, old], "after": [new]}.items():
        config = AUTH.replace(SECRET, written(*secrets))
        (tmp_path / "config.yaml").write_text(config)
        tokens[name] = reflector("token", "--role", "admin", folder=tmp_path)[1].strip()
        taken = set()
        async with served(bookshop, config.removeprefix("version: 1\n")) as api:
            for made, token in tokens.items():
                reply = await api.get("/api/book?limit=1", {"Authorization": f"Bearer {token}"})
                taken |= {made} if reply.status == 200 else set()
        assert taken == {"before": {"before"}, "between": {"before", "between"}, "after": {"between", "after"}}[name]


def test_no_secret_of_a_list_is_shown(tmp_path: Path) -> None:
    (tmp_path / "old").write_text("o" * 40 + "\n")
    (tmp_path / "config.yaml").write_text(AUTH.replace(SECRET, f"[{'n' * 40}, 'file:old']"))
    status, shown, _ = reflector("config", "show", folder=tmp_path)
    assert (status, 'secret: ["***","***"]' in shown, "nnnn" in shown, "oooo" in shown) == (0, True, False, False)


def key_of(text: str) -> dict[str, str]:
    return {"kty": "oct", "k": base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")}


async def test_a_token_has_its_role_where_a_pointer_looks_for_it(bookshop: str, tmp_path: Path) -> None:
    config = AUTH.replace("realm.roles", "/https:~1~1shop.example~1claims/role")
    (tmp_path / "config.yaml").write_text(config)
    token = reflector("token", "--role", "admin", folder=tmp_path)[1].strip()
    async with served(bookshop, config.removeprefix("version: 1\n")) as api:
        assert (await api.get("/api/book?limit=1", {"Authorization": f"Bearer {token}"})).status == 200


def test_a_secret_without_a_key_to_sign_with_is_told(tmp_path: Path) -> None:
    held = {**key_of("o" * 40), "alg": "HS512"}
    (tmp_path / "config.yaml").write_text(AUTH.replace(f"secret: {SECRET}", f"secret: '{json.dumps(held)}'"))
    status, _, err = reflector("token", "--role", "admin", folder=tmp_path)
    assert (status, "auth.jwt.secret: holds no key that this server can sign with" in err) == (2, True)


def test_a_token_says_what_is_asked_for_and_what_the_file_wants(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(AUTH)
    given = ("--role", "admin", "--role", "user", "--claim", "n=7", "--claim", "t=text", "--expires", "2h")
    token = reflector("token", *given, folder=tmp_path)[1].strip()
    claims = jwt.decode(token, OctKey.import_key(SECRET), algorithms=["HS256"]).claims
    assert claims.pop("exp") - claims.pop("iat") == 7200
    assert claims == {"realm": {"roles": ["admin", "user"]}, "aud": "shop", "iss": "us", "n": 7, "t": "text"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--role", "adnim"), "did you mean 'admin'?"),
        (("--claim", "nothing"), "name=value"),
        (("--claim", "exp=1"), "--expires"),
        (("--expires", "soon"), "--expires must be a duration"),
        (("--role", "user", "--claim", "realm=1"), "realm"),
    ],
)
def test_a_token_that_cannot_be_is_refused(tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    (tmp_path / "config.yaml").write_text(AUTH)
    status, out, err = reflector("token", *arguments, folder=tmp_path)
    assert (status, out, said in err) == (2, "", True)


def test_without_a_secret_there_is_no_token(tmp_path: Path) -> None:
    status, _, err = reflector("token", folder=tmp_path)
    assert (status, "auth.jwt" in err) == (2, True)


# ── openapi ──────────────────────────────────────────────────────────────────────────────────


async def test_the_document_is_the_servers_own(bookshop: str, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(AUTH)
    arguments = ("openapi", bookshop, "--config", "config.yaml", "--as", "role=user,sub=3")
    status, out, err = reflector(*arguments, folder=tmp_path)
    assert (status, err) == (0, "")
    token = reflector("token", "--role", "user", "--sub", "3", folder=tmp_path)[1].strip()
    async with served(bookshop, AUTH.removeprefix("version: 1\n")) as api:
        assert json.loads(out) == (await api.get("/openapi.json", {"Authorization": f"Bearer {token}"})).json
    assert "/api/author" not in json.loads(out)["paths"]


# ── serve --wait ─────────────────────────────────────────────────────────────────────────────


def test_a_server_waits_for_its_database(tmp_path: Path, bookshop: str) -> None:
    file = tmp_path / "late.sqlite"
    with ServedProcess("serve", f"sqlite:///{file}", "--port", "0", "--wait", "60") as process:
        deadline = time.monotonic() + 20
        while "waiting for the database" not in process.said:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        temporary = tmp_path / "being-made"
        temporary.write_bytes(Path(bookshop.removeprefix("sqlite:///")).read_bytes())
        temporary.rename(file)
        process.wait_until_it_serves()
    assert process.said.count("waiting for the database") == 1


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_server_does_not_wait_for_ever(tmp_path: Path, workers: str) -> None:
    began = time.monotonic()
    arguments = ("serve", f"sqlite:///{tmp_path}/never.sqlite", "--wait", "1", "--workers", workers)
    status, _, err = reflector(*arguments)
    assert (status, err.count("reflector: ")) == (2, 1)
    assert time.monotonic() - began >= 0.5
