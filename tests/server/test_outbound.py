"""What is asked of other servers on a caller's account: where it goes, what goes with it, and what may come back."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest
from aiohttp import web

from reflector.events import Observation
from reflector.secret import Secret
from server.auth.outbound import Away, Outbound, as_client, may_be_asked
from server.traced import TRACE, Part, Said
from tests.server.issuers import outbound, service


@pytest.mark.parametrize(
    ("url", "may"),
    [
        ("https://id.example/keys", True),
        ("http://127.0.0.1:9/keys", True),
        ("http://[::1]/keys", True),
        ("http://localhost/keys", True),
        ("http://id.example/keys", False),
        ("http://127.0.0.1.evil.example/keys", False),
        ("http://169.254.169.254/latest/meta-data", False),
        ("http://localhost.evil.example/", False),
        ("file:///etc/passwd", False),
        ("https://", False),
        ("http://[::1", False),
        ("ftp://127.0.0.1/keys", False),
        ("//127.0.0.1/keys", False),
        ("https:///keys", False),
        ("http://127.0.0.1:0/keys", False),
        ("https://id.example:0/keys", False),
        ("https://id.example:65536/keys", False),
    ],
)
async def test_only_https_and_this_machine_are_asked(url: str, may: bool) -> None:
    assert may_be_asked(url) is may
    if not may:
        async with outbound() as asks:
            with pytest.raises(Away):
                await asks.ask("GET", url)


async def test_what_is_asked_is_asked_as_it_is_and_what_comes_back_is_told() -> None:
    async with service({"a": 1}, 201, X_Said="so") as other, outbound() as asks:
        answer = await asks.ask("POST", f"{other.url}/a%41%2Fb?x=%7e", headers={"X-Mine": "1"}, form={"b": "c d"})
        assert (answer.status, answer.headers["X-Said"], answer.json()) == (201, "so", {"a": 1})
        [seen] = other.seen
        assert (seen.method, seen.raw_path) == ("POST", "/keys/a%41%2Fb?x=%7e")
        assert (seen.headers["X-Mine"], seen.headers["Accept"], other.bodies) == ("1", "application/json", ["b=c+d"])
        assert (seen.headers["User-Agent"], seen.headers["Accept-Encoding"]) == ("reflector", "identity")
        await asks.ask("GET", other.url, headers={"Accept": "text/plain"}, document=[1])
        assert (other.seen[1].headers["Accept"], other.bodies[1]) == ("text/plain", "[1]")
        await asks.ask("PUT", other.url, content=b"raw")
        assert (other.seen[2].method, other.bodies[2]) == ("PUT", "raw")


async def test_who_may_ask_anywhere_asks_other_machines_by_http_too() -> None:
    async with service({}) as other, outbound() as asks, outbound(anywhere=True) as anywhere:
        url = other.url.replace("127.0.0.1", "0.0.0.0")  # this machine by an address that is not its own
        with pytest.raises(Away, match="neither https nor this machine's own"):
            await asks.ask("GET", url)
        assert ((await anywhere.ask("GET", url)).status, other.asked) == (200, 1)


@pytest.mark.parametrize("status", [300, 301, 302, 303, 307, 308, 399])
async def test_nobody_is_followed_elsewhere(status: int) -> None:
    async with service() as elsewhere, service(None, status, Location=elsewhere.url) as other, outbound() as asks:
        with pytest.raises(Away, match=rf"the answer leads elsewhere \({status}\)"):
            await asks.ask("GET", other.url)
        assert elsewhere.asked == 0


@pytest.mark.parametrize("status", [200, 204, 400, 404, 500])
async def test_any_other_status_is_an_answer(status: int) -> None:
    async with service(None, status) as other, outbound() as asks:
        assert (await asks.ask("GET", other.url)).status == status


async def test_no_cookie_is_kept_and_nothing_of_the_environment_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    async with service({}, Set_Cookie="a=b; Path=/") as other, service({}) as proxy, outbound() as asks:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        for _ in range(2):
            await asks.ask("GET", other.url)
        assert (other.asked, proxy.asked) == (2, 0)
        assert all("Cookie" not in each.headers for each in other.seen)


async def test_what_is_compressed_or_too_large_is_no_answer() -> None:
    async with service({}, Content_Encoding="gzip") as other, outbound(most=10) as asks:
        with pytest.raises(Away, match="the answer is compressed"):
            await asks.ask("GET", other.url)
        other.says({}, Content_Encoding="identity")
        assert (await asks.ask("GET", other.url)).json() == {}
        other.says("x" * 8)  # and two quotes
        assert (await asks.ask("GET", other.url)).json() == "x" * 8
        other.says("x" * 9)
        with pytest.raises(Away, match="the answer is larger than 10 bytes"):
            await asks.ask("GET", other.url)


async def test_who_is_slow_or_not_there_is_away() -> None:
    async with service() as other, outbound(seconds=0.05) as asks:
        go = asyncio.Event()

        async def answer(_: web.BaseRequest) -> web.StreamResponse:
            await go.wait()
            return web.Response()

        other.answer = answer
        with pytest.raises(Away, match=r"there is no answer within 0.05 s"):
            await asks.ask("GET", other.url)
        go.set()
    async with outbound() as asks:
        with pytest.raises(Away, match=r"it cannot be asked \(ClientConnectorError\)"):
            await asks.ask("GET", other.url)


async def test_what_is_no_json_is_no_answer() -> None:
    async with service() as other, outbound() as asks:
        for text in ("", "{", "[" * 100_000):

            async def answer(_: web.BaseRequest, text: str = text) -> web.StreamResponse:
                return web.Response(text=text)

            other.answer = answer
            with pytest.raises(Away, match="the answer is no JSON"):
                (await asks.ask("GET", other.url)).json()


async def test_connections_are_kept_until_the_end_and_made_anew_after_it() -> None:
    asks = Outbound()
    await asks.close()  # which has nothing to end
    async with service({}) as other:
        for _ in range(2):
            await asks.ask("GET", other.url)
        first, second = (each.transport for each in other.seen)
        assert first is second
        await asks.close()
        await asks.ask("GET", other.url)
        assert other.asked == 3
        await asks.close()


class Told:
    """A part of a trace that keeps what it is told."""

    id, over = "0" * 32, False

    def __init__(self) -> None:
        self.carried = {"traceparent": "00-of-this-trace"}
        self.said = list[object]()

    def note(self, facts: Mapping[str, Said]) -> None:
        self.said.append(facts)

    def observe(self, event: Observation) -> None:
        self.said.append(event)

    def begin(self, name: str, asked: tuple[str, str] | None) -> Part:
        self.said.append((name, asked))
        return self

    def end(self, error: str | None = None) -> None:
        self.said.append(("end", error))

    def answered(self, status: int) -> None:
        self.said.append(status)


async def test_where_somebody_listens_the_trace_goes_on_there_and_its_status_is_told() -> None:
    async with service({}, 404) as other, outbound() as asks:
        told = Told()
        token = TRACE.set(told)
        try:
            await asks.ask("GET", other.url, headers={"X-Mine": "1"})
            other.says({}, 302)
            with pytest.raises(Away):
                await asks.ask("GET", other.url)
        finally:
            TRACE.reset(token)
        begun = ("GET", ("GET", other.url))
        assert told.said == [begun, 404, ("end", None), begun, ("end", "Away")]
        assert [other.seen[0].headers[name] for name in ("X-Mine", "traceparent")] == ["1", "00-of-this-trace"]
        other.says({})
        await asks.ask("GET", other.url)
        assert "traceparent" not in other.seen[-1].headers


def test_a_client_is_written_as_in_a_form() -> None:
    assert as_client("we:us", Secret("a b%+ä")) == "Basic d2UlM0F1czphK2IlMjUlMkIlQzMlQTQ="  # we%3Aus:a+b%25%2B%C3%A4
