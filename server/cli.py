"""The command line: which commands there are, what they take, and how they end.

    0    done            2    cannot be done as asked: every reason is on stderr
    130  interrupted

Rule: a command line that is wrong, a database that cannot be reached and a configuration that cannot be used end with
the reason in a line for people, never with a traceback.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from server.commands.endings import exit_status
from server.commands.loop import run
from server.config import ConfigError, Flags, config_schema, load, understood
from server.config.environment import CONFIG
from server.journal import silence

WAIT_SECONDS = 60.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    options = parser().parse_args(arguments)
    return exit_status(lambda: COMMANDS[options.command](options, os.environ))


def parser() -> argparse.ArgumentParser:
    """Every command with its arguments."""
    top = argparse.ArgumentParser(
        prog="reflector", description="Point it at an existing database and serve it.", allow_abbrev=False
    )
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    serve = commands.add_parser("serve", help="serve a database, or the bundled sample", allow_abbrev=False)
    _database(serve)
    serve.add_argument("--host", help="where to listen (127.0.0.1)")
    serve.add_argument("--port", type=int, help="the port to listen on (8000); 0 takes a free one")
    serve.add_argument("--workers", type=int, metavar="N", help="how many processes share the work (1)")
    serve.add_argument("--writable", action="store_true", help="without rules: let everybody who may read write")
    serve.add_argument("--insecure", action="store_true", help="without auth: ask other machines for no token")
    serve.add_argument("--strict", action="store_true", help="refuse to start where a rule does not fit the database")
    serve.add_argument("--verbose", action="store_true", help="log the smaller things as well")
    serve.add_argument(
        "--wait",
        type=float,
        nargs="?",
        const=WAIT_SECONDS,
        metavar="SECONDS",
        help="wait for the database to come up (60 seconds)",
    )
    init = commands.add_parser("init", help="write a first config.yaml for a database", allow_abbrev=False)
    init.add_argument("url", metavar="URL", help="postgresql://…, mysql://… or sqlite:///…")
    init.add_argument(
        "--output", type=Path, default=Path("config.yaml"), metavar="FILE", help="where to (config.yaml); - for stdout"
    )
    inspect = commands.add_parser("inspect", help="show what a database is made of", allow_abbrev=False)
    _database(inspect)
    inspect.add_argument("--json", action="store_true", help="as a JSON document")
    check = commands.add_parser("check", help="try a configuration on its database", allow_abbrev=False)
    _database(check)
    explain = commands.add_parser("explain", help="show what becomes of a request", allow_abbrev=False)
    explain.add_argument("--url", metavar="URL", help="the database, where the configuration is to name another")
    explain.add_argument("--config", type=Path, metavar="FILE", help="the configuration (./config.yaml)")
    explain.add_argument(
        "--as", dest="caller", metavar="CALLER", help="role=user,sub=7: roles and claims of the caller"
    )
    explain.add_argument("request", metavar="REQUEST", help="'GET /api/book?title__like=A%%&include=author'")
    _changes_parser(commands)
    openapi = commands.add_parser("openapi", help="print the OpenAPI document", allow_abbrev=False)
    _database(openapi)
    openapi.add_argument("--as", dest="caller", metavar="CALLER", help="role=user,sub=7: for whom")
    token = commands.add_parser("token", help="make a token to try things out with", allow_abbrev=False)
    token.add_argument("--config", type=Path, metavar="FILE", help="the configuration (./config.yaml)")
    token.add_argument("--role", action="append", default=[], help="a role; several times for several")
    token.add_argument("--sub", help="who the token is about")
    token.add_argument(
        "--claim", action="append", default=[], metavar="NAME=VALUE", help="a further claim, as often as wanted"
    )
    token.add_argument("--expires", default="1h", metavar="DURATION", help="for how long it holds: 30m, 12h (1h)")
    config = commands.add_parser("config", help="about the configuration", allow_abbrev=False)
    config.add_argument("what", choices=["schema"], help="schema: the JSON Schema of config.yaml, for editors")
    return top


def _changes_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    changes = commands.add_parser("changes", help="what capturing changes needs in a database", allow_abbrev=False)
    changes.add_argument(
        "action", choices=["status", "install", "uninstall"], metavar="status|install|uninstall", help="what to do"
    )
    _database(changes)
    changes.add_argument("--yes", action="store_true", help="do it without asking")
    changes.add_argument("--dry-run", action="store_true", help="show what would be done, and do nothing")
    changes.add_argument("--keep-identity", action="store_true", help="PostgreSQL: leave REPLICA IDENTITY as it is")
    changes.add_argument("--unbounded", action="store_true", help="PostgreSQL: let what the slot keeps fill the disk")


def _database(command: argparse.ArgumentParser) -> None:
    command.add_argument("url", nargs="?", metavar="URL", help="postgresql://…, mysql://… or sqlite:///…")
    command.add_argument("--config", type=Path, metavar="FILE", help="the configuration (./config.yaml)")


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

    how = {"strict": options.strict, "verbose": options.verbose, "wait": options.wait}
    return serve(options.config, environ, flags_of(options), **how)


def _init(options: argparse.Namespace, environ: Mapping[str, str]) -> int:
    from server.commands.init import init

    rest = {name: value for name, value in environ.items() if name != CONFIG}
    with silence():
        run(init(load(None, rest, flags_of(options)), options.output))
    return 0


def _openapi(options: argparse.Namespace, environ: Mapping[str, str]) -> int:
    from server.commands.openapi import openapi

    with silence():
        print(run(openapi(load(options.config, environ, flags_of(options)), options.caller)).decode())
    return 0


def _token(options: argparse.Namespace, environ: Mapping[str, str]) -> int:
    from server.commands.token import lasting, made

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
    from server.commands.check import check

    with silence():
        config, complaints = understood(options.config, environ, flags_of(options))
        if config is None or (complaints and config.database.url is None):
            raise ConfigError(complaints)
        for line in run(check(config, complaints)):
            print(line)
    return 0


def _explain(options: argparse.Namespace, environ: Mapping[str, str]) -> int:
    from server.commands.explain import explain

    with silence():
        run(explain(load(options.config, environ, flags_of(options)), options.request, options.caller, print))
    return 0


def _changes(options: argparse.Namespace, environ: Mapping[str, str]) -> int:
    from reflector.changes.setup import Choices
    from server.commands.changes import Wish, asked, changes

    choices = Choices(keep_identity=options.keep_identity, unbounded=options.unbounded)
    wish = Wish(options.action, options.yes, options.dry_run, choices)
    with silence():
        run(changes(load(options.config, environ, flags_of(options)), wish, print, asked))
    return 0


def _config(_: argparse.Namespace, __: Mapping[str, str]) -> int:
    print(json.dumps(config_schema(), indent=2))
    return 0


COMMANDS: dict[str, Callable[[argparse.Namespace, Mapping[str, str]], int]] = {
    "init": _init,
    "openapi": _openapi,
    "token": _token,
    "serve": _serve,
    "inspect": _inspect,
    "check": _check,
    "explain": _explain,
    "changes": _changes,
    "config": _config,
}
