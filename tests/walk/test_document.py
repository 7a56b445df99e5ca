"""What a document says of an answer is held against it, so that a walk cannot pass by not looking."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.walk.document import Command, Event, Statements, read_document

WALK = """\
# A walk

```sh
not run
```

```console sqlite
$ curl -X POST 'http://x' \\
  -d '{}'
201
{"a": 1, … "c": "two words"}
$ name=value
$ cat > its-own <<'END'
two "words
END
three
```

<!-- database: kill -->

```sql
DROP TABLE a
```
"""


def read(folder: Path, text: str) -> list[Command | Statements | Event]:
    (folder / "walk.md").write_text(text)
    return read_document(folder / "walk.md")


def test_each_kind_of_block_is_read(tmp_path: Path) -> None:
    posted, named, written, killed, dropped = read(tmp_path, WALK)
    everywhere = frozenset({"postgresql", "mariadb", "sqlite"})
    assert posted == Command(
        8, "curl -X POST 'http://x' \\\n  -d '{}'", 201, ('{"a": 1, ', ' "c": "two words"}'), frozenset({"sqlite"})
    )
    assert named == Command(12, "name=value", None, (), frozenset({"sqlite"}))
    here = "cat > its-own <<'END'\ntwo \"words\nEND"
    assert written == Command(13, here, None, ("three",), frozenset({"sqlite"}))
    assert (killed, dropped) == (Event(19, "database: kill"), Statements(22, "DROP TABLE a", everywhere))


@pytest.mark.parametrize(
    ("printed", "missed"),
    [
        ('{"a":1,"b":[],\n "c":"two words"}', None),
        ('{"c":"two words"} {"a":1,', ' "c": "two words"}'),
        ('{"a":1,"c":"twowords!"}', ' "c": "two words"}'),
        ("", '{"a": 1, '),
    ],
)
def test_parts_stand_in_the_answer_in_their_order(tmp_path: Path, printed: str, missed: str | None) -> None:
    posted = read(tmp_path, WALK)[0]
    assert isinstance(posted, Command)
    assert posted.misses(printed) == missed


@pytest.mark.parametrize(
    "block",
    [
        "```console oracle\n$ curl x\n200\n```",
        "```console\n$ curl -i x\n```",
        "```console\ncurl x\n200\n```",
        "```console\n$ echo 'a\n```",
    ],
)
def test_a_document_that_cannot_be_held_to_its_word_is_an_error(tmp_path: Path, block: str) -> None:
    with pytest.raises(AssertionError):
        read(tmp_path, block)
