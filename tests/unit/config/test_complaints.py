"""A wrong configuration is refused with everything that is wrong with it, each with its place."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from server.config import ConfigError, Flags, load, understood
from server.config.reading import LARGEST_FILE
from tests.unit.config.conftest import ENVIRONMENT, NO_FLAGS, SAMPLE, Loader

SHORT_KEY = "is too short for a secret: at least 32 bytes"
PUBLISHED = (
    "is the published key of the sample, which everybody can sign with; set JWT_SECRET, or serve this machine alone"
)


def complaints(
    loaded: Loader, content: str | bytes, environ: Mapping[str, str] | None = None, flags: Flags = NO_FLAGS
) -> list[str]:
    """What is said about a file, its name left out."""
    with pytest.raises(ConfigError) as caught:
        loaded(content, environ or {}, flags)
    return [str(each).rpartition("config.yaml:")[2] for each in caught.value.complaints]


BAD = {
    "an unknown section": ("version: 1\nserevr: {}\n", ["2:1: serevr: unknown setting; did you mean 'server'?"]),
    "an unknown setting far from all others": (
        "version: 1\nserver: {cors: {zzz: 1}}\n",
        ["2:17: server.cors.zzz: unknown setting; known: origins"],
    ),
    "what comes later": (
        "version: 1\ntables: {t: {cache: {ttl: 1s, etag: x}}}\n",
        [
            "2:31: tables.t.cache.etag: this version has no such setting; leave it out",
        ],
    ),
    "who is told the schema of GraphQL": (
        "version: 1\nauth: {anonymous_role: guest}\nroles: {guest: {}}\ngraphql: {introspection: [guest, gest], tokens: 5}\n",
        [
            "4:34: graphql.introspection[1]: there is no role 'gest'; did you mean 'guest'?",
            "4:49: graphql.tokens: must be a whole number from 100 to 10000",
        ],
    ),
    "what GraphQL cannot be told": (
        "version: 1\ngraphql: {introspection: [], root_fields: 101, batch: 0, document: 1MiB, depth: 1, introspecton: 1}\n",
        [
            "2:26: graphql.introspection: must be true, false, a role or a list of roles",
            "2:43: graphql.root_fields: must be a whole number from 1 to 100",
            "2:55: graphql.batch: must be a whole number from 1 to 100",
            "2:68: graphql.document: must be at most 256KiB",
            "2:74: graphql.depth: unknown setting; it is limits.depth",
            "2:84: graphql.introspecton: unknown setting; did you mean 'introspection'?",
        ],
    ),
    "a role alone": (
        "version: 1\nroles: {guest: {}}\ngraphql: {introspection: guets}\n",
        ["3:11: graphql.introspection: there is no role 'guets'; did you mean 'guest'?"],
    ),
    "a role and a comma": (
        "version: 1\nroles: {user: {}}\ngraphql: {introspection: 'user,'}\n",
        ["3:26: graphql.introspection: must be true, false, a role or a list of roles"],
    ),
    "a switch of older YAML": (
        "version: 1\nroles: {user: {}}\ngraphql: {introspection: yes}\n",
        ["3:11: graphql.introspection: there is no role 'yes'; did you mean true?"],
    ),
    "paths of claims that lead nowhere": (
        (
            "version: 1\nauth:\n  jwt:\n"
            "    - {secret: a-signing-key-of-forty-letters-at-least, issuer: a, role_claim: /~2, usual_role_claim: a..b}\n"
            "    - {secret: a-signing-key-of-forty-letters-at-least, issuer: b, role_claim: /a//b, namespace: https://x..y/z}\n"
            "    - {secret: a-signing-key-of-forty-letters-at-least, issuer: c, role_claim: /a~1b/c~0, usual_role_claim: .a}\n"
            "  webhook: {url: 'https://who.example.com', role_claim: a.}\nroles: {user: {}}\n"
        ),
        [
            "4:80: auth.jwt[0].role_claim: is no JSON pointer: /claims/role, where ~1 is a slash in a name and ~0 a tilde",
            "4:103: auth.jwt[0].usual_role_claim: has a dot without a name beside it: names have dots between them, as in realm_access.roles",
            "5:80: auth.jwt[1].role_claim: is no JSON pointer: /claims/role, where ~1 is a slash in a name and ~0 a tilde",
            "6:109: auth.jwt[2].usual_role_claim: has a dot without a name beside it: names have dots between them, as in realm_access.roles",
            "7:57: auth.webhook.role_claim: has a dot without a name beside it: names have dots between them, as in realm_access.roles",
        ],
    ),
    "no key among the keys": (
        "version: 1\nauth: {api_keys: {keys: {}}}\nroles: {user: {}}\n",
        ["2:8: auth.api_keys: says nothing: name table, keys or both"],
    ),
    "a role that is called as callers without a credential are": (
        (
            "version: 1\nauth: {anonymous_role: guest}\nroles: {guest: {}, anonymous: {}}\n"
            "tests:\n  - {as: anonymous, read: a, rows: 0}\n  - {as: {role: anonymous}, read: a, rows: 0}\n"
            "  - {read: a, rows: 0}\n  - {as: [guest, anonymous], tests: [{read: a, rows: 0}]}\n"
        ),
        [
            "5:6: tests[0].as: means callers without a credential, and there is a role of this name; {role: anonymous} is the role; leave as out for callers without a credential",
            "8:38: tests[3].tests[0].as: means callers without a credential, and there is a role of this name; {role: anonymous} is the role; leave as out for callers without a credential",
        ],
    ),
    "answers kept for no time": (
        "version: 1\ncache: {memory: 1MiB}\ntables:\n  a: {cache: true}\n  b: {cache: {public: true, stale: 1s}}\n  c: {cache: false}\n",
        [
            "4:7: tables.a.cache: needs a ttl; say it here, or for all tables as cache.ttl",
            "5:7: tables.b.cache: needs a ttl; say it here, or for all tables as cache.ttl",
        ],
    ),
    "old answers of no table": (
        "version: 1\ncache: {stale: 5s}\ntables: {c: {cache: false}}\n",
        ["2:9: cache.stale: says nothing: no table's answers are kept; name cache.ttl, or a cache of a table"],
    ),
    "times of kept answers": (
        "version: 1\ncache: {ttl: 0s, stale: 25h}\ntables: {c: {cache: {ttl: -1s, stale: 5}}, d: {cache: 30s}}\n",
        [
            "2:14: cache.ttl: must be longer than nothing and at most 24h",
            "2:25: cache.stale: must be longer than nothing and at most 24h",
            "3:27: tables.c.cache.ttl: must be a duration with its unit, such as 500ms, 2s, 5m or 1h",
            "3:39: tables.c.cache.stale: must be a duration with its unit, such as 500ms, 2s, 5m or 1h",
            "3:55: tables.d.cache: must be a mapping of: ttl, stale, public",
        ],
    ),
    "a setting that stands elsewhere": (
        "version: 1\nlimits: {body: 1MiB}\nwritable: true\n",
        [
            "2:10: limits.body: unknown setting; it is server.body",
            "3:1: writable: unknown setting; it is the flag --writable",
        ],
    ),
    "no version": ("server: {}\n", ["1:1: version: is required"]),
    "another version": ("version: 2\n", ["1:10: version: must be 1: this release reads version 1 of the file"]),
    "no workers": (
        "version: 1\nserver: {workers: 0}\n",
        ["2:19: server.workers: must be a whole number from 1 to 64"],
    ),
    "duplicates, all of them": (
        "version: 1\nserver:\n  port: 1\n  port: 2\n  host: a\n  port: 3\nserver: {}\n",
        [
            "4:3: server.port: is given twice: first on line 3",
            "6:3: server.port: is given twice: first on line 3",
            "7:1: server: is given twice: first on line 2",
        ],
    ),
    "values of the wrong kind": (
        (
            "version: 1\n"
            "database: {pool: 5, timeout: 10, watch: soon, schemas: a, exclude: [1]}\n"
            "server: {port: 65536, body: 1MB, cors: {origins: ['*', 'null', 'https://a.b/', 'HTTPS://a']}}\n"
            "defaults: {read: yes, columns: some}\n"
            "limits: {rows: 0, depth: 1.5, terms: true, list: '1e3'}\n"
        ),
        [
            "2:18: database.pool: must be a mapping of: max, wait, lifetime, idle",
            "2:30: database.timeout: must be a duration with its unit, such as 500ms, 2s, 5m or 1h",
            "2:41: database.watch: must be a duration with its unit, such as 500ms, 2s, 5m or 1h, or off",
            "2:56: database.schemas: must be a list",
            "2:69: database.exclude[0]: must be text: put it in quotes",
            "3:16: server.port: must be a whole number from 0 to 65535",
            "3:29: server.body: must be a size with its unit, such as 512B, 64KiB or 1MiB",
            *(
                f"3:{column}: server.cors.origins[{index}]: must be an exact origin such as https://app.example.com:"
                " scheme, host in small letters, port"
                for index, column in enumerate((51, 56, 64, 80))
            ),
            "4:18: defaults.read: must be true or false",
            "4:32: defaults.columns: must be 'all' or 'listed'",
            "5:16: limits.rows: must be a whole number from 1 to 1000000",
            "5:26: limits.depth: must be a whole number from 1 to 32",
            "5:38: limits.terms: must be a whole number from 1 to 10000",
            "5:50: limits.list: must be a whole number from 1 to 1000000",
        ],
    ),
    "settings without a value": (
        "version: 1\nserver:\n  secret:\n  token: ~\nauth:\ntables:\n",
        [
            "3:3: server.secret: has no value: give one, or leave the setting out",
            "4:10: server.token: has no value: give one, or leave the setting out",
            "5:1: auth: has no value: give one, or leave the setting out",
            "6:1: tables: has no value: give one, or leave the setting out",
        ],
    ),
    "secrets too short, empty, missing": (
        "version: 1\nserver: {secret: abc, token: ' '}\nauth: {jwt: {audience: a}}\n",
        [
            f"2:18: server.secret: {SHORT_KEY}",
            "2:30: server.token: is an empty secret",
            "3:8: auth.jwt: needs a key to hold tokens against; name secret, keys or jwks",
        ],
    ),
    "issuers without keys, with two, without a name, with the same": (
        (
            "version: 1\nauth:\n  jwt:\n    - {audience: a, issuer: one}\n"
            "    - {secret: " + "x" * 32 + ", jwks: https://id.example/keys, issuer: one}\n"
            "    - {jwks: http://id.example/keys, algorithms: [HS256, RS257], leeway: 31s}\n"
            "    - {jwks: https://id.example/keys, algorithms: HS256, issuer: two}\n"
        ),
        [
            "4:7: auth.jwt[0]: needs a key to hold tokens against; name secret, keys or jwks",
            "5:50: auth.jwt[1].jwks: is said by secret already; an issuer has its keys from one place",
            "5:81: auth.jwt[1].issuer: is the name of an issuer above already",
            "6:7: auth.jwt[2]: needs an issuer: tokens of several are told apart by it",
            "6:14: auth.jwt[2].jwks: must be an address such as https://id.example.com/keys; http is for this machine alone",
            "6:38: auth.jwt[2].algorithms: names one that is for a shared secret, and there is jwks",
            (
                "6:58: auth.jwt[2].algorithms[1]: must be 'HS256', 'HS384', 'HS512', 'RS256', 'RS384', 'RS512', 'PS256',"
                " 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519' or 'Ed448'"
            ),
            "6:74: auth.jwt[2].leeway: must be at most 30s",
            "7:39: auth.jwt[3].algorithms: names one that is for a shared secret, and there is jwks",
        ],
    ),
    "the key of the sample, among others": (
        "version: 1\nserver: {host: 0.0.0.0}\nauth:\n  jwt:\n"
        "    - {issuer: one, secret: everybody-knows-this-key-of-the-bookshop}\n"
        "    - {issuer: two, secret: [" + "x" * 32 + ", everybody-knows-this-key-of-the-bookshop]}\n",
        [
            f"5:21: auth.jwt[0].secret: {PUBLISHED}",
            f"6:64: auth.jwt[1].secret[1]: {PUBLISHED}",
        ],
    ),
    "leeway beyond reason": (
        "version: 1\nauth: {jwt: {secret: " + "x" * 32 + ", leeway: 31s}}\n",
        ["2:64: auth.jwt.leeway: must be at most 30s"],
    ),
    "auth that says nothing": (
        "version: 1\nauth: {}\n",
        ["2:1: auth: says nothing of who calls; name a way of proving it, such as jwt or api_keys, or anonymous_role"],
    ),
    "roles nobody declared": (
        "version: 1\n"
        "auth: {anonymous_role: gust, jwt: {secret: " + "x" * 32 + ", default_role: usr}}\n"
        "roles:\n  guest: {}\n  user: {extends: [guest, nobody]}\n  boss: {extends: uzer}\n"
        "tables: {t: {allow: {geust: {read: true}}}}\n",
        [
            "2:8: auth.anonymous_role: there is no role 'gust'; did you mean 'guest'?",
            "2:78: auth.jwt.default_role: there is no role 'usr'; did you mean 'user'?",
            "5:27: roles.user.extends[1]: there is no role 'nobody'; declare it under roles",
            "6:10: roles.boss.extends: there is no role 'uzer'; did you mean 'user'?",
            "7:22: tables.t.allow.geust: there is no role 'geust'; did you mean 'guest'?",
        ],
    ),
    "roles in circles, each circle once": (
        "version: 1\nroles:\n  a: {extends: b}\n  b: {extends: [c, a]}\n  c: {}\n  d: {extends: d}\n  e: {extends: a}\n",
        [
            "3:7: roles.a.extends: extends itself: a → b → a",
            "6:7: roles.d.extends: extends itself: d → d",
        ],
    ),
    "odd names of roles and policies": (
        "version: 1\nroles: {'a,b': {}}\npolicies: {in: x, 'a b': y}\n",
        [
            '2:9: roles."a,b": a role\'s name is made of letters, digits and _ - . :',
            "3:12: policies.in: 'in' is a word of the rule language, and no name of a policy",
            '3:19: policies."a b": a policy\'s name is one word: letters, digits and _',
        ],
    ),
    "allow without anybody": (
        "version: 1\nroles: {a: {}}\ntables: {t: {allow: {a: {read: true}}}}\n",
        [
            (
                "3:14: tables.t.allow: allows roles something, and nobody can have a role;"
                " configure auth.jwt or auth.anonymous_role"
            )
        ],
    ),
    "names of tables": (
        "version: 1\ntables:\n  'a*': {name: b}\n  c: {name: d}\n  e: {name: d, columns: {x: shown}}\n",
        [
            '3:10: tables."a*".name: one name cannot stand for all tables of a pattern',
            "5:7: tables.e.name: the table 'c' has this name already",
            "5:29: tables.e.columns.x: must be 'hidden'; what is shown in part stands under allow, in mask",
        ],
    ),
    "words of others for what a role may do": (
        (
            "version: 1\nroles:\n  a:\n  b: {}\n  c: {}\nauth: {anonymous_role: b}\ntables:\n  t:\n    allow:\n      b: {select: true, insert: true, write: true}\n"
            "      c: {create: {filter: true, check: true, set: {}}, update: {filter: true, set: {}}}\n"
        ),
        [
            "3:3: roles.a: has no value: write {} where there is nothing to say of a role",
            "10:11: tables.t.allow.b.select: unknown setting; it is read",
            "10:25: tables.t.allow.b.insert: unknown setting; it is create",
            "10:39: tables.t.allow.b.write: unknown setting; it is create, update and delete",
            "11:20: tables.t.allow.c.create.filter: unknown setting; it is check",
            "11:47: tables.t.allow.c.create.set: unknown setting; it is presets",
            "11:80: tables.t.allow.c.update.set: unknown setting; it is presets",
        ],
    ),
    "what a role may do": (
        (
            "version: 1\nauth: {anonymous_role: a}\nroles: {a: {}}\ntables:\n  t:\n    allow:\n      a:\n"
            "        read: {filtr: x}\n"
            "        create: {columns: [a, b, a], presets: {b: 1}}\n"
            "        update: [x]\n"
            "        delete: ''\n"
            "        aggregate: maybe\n"
            "        mask: {a: hiden, b: [], c: {mask: last5, unless: a}, d: {null_unless: 'x =='}, e: hash}\n"
            "        reed: true\n"
        ),
        [
            "8:9: tables.t.allow.a.read.filter: is required",
            "8:16: tables.t.allow.a.read.filtr: unknown setting; did you mean 'filter'?",
            "9:9: tables.t.allow.a.create.check: is required",
            "9:34: tables.t.allow.a.create.columns[2]: names a column a second time",
            "9:48: tables.t.allow.a.create.presets.b: is preset, and among the columns a caller may give",
            "10:17: tables.t.allow.a.update: must be a rule, true, false or a mapping of: filter, check, columns, presets",
            "11:17: tables.t.allow.a.delete: is an empty rule: write a rule, true or false",
            "12:20: tables.t.allow.a.aggregate: must be true or false",
            "13:19: tables.t.allow.a.mask.a: must be partial, last4, hash, hidden, {mask: one of them, unless: rule} or {null_unless: rule}: did you mean 'hidden'?",
            "13:29: tables.t.allow.a.mask.b: must be partial, last4, hash, hidden, {mask: one of them, unless: rule} or {null_unless: rule}",
            "13:36: tables.t.allow.a.mask.c: must be partial, last4, hash, hidden, {mask: one of them, unless: rule} or {null_unless: rule}: did you mean 'last4'?",
            "13:80: tables.t.allow.a.mask.d.null_unless: this is not a rule",
            "13:88: tables.t.allow.a.mask.e: needs server.secret, which the hashes are made with",
            "14:9: tables.t.allow.a.reed: unknown setting; did you mean 'read'?",
        ],
    ),
    "columns beside what is not there": (
        (
            "version: 1\nauth: {anonymous_role: a}\nroles: {a: {}, b: {}, c: {}}\ntables:\n  t:\n    allow:\n"
            "      a: {columns: [x]}\n      b: {read: {filter: x, columns: [y]}, columns: [z]}\n      c: {read: p, columns: [y, 3]}\n"
        ),
        [
            "7:10: tables.t.allow.a: has columns without read: name the columns inside create or update",
            "8:10: tables.t.allow.b: has columns inside read and beside it: keep one",
            "9:33: tables.t.allow.c.columns[1]: must be text: put it in quotes",
        ],
    ),
    "relationships": (
        "version: 1\nrelationships:\n  a: {rename: x}\n  a.b: {}\n  a.c: {to: t, rename: y}\n  a.d: {to: t}\n  a.e: {to: t, join: {}}\n",
        [
            "3:3: relationships.a: must be written as table.name",
            '4:3: relationships."a.b": needs either to and join, or rename',
            '5:3: relationships."a.c": needs either to and join, or rename',
            '6:3: relationships."a.d": needs both to and join, and join at least one pair of columns',
            '7:3: relationships."a.e": needs both to and join, and join at least one pair of columns',
        ],
    ),
    "names that would not be one": (
        (
            "version: 1\ntables:\n  a: {name: a.b}\n  b: {name: ''}\n  c: {name: 'a,b'}\n  d: {name: a/b}\n  e: {name: '-x'}\n"
            "relationships:\n  a.x: {rename: y.z}\n  'a.y:z': {to: b, join: {x: y}}\n  main.a.z: {rename: ok}\n"
        ),
        [
            "3:7: tables.a.name: a served name is one word: letters, digits, _ and -",
            "4:13: tables.b.name: must be text of 1 to 255 letters, without line breaks and spaces around it",
            "5:7: tables.c.name: a served name is one word: letters, digits, _ and -",
            "6:7: tables.d.name: a served name is one word: letters, digits, _ and -",
            "7:7: tables.e.name: a served name is one word: letters, digits, _ and -",
            '9:9: relationships."a.x".rename: a served name is one word: letters, digits, _ and -',
            '10:3: relationships."a.y:z": a served name is one word: letters, digits, _ and -',
        ],
    ),
    "policies named like words of the rule language": (
        "version: 1\npolicies:\n  now: x\n  exists: true\n  'true': {a: {_eq: 1}}\n  None: x\n  Lower: x\n",
        [
            f"{line}:3: policies.{name}: '{name}' is a word of the rule language, and no name of a policy"
            for line, name in enumerate(("now", "exists", "true", "None", "Lower"), 3)
        ],
    ),
    "rules that are none, and settings, at once": (
        (
            "version: 1\nserver: {prot: 1}\nauth: {anonymous_role: a}\nroles: {a: {}}\n"
            "policies:\n  spare: a = 1\n  one: other\n  other: one or x\n"
            "tables:\n  t:\n    allow:\n      a:\n"
            '        read: {filter: "1 == 2 or nothing() and a", columns: [1]}\n'
            "        create: {check: a ==, presets: {b: c, d: claims.sub, e: 5, f: now}}\n"
            "        update: {filter: 'a < 1 < 2', check: 'c'}\n"
            "        delete: a AND b\n"
        ),
        [
            "2:10: server.prot: unknown setting; did you mean 'port'?",
            "6:12: policies.spare: this is not a rule; == compares",
            "7:3: policies.one: policy 'one' leads back to itself",
            "8:3: policies.other: policy 'other' leads back to itself",
            (
                "13:25: tables.t.allow.a.read.filter: a comparison needs a column on one side;"
                " for what somebody is there are roles"
            ),
            (
                "13:35: tables.t.allow.a.read.filter: there is no function 'nothing';"
                " a policy is written without ( ): nothing"
            ),
            "13:63: tables.t.allow.a.read.columns[0]: must be text: put it in quotes",
            "14:25: tables.t.allow.a.create.check: this is not a rule",
            (
                "14:44: tables.t.allow.a.create.presets.b: a preset is a constant, claims.x, now() or today();"
                " put texts in quotes: 'draft'"
            ),
            (
                "14:71: tables.t.allow.a.create.presets.f: a preset is a constant, claims.x, now() or today();"
                " put texts in quotes: 'draft'"
            ),
            "15:35: tables.t.allow.a.update.filter: comparisons cannot be chained; join two of them with and",
            "16:19: tables.t.allow.a.delete: this is not a rule; write and, or, not in lower case",
        ],
    ),
    "rules on several lines": (
        (
            "version: 1\npolicies:\n  a: |\n    x == 1 and\n    1 == 2 and\n    3 == 4\n"
            '  b: >-\n    x == 1 and\n    1 == 2\n  c:\n    x == 1 and\n    1 == 2\n  d: "x == 1 and\n    1 == 2"\n'
        ),
        [
            f"{place}: policies.{name}: a comparison needs a column on one side; for what somebody is there are roles"
            for place, name in (("5:1", "a"), ("6:1", "a"), ("8:1", "b"), ("11:5", "c"), ("13:7", "d"))
        ],
    ),
    "references without a value": (
        (
            "version: 1\n"
            "database: {url: '${A}', schemas: ['${B:?name the schema}', '${C}${D}']}\n"
            "server: {secret: '${x y}'}\n"
            "tables: {'${T}': {}}\n"
        ),
        [
            "2:17: database.url: refers to the environment variable A, which is not set",
            "2:35: database.schemas[0]: refers to the environment variable B, which is not set: name the schema",
            (
                "2:60: database.schemas[1]: refers to the environment variable C, which is not set;"
                " refers to the environment variable D, which is not set"
            ),
            (
                "3:18: server.secret: has a '${' that is no reference: ${NAME}, ${NAME:-default} or ${NAME:?message};"
                " write $${ for the text"
            ),
            '4:10: tables."${T}": refers to the environment in a key; references stand in values only',
        ],
    ),
    "references in one another, and what is none": (
        (
            "version: 1\nserver: {secret: $REFLECTOR_SECRET_OF_SERVERS_AND_CURSORS, host: '$$HOST', url: '${A:-${B}}'}\n"
            "auth: {jwt: {secret: '${C:?${D}}', audience: '${E', issuer: '${F-x}'}, anonymous_role: $ROLE}\n"
        ),
        [
            "2:18: server.secret: is no reference: write ${NAME} for the variable, $$NAME for the text",
            "2:66: server.host: must be a host name or address without port; IPv6 in brackets",
            "2:81: server.url: has a reference inside another: one variable has one default, and that is text",
            "3:22: auth.jwt.secret: has a reference inside another: one variable has one default, and that is text",
            *(
                f"3:{column}: auth.jwt.{name}: has a '${{' that is no reference: ${{NAME}}, ${{NAME:-default}} or ${{NAME:?message}};"
                " write $${ for the text"
                for column, name in ((46, "audience"), (61, "issuer"))
            ),
            "3:88: auth.anonymous_role: is no reference: write ${NAME} for the variable, $$NAME for the text",
        ],
    ),
    "tags, merge keys, keys that are no text": (
        (
            "version: 1\nbase: &b {x: 1}\nserver: {<<: *b, port: !!python/name:os.system x, host: !env H}\n"
            "tables: {1: {}, true: {}, ~: {}, [a]: {}}\n"
        ),
        [
            "2:1: base: unknown setting; did you mean 'database'?",
            '3:10: server."<<": unknown setting; merge keys are not accepted: repeat the settings',
            "3:24: server.port: has a YAML tag, and tags are not accepted",
            "3:57: server.host: has a YAML tag, and tags are not accepted",
            *(
                f"4:{column}: tables: has a key that is not text; write a name; put numbers, true and null in quotes"
                for column in (10, 17, 27, 34)
            ),
        ],
    ),
    "an empty file": ("", ["1:1: the file is empty; the least it may say is: version: 1"]),
    "comments only": ("# later\n", ["1:1: the file is empty; the least it may say is: version: 1"]),
    "a list": ("- version: 1\n", ["1:1: the file must be a mapping of sections (name: value)"]),
    "two documents": (
        "version: 1\n---\nversion: 1\n",
        ["2:1: this is not YAML: the file holds more than one document"],
    ),
    "no YAML": (
        "version: 1\nserver: {port: 1\n",
        ["3:1: this is not YAML: expected ',' or '}'"],
    ),
    "a list in a rule without quotes": (
        "version: 1\ntables: {t: {allow: {a: {read: id in [3, 4]}}}}\n",
        [
            "2:38: this is not YAML: expected ',' or '}'; inside {…} and […] a text with a comma or a bracket stands in quotes"
        ],
    ),
    "a tab": (
        "version: 1\nroles:\n\ta: {}\n",
        [
            "3:1: this is not YAML: found character that cannot start any token; lines are indented by spaces, not by tabs"
        ],
    ),
    "a reference that needs quotes": (
        "version: 1\ndatabase: {url: ${DB}}\n",
        [("2:18: this is not YAML: expected ',' or '}'; inside {…} and […] write a reference in quotes: \"${NAME}\"")],
    ),
    "an alias of nothing": (
        "version: 1\nserver: *nothing\n",
        ["2:9: server: is an alias (*name) of nothing that stands above it"],
    ),
    "an anchor twice": (
        "version: 1\nroles: {a: &r {limits: {depth: 1}}, b: &r {limits: {depth: 2}}, c: *r}\n",
        ["2:40: roles.b: has an anchor (&name) that is given twice"],
    ),
    "a break of older YAML": (
        "version: 1\n# a\u2028tables: {}\n",
        [
            (
                "2:1: the file holds a letter that older YAML takes for a line break;"
                " write it as \\N, \\L or \\P in double quotes"
            )
        ],
    ),
    "tags that say what is there anyway": (
        "version: !!int 1\ntables: !!map {}\n!!str policies: {}\n",
        [
            "1:10: version: has a YAML tag, and tags are not accepted",
            "2:9: tables: has a YAML tag, and tags are not accepted",
            "3:1: has a key with a YAML tag, and tags are not accepted; write the name alone",
        ],
    ),
    "another encoding": (b"version: 1\n# \xe9\n", ["2:1: the file is not UTF-8"]),
    "a control character": (b"version: 1\na: \x07\n", ["2:1: the file holds a character that YAML does not allow"]),
    "depth": ("a:\n" + " [\n" * 3000, ["1:1: the file unfolds to more than 100000 values, 64 levels or 8 MiB of text"]),
    "depth under a name": (
        "a: &a\n" + " [\n" * 3000,
        ["1:1: the file unfolds to more than 100000 values, 64 levels or 8 MiB of text"],
    ),
    "depth of what is no mapping": (
        "[" * 1_000_000,
        ["1:1: the file unfolds to more than 100000 values, 64 levels or 8 MiB of text"],
    ),
    "an alias inside itself": (
        "version: 1\ntables: &t {a: *t}\n",
        ["1:1: the file unfolds to more than 100000 values, 64 levels or 8 MiB of text"],
    ),
    "aliases that multiply": (
        "version: 1\na: &a [x,x,x,x,x,x,x,x,x,x]\n"
        + "".join(f"{b}: &{b} [{','.join(['*' + a] * 10)}]\n" for a, b in zip("abcdef", "bcdefg", strict=True)),
        ["1:1: the file unfolds to more than 100000 values, 64 levels or 8 MiB of text"],
    ),
    "size": ("#" * (LARGEST_FILE + 1), ["1:1: the file is larger than 1024 KiB"]),
}


@pytest.mark.parametrize(("content", "said"), BAD.values(), ids=BAD.keys())
def test_every_mistake_is_told_with_its_place(loaded: Loader, content: str | bytes, said: list[str]) -> None:
    assert complaints(loaded, content) == said


@pytest.mark.parametrize("content", [each for each, _ in BAD.values() if isinstance(each, str)])
def test_whatever_can_be_understood_of_a_file_is(tmp_path: Path, content: str) -> None:
    (tmp_path / "config.yaml").write_text(content)
    config, told = understood(tmp_path / "config.yaml", {}, NO_FLAGS)
    assert told
    readable = not any(words in str(each) for each in told for words in UNREADABLE)
    assert (config is not None) == readable
    if config is not None:
        assert config.version == 1


UNREADABLE = (
    "not YAML",
    "is empty; the least",
    "must be a mapping of sections",
    "older YAML",
    "unfolds to",
    "does not allow",
    "larger than",
)


def test_a_syntax_error_leaves_the_environment_judged_too(loaded: Loader) -> None:
    assert complaints(loaded, "a: [\n", {"REFLECTOR_PROT": "1"})[1:] == [
        "environment variable REFLECTOR_PROT: is unknown; did you mean 'REFLECTOR_PORT'?"
    ]


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        (
            {"REFLECTOR_PORT": "x"},
            "environment variable REFLECTOR_PORT: server.port: must be a whole number from 0 to 65535",
        ),
        (
            {"REFLECTOR_TOKEN": ""},
            "environment variable REFLECTOR_TOKEN: server.token: is set, but empty; unset it, or give it a value",
        ),
        (
            {"REFLECTOR_TOKEN": "short"},
            "environment variable REFLECTOR_TOKEN: server.token: is too short for a secret: at least 16 bytes",
        ),
        ({"REFLECTOR_WRITABLE": "1"}, "environment variable REFLECTOR_WRITABLE: must be true or false"),
        ({"REFLECTOR_TABLES": "a"}, "environment variable REFLECTOR_TABLES: is unknown"),
        (
            {"DATABASE_URL": "postgrse://u:p@h/d"},
            (
                "environment variable DATABASE_URL: database.url: cannot be read:"
                " the database URL has an unknown scheme 'postgrse' (did you mean 'postgres'?)"
            ),
        ),
        (
            {"REFLECTOR_AUTH_JWT_AUDIENCE": "api"},
            (
                "environment variable REFLECTOR_AUTH_JWT_AUDIENCE: auth.jwt: needs a key to hold tokens against;"
                " name secret, keys or jwks"
            ),
        ),
    ],
)
def test_a_wrong_variable_is_a_complaint(
    environ: dict[str, str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError) as caught:
        load(None, environ, Flags())
    assert [str(each).partition("; did")[0] for each in caught.value.complaints] == [said]


@pytest.mark.parametrize(
    "name",
    ["REFLECTOR_TOKN", "REFLECTR_TOKEN", "REFLEKTOR_TOKEN", "RREFLECTOR_TOKEN", "REFLECTORS_TOKEN", "reflector_token"],
)
def test_a_misspelt_variable_is_told_with_the_one_that_is_meant(name: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(None, {name: "a"}, Flags(url="sqlite:///x.db"))
    told = [f"environment variable {name}: is unknown; did you mean 'REFLECTOR_TOKEN'?"]
    assert [str(each) for each in caught.value.complaints] == told


def test_the_flags_of_the_open_mode_are_refused_beside_rules(loaded: Loader) -> None:
    assert complaints(loaded, SAMPLE, ENVIRONMENT, Flags(writable=True, insecure=True)) == [
        "--insecure: is refused beside auth: it is for serving without any",
        "--writable: is refused beside auth and tables and defaults: rules say who writes",
    ]
    assert complaints(loaded, "version: 1\nfunctions: {}\n", flags=Flags(writable=True)) == [
        "--writable: is refused beside functions: rules say who writes"
    ]


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (
            lambda path: None,
            "the file it names: there is no such file; a path that does not begin with / begins at the folder of the configuration",
        ),
        (os.mkfifo, "the file it names: is no plain file"),
        (lambda path: path.symlink_to("/dev/zero"), "the file it names: is no plain file"),
        (lambda path: path.write_text("x" * 40, "utf-16-le"), "the file it names: is not UTF-8 text"),
        (lambda path: path.mkdir(), "the file it names: is a folder, not a file"),
        (lambda path: path.write_bytes(b"\xff" * 40), "the file it names: is not UTF-8 text"),
        (lambda path: path.write_bytes(b"x" * 70_000), "the file it names: is too large for a secret"),
        (lambda path: path.write_text("\ufeff\r\n\n"), "is an empty secret"),
        (lambda path: path.write_bytes(b"\n"), "is an empty secret"),
        (lambda path: path.write_bytes(b"abc"), SHORT_KEY),
    ],
)
def test_a_secret_file_that_does_not_serve(loaded: Loader, tmp_path: Path, make: object, said: str) -> None:
    make(tmp_path / "key")  # type: ignore[operator]
    assert complaints(loaded, "version: 1\nserver: {secret: file:key}\n") == [f"2:18: server.secret: {said}"]


def test_a_token_is_refused_beside_auth(loaded: Loader) -> None:
    environ = {**ENVIRONMENT, "REFLECTOR_TOKEN": "canary-access-token"}
    assert complaints(loaded, SAMPLE, environ) == [
        "environment variable REFLECTOR_TOKEN: server.token: is for a server without auth; with auth, callers carry credentials"
    ]


def test_a_folder_is_not_a_configuration(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is a folder, not a file"):
        load(tmp_path, {}, Flags())
