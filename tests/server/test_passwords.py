"""People with a name and a password: by Basic, and by a token for them."""

from __future__ import annotations

import base64
import hashlib
import json
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import argon2
import bcrypt
import pytest
from aiohttp.test_utils import make_mocked_request

from reflector.catalog.model import DatabaseKind
from reflector.errors import InternalError
from server.auth.attempts import Attempts
from server.auth.basic import Basic
from server.auth.password_hashes import FORMS, UnknownHash, matches
from server.auth.passwords import Passwords
from server.config import ConfigError
from server.context import Credential
from server.problems import InvalidToken, TooManyAttempts
from server.rates import Buckets, network_of
from tests.bookshops import Databases
from tests.server.harness import Served, configured, eventually, reloadable, served
from tests.server.test_api_keys import run

WORD = "correct horse; bättery"
QUICK = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
CONFIG = """
auth:
  claims: org
  jwt: {secret: "a-signing-key-of-forty-letters-at-least", audience: api, issuer: "https://us.example", role_claim: app.roles}
  basic: {table: person, columns: {name: email, password_hash: password, subject: id, disabled: locked}, token: 10m%s}
  anonymous_role: guest
roles: {guest: {}, user: {}, editor: {extends: user}}
tables:
  note: {allow: {user: {read: owner == claims.sub and org == claims.org}}}
"""


def unpadded(raw: bytes, dotted: bool = False) -> str:
    text = base64.b64encode(raw).decode().rstrip("=")
    return text.replace("+", ".") if dotted else text


def scrypt(salt: bytes) -> bytes:
    return hashlib.scrypt(WORD.encode(), salt=salt, n=16, r=8, p=1)


def pbkdf2(digest: str, salt: bytes) -> bytes:
    return hashlib.pbkdf2_hmac(digest, WORD.encode(), salt, 10)


def hashes() -> Iterator[tuple[str, str]]:
    salt = b"salt of it"
    yield "argon2id", QUICK.hash(WORD)
    yield "argon2i", argon2.PasswordHasher(1, 8, 1, type=argon2.Type.I).hash(WORD)
    yield "argon2 of Django", "argon2" + QUICK.hash(WORD)
    quick = bcrypt.hashpw(WORD.encode(), bcrypt.gensalt(4)).decode()
    yield "bcrypt", quick
    yield "bcrypt 2y", quick.replace("$2b$", "$2y$")
    yield "bcrypt of Django", "bcrypt$" + quick
    digest = hashlib.sha256(WORD.encode()).hexdigest().encode()
    yield "bcrypt_sha256 of Django", "bcrypt_sha256$" + bcrypt.hashpw(digest, bcrypt.gensalt(4)).decode()
    yield "scrypt", f"$scrypt$ln=4,r=8,p=1${unpadded(salt)}${unpadded(scrypt(salt))}"
    yield "scrypt of Werkzeug", f"scrypt:16:8:1${salt.decode()}${scrypt(salt).hex()}"
    yield "scrypt of Django", f"scrypt$16${salt.decode()}$8$1${base64.b64encode(scrypt(salt)).decode()}"
    for name in ("sha1", "sha256", "sha512"):
        found = pbkdf2(name, salt)
        yield (
            f"PBKDF2 {name}",
            f"$pbkdf2{f'-{name}' * (name != 'sha1')}$10${unpadded(salt, True)}${unpadded(found, True)}",
        )
        yield f"PBKDF2 {name} of Werkzeug", f"pbkdf2:{name}:10${salt.decode()}${found.hex()}"
        yield f"PBKDF2 {name} of Django", f"pbkdf2_{name}$10${salt.decode()}${base64.b64encode(found).decode()}"


HASHES = dict(hashes())


@pytest.mark.parametrize("form", HASHES)
def test_a_password_has_its_hash_in_every_form_and_no_other_has(form: str) -> None:
    assert matches(WORD, HASHES[form])
    for wrong in ("", WORD + "x", WORD.upper(), WORD[:-1]):
        assert not matches(wrong, HASHES[form])


def test_every_form_is_tried() -> None:
    used = {
        next(number for number, form in enumerate(FORMS) if form.pattern.fullmatch(each)) for each in HASHES.values()
    }
    assert used == set(range(len(FORMS)))


@pytest.mark.parametrize(
    ("written", "form"),
    [
        ("$argon2id$v=19$m=524289,t=1,p=1$c29tZXNhbHQ$aGFzaGFzaA", "argon2"),
        ("$argon2id$v=19$m=8,t=33,p=1$c29tZXNhbHQ$aGFzaGFzaA", "argon2"),
        ("$argon2id$v=19$m=8,t=0,p=1$c29tZXNhbHQ$aGFzaGFzaA", "argon2"),
        (HASHES["bcrypt"].replace("$04$", "$17$"), "bcrypt"),
        (HASHES["bcrypt_sha256 of Django"].replace("$04$", "$17$"), "bcrypt"),
        ("$scrypt$ln=19,r=8,p=1$c2FsdA$aGFzaA", "scrypt"),
        ("$scrypt$ln=1,r=1,p=65$c2FsdA$aGFzaA", "scrypt"),
        ("$scrypt$ln=1,r=1,p=1$c2FsdA$=", "scrypt"),
        ("scrypt:2:1:65$salt$00", "scrypt"),
        ("scrypt$2$salt$1$65$aGFzaA", "scrypt"),
        ("$pbkdf2-sha256$10000001$c2FsdA$aGFzaA", "pbkdf2"),
        ("$pbkdf2-sha256$0$c2FsdA$aGFzaA", "pbkdf2"),
        ("$pbkdf2-sha256$1$c2FsdA$=", "pbkdf2"),
        ("$pbkdf2-sha256$1$c2FsdA$aGF=zaA", "pbkdf2"),
    ],
    ids=map(str, count()),  # two of them are hashes that are made anew in each process
)
def test_a_hash_of_a_known_form_that_would_take_too_much_or_says_nothing_is_told_by_its_form(
    written: str, form: str
) -> None:
    with pytest.raises(UnknownHash, match=f"^{form}$"):
        matches("", written)


@pytest.mark.parametrize(
    "written",
    [
        "",
        "secret",
        WORD,
        "5f4dcc3b5aa765d61d8327deb882cf99",
        "$1$salt$qJH7.N4xYta3aEG/dfqo/0",
        "$argon2id$v=19$m=99999999,t=3,p=4$c29tZXNhbHQ$aGFzaA",
        "$argon2id$v=19$m=65536,t=900,p=4$c29tZXNhbHQ$aGFzaA",
        "$argon2id$v=19$m=8,t=1,p=1$!!$!!",
        "$2b$31$" + "a" * 53,
        "$scrypt$ln=40,r=8,p=1$c2FsdA$aGFzaA",
        "$scrypt$ln=99,r=8,p=1$c2FsdA$aGFzaA",
        "scrypt:3:8:1$salt$00",
        "$pbkdf2-sha256$999999999$c2FsdA$aGFzaA",
        "pbkdf2:md5:10$salt$00",
        "pbkdf2:sha256:10$salt$0",
        "$pbkdf2-sha256$10$c2FsdA$a",
    ],
)
def test_what_is_no_hash_or_too_dear_is_nobodys(written: str) -> None:
    with pytest.raises(UnknownHash):
        matches(WORD, written)


# ── how often one may be wrong ───────────────────────────────────────────────────────────────


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def failures(attempts: Attempts, address: str, name: str, most: int = 1000) -> int:
    """How often they may be wrong before they have to wait."""
    for number in range(most):
        try:
            attempts.begin(address, name)
        except TooManyAttempts:
            return number
    return most


def test_whoever_is_wrong_too_often_waits() -> None:
    clock = Clock()
    attempts = Attempts(Buckets(clock))
    assert failures(attempts, "192.0.2.1", "ann") == 5
    assert failures(attempts, "192.0.2.1", "bob") == 5
    clock.now += 12
    assert failures(attempts, "192.0.2.1", "ann") == 1
    assert sum(failures(attempts, "192.0.2.2", str(number)) for number in range(20)) == 20
    assert failures(attempts, "192.0.2.3", "ann") == 5
    assert sum(failures(attempts, f"192.0.3.{number}", "eve") for number in range(200)) == 100
    clock.now += 3600
    assert failures(attempts, "192.0.2.1", "ann") == 5


def test_whoever_is_right_is_not_counted() -> None:
    attempts = Attempts(Buckets(Clock()))
    for _ in range(500):
        attempts.begin("192.0.2.1", "ann")
        attempts.succeed("192.0.2.1", "ann")
    assert failures(attempts, "192.0.2.1", "ann") == 5


def test_whoever_may_not_try_takes_no_room() -> None:
    buckets = Buckets(Clock())
    attempts = Attempts(buckets)
    assert sum(failures(attempts, "192.0.2.1", str(number), 1) for number in range(50)) == 20
    assert len(buckets) == 1 + 2 * 20  # the address, and of each name what is counted of it


def test_a_network_of_ipv6_is_one() -> None:
    assert network_of("2001:db8::1") == network_of("2001:db8::ffff:1") != network_of("2001:db8:0:1::1")
    assert network_of("fe80::1%eth0") == network_of("fe80::1")
    assert network_of("192.0.2.1") != network_of("192.0.2.2")


# ── a name and a password, before any table is asked ─────────────────────────────────────────


def alone() -> Basic:
    """Of a server that serves nothing, so that whoever would be looked for is an InternalError."""
    config = configured("sqlite:///x.db", (CONFIG % ""))
    assert config.auth is not None
    assert config.auth.basic is not None
    return Basic(Passwords(config.auth.basic, config, None))


@pytest.mark.parametrize("text", ["", "====", "YW5u*OngK", "YW5uOng", base64.b64encode(b"ann").decode(), "/zp4"])
async def test_what_cannot_be_read_is_nobody_and_nobody_is_looked_for(text: str) -> None:
    method, request = alone(), make_mocked_request("GET", "/")
    with pytest.raises(InvalidToken):
        await method.prove(Credential("basic", text), request)
    with pytest.raises(InternalError):
        await method.prove(Credential("basic", "YW5uOng="), request)


async def test_after_its_end_no_password_is_looked_at() -> None:
    method = alone()
    assert await method.passwords._look(WORD, HASHES["bcrypt"])
    await method.close()
    with pytest.raises(RuntimeError):
        await method.passwords._look(WORD, HASHES["bcrypt"])


# ── people ───────────────────────────────────────────────────────────────────────────────────

WORDS = {
    DatabaseKind.POSTGRESQL: ("jsonb", "boolean"),
    DatabaseKind.MARIADB: ("json", "boolean"),
    DatabaseKind.SQLITE: ("json", "boolean"),
}


@pytest.fixture
def url(databases: Databases, kind: DatabaseKind) -> str:
    document, flag = WORDS[kind]
    true = "true" if kind is DatabaseKind.POSTGRESQL else "1"
    rows = [
        (1, "ann@example", HASHES["argon2id"], "NULL"),
        (2, "bob@example", HASHES["bcrypt"], true.replace("true", "false").replace("1", "0")),
        (3, "cid@example", HASHES["PBKDF2 sha256"], true),
        (4, "dan@example", "plain text", "NULL"),
        (5, "eve@example", "", "NULL"),
    ]
    org = '\'{"org": 7, "exp": 1, "aud": "other"}\''
    values = ", ".join(f"({n}, '{name}', '{hashed}', 'user', {org}, {locked})" for n, name, hashed, locked in rows)
    return databases.database(
        kind,
        f"""
        CREATE TABLE person (id integer PRIMARY KEY, email varchar(80) NOT NULL UNIQUE, password varchar(200),
            role varchar(40), claims {document} NULL, locked {flag});
        CREATE TABLE note (id integer PRIMARY KEY, owner integer REFERENCES person (id), org integer, text varchar(40));
        INSERT INTO person VALUES {values};
        INSERT INTO note VALUES (1, 1, 7, 'of ann'), (2, 2, 7, 'of bob');
        """,
    )


def basic(name: str, password: str = WORD) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()}


async def notes(api: Served, headers: dict[str, str]) -> list[str]:
    reply = await api.get("/api/note", headers)
    assert reply.status == 200, reply.body
    return [each["text"] for each in reply.json["items"]]


async def test_a_name_and_its_password_are_somebody(url: str) -> None:
    async with served(url, CONFIG % "") as api:
        assert await notes(api, basic("ann@example")) == ["of ann"]
        assert await notes(api, basic("bob@example")) == ["of bob"]
        given = await api.post("/auth/token", {"username": "ann@example", "password": WORD})
        assert (given.status, given.json["token_type"], given.json["expires_in"]) == (200, "Bearer", 600)
        assert given.headers["Cache-Control"] == "no-store"
        bearer = {"Authorization": f"Bearer {given.json['access_token']}"}
        assert await notes(api, bearer) == ["of ann"]
        asked = await api.post("/graphql", {"query": "{note {text}}"}, bearer)
        assert asked.json == {"data": {"note": [{"text": "of ann"}]}}
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        body = b"grant_type=password&username=bob%40example&password=correct+horse%3B+b%C3%A4ttery"
        assert (await api.request("POST", "/auth/token", form, data=body)).status == 200


async def test_a_token_of_a_password_is_no_more_than_its_person(url: str) -> None:
    """Whatever stands in the person's claims or in the request, its end, its audience and its roles are the server's to say."""
    async with served(url, CONFIG % "") as api:
        asked = {"username": "ann@example", "password": WORD}
        began = time.time()
        token = (await api.post("/auth/token", asked)).json["access_token"]
        said = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
        assert (said["aud"], said["iss"], said["sub"], said["app"]["roles"]) == (
            "api",
            "https://us.example",
            "1",
            "user",
        )
        assert said["exp"] - said["iat"] == 600
        assert abs(said["iat"] - began) < 60
        for more in ({"role": "editor"}, {"claims": {"org": 8}}, {"expires_in": 999999}, {"scope": "editor"}):
            reply = await api.post("/auth/token", {**asked, **more})
            assert reply.status in {200, 422}, more
            if reply.status == 200:
                again = json.loads(base64.urlsafe_b64decode(reply.json["access_token"].split(".")[1] + "=="))
                assert {**again, "iat": 0, "exp": again["exp"] - again["iat"]} == {**said, "iat": 0, "exp": 600}, more
        chosen = await api.post("/auth/token", asked, {"X-Role": "editor"})
        assert chosen.status == 403 or "editor" not in json.dumps(chosen.json)
        lying = {"Authorization": f"Bearer {token}", "X-Role": "editor"}
        assert (await api.get("/api/note", lying)).status == 403


async def test_nobody_else_is_anybody_and_all_are_answered_alike(url: str) -> None:
    cases = [
        ("ann@example", "wrong"),
        ("ann@example", ""),
        ("nobody@example", WORD),
        ("ANN@example", WORD),
        ("ann@example ", WORD),
        ("cid@example", WORD),
        ("dan@example", "plain text"),
        ("eve@example", ""),
        ("", ""),
        ("ann@example", WORD + "\0"),
        ("ann@example", "x" * 5000),
    ]
    async with served(url, CONFIG % "") as api:
        said = set()
        for name, password in cases:
            reply = await api.get("/api/note", {**basic(name, password), "X-Request-Id": "one"})
            said.add((reply.status, reply.body))
            given = await api.post("/auth/token", {"username": name, "password": password}, {"X-Request-Id": "one"})
            said.add((given.status, given.body))
        for odd in ("", "====", base64.b64encode(b"no colon").decode(), base64.b64encode(b"\xff:x").decode()):
            reply = await api.get("/api/note", {"Authorization": f"Basic {odd}", "X-Request-Id": "one"})
            said.add((reply.status, reply.body))
        assert len(said) == 1
        assert next(iter(said))[0] == 401


async def test_what_is_no_name_and_password_is_told(url: str) -> None:
    async with served(url, CONFIG % "") as api:
        bodies: list[object] = [
            [],
            {},
            {"username": "ann@example"},
            {"username": 1, "password": "x"},
            {"user": "x", "password": "y"},
        ]
        for body in bodies:
            reply = await api.post("/auth/token", body)
            assert (reply.status, reply.code) == (422, "invalid_request"), body
        other = {"username": "ann@example", "password": WORD, "grant_type": "client_credentials"}
        assert (await api.post("/auth/token", other)).status == 422
        assert (
            await api.request("POST", "/auth/token", data=b"{", headers={"Content-Type": "application/json"})
        ).status == 400
        assert (
            await api.request("POST", "/auth/token", data=b"x", headers={"Content-Type": "text/plain"})
        ).status == 415
        form = "application/x-www-form-urlencoded"
        for charset in ("", "; charset=nosuch", "; charset=base64", "; charset=utf-16", "; charset=\xff"):
            headers = {"Content-Type": form + charset}
            for data, status in (
                (b"username=\xff&password=x", 400),
                (b"username=%ff&password=x", 400),
                (b"username=a&username=b&password=x", 422),
                (b"a=b&" * 500, 400),
            ):
                reply = await api.request("POST", "/auth/token", data=data, headers=headers)
                assert reply.status == status, (charset, data[:30])
            reply = await api.request("POST", "/auth/token", data=b"username=nobody&password=x", headers=headers)
            assert reply.status == 401, charset
        assert (await api.get("/auth/token")).status == 405
        page = {"Origin": "https://evil.example"}
        assert (await api.post("/auth/token", {"username": "ann@example", "password": WORD}, page)).status == 403
    async with served(url, "auth: {anonymous_role: guest}\nroles: {guest: {}}") as api:
        assert (await api.post("/auth/token", {"username": "ann@example", "password": WORD})).status == 404


async def test_whoever_is_wrong_too_often_waits_and_another_address_in_a_header_is_no_way_around(url: str) -> None:
    async with served(url, CONFIG % "") as api:
        for number in range(5):
            reply = await api.get(
                "/api/note", {**basic("ann@example", "wrong"), "X-Forwarded-For": f"192.0.2.{number}"}
            )
            assert reply.status == 401
        for path in ("/api/note", "/rest/v1/note", "/graphql?query={note{id}}"):
            reply = await api.get(path, {**basic("ann@example", "wrong"), "X-Forwarded-For": "192.0.2.99"})
            assert reply.status == 429, path
            assert path != "/api/note" or 0 < int(reply.headers["Retry-After"]) <= 13
        assert (await api.get("/api/note", basic("ann@example"))).status == 429
        assert await notes(api, basic("bob@example")) == ["of bob"]


async def test_wrong_passwords_are_counted_on_when_the_configuration_is_read_again(url: str, tmp_path: Path) -> None:
    secret = "the-administrators-secret-of-many-letters"
    text = "version: 1" + (CONFIG % "").replace("auth:\n", f"auth:\n  admin_role: editor\n  admin_secret: {secret}\n")
    file = tmp_path / "config.yaml"
    file.write_text(text)
    async with reloadable(url, file) as api:
        for _ in range(5):
            assert (await api.get("/api/note", basic("ann@example", "wrong"))).status == 401
        file.write_text(f"{text}limits: {{depth: 5}}\n")
        reply = await api.post("/admin/reload", None, {"X-Reflector-Admin-Secret": secret})
        assert reply.json["changed"] == ["limits.depth"]
        assert (await api.get("/api/note", basic("ann@example", "wrong"))).status == 429


async def test_whoever_is_locked_out_is_out_within_seconds(url: str) -> None:
    true = "true" if url.startswith("postgres") else "1"
    async with served(url, CONFIG % "") as api:
        assert await notes(api, basic("ann@example")) == ["of ann"]
        assert await notes(api, basic("bob@example")) == ["of bob"]
        changed = f"UPDATE person SET password = '{QUICK.hash('another')}' WHERE id = 2"
        await run(url, f"UPDATE person SET locked = {true} WHERE id = 1", changed)

        async def refused(name: str) -> bool:
            return (await api.get("/api/note", basic(name))).status == 401

        assert await eventually(lambda: refused("ann@example"), 10)
        assert await eventually(lambda: refused("bob@example"), 10)
        assert await notes(api, basic("bob@example", "another")) == ["of bob"]


# ── the table ────────────────────────────────────────────────────────────────────────────────


async def test_the_table_of_people_is_nobodys(url: str) -> None:
    async with served(url, CONFIG % "" + '  "*": {allow: {editor: {read: true}}}\n') as api:
        assert (await api.get("/api/person", basic("ann@example"))).code == "unknown_table"
    with pytest.raises(ConfigError, match="person is read to know who calls"):
        async with served(url, CONFIG % "" + "  person: {allow: {user: {read: true}}}"):
            pass


async def test_one_that_is_served_as_well_keeps_what_proves_people_and_what_they_are(url: str) -> None:
    opened = (
        CONFIG % ", served: true" + "  person: {allow: {user: {read: true, create: true, update: id == claims.sub}}}"
    )
    async with served(url, opened) as api:
        me = basic("ann@example")
        reply = await api.get("/api/person/1", me)
        assert (reply.status, "password" in reply.json, reply.json["email"]) == (200, False, "ann@example")
        for path in (
            "/api/person?password__startswith=a",
            "/api/person?sort=password",
            "/rest/v1/person?select=password",
        ):
            assert (await api.get(path, me)).status in {400, 422}, path
        for member in ("role", "password", "email", "id", "locked"):
            reply = await api.patch("/api/person/1", {member: "x"}, me)
            assert (reply.status, reply.code) == (422, "unknown_column"), member
        assert b"password" not in (await api.get("/openapi.json", me)).body


async def test_one_table_is_not_read_for_two_things(url: str) -> None:
    """What is served of people would be served of keys."""
    keys = "api_keys: {table: person, columns: {key_hash: email}}"
    twice = (CONFIG % ", served: true").replace("  anonymous_role", f"  {keys}\n  anonymous_role")
    with pytest.raises(ConfigError, match="person is read for two things"):
        async with served(url, twice):
            pass


@pytest.mark.parametrize(
    ("auth", "complaint"),
    [
        ("{basic: {table: person}}", "auth.basic: needs auth.jwt.secret"),
        ("{basic: {}}", "auth.basic.table: is required"),
        ("{basic: {table: person, default_role: usr}}", "auth.basic.default_role: there is no role 'usr'"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(auth: str, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        configured("sqlite:///x.db", f"auth: {auth}\nroles: {{user: {{}}}}")
