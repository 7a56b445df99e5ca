"""How a command ends when it cannot do what was asked.

    2    the reason in a line for people, each on its own
    130  interrupted

Rule: what people can put right is told in words, never with a traceback; what nobody foresaw is not hidden.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Final

from reflector.errors import Faults, ReflectorError
from server.config import ConfigError

REFUSED: Final = 2
INTERRUPTED: Final = 130


def exit_status(command: Callable[[], int]) -> int:
    """Run a command; its status, or that of what it was refused with."""
    try:
        return command()
    except ConfigError as error:
        for complaint in error.complaints:
            say(complaint)
    except ReflectorError as error:
        for each in error.faults if isinstance(error, Faults) else (error,):
            say(f"reflector: {each.message}" + (f"; {each.hint}" if each.hint else ""))
    except BrokenPipeError:
        # Whoever read has enough. Python would complain once more when it flushes at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        say(f"reflector: {error}")
    except KeyboardInterrupt:
        return INTERRUPTED
    return REFUSED


def say(line: object) -> None:
    """A line on stderr, there at once."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()
