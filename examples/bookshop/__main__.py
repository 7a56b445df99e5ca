"""`python -m examples.bookshop postgresql | psql bookshop`: the whole bookshop as SQL on standard output."""

from __future__ import annotations

import argparse
import sys

from examples.bookshop.script import DIALECTS, script


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m examples.bookshop", description="Print the bookshop as SQL.")
    parser.add_argument("dialect", choices=DIALECTS)
    sys.stdout.buffer.write(script(parser.parse_args().dialect).encode())


if __name__ == "__main__":
    main()
