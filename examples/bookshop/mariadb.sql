-- The bookshop for MariaDB 10.7 and newer: tables and views, no rows.
-- README.md says which awkward thing each table shows; the rows are made by rows.py.
-- TIMESTAMP holds an instant (it ends in 2038), DATETIME what a clock on the wall shows.

CREATE TABLE publisher (
    code VARCHAR(16) NOT NULL COMMENT 'The trade''s short code; it may change, and the books follow.',
    name VARCHAR(120) NOT NULL,
    country CHAR(2) NOT NULL,
    founded_on DATE NULL,
    website VARCHAR(200) NULL,
    note TEXT NULL,
    PRIMARY KEY (code),
    UNIQUE KEY publisher_name_key (name)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci
  COMMENT='Who prints the books; known to the trade by a short code.';

CREATE TABLE category (
    id INT NOT NULL AUTO_INCREMENT,
    parent_id INT NULL,
    name VARCHAR(80) NOT NULL,
    position SMALLINT NOT NULL DEFAULT 0,
    PRIMARY KEY (id),
    UNIQUE KEY category_parent_name_key (parent_id, name),
    CONSTRAINT category_parent_fk FOREIGN KEY (parent_id) REFERENCES category (id) ON DELETE SET NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci
  COMMENT='A tree of subjects; the roots have no parent.';

CREATE TABLE author (
    id UUID NOT NULL DEFAULT uuid(),
    name VARCHAR(120) NOT NULL,
    sort_name VARCHAR(120) NOT NULL COMMENT 'Family name first, as on a library card: „Cervantes, Miguel de“.',
    born_on DATE NULL,
    died_on DATE NULL,
    biography TEXT NULL,
    portrait BLOB NULL COMMENT 'A very small PNG.',
    PRIMARY KEY (id),
    CONSTRAINT author_lifetime_check CHECK (died_on >= born_on)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci
  COMMENT='Whoever wrote, edited, translated or drew.';

CREATE TABLE book (
    id BIGINT NOT NULL AUTO_INCREMENT,
    isbn CHAR(13) NOT NULL,
    title VARCHAR(200) NOT NULL,
    subtitle VARCHAR(200) NULL,
    publisher_code VARCHAR(16) NOT NULL,
    category_id INT NULL,
    status ENUM('draft', 'published', 'withdrawn') NOT NULL DEFAULT 'draft',
    publish_at TIMESTAMP(6) NULL DEFAULT NULL
        COMMENT 'From this instant on customers may see it; empty means not planned.',
    price DECIMAL(10,2) NOT NULL COMMENT 'In euro, tax included.',
    pages INT NULL,
    weight DOUBLE NULL COMMENT 'In kilograms, as the scales say.',
    in_print BOOLEAN NOT NULL DEFAULT TRUE,
    attributes JSON NOT NULL DEFAULT '{}',
    created_at TIMESTAMP(6) NOT NULL DEFAULT current_timestamp(6),
    updated_at TIMESTAMP(6) NOT NULL DEFAULT current_timestamp(6) ON UPDATE current_timestamp(6),
    PRIMARY KEY (id),
    UNIQUE KEY book_isbn_key (isbn),
    KEY book_publisher_code_index (publisher_code),
    KEY book_category_id_index (category_id),
    CONSTRAINT book_publisher_fk FOREIGN KEY (publisher_code) REFERENCES publisher (code) ON UPDATE CASCADE,
    CONSTRAINT book_category_fk FOREIGN KEY (category_id) REFERENCES category (id) ON DELETE SET NULL,
    CONSTRAINT book_price_check CHECK (price >= 0),
    CONSTRAINT book_pages_check CHECK (pages > 0)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci
  COMMENT='An edition that can be sold. "Draft" ones are seen by staff only.';

CREATE TABLE book_author (
    book_id BIGINT NOT NULL,
    author_id UUID NOT NULL,
    contribution ENUM('author', 'editor', 'translator', 'illustrator') NOT NULL DEFAULT 'author',
    position SMALLINT NOT NULL DEFAULT 1,
    share DECIMAL(5,4) NULL COMMENT 'The part of the royalties, 0 to 1; empty when nothing was agreed.',
    PRIMARY KEY (book_id, author_id),
    UNIQUE KEY book_author_position_key (book_id, position),
    KEY book_author_author_id_index (author_id),
    CONSTRAINT book_author_book_fk FOREIGN KEY (book_id) REFERENCES book (id) ON DELETE CASCADE,
    CONSTRAINT book_author_author_fk FOREIGN KEY (author_id) REFERENCES author (id) ON DELETE RESTRICT,
    CONSTRAINT book_author_share_check CHECK (share BETWEEN 0 AND 1)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci
  COMMENT='Who did what for which book, in the order of the title page.';

CREATE TABLE tag (
    name VARCHAR(40) NOT NULL,
    description TEXT NULL,
    PRIMARY KEY (name)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE book_tag (
    book_id BIGINT NOT NULL,
    tag VARCHAR(40) NOT NULL,
    PRIMARY KEY (book_id, tag),
    KEY book_tag_tag_index (tag),
    CONSTRAINT book_tag_book_fk FOREIGN KEY (book_id) REFERENCES book (id) ON DELETE CASCADE,
    CONSTRAINT book_tag_tag_fk FOREIGN KEY (tag) REFERENCES tag (name) ON UPDATE CASCADE ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE shop (
    id SMALLINT NOT NULL AUTO_INCREMENT,
    name VARCHAR(80) NOT NULL,
    city VARCHAR(80) NOT NULL,
    opens_at TIME NOT NULL DEFAULT '09:00:00',
    closes_at TIME NOT NULL DEFAULT '18:30:00',
    latitude DOUBLE NOT NULL,
    longitude DOUBLE NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY shop_name_key (name),
    CONSTRAINT shop_hours_check CHECK (opens_at < closes_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE staff (
    id INT NOT NULL AUTO_INCREMENT,
    shop_id SMALLINT NOT NULL,
    manager_id INT NULL,
    given_name VARCHAR(60) NOT NULL,
    family_name VARCHAR(60) NOT NULL,
    full_name VARCHAR(121) GENERATED ALWAYS AS (concat(given_name, ' ', family_name)) VIRTUAL,
    email VARCHAR(254) NOT NULL,
    badge UUID NOT NULL DEFAULT uuid(),
    salary DECIMAL(10,2) NOT NULL COMMENT 'Gross, a month. For nobody''s eyes but the owner''s.',
    hired_on DATE NOT NULL,
    shift_starts_at TIME NULL,
    active BOOLEAN NOT NULL DEFAULT TRUE,
    PRIMARY KEY (id),
    UNIQUE KEY staff_email_key (email),
    UNIQUE KEY staff_badge_key (badge),
    CONSTRAINT staff_shop_fk FOREIGN KEY (shop_id) REFERENCES shop (id),
    CONSTRAINT staff_manager_fk FOREIGN KEY (manager_id) REFERENCES staff (id) ON DELETE SET NULL,
    CONSTRAINT staff_email_check CHECK (email LIKE '%_@_%')
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE stock (
    shop_id SMALLINT NOT NULL,
    book_id BIGINT NOT NULL,
    quantity INT UNSIGNED NOT NULL DEFAULT 0,
    shelf VARCHAR(8) NULL,
    counted_at DATETIME(6) NULL COMMENT 'On the clock of the shop, so without zone.',
    PRIMARY KEY (shop_id, book_id),
    CONSTRAINT stock_shop_fk FOREIGN KEY (shop_id) REFERENCES shop (id),
    CONSTRAINT stock_book_fk FOREIGN KEY (book_id) REFERENCES book (id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE stock_movement (
    shop_id SMALLINT NOT NULL,
    book_id BIGINT NOT NULL,
    staff_id INT NULL,
    quantity INT NOT NULL COMMENT 'Negative when books leave.',
    reason VARCHAR(40) NOT NULL DEFAULT 'sale',
    moved_at TIMESTAMP(6) NOT NULL DEFAULT current_timestamp(6),
    checksum BIGINT NULL COMMENT 'Of the scanner; any 64-bit number with a sign.',
    CONSTRAINT stock_movement_stock_fk FOREIGN KEY (shop_id, book_id) REFERENCES stock (shop_id, book_id)
        ON DELETE CASCADE,
    CONSTRAINT stock_movement_staff_fk FOREIGN KEY (staff_id) REFERENCES staff (id) ON DELETE SET NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci
  COMMENT='A journal without a key: two rows may be equal and both are true.';

CREATE TABLE customer (
    id BIGINT NOT NULL AUTO_INCREMENT,
    email VARCHAR(254) NOT NULL,
    name VARCHAR(120) NOT NULL,
    phone VARCHAR(30) NULL,
    loyalty_number BIGINT NULL,
    credit DECIMAL(10,2) NOT NULL DEFAULT 0 COMMENT 'In euro; negative when the customer owes us.',
    active BOOLEAN NOT NULL DEFAULT TRUE,
    login_secret VARCHAR(64) NOT NULL COMMENT 'Never to be shown to anybody.',
    joined_at TIMESTAMP(6) NOT NULL DEFAULT current_timestamp(6),
    PRIMARY KEY (id),
    UNIQUE KEY customer_email_key (email),
    UNIQUE KEY customer_loyalty_number_key (loyalty_number),
    CONSTRAINT customer_email_check CHECK (email LIKE '%_@_%')
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci
  COMMENT='People who buy; each owns addresses, orders, reviews and notes.';

CREATE TABLE customer_profile (
    customer_id BIGINT NOT NULL,
    referrer_id BIGINT NULL,
    favourite_author_id UUID NULL,
    birthday DATE NULL,
    reads_at TIME NULL,
    newsletter BOOLEAN NULL COMMENT 'Empty until we have asked.',
    preferences JSON NULL,
    avatar BLOB NULL,
    updated_at DATETIME(6) NULL,
    PRIMARY KEY (customer_id),
    CONSTRAINT customer_profile_customer_fk FOREIGN KEY (customer_id) REFERENCES customer (id) ON DELETE CASCADE,
    CONSTRAINT customer_profile_referrer_fk FOREIGN KEY (referrer_id) REFERENCES customer (id) ON DELETE SET NULL,
    CONSTRAINT customer_profile_favourite_author_fk FOREIGN KEY (favourite_author_id) REFERENCES author (id)
        ON DELETE SET NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE address (
    id INT NOT NULL AUTO_INCREMENT,
    customer_id BIGINT NOT NULL,
    label VARCHAR(40) NOT NULL DEFAULT 'home',
    street VARCHAR(120) NOT NULL,
    city VARCHAR(80) NOT NULL,
    postal_code VARCHAR(12) NULL,
    country CHAR(2) NOT NULL,
    preferred BOOLEAN NOT NULL DEFAULT FALSE,
    PRIMARY KEY (id),
    UNIQUE KEY address_customer_label_key (customer_id, label),
    CONSTRAINT address_customer_fk FOREIGN KEY (customer_id) REFERENCES customer (id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE `order` (
    id BIGINT NOT NULL AUTO_INCREMENT,
    customer_id BIGINT NOT NULL,
    billing_address_id INT NOT NULL,
    shipping_address_id INT NULL COMMENT 'Empty when the books are collected in the shop.',
    handled_by INT NULL,
    status ENUM('cart', 'paid', 'shipped', 'cancelled') NOT NULL DEFAULT 'cart',
    placed_at TIMESTAMP(6) NOT NULL DEFAULT current_timestamp(6),
    collect_at DATETIME(6) NULL COMMENT 'When the customer comes by, on the clock of the shop.',
    currency CHAR(3) NOT NULL DEFAULT 'EUR',
    exchange_rate DECIMAL(14,8) NOT NULL DEFAULT 1,
    gift BOOLEAN NOT NULL DEFAULT FALSE,
    remark TEXT NULL,
    details JSON NULL,
    PRIMARY KEY (id),
    KEY order_customer_id_index (customer_id),
    KEY order_billing_address_id_index (billing_address_id),
    KEY order_shipping_address_id_index (shipping_address_id),
    CONSTRAINT order_customer_fk FOREIGN KEY (customer_id) REFERENCES customer (id),
    CONSTRAINT order_billing_address_fk FOREIGN KEY (billing_address_id) REFERENCES address (id),
    CONSTRAINT order_shipping_address_fk FOREIGN KEY (shipping_address_id) REFERENCES address (id) ON DELETE SET NULL,
    CONSTRAINT order_handled_by_fk FOREIGN KEY (handled_by) REFERENCES staff (id) ON DELETE SET NULL,
    CONSTRAINT order_exchange_rate_check CHECK (exchange_rate > 0)
) ENGINE=InnoDB AUTO_INCREMENT=1001 DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci
  COMMENT='What a customer asked for, from the cart to the doorstep.';

CREATE TABLE order_line (
    order_id BIGINT NOT NULL,
    line_number SMALLINT NOT NULL,
    book_id BIGINT NOT NULL,
    quantity INT NOT NULL DEFAULT 1,
    price DECIMAL(10,2) NOT NULL,
    amount DECIMAL(12,2) GENERATED ALWAYS AS (quantity * price) STORED COMMENT 'quantity × price',
    PRIMARY KEY (order_id, line_number),
    KEY order_line_book_id_index (book_id),
    CONSTRAINT order_line_order_fk FOREIGN KEY (order_id) REFERENCES `order` (id) ON DELETE CASCADE,
    CONSTRAINT order_line_book_fk FOREIGN KEY (book_id) REFERENCES book (id),
    CONSTRAINT order_line_quantity_check CHECK (quantity > 0)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE review (
    id BIGINT NOT NULL AUTO_INCREMENT,
    book_id BIGINT NOT NULL,
    customer_id BIGINT NOT NULL,
    status ENUM('draft', 'published', 'withdrawn') NOT NULL DEFAULT 'draft',
    publish_at TIMESTAMP(6) NULL DEFAULT NULL,
    rating SMALLINT NULL,
    title VARCHAR(160) NULL,
    body TEXT NOT NULL,
    sentiment DOUBLE NULL COMMENT 'A guess of a machine, from -1 to 1.',
    helpful INT NOT NULL DEFAULT 0,
    created_at TIMESTAMP(6) NOT NULL DEFAULT current_timestamp(6),
    PRIMARY KEY (id),
    UNIQUE KEY review_customer_book_key (customer_id, book_id),
    KEY review_book_id_index (book_id),
    CONSTRAINT review_book_fk FOREIGN KEY (book_id) REFERENCES book (id) ON DELETE CASCADE,
    CONSTRAINT review_customer_fk FOREIGN KEY (customer_id) REFERENCES customer (id) ON DELETE CASCADE,
    CONSTRAINT review_rating_check CHECK (rating BETWEEN 1 AND 5)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE `reader's note` (
    id INT NOT NULL AUTO_INCREMENT,
    customer_id BIGINT NOT NULL,
    book_id BIGINT NULL,
    `say "hi"` TEXT NULL COMMENT 'It''s a greeting; it says "hi".',
    `100%` DECIMAL(5,2) NULL COMMENT 'How much of the book was read, 0 to 100%.',
    `order` INT NOT NULL DEFAULT 0,
    `größe` VARCHAR(10) NULL,
    `back\slash` TEXT NULL,
    `page:line` VARCHAR(12) NULL,
    `why?` TEXT NULL,
    `two words` BOOLEAN NULL,
    PRIMARY KEY (id),
    CONSTRAINT `reader's note_customer_fk` FOREIGN KEY (customer_id) REFERENCES customer (id) ON DELETE CASCADE,
    CONSTRAINT `reader's note_book_fk` FOREIGN KEY (book_id) REFERENCES book (id) ON DELETE SET NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci
  COMMENT='Imported from a reader''s own spreadsheet, headings and all.';

CREATE TABLE reading_survey (
    id INT NOT NULL AUTO_INCREMENT,
    customer_id BIGINT NULL,
    taken_at TIMESTAMP(6) NOT NULL DEFAULT current_timestamp(6),
    question_01 SMALLINT NULL,
    question_02 BOOLEAN NULL,
    question_03 VARCHAR(120) NULL,
    question_04 DECIMAL(6,2) NULL,
    question_05 DATE NULL,
    question_06 SMALLINT NULL,
    question_07 BOOLEAN NULL,
    question_08 VARCHAR(120) NULL,
    question_09 DECIMAL(6,2) NULL,
    question_10 DATE NULL,
    question_11 SMALLINT NULL,
    question_12 BOOLEAN NULL,
    question_13 VARCHAR(120) NULL,
    question_14 DECIMAL(6,2) NULL,
    question_15 DATE NULL,
    question_16 SMALLINT NULL,
    question_17 BOOLEAN NULL,
    question_18 VARCHAR(120) NULL,
    question_19 DECIMAL(6,2) NULL,
    question_20 DATE NULL,
    question_21 SMALLINT NULL,
    question_22 BOOLEAN NULL,
    question_23 VARCHAR(120) NULL,
    question_24 DECIMAL(6,2) NULL,
    question_25 DATE NULL,
    question_26 SMALLINT NULL,
    question_27 BOOLEAN NULL,
    question_28 VARCHAR(120) NULL,
    question_29 DECIMAL(6,2) NULL,
    question_30 DATE NULL,
    question_31 SMALLINT NULL,
    question_32 BOOLEAN NULL,
    question_33 VARCHAR(120) NULL,
    question_34 DECIMAL(6,2) NULL,
    question_35 DATE NULL,
    question_36 SMALLINT NULL,
    question_37 BOOLEAN NULL,
    question_38 VARCHAR(120) NULL,
    question_39 DECIMAL(6,2) NULL,
    question_40 DATE NULL,
    question_41 SMALLINT NULL,
    question_42 BOOLEAN NULL,
    question_43 VARCHAR(120) NULL,
    question_44 DECIMAL(6,2) NULL,
    question_45 DATE NULL,
    question_46 SMALLINT NULL,
    question_47 BOOLEAN NULL,
    question_48 VARCHAR(120) NULL,
    question_49 DECIMAL(6,2) NULL,
    question_50 DATE NULL,
    question_51 SMALLINT NULL,
    question_52 BOOLEAN NULL,
    question_53 VARCHAR(120) NULL,
    question_54 DECIMAL(6,2) NULL,
    question_55 DATE NULL,
    question_56 SMALLINT NULL,
    question_57 BOOLEAN NULL,
    question_58 VARCHAR(120) NULL,
    question_59 DECIMAL(6,2) NULL,
    question_60 DATE NULL,
    question_61 SMALLINT NULL,
    question_62 BOOLEAN NULL,
    question_63 VARCHAR(120) NULL,
    question_64 DECIMAL(6,2) NULL,
    question_65 DATE NULL,
    question_66 SMALLINT NULL,
    question_67 BOOLEAN NULL,
    PRIMARY KEY (id),
    CONSTRAINT reading_survey_customer_fk FOREIGN KEY (customer_id) REFERENCES customer (id) ON DELETE SET NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci
  COMMENT='One sheet a line, seventy columns wide.';

CREATE VIEW published_book AS
SELECT book.id, book.isbn, book.title, publisher.name AS publisher, category.name AS category, book.price, book.publish_at
FROM book
JOIN publisher ON publisher.code = book.publisher_code
LEFT JOIN category ON category.id = book.category_id
WHERE book.status = 'published';

CREATE VIEW customer_spending AS
SELECT customer.id AS customer_id, count(DISTINCT `order`.id) AS orders,
    cast(sum(order_line.amount) AS DECIMAL(14,2)) AS spent
FROM customer
LEFT JOIN `order` ON `order`.customer_id = customer.id AND `order`.status IN ('paid', 'shipped')
LEFT JOIN order_line ON order_line.order_id = `order`.id
GROUP BY customer.id;
