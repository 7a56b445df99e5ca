"""The protocol as a table of states, without a socket."""

from __future__ import annotations

import orjson
import pytest

from server.apis.realtime.conversation import (
    SUBSCRIPTIONS,
    TURNS,
    Authenticate,
    Close,
    Conversation,
    Say,
    State,
    Subscribe,
    Unsubscribe,
)


def code_of(effects: list[object]) -> str:
    [effect] = effects
    assert isinstance(effect, Say), effect
    return str(effect.frame["code"])


@pytest.mark.parametrize("frame", ['{"type":"subscribe","id":"1","table":"t"}', '{"type":"x"}', "[]", "{", "\x00"])
def test_before_a_credential_anything_else_ends_the_socket(frame: str) -> None:
    conversation = Conversation(known=False)
    [effect] = conversation.hear(frame)
    assert isinstance(effect, Close)
    assert effect.code == 4401
    assert conversation.state is State.CLOSED
    assert conversation.hear('{"type":"auth","token":"t"}') == []


def test_a_credential_opens_it() -> None:
    conversation = Conversation(known=False)
    assert conversation.hear('{"type":"auth","token":"t"}') == [Authenticate("t")]
    conversation.authenticated()
    assert conversation.hear('{"type":"subscribe","id":"1","table":"t","since":"c"}') == [
        Subscribe("1", {"table": "t", "since": "c"})
    ]


def test_a_ping_is_answered_in_every_state_but_the_last() -> None:
    assert Conversation(known=False).hear('{"type":"ping"}') == [Say({"type": "pong"})]
    assert Conversation(known=True).hear('{"type":"ping","id":"7"}') == [Say({"type": "pong", "id": "7"})]


@pytest.mark.parametrize(
    "frame",
    [
        "{",
        "[]",
        "null",
        "{}",
        '{"type":1}',
        '{"type":"subscribed"}',
        '{"type":"subscribe"}',
        '{"type":"subscribe","id":1}',
        '{"type":"subscribe","id":""}',
        '{"type":"subscribe","id":"%s"}' % ("x" * 65),
        '{"type":"unsubscribe","id":"never"}',
        '{"type":"auth"}',
        '{"type":"auth","token":""}',
    ],
)
def test_what_cannot_be_understood_is_an_error_and_the_socket_stays(frame: str) -> None:
    conversation = Conversation(known=True)
    assert code_of(list(conversation.hear(frame))) == "invalid_request"
    assert conversation.state is State.OPEN


def test_a_member_that_nobody_knows_is_named() -> None:
    [effect] = Conversation(known=True).hear('{"type":"auth","token":"t","tocken":1}')
    assert isinstance(effect, Say)
    assert effect.frame["errors"][0]["pointer"] == "/tocken"


def test_an_id_is_used_once_at_a_time() -> None:
    conversation = Conversation(known=True)
    conversation.hear('{"type":"subscribe","id":"1","table":"t"}')
    assert code_of(list(conversation.hear('{"type":"subscribe","id":"1","table":"u"}'))) == "invalid_request"
    assert conversation.hear('{"type":"unsubscribe","id":"1"}') == [
        Unsubscribe("1"),
        Say({"type": "closed", "id": "1"}),
    ]
    assert conversation.hear('{"type":"subscribe","id":"1","table":"u"}') == [Subscribe("1", {"table": "u"})]


def test_a_socket_has_so_many_subscriptions_and_no_more() -> None:
    conversation = Conversation(known=True)
    for number in range(SUBSCRIPTIONS):
        assert isinstance(conversation.hear(orjson.dumps({"type": "subscribe", "id": f"{number}"}))[0], Subscribe)
    assert code_of(list(conversation.hear('{"type":"subscribe","id":"one more"}'))) == "limit_exceeded"
    conversation.ended("0")
    assert isinstance(conversation.hear('{"type":"subscribe","id":"one more"}')[0], Subscribe)


def test_nothing_is_heard_of_subscriptions_before_the_table_of_states_says_so() -> None:
    assert {kind for state, kind in TURNS if state is State.WAITING} == {"auth", "ping"}
    assert not any(state is State.CLOSED for state, _ in TURNS)
