"""The command line: which commands there are, what they take, and how they end.

    0    done            1    a permission test failed
    130  interrupted     2    cannot be done as asked: every reason is on stderr

Rule: a command line that is wrong, a database that cannot be reached and a configuration that cannot be used end with
the reason in a line for people, never with a traceback.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from server.commands.endings import REFUSED, exit_status, say
from server.commands.loop import run
from server.config import Flags, config_schema, load
from server.config.environment import CONFIG, CONFIG_TEXT
from server.journal import silence

if TYPE_CHECKING:
    from server.commands.convert import Converted

WAIT_SECONDS = 60.0
UNKNOWN = 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    options = parser().parse_args(arguments)
    return exit_status(lambda: COMMANDS[options.command].run(options, os.environ))


@dataclass(frozen=True, slots=True)
class Argument:
    """What a command takes: its names, and what argparse is to know of it."""

    names: tuple[str, ...]
    told: Mapping[str, Any]


def argument(*names: str, **told: Any) -> Argument:
    return Argument(names, told)


@dataclass(frozen=True, slots=True)
class Command:
    """One command: what it is for, what it takes, and what it does. `run` returns the exit status."""

    help: str
    run: Callable[[argparse.Namespace, Mapping[str, str]], int]
    arguments: tuple[Argument, ...]


def parser() -> argparse.ArgumentParser:
    """Every command with its arguments."""
    top = argparse.ArgumentParser(
        prog="reflector", description="Point it at an existing database and serve it.", allow_abbrev=False
    )
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, command in COMMANDS.items():
        made = commands.add_parser(name, help=command.help, allow_abbrev=False)
        for each in command.arguments:
            made.add_argument(*each.names, **each.told)
    return top


def flags_of(options: argparse.Namespace) -> Flags:
    """What the command line says of settings."""
    given = vars(options)
    return Flags(
        url=given.get("url"),
        host=given.get("host"),
        port=given.get("port"),
        workers=given.get("workers"),
        writable=given.get("writable", False),
        insecure=given.get("insecure", False),
    )


def _serve(options: argparse.Namespace, environ: Mapping[str, str]) -> int:
    from server.commands.serve import serve

    how = {"strict": options.strict, "verbose": options.verbose, "wait": options.wait, "checked": options.check}
    return serve(options.config, environ, flags_of(options), **how)


def _carried(made: Converted, output: Path | None) -> int:
    """Print or write what another server's configuration became, and say what it did not; the status tells of what nobody
    knows: it may have been meant to close something."""
    from server.commands.init import write

    for each in made.left:
        say(f"not carried over: {each}")
    for unknown in made.unknown:
        say(unknown)
    if output is None or str(output) == "-":
        sys.stdout.write(made.text)
    else:
        write(made.text, output)
    return UNKNOWN if made.unknown else 0


def _init(options: argparse.Namespace, environ: Mapping[str, str]) -> int:
    from server.commands.init import init

    if options.from_postgrest is not None:
        from server.commands.convert import converted

        return _carried(converted(options.from_postgrest, environ), options.output)
    rest = {name: value for name, value in environ.items() if name not in {CONFIG, CONFIG_TEXT}}
    config = load(None, rest, flags_of(options))
    if options.from_hasura is not None:
        from server.commands.hasura_fit import converted_for

        with silence():
            made = run(converted_for(config, options.from_hasura))
        return _carried(made, options.output)
    if config.database.url is None:
        say("reflector: init needs the URL of a database, or DATABASE_URL, or --from-postgrest FILE")
        return REFUSED
    with silence():
        run(init(config, options.output or Path("config.yaml")))
    return 0


def _openapi(options: argparse.Namespace, environ: Mapping[str, str]) -> int:
    from server.commands.openapi import openapi
    from server.commands.sample import loaded

    with silence():
        config, _ = loaded(options.config, environ, flags_of(options))
        print(run(openapi(config, options.caller)).decode())
    return 0


def _token(options: argparse.Namespace, environ: Mapping[str, str]) -> int:
    from server.auth.api_keys import new_key
    from server.commands.token import lasting, made

    if options.api_key:
        if options.role or options.sub or options.claim:
            say("reflector: --api-key makes a key and its hash; whose it is stands beside the hash")
            return REFUSED
        key, kept = new_key()
        print(f"key   {key}\nhash  {kept}")
        return 0
    config = load(options.config, environ, flags_of(options))
    print(made(config, options.role, options.sub, options.claim, lasting(options.expires), int(time.time())))
    return 0


def _inspect(options: argparse.Namespace, environ: Mapping[str, str]) -> int:
    from server.commands.inspect import catalog_of, in_json, in_words

    catalog = run(catalog_of(load(options.config, environ, flags_of(options))))
    if options.json:
        print(in_json(catalog).decode())
    else:
        for line in in_words(catalog):
            print(line)
    return 0


def _check(options: argparse.Namespace, environ: Mapping[str, str]) -> int:
    from server.commands.check import Wanted, check, to_check

    wanted = Wanted(
        not options.no_tests, options.filter, options.verbose, options.coverage, options.coverage_min, options.junit
    )
    with silence():
        config, complaints = to_check(options.config, environ, flags_of(options))
        return run(check(config, print, complaints, wanted))


def _explain(options: argparse.Namespace, environ: Mapping[str, str]) -> int:
    from server.commands.explain import explain
    from server.commands.sample import loaded

    with silence():
        config, _ = loaded(options.config, environ, flags_of(options))
        run(explain(config, options.request, options.caller, print, options.header))
    return 0


def _changes(options: argparse.Namespace, environ: Mapping[str, str]) -> int:
    from reflector.changes.setup import Choices
    from server.commands.changes import Wish, asked, changes

    choices = Choices(keep_identity=options.keep_identity, unbounded=options.unbounded)
    wish = Wish(options.action, options.yes, options.dry_run, choices)
    with silence():
        run(changes(load(options.config, environ, flags_of(options)), wish, print, asked))
    return 0


def _config(options: argparse.Namespace, environ: Mapping[str, str]) -> int:
    if options.what == "schema":
        print(json.dumps(config_schema(), indent=2))
        return 0
    from server.commands.sample import with_sample
    from server.commands.show import rights_shown, settings_shown
    from server.database_settings import informed

    with silence():
        config = load(options.config, environ, flags_of(options))
        if options.caller is not None and config.database.url is None:
            config = load(options.config, with_sample(environ)[0], flags_of(options))
        config = run(informed(config))
        lines = settings_shown(config) if options.caller is None else run(rights_shown(config, options.caller))
        print("\n".join(lines))
    return 0


URL = "postgresql://…, mysql://… or sqlite:///…"
FILE = argument("--config", type=Path, metavar="FILE", help="the configuration (./config.yaml)")
DATABASE = (argument("url", nargs="?", metavar="URL", help=URL), FILE)
ACTIONS = ("status", "install", "uninstall")

SERVE = (
    argument("--host", help="where to listen (127.0.0.1)"),
    argument("--port", type=int, help="the port to listen on (8000); 0 takes a free one"),
    argument("--workers", type=int, metavar="N", help="how many processes share the work (1)"),
    argument("--writable", action="store_true", help="without rules: let everybody who may read write"),
    argument("--insecure", action="store_true", help="without auth: ask other machines for no token"),
    argument("--strict", action="store_true", help="refuse to start where a rule does not fit the database"),
    argument("--check", action="store_true", help="run the permission tests first, and serve only where they pass"),
    argument("--verbose", action="store_true", help="log the smaller things as well"),
    argument(
        "--wait",
        type=float,
        nargs="?",
        const=WAIT_SECONDS,
        metavar="SECONDS",
        help="wait for the database to come up (60 seconds)",
    ),
)
CHECK = (
    argument("--filter", metavar="TEXT", help="run those tests alone whose name, deed or place holds it"),
    argument("--no-tests", action="store_true", help="bind the rules, and run no permission test"),
    argument("--verbose", action="store_true", help="tell of each test, in a line"),
    argument("--coverage", action="store_true", help="show which words of the file are tested"),
    argument("--coverage-min", type=int, metavar="PERCENT", help="fail where fewer of them are tested"),
    argument("--junit", type=Path, metavar="FILE", help="write the results as JUnit's XML, too"),
)
INIT = (
    argument("url", nargs="?", metavar="URL", help=URL),
    argument(
        "--from-postgrest",
        type=Path,
        metavar="FILE",
        help="print the config.yaml that behaves like this configuration of PostgREST's, instead",
    ),
    argument(
        "--from-hasura",
        type=Path,
        metavar="DIR",
        help="print the config.yaml that behaves like this metadata of Hasura's; relationships are found in the database",
    ),
    argument("--output", type=Path, metavar="FILE", help="where to (config.yaml); - for stdout"),
)
EXPLAIN = (
    argument("--url", metavar="URL", help="the database, where the configuration is to name another"),
    FILE,
    argument("--as", dest="caller", metavar="CALLER", help="role=user,sub=7: roles and claims of the caller"),
    argument(
        "--header",
        action="append",
        default=[],
        metavar="HEADER",
        help="'Name: value' of the request, as often as wanted",
    ),
    argument("request", metavar="REQUEST", help="'GET /api/book?title__like=A%%', 'POST /graphql { book { title } }'"),
)
CHANGES = (
    argument("action", choices=ACTIONS, metavar="|".join(ACTIONS), help="what to do"),
    *DATABASE,
    argument("--yes", action="store_true", help="do it without asking"),
    argument("--dry-run", action="store_true", help="show what would be done, and do nothing"),
    argument("--keep-identity", action="store_true", help="PostgreSQL: leave REPLICA IDENTITY as it is"),
    argument("--unbounded", action="store_true", help="PostgreSQL: let what the slot keeps fill the disk"),
)
TOKEN = (
    FILE,
    argument("--role", action="append", default=[], help="a role; several times for several"),
    argument("--sub", help="who the token is about"),
    argument("--claim", action="append", default=[], metavar="NAME=VALUE", help="a further claim, as often as wanted"),
    argument("--expires", default="1h", metavar="DURATION", help="for how long it holds: 30m, 12h (1h)"),
    argument("--api-key", action="store_true", help="make an API key instead, and the hash that is kept of it"),
)
AS_JSON = argument("--json", action="store_true", help="as a JSON document")
FOR_WHOM = argument("--as", dest="caller", metavar="CALLER", help="role=user,sub=7: for whom")
CONFIG_SHOWN = (
    argument("what", choices=["show", "schema"], help="show: what is in force; schema: the JSON Schema of config.yaml"),
    *DATABASE,
    argument("--as", dest="caller", metavar="CALLER", help="show: what role=user,… may do"),
)

COMMANDS: Mapping[str, Command] = {
    "serve": Command("serve a database, or the bundled sample", _serve, (*DATABASE, *SERVE)),
    "init": Command("write a first config.yaml for a database", _init, INIT),
    "inspect": Command("show what a database is made of", _inspect, (*DATABASE, AS_JSON)),
    "check": Command("try a configuration on its database, and run its tests", _check, (*DATABASE, *CHECK)),
    "explain": Command("show what becomes of a request", _explain, EXPLAIN),
    "changes": Command("what capturing changes needs in a database", _changes, CHANGES),
    "openapi": Command("print the OpenAPI document", _openapi, (*DATABASE, FOR_WHOM)),
    "token": Command("make a token to try things out with", _token, TOKEN),
    "config": Command("about the configuration", _config, CONFIG_SHOWN),
}
