"""The configuration: one file, the environment and the flags, read once into one frozen value.

Rule: nothing outside this package reads a file of settings or a variable; everything else is handed its section.
"""

from server.config.advice import advice
from server.config.complaints import Complaint, ConfigError, Position
from server.config.differences import differing, kept, waiting
from server.config.environment import Flags
from server.config.limits import EffectiveLimits, limits_for
from server.config.listening import address
from server.config.load import load, understood
from server.config.models import Config
from server.config.rules import PresetSource, RuleSource
from server.config.schema import config_schema
from server.config.watching import Seen, marks

__all__ = [
    "Complaint",
    "Config",
    "ConfigError",
    "EffectiveLimits",
    "Flags",
    "Position",
    "PresetSource",
    "RuleSource",
    "Seen",
    "address",
    "advice",
    "config_schema",
    "differing",
    "kept",
    "limits_for",
    "load",
    "marks",
    "understood",
    "waiting",
]
