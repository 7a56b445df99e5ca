"""A small catalog, made by hand: articles with authors, comments, tags through a junction, teams, two schemas."""

from __future__ import annotations

from dataclasses import replace

from reflector.catalog.model import (
    Catalog,
    Column,
    DatabaseKind,
    Fill,
    Junction,
    Key,
    Relationship,
    Table,
    TableKind,
)
from reflector.datatypes import DataType, Kind

INTEGER = DataType(Kind.INTEGER, "bigint")
SMALL = DataType(Kind.INTEGER, "smallint", bits=16)
TEXT = DataType(Kind.TEXT, "text")
CITEXT = DataType(Kind.TEXT, "citext", case_insensitive=True)
BOOLEAN = DataType(Kind.BOOLEAN, "boolean")
DECIMAL = DataType(Kind.DECIMAL, "numeric(10,2)", precision=10, scale=2)
FLOAT = DataType(Kind.FLOAT, "double precision")
DATE = DataType(Kind.DATE, "date")
TIMESTAMP = DataType(Kind.TIMESTAMP, "timestamp")
INSTANT = DataType(Kind.INSTANT, "timestamptz")
UUID = DataType(Kind.UUID, "uuid")
BYTES = DataType(Kind.BYTES, "bytea")
JSON = DataType(Kind.JSON, "jsonb")
STATUS = DataType(Kind.ENUM, "status", labels=("draft", "review", "published"))
MOOD = DataType(Kind.ENUM, "mood", labels=("draft", "happy"))
OPAQUE = DataType(Kind.OPAQUE, "tsvector")


def column(name: str, type_: DataType, *, nullable: bool = True, fill: Fill = Fill.NONE) -> Column:
    return Column(name, type_, nullable, fill)


def table(
    name: str, *columns: Column, schema: str = "public", label: str | None = None, writable: bool = True
) -> Table:
    keys = [each for each in columns if each.name == "id"]
    primary = Key(None, tuple(keys)) if keys else None
    shown = label or (name if schema == "public" else f"{schema}.{name}")
    made = Table(schema, name, shown, TableKind.TABLE, columns, primary)
    return made if writable else replace(made, insertable=False, updatable=False, deletable=False)


def key() -> Column:
    return column("id", INTEGER, nullable=False, fill=Fill.IDENTITY)


ARTICLE = table(
    "article",
    key(),
    column("title", TEXT, nullable=False),
    column("body", TEXT),
    column("slug", CITEXT),
    column("status", STATUS),
    column("mood", MOOD),
    column("owner_id", INTEGER),
    column("author_id", INTEGER),
    column("editor_id", INTEGER),
    column("team_id", INTEGER),
    column("published", BOOLEAN),
    column("price", DECIMAL),
    column("rating", FLOAT),
    column("rank", SMALL),
    column("due", DATE),
    column("publish_at", TIMESTAMP),
    column("created_at", INSTANT, fill=Fill.DEFAULT),
    column("token", UUID),
    column("cover", BYTES),
    column("meta", JSON),
    column("search", OPAQUE),
    column("words", INTEGER, fill=Fill.COMPUTED),
    column("from", TEXT),
    column("claims", TEXT),
    column("api_secret", TEXT),
    label="articles",
)
AUTHOR = table(
    "author",
    key(),
    column("name", TEXT),
    column("email", TEXT),
    column("active", BOOLEAN),
    column("country_id", INTEGER),
)
COUNTRY = table("country", key(), column("code", TEXT))
COMMENT = table(
    "comment",
    key(),
    column("article_id", INTEGER),
    column("user_id", INTEGER),
    column("body", TEXT),
    column("hidden", BOOLEAN),
)
TAG = table("tag", key(), column("name", TEXT))
ARTICLE_TAG = table("article_tag", column("article_id", INTEGER), column("tag_id", INTEGER))
TEAM = table("team", key(), column("name", TEXT))
MEMBER = table("member", column("team_id", INTEGER), column("user_id", INTEGER), column("admin", BOOLEAN))
ACCOUNT = table("account", key(), column("org", TEXT), column("email", TEXT), column("owner_id", INTEGER))
LOG = table("log", key(), column("owner_id", INTEGER), column("line", TEXT), schema="audit")
STATS = table(
    "stats",
    column("article_id", INTEGER),
    column("views", INTEGER),
    writable=False,
)
TABLES = (ARTICLE, AUTHOR, COUNTRY, COMMENT, TAG, ARTICLE_TAG, TEAM, MEMBER, ACCOUNT, LOG, STATS)


def one(name: str, source: Table, near: str, target: Table) -> Relationship:
    return Relationship(name, source, target, False, ((source.by_name[near], target.by_name["id"]),))


def many(name: str, source: Table, target: Table, far: str) -> Relationship:
    return Relationship(name, source, target, True, ((source.by_name["id"], target.by_name[far]),))


AUTHOR_OF = one("author", ARTICLE, "author_id", AUTHOR)
EDITOR_OF = one("editor", ARTICLE, "editor_id", AUTHOR)
TEAM_OF = one("team", ARTICLE, "team_id", TEAM)
COMMENTS_OF = many("comments", ARTICLE, COMMENT, "article_id")
COUNTRY_OF = one("country", AUTHOR, "country_id", COUNTRY)
MEMBERS_OF = many("members", TEAM, MEMBER, "team_id")
ARTICLE_OF = one("article", COMMENT, "article_id", ARTICLE)
TAGS_OF = Relationship(
    "tags",
    ARTICLE,
    TAG,
    True,
    (),
    Junction(
        ARTICLE_TAG,
        ((ARTICLE.by_name["id"], ARTICLE_TAG.by_name["article_id"]),),
        ((ARTICLE_TAG.by_name["tag_id"], TAG.by_name["id"]),),
    ),
)
RELATIONSHIPS = (AUTHOR_OF, EDITOR_OF, TEAM_OF, COMMENTS_OF, COUNTRY_OF, MEMBERS_OF, ARTICLE_OF, TAGS_OF)

BLOG = Catalog(
    DatabaseKind.POSTGRESQL,
    (15,),
    ("public", "audit"),
    {each.label: each for each in TABLES},
    {
        source: {each.name: each for each in RELATIONSHIPS if each.source is source}
        for source in TABLES
        if any(each.source is source for each in RELATIONSHIPS)
    },
)
