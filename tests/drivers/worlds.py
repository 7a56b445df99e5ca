"""The same small tables on each database, and plans about them: what the tests of the drivers stand on."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from reflector.drivers import Driver
from reflector.sql.plan import Bind, BoundPlan, Expect, FromRequest, Part, Plan, Step


def plan(*steps: tuple[Any, ...], writes: bool = False, transaction: bool = False) -> BoundPlan:
    """A bound plan of steps given as (text, values, expect, parts…)."""
    made = [
        Step(text, tuple(Bind(FromRequest(n)) for n in range(len(values))), expect, tuple(parts))
        for text, values, expect, *parts in steps
    ]
    return BoundPlan(Plan(tuple(made), transaction=transaction, writes=writes), tuple(step[1] for step in steps))


def read(text: str, *values: Any) -> BoundPlan:
    return plan((text, values, Expect.ANSWER, Part.BODY))


def write(text: str, *values: Any) -> BoundPlan:
    return plan((text, values, Expect.DONE), writes=True)


@dataclass
class World:
    """One database with the tables below. `sql` translates `?` and runs a script by another connection."""

    name: str
    driver: Driver
    mark: Callable[[str], str]
    script: Callable[[str], Any]

    def read(self, text: str, *values: Any) -> BoundPlan:
        return read(self.mark(text), *values)

    def write(self, text: str, *values: Any) -> BoundPlan:
        return write(self.mark(text), *values)

    async def count(self, where: str = "1 = 1") -> int:
        return int((await self.driver.fetch(f"SELECT count(*) FROM item WHERE {where}"))[0][0])


def numbered(text: str) -> str:
    parts = text.split("?")
    return "".join(f"{part}${n + 1}" for n, part in enumerate(parts[:-1])) + parts[-1]


def percent(text: str) -> str:
    return text.replace("%", "%%").replace("?", "%s")


TABLES = {
    "postgresql": """
        DROP TABLE IF EXISTS item, shelf;
        CREATE TABLE shelf (id int PRIMARY KEY);
        CREATE TABLE item (
            id int PRIMARY KEY, name varchar(10) NOT NULL, size int,
            shelf_id int CONSTRAINT item_shelf REFERENCES shelf (id),
            CONSTRAINT item_name UNIQUE (name), CONSTRAINT item_size CHECK (size > 0));
        INSERT INTO shelf VALUES (1); INSERT INTO item VALUES (1, 'one', 1, 1)
    """,
    "mariadb": """
        SET FOREIGN_KEY_CHECKS = 0; DROP TABLE IF EXISTS item; DROP TABLE IF EXISTS shelf; SET FOREIGN_KEY_CHECKS = 1;
        CREATE TABLE shelf (id int PRIMARY KEY);
        CREATE TABLE item (
            id int PRIMARY KEY, name varchar(10) NOT NULL, size int, shelf_id int,
            CONSTRAINT item_name UNIQUE (name), CONSTRAINT item_size CHECK (size > 0),
            CONSTRAINT item_shelf FOREIGN KEY (shelf_id) REFERENCES shelf (id));
        INSERT INTO shelf VALUES (1); INSERT INTO item VALUES (1, 'one', 1, 1)
    """,
    "sqlite": """
        DROP TABLE IF EXISTS item; DROP TABLE IF EXISTS shelf;
        CREATE TABLE shelf (id integer PRIMARY KEY);
        CREATE TABLE item (
            id integer PRIMARY KEY, name varchar(10) NOT NULL, size int CONSTRAINT item_size CHECK (size > 0),
            shelf_id int CONSTRAINT item_shelf REFERENCES shelf (id), CONSTRAINT item_name UNIQUE (name));
        INSERT INTO shelf VALUES (1); INSERT INTO item VALUES (1, 'one', 1, 1);
    """,
}
SLOW = {
    "postgresql": "SELECT json_build_object('slept', pg_sleep(20)::text)",
    "mariadb": "SELECT JSON_OBJECT('slept', SLEEP(20))",
    "sqlite": (
        "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) "
        "SELECT json_object('slept', count(*)) FROM c LIMIT 1"
    ),
}
ITEM = {
    "postgresql": "SELECT json_build_object('id', id, 'name', name) FROM item WHERE id = ?",
    "mariadb": "SELECT JSON_OBJECT('id', id, 'name', name) FROM item WHERE id = ?",
    "sqlite": "SELECT json_object('id', id, 'name', name) FROM item WHERE id = ?",
}
ECHO = {
    "postgresql": "SELECT json_build_object('nonce', ?::int8, 'slept', pg_sleep(0.002)::text)",
    "mariadb": "SELECT JSON_OBJECT('nonce', ?, 'slept', SLEEP(0.002))",
    "sqlite": (
        "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < 3000) "
        "SELECT json_object('nonce', ?, 'slept', count(*)) FROM c"
    ),
}
