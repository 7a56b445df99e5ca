"""A secret is nowhere to be seen: not in what is printed, dumped or complained about."""

from __future__ import annotations

import copy
import pickle

import pytest

from reflector.secret import Secret
from server.config import ConfigError
from tests.unit.config.conftest import ENVIRONMENT, SAMPLE, Loader

CANARIES = ("hunter2", "canary")


def test_a_configuration_prints_without_its_secrets(loaded: Loader) -> None:
    config = loaded(SAMPLE)
    shown = [repr(config), str(config), config.model_dump_json(), str(config.model_dump()), f"{config.database.url}"]
    assert [text for text in shown for canary in CANARIES if canary in text] == []
    assert "postgresql://reader:***@db.example:5433/shop" in config.model_dump_json()


def test_a_secret_is_told_to_who_asks_and_to_nobody_else() -> None:
    secret = Secret("canary")
    assert secret.reveal() == "canary"
    assert (repr(secret), str(secret), f"{secret}") == ("Secret('***')", "***", "***")
    assert secret == Secret("canary") != Secret("other")
    assert copy.deepcopy(secret) is secret
    with pytest.raises(TypeError):
        pickle.dumps(secret)
    with pytest.raises(AttributeError):
        secret._text = "x"


@pytest.mark.parametrize(
    "content",
    [
        "version: 1\nserver: {secret: canary, token: canary}\n",
        "version: 1\nserver: {secret: *canary}\n",
        "version: 1\nserver: {secret: !canary x}\n",
        "version: 1\nserver: {port: canary, host: 'canary hunter2', body: canary, url: canary, hosts: ['canary hunter2']}\n",
        "version: 1\nserver: {cors: canary, origins: [canary]}\n",
        "version: 1\nauth: {jwt: canary, anonymous_role: canary-canary-canary-canary-canary}\n",
        "version: 1\ndatabase: {url: 'postgres://u:canary/hunter2@h/d', timeout: canary, watch: canary, pool: canary}\n",
        "version: 1\ndatabase: {url: 'canary:hunter2'}\ndefaults: {read: canary, columns: canary}\nlimits: {rows: canary}\n",
        "version: 1\nserver: {secret: 'canary\n",
        "version: 1\nredis: {url: 'redis://u:canary@h:6379/0?x=hunter2'}\n",
        "version: 1\nserver: {secret: [canary}\n",
        "version: 1\nserver: {secret: '${canary'}\n",
        "canary",
    ],
)
def test_no_complaint_repeats_a_value(loaded: Loader, content: str) -> None:
    with pytest.raises(ConfigError) as caught:
        loaded(content, {})
    assert [each for each in CANARIES if each in str(caught.value) + repr(caught.value.complaints)] == []


def test_no_traceback_leads_to_a_value(loaded: Loader) -> None:
    with pytest.raises(ConfigError) as caught:
        loaded(SAMPLE.replace("workers: 1", "workers: 0"))
    assert caught.value.__cause__ is caught.value.__context__ is None
    assert ENVIRONMENT["SIGNING"] not in str(caught.value)
