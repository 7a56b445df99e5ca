-- The bookshop for SQLite 3.31 and newer: tables and views, no rows.
-- README.md says which awkward thing each table shows; the rows are made by rows.py.
-- SQLite keeps what it is given, so the declared types are a promise: TIMESTAMPTZ is text like
-- '2024-01-01 10:00:00.5+00:00', TIMESTAMP the same without offset, BOOLEAN 0 or 1, JSON and UUID text.

-- Who prints the books; known to the trade by a short code.
CREATE TABLE publisher (
    code VARCHAR(16) NOT NULL PRIMARY KEY,  -- the trade's short code; it may change, and the books follow
    name VARCHAR(120) NOT NULL CONSTRAINT publisher_name_key UNIQUE,
    country CHAR(2) NOT NULL,
    founded_on DATE,
    website VARCHAR(200),
    note TEXT
);

CREATE TABLE category (
    id INTEGER PRIMARY KEY,
    parent_id INTEGER REFERENCES category (id) ON DELETE SET NULL,
    name VARCHAR(80) NOT NULL,
    position SMALLINT NOT NULL DEFAULT 0,
    CONSTRAINT category_parent_name_key UNIQUE (parent_id, name)
);

CREATE TABLE author (
    id UUID NOT NULL PRIMARY KEY DEFAULT (
        lower(hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2) || '-'
            || substr('89ab', 1 + (random() & 3), 1) || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6)))),
    name VARCHAR(120) NOT NULL,
    sort_name VARCHAR(120) NOT NULL,
    born_on DATE,
    died_on DATE,
    biography TEXT,
    portrait BLOB,
    CONSTRAINT author_lifetime_check CHECK (died_on >= born_on)
);

CREATE TABLE book (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    isbn CHAR(13) NOT NULL CONSTRAINT book_isbn_key UNIQUE,
    title VARCHAR(200) NOT NULL,
    subtitle VARCHAR(200),
    publisher_code VARCHAR(16) NOT NULL REFERENCES publisher (code) ON UPDATE CASCADE,
    category_id INTEGER REFERENCES category (id) ON DELETE SET NULL,
    status VARCHAR(9) NOT NULL DEFAULT 'draft'
        CONSTRAINT book_status_check CHECK (status IN ('draft', 'published', 'withdrawn')),
    publish_at TIMESTAMPTZ,  -- from this instant on customers may see it
    price DECIMAL(10,2) NOT NULL,
    pages INTEGER,
    weight DOUBLE PRECISION,  -- in kilograms
    in_print BOOLEAN NOT NULL DEFAULT TRUE,
    attributes JSON NOT NULL DEFAULT '{}',
    created_at TIMESTAMPTZ NOT NULL DEFAULT (datetime('now') || '+00:00'),
    updated_at TIMESTAMPTZ NOT NULL DEFAULT (datetime('now') || '+00:00'),
    CONSTRAINT book_price_check CHECK (price >= 0),
    CONSTRAINT book_pages_check CHECK (pages > 0)
);

CREATE INDEX book_publisher_code_index ON book (publisher_code);

CREATE INDEX book_category_id_index ON book (category_id);

CREATE TABLE book_author (
    book_id INTEGER NOT NULL REFERENCES book (id) ON DELETE CASCADE,
    author_id UUID NOT NULL REFERENCES author (id) ON DELETE RESTRICT,
    contribution VARCHAR(11) NOT NULL DEFAULT 'author'
        CONSTRAINT book_author_contribution_check
        CHECK (contribution IN ('author', 'editor', 'translator', 'illustrator')),
    position SMALLINT NOT NULL DEFAULT 1,
    share DECIMAL(5,4),
    PRIMARY KEY (book_id, author_id),
    CONSTRAINT book_author_position_key UNIQUE (book_id, position),
    CONSTRAINT book_author_share_check CHECK (share BETWEEN 0 AND 1)
);

CREATE INDEX book_author_author_id_index ON book_author (author_id);

CREATE TABLE tag (
    name VARCHAR(40) NOT NULL PRIMARY KEY,
    description TEXT
) WITHOUT ROWID;

CREATE TABLE book_tag (
    book_id INTEGER NOT NULL REFERENCES book (id) ON DELETE CASCADE,
    tag VARCHAR(40) NOT NULL REFERENCES tag (name) ON UPDATE CASCADE ON DELETE CASCADE,
    PRIMARY KEY (book_id, tag)
) WITHOUT ROWID;

CREATE INDEX book_tag_tag_index ON book_tag (tag);

CREATE TABLE shop (
    id INTEGER PRIMARY KEY,
    name VARCHAR(80) NOT NULL CONSTRAINT shop_name_key UNIQUE,
    city VARCHAR(80) NOT NULL,
    opens_at TIME NOT NULL DEFAULT '09:00:00',
    closes_at TIME NOT NULL DEFAULT '18:30:00',
    latitude DOUBLE PRECISION NOT NULL,
    longitude DOUBLE PRECISION NOT NULL,
    CONSTRAINT shop_hours_check CHECK (opens_at < closes_at)
);

CREATE TABLE staff (
    id INTEGER PRIMARY KEY,
    shop_id SMALLINT NOT NULL REFERENCES shop,
    manager_id INTEGER REFERENCES staff (id) ON DELETE SET NULL,
    given_name VARCHAR(60) NOT NULL,
    family_name VARCHAR(60) NOT NULL,
    full_name VARCHAR(121) GENERATED ALWAYS AS (given_name || ' ' || family_name) VIRTUAL,
    email VARCHAR(254) NOT NULL CONSTRAINT staff_email_key UNIQUE
        CONSTRAINT staff_email_check CHECK (email LIKE '%_@_%'),
    badge UUID NOT NULL CONSTRAINT staff_badge_key UNIQUE,
    salary DECIMAL(10,2) NOT NULL,  -- gross, a month; for nobody's eyes but the owner's
    hired_on DATE NOT NULL,
    shift_starts_at TIME,
    active BOOLEAN NOT NULL DEFAULT TRUE
);

CREATE TABLE stock (
    shop_id SMALLINT NOT NULL REFERENCES shop (id),
    book_id INTEGER NOT NULL REFERENCES book (id) ON DELETE CASCADE,
    quantity INTEGER NOT NULL DEFAULT 0,
    shelf VARCHAR(8),
    counted_at TIMESTAMP,
    PRIMARY KEY (shop_id, book_id),
    CONSTRAINT stock_quantity_check CHECK (quantity >= 0)
) WITHOUT ROWID;

CREATE TABLE stock_movement (
    shop_id SMALLINT NOT NULL,
    book_id INTEGER NOT NULL,
    staff_id INTEGER REFERENCES staff (id) ON DELETE SET NULL,
    quantity INTEGER NOT NULL,
    reason VARCHAR(40) NOT NULL DEFAULT 'sale',
    moved_at TIMESTAMPTZ NOT NULL DEFAULT (datetime('now') || '+00:00'),
    checksum BIGINT,
    FOREIGN KEY (shop_id, book_id) REFERENCES stock (shop_id, book_id) ON DELETE CASCADE
);

CREATE TABLE customer (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    email VARCHAR(254) NOT NULL CONSTRAINT customer_email_key UNIQUE
        CONSTRAINT customer_email_check CHECK (email LIKE '%_@_%'),
    name VARCHAR(120) NOT NULL,
    phone VARCHAR(30),
    loyalty_number BIGINT CONSTRAINT customer_loyalty_number_key UNIQUE,
    credit DECIMAL(10,2) NOT NULL DEFAULT 0,
    active BOOLEAN NOT NULL DEFAULT TRUE,
    login_secret VARCHAR(64) NOT NULL,
    joined_at TIMESTAMPTZ NOT NULL DEFAULT (datetime('now') || '+00:00')
);

CREATE TABLE customer_profile (
    customer_id INTEGER NOT NULL PRIMARY KEY REFERENCES customer (id) ON DELETE CASCADE,
    referrer_id INTEGER REFERENCES customer (id) ON DELETE SET NULL,
    favourite_author_id UUID REFERENCES author (id) ON DELETE SET NULL,
    birthday DATE,
    reads_at TIME,
    newsletter BOOLEAN,
    preferences JSON,
    avatar BLOB,
    updated_at TIMESTAMP
);

CREATE TABLE address (
    id INTEGER PRIMARY KEY,
    customer_id INTEGER NOT NULL REFERENCES customer (id) ON DELETE CASCADE,
    label VARCHAR(40) NOT NULL DEFAULT 'home',
    street VARCHAR(120) NOT NULL,
    city VARCHAR(80) NOT NULL,
    postal_code VARCHAR(12),
    country CHAR(2) NOT NULL,
    preferred BOOLEAN NOT NULL DEFAULT FALSE,
    CONSTRAINT address_customer_label_key UNIQUE (customer_id, label)
);

CREATE UNIQUE INDEX address_one_preferred_index ON address (customer_id) WHERE preferred;

CREATE TABLE "order" (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    customer_id INTEGER NOT NULL REFERENCES customer (id),
    billing_address_id INTEGER NOT NULL REFERENCES address (id),
    shipping_address_id INTEGER REFERENCES address (id) ON DELETE SET NULL,  -- empty when collected in the shop
    handled_by INTEGER REFERENCES staff (id) ON DELETE SET NULL,
    status VARCHAR(9) NOT NULL DEFAULT 'cart'
        CONSTRAINT order_status_check CHECK (status IN ('cart', 'paid', 'shipped', 'cancelled')),
    placed_at TIMESTAMPTZ NOT NULL DEFAULT (datetime('now') || '+00:00'),
    collect_at TIMESTAMP,  -- on the clock of the shop
    currency CHAR(3) NOT NULL DEFAULT 'EUR',
    exchange_rate DECIMAL(14,8) NOT NULL DEFAULT 1,
    gift BOOLEAN NOT NULL DEFAULT FALSE,
    remark TEXT,
    details JSON,
    CONSTRAINT order_exchange_rate_check CHECK (exchange_rate > 0)
);

CREATE INDEX order_customer_id_index ON "order" (customer_id);

CREATE INDEX order_billing_address_id_index ON "order" (billing_address_id);

CREATE INDEX order_shipping_address_id_index ON "order" (shipping_address_id);

CREATE TABLE order_line (
    order_id INTEGER NOT NULL REFERENCES "order" (id) ON DELETE CASCADE,
    line_number SMALLINT NOT NULL,
    book_id INTEGER NOT NULL REFERENCES book (id),
    quantity INTEGER NOT NULL DEFAULT 1,
    price DECIMAL(10,2) NOT NULL,
    amount DECIMAL(12,2) GENERATED ALWAYS AS (round(quantity * price, 2)) STORED,
    PRIMARY KEY (order_id, line_number),
    CONSTRAINT order_line_quantity_check CHECK (quantity > 0)
);

CREATE INDEX order_line_book_id_index ON order_line (book_id);

CREATE TABLE review (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    book_id INTEGER NOT NULL REFERENCES book (id) ON DELETE CASCADE,
    customer_id INTEGER NOT NULL REFERENCES customer (id) ON DELETE CASCADE,
    status VARCHAR(9) NOT NULL DEFAULT 'draft'
        CONSTRAINT review_status_check CHECK (status IN ('draft', 'published', 'withdrawn')),
    publish_at TIMESTAMPTZ,
    rating SMALLINT,
    title VARCHAR(160),
    body TEXT NOT NULL,
    sentiment DOUBLE PRECISION,
    helpful INTEGER NOT NULL DEFAULT 0,
    created_at TIMESTAMPTZ NOT NULL DEFAULT (datetime('now') || '+00:00'),
    CONSTRAINT review_customer_book_key UNIQUE (customer_id, book_id),
    CONSTRAINT review_rating_check CHECK (rating BETWEEN 1 AND 5)
);

CREATE INDEX review_book_id_index ON review (book_id);

-- Imported from a reader's own spreadsheet, headings and all.
CREATE TABLE "reader's note" (
    id INTEGER PRIMARY KEY,
    customer_id INTEGER NOT NULL REFERENCES customer (id) ON DELETE CASCADE,
    book_id INTEGER REFERENCES book (id) ON DELETE SET NULL,
    "say ""hi""" TEXT,
    "100%" DECIMAL(5,2),
    "order" INTEGER NOT NULL DEFAULT 0,
    "größe" VARCHAR(10),
    "back\slash" TEXT,
    "page:line" VARCHAR(12),
    "why?" TEXT,
    "two words" BOOLEAN
);

CREATE TABLE reading_survey (
    id INTEGER PRIMARY KEY,
    customer_id INTEGER REFERENCES customer (id) ON DELETE SET NULL,
    taken_at TIMESTAMPTZ NOT NULL DEFAULT (datetime('now') || '+00:00'),
    question_01 SMALLINT,
    question_02 BOOLEAN,
    question_03 VARCHAR(120),
    question_04 DECIMAL(6,2),
    question_05 DATE,
    question_06 SMALLINT,
    question_07 BOOLEAN,
    question_08 VARCHAR(120),
    question_09 DECIMAL(6,2),
    question_10 DATE,
    question_11 SMALLINT,
    question_12 BOOLEAN,
    question_13 VARCHAR(120),
    question_14 DECIMAL(6,2),
    question_15 DATE,
    question_16 SMALLINT,
    question_17 BOOLEAN,
    question_18 VARCHAR(120),
    question_19 DECIMAL(6,2),
    question_20 DATE,
    question_21 SMALLINT,
    question_22 BOOLEAN,
    question_23 VARCHAR(120),
    question_24 DECIMAL(6,2),
    question_25 DATE,
    question_26 SMALLINT,
    question_27 BOOLEAN,
    question_28 VARCHAR(120),
    question_29 DECIMAL(6,2),
    question_30 DATE,
    question_31 SMALLINT,
    question_32 BOOLEAN,
    question_33 VARCHAR(120),
    question_34 DECIMAL(6,2),
    question_35 DATE,
    question_36 SMALLINT,
    question_37 BOOLEAN,
    question_38 VARCHAR(120),
    question_39 DECIMAL(6,2),
    question_40 DATE,
    question_41 SMALLINT,
    question_42 BOOLEAN,
    question_43 VARCHAR(120),
    question_44 DECIMAL(6,2),
    question_45 DATE,
    question_46 SMALLINT,
    question_47 BOOLEAN,
    question_48 VARCHAR(120),
    question_49 DECIMAL(6,2),
    question_50 DATE,
    question_51 SMALLINT,
    question_52 BOOLEAN,
    question_53 VARCHAR(120),
    question_54 DECIMAL(6,2),
    question_55 DATE,
    question_56 SMALLINT,
    question_57 BOOLEAN,
    question_58 VARCHAR(120),
    question_59 DECIMAL(6,2),
    question_60 DATE,
    question_61 SMALLINT,
    question_62 BOOLEAN,
    question_63 VARCHAR(120),
    question_64 DECIMAL(6,2),
    question_65 DATE,
    question_66 SMALLINT,
    question_67 BOOLEAN
);

CREATE VIEW published_book AS
SELECT book.id, book.isbn, book.title, publisher.name AS publisher, category.name AS category, book.price, book.publish_at
FROM book
JOIN publisher ON publisher.code = book.publisher_code
LEFT JOIN category ON category.id = book.category_id
WHERE book.status = 'published';

CREATE VIEW customer_spending AS
SELECT customer.id AS customer_id, count(DISTINCT "order".id) AS orders, round(sum(order_line.amount), 2) AS spent
FROM customer
LEFT JOIN "order" ON "order".customer_id = customer.id AND "order".status IN ('paid', 'shipped')
LEFT JOIN order_line ON order_line.order_id = "order".id
GROUP BY customer.id;
