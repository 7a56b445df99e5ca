"""The tables of docs/rules.md that say which words rules have, line by line, and rules that hold each line to its promise."""

from __future__ import annotations

from tests.access.rule_cases import MARIADB, PG, SUB, Case, Line, Write, articles, books, reviews

NAMED = "; a claim of your own is named under [`auth.claims`](#claims-that-are-known)"

LANGUAGE: tuple[Line, ...] = (
    Line(
        (
            "`status == 'published'`, `price < 10`, `published`",
            "compare a column with a constant, of which `True` and `False` are two; a boolean column stands alone",
        ),
        (
            books("status == 'published'", "status = 'published'"),
            books("status != 'published'", "status <> 'published'"),
            books("price < 10", "price < 10"),
            books("price <= 9.99", "price <= 9.99"),
            books("price > 10.0", "price > 10"),
            books("10 <= price", "price >= 10"),
            books("in_print", "in_print"),
            books("in_print == False", "NOT in_print"),
            articles("published", 1, 4, 6),
            articles("not published", 2, 5),
            articles("org == 'B'", 6),
        ),
    ),
    Line(
        ("`status in ['a', 'b']`, `status not in […]`", "one of several"),
        (
            articles("status in ['a', 'b']", 1, 4),
            articles("status not in ['a', 'b']", 2, 5, 6),
            books("status in ['draft', 'withdrawn']", "status IN ('draft', 'withdrawn')"),
            books("status not in ['draft', 'withdrawn']", "status = 'published'"),
            reviews("rating not in [1, 2]", "rating IN (3, 4, 5)"),
        ),
    ),
    Line(
        ("`deleted_at is None`, `is not None`", "null or not"),
        (
            articles("deleted_at is None", 1, 3, 5, 6),
            articles("deleted_at is not None", 2, 4),
            books("subtitle is None", "subtitle IS NULL"),
            books("subtitle is not None", "subtitle IS NOT NULL"),
            articles("email is not None", 1, 2, 4, 5, 6),
        ),
    ),
    Line(
        ("`and`, `or`, `not`, `( )`", "as usual"),
        (
            books("price < 10 or in_print and status == 'draft'", "price < 10 OR (in_print AND status = 'draft')"),
            books("( price < 10 or in_print ) and status == 'draft'", "(price < 10 OR in_print) AND status = 'draft'"),
            books("not (price < 10 or in_print)", "price >= 10 AND NOT in_print"),
            books("not price < 10 and in_print", "price >= 10 AND in_print"),
            articles("not (published or org == 'b')", 5),
            articles("published or not published", 1, 2, 4, 5, 6),
        ),
    ),
    Line(
        (
            '`customer_id == claims.sub`, `org in claims.orgs`, `claims["https://x/y"]`',
            "what the caller's token says" + NAMED,
        ),
        (
            reviews("customer_id == claims.sub", f"customer_id = {SUB}"),
            reviews("claims.sub != customer_id", f"customer_id <> {SUB}"),
            articles("org in claims.orgs", 1, 6),
            articles("org not in claims.orgs", 2, 4, 5),
            books('publisher_code == claims["https://x/y"]', "publisher_code = '50/50'"),
        ),
    ),
    Line(
        ("`publisher.country == 'GB'`", "a column of the row a to-one relationship leads to"),
        (
            books("publisher.country == 'GB'", "publisher_code IN (SELECT code FROM publisher WHERE country = 'GB')"),
            books("publisher.country != 'GB'", "publisher_code IN (SELECT code FROM publisher WHERE country <> 'GB')"),
            reviews(
                "book.publisher.country in ['GB', 'US']",
                "book_id IN (SELECT book.id FROM book JOIN publisher ON code = publisher_code WHERE country IN ('GB', 'US'))",
            ),
            articles("publisher.code == publisher_code and team.least >= 10", 1, 2, 6),
            articles("publisher.code != 'A/B'", 1, 6),
        ),
    ),
    Line(
        ("`exists(review, rating >= 4)`", "at least one related row, through any relationship"),
        (
            books("exists(review, rating >= 4)", "id IN (SELECT book_id FROM review WHERE rating >= 4)"),
            books("not exists(review, True)", "id NOT IN (SELECT book_id FROM review)"),
            books(
                "exists(publisher, country == 'GB')",
                "publisher_code IN (SELECT code FROM publisher WHERE country = 'GB')",
            ),
            books(
                "exists(author, name == 'Jane Austen')",
                "id IN (SELECT book_id FROM book_author JOIN author ON id = author_id WHERE name = 'Jane Austen')",
            ),
            books(
                "exists(review.customer, not active)",
                "id IN (SELECT book_id FROM review JOIN customer ON customer.id = customer_id WHERE NOT active)",
            ),
        ),
    ),
    Line(
        (
            "`exists(member, user_id == claims.sub and team_id == row.team_id)`",
            "a table that no key relates; `row` is the row that the rule protects",
        ),
        (
            articles("exists(member, user_id == claims.sub and team_id == row.team_id)", 1, 4),
            articles("not exists(member, user_id == claims.sub and team_id == row.team_id)", 2, 3, 5, 6),
            reviews("exists(staff, id == row.rating and active)", "rating IN (SELECT id FROM staff WHERE active)"),
        ),
    ),
    Line(
        ("`publish_at <= now()`, `day == today()`", "the moment, or the day, in UTC"),
        (
            articles("publish_at <= now()", 1, 4, 6),
            articles("publish_at > now()", 2, 5),
            articles("held_at <= now()", 1, 5, 6),
            articles("held_at > now()", 2, 4),
            articles("day == today()", 1, 5),
            articles("day < today()", 4),
            articles("day > today()", 2, 6),
        ),
    ),
    Line(
        ("`lower(email) == claims.email`, `like(title, 'A%')`, `ilike(…)`", "text"),
        (
            articles("lower(email) == claims.email", 1, 2),
            articles("like(title, 'A%')", 1, 5),
            articles("like(title, 'Atla_')", 1),
            articles("like(title, r'%\\_\\%')", 5),
            articles("not like(title, 'A%')", 2, 4, 6),
            articles("ilike(title, 'AT%')", 1, 2),
            books("like(title, 'The %')", "substr(title, 1, 4) = 'The '"),
            books("ilike(title, '%RE%')", "lower(title) LIKE '%re%'"),
        ),
    ),
    Line(
        (
            "`has_key(meta, 'size')`",
            "a document that is an object and has the key. `not has_key(meta, 'size')` holds of what is no object, too, and of NULL: `meta is not None and not has_key(…)` where NULL is not meant",
        ),
        (
            articles("has_key(meta, 'size')", 1),
            articles("not has_key(meta, 'size')", 2, 3, 4, 5, 6),
            articles("meta is not None and not has_key(meta, 'size')", 2, 4, 5, 6),
        ),
    ),
    Line(
        (
            "`'sale' in tags`, `claims.sub not in editors`",
            "a document that is an array and has the text as an item; on PostgreSQL a column of arrays, whatever the items; on MariaDB a `SET`. Of NULL neither `in` nor `not in` holds",
        ),
        (
            articles("'sale' in tags", 1),
            articles("'sale' not in tags", 2, 4, 5, 6),
            articles("claims.sub in editors", 1, 5),
            articles("claims.sub not in editors", 2, 4, 6),
            articles("'sale' in labels", 1, on=frozenset({PG, MARIADB})),
            articles("'sale' not in labels", 2, 4, on=frozenset({PG, MARIADB})),
            articles("7 in numbers", 1, 4, on=frozenset({PG})),
            articles("claims.sub not in numbers", 2, on=frozenset({PG})),
        ),
    ),
    Line(
        ('`col("from")`', "a column whose name is no plain word"),
        (
            articles("col(\"from\") == 'here'", 1),
            articles("col(\"from\") != 'here'", 2, 4, 5, 6),
            articles("exists(article, id == row.id and col(\"from\") == 'there')", 4),
            Case("reader's note", 'col("two words")', '"two words"'),
        ),
    ),
    Line(
        (
            "`own`, `not own`",
            "a policy, by its name under `policies:`; no word of this language, in small or capital letters",
        ),
        (
            reviews("own", f"customer_id = {SUB}"),
            reviews("not own", f"customer_id <> {SUB}"),
            reviews("own and rating >= 3", f"customer_id = {SUB} AND rating >= 3"),
            books("exists(review, own)", f"id IN (SELECT book_id FROM review WHERE customer_id = {SUB})"),
        ),
    ),
    Line(
        ("`new.price < 100`", "in a check: the row as it was written"),
        writes=(
            Write("new.price < 100", ("99.99", "0"), ("100", "100.01", None)),
            Write("new.price == 5 or price == 6", ("5", "6"), ("7", None)),
            Write("exists(member, id == new.price)", ("1", "4"), ("5", None)),
        ),
    ),
)

HASURA: tuple[Line, ...] = (
    Line(
        ("`_neq`, `_is_null`, `_nlike`, `_nilike`", "every database", ""),
        (
            books({"status": {"_neq": "published"}}, "status <> 'published'"),
            books({"subtitle": {"_is_null": True}}, "subtitle IS NULL"),
            books({"subtitle": {"_is_null": False}}, "subtitle IS NOT NULL"),
            articles({"title": {"_nlike": "A%"}}, 2, 4, 6),
            articles({"title": {"_nilike": "A%"}}, 4, 6),
        ),
    ),
    Line(
        ("`_in`, `_nin`", "every database", "with a session variable, `{1,2}` is read as a list"),
        (
            books({"status": {"_in": ["draft", "withdrawn"]}}, "status IN ('draft', 'withdrawn')"),
            reviews({"rating": {"_nin": [1, 2]}}, "rating IN (3, 4, 5)"),
            articles({"team_id": {"_in": "X-Hasura-Teams"}}, 1, 4, 5),
            articles({"team_id": {"_nin": "x-hasura-teams"}}, 2, 6),
        ),
    ),
    Line(
        ("`_regex`, `_iregex`, `_nregex`, `_niregex`", "PostgreSQL, MariaDB", "not on SQLite"),
        tuple(
            articles({"title": {word: "^a[tl]"}}, *keys, on=frozenset({PG, MARIADB}))
            for word, keys in {
                "_regex": (2,),
                "_iregex": (1, 2, 5),
                "_nregex": (1, 4, 5, 6),
                "_niregex": (4, 6),
            }.items()
        ),
    ),
    Line(
        (
            "`_has_key`, `_has_keys_any`, `_has_keys_all`",
            "documents",
            "keys of objects alone; Hasura's finds texts of arrays too, which is `'x' in column` here",
        ),
        (
            articles({"meta": {"_has_key": "size"}}, 1),
            articles({"tags": {"_has_key": "sale"}}, 4),
            articles({"meta": {"_has_keys_any": ["size", "a"]}}, 1, 5),
            articles({"meta": {"_has_keys_all": ["a"]}}, 5),
            articles("'Sale' in tags", 2),
        ),
    ),
    Line(
        ("`_contains`, `_contained_in`", "documents, and PostgreSQL's arrays", ""),
        (
            articles({"tags": {"_contains": ["sale"]}}, 1),
            articles({"meta": {"_contains": {"a": {"size": 1}}}}, 5),
            articles({"tags": {"_contained_in": ["new", "sale", 7]}}, 1, 5),
            articles({"labels": {"_contains": ["sale"]}}, 1, on=frozenset({PG})),
            articles({"labels": {"_contained_in": ["sale", "new"]}}, 1, 4, on=frozenset({PG})),
            articles({"numbers": {"_contains": [7]}}, 1, 4, on=frozenset({PG})),
        ),
    ),
    Line(
        ("`_ancestor`, `_descendant`", "PostgreSQL's `ltree`", ""),
        (
            articles({"path": {"_ancestor": "a.b.c"}}, 1, 2, 4, on=frozenset({PG})),
            articles({"path": {"_ancestor": "a.b"}}, 1, 4, on=frozenset({PG})),
            articles({"path": {"_descendant": "a.b"}}, 1, 2, on=frozenset({PG})),
        ),
    ),
    Line(
        ("`_exists: {_table, _where}`", "every database", "a table that no key relates"),
        (
            articles(
                {
                    "_exists": {
                        "_table": "member",
                        "_where": {"user_id": {"_eq": "X-Hasura-User-Id"}, "team_id": {"_ceq": ["$", "team_id"]}},
                    }
                },
                1,
                4,
            ),
        ),
    ),
    Line(
        (
            "`_ceq`, `_cne`, `_cgt`, `_cgte`, `_clt`, `_clte`",
            "every database",
            "columns compared with columns: `{spent: {_clt: budget}}`; `[$, budget]` is that of the row that the rule protects",
        ),
        (
            articles({"spent": {"_ceq": "budget"}}, 1, 5),
            articles({"spent": {"_cne": "budget"}}, 2, 4, 6),
            articles({"spent": {"_cgt": "budget"}}, 2, 6),
            articles({"spent": {"_cgte": "budget"}}, 1, 2, 5, 6),
            articles({"spent": {"_clt": "budget"}}, 4),
            articles({"spent": {"_clte": "budget"}}, 1, 4, 5),
            articles({"team": {"least": {"_clt": ["$", "budget"]}}}, 4),
        ),
    ),
    Line(
        (
            "`X-Hasura-User-Id`",
            "every database",
            'a session variable: `claims["x-hasura-user-id"]`, see `auth.jwt.namespace`',
        ),
        (
            reviews({"customer_id": {"_eq": "X-Hasura-User-Id"}}, f"customer_id = {SUB}"),
            reviews('customer_id == claims["x-hasura-user-id"]', f"customer_id = {SUB}"),
            articles({"spent": {"_lte": "x-hasura-user-id"}}, 4, 5),
        ),
    ),
)
