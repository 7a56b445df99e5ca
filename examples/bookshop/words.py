"""What the rows are told with: names, titles and sentences, plain ones and awkward ones.

Rule: texts that stand in unique columns differ by more than case, accents or spaces at the end, because MariaDB's
ordinary collation sees no other difference.
"""

from __future__ import annotations

import base64

PUBLISHERS = (  # code, name, country, founded, website, note
    ("LANTERN", "Lantern & Sons", "GB", "1871-03-01", "https://lantern.example", "Pays late; asks twice."),
    ("NORTE", "Ediciones del Norte", "ES", "1954-11-20", "https://norte.example/catálogo?q=100%", None),
    ("OSTWIND", "Ostwind Verlag", "DE", "1990-10-03", None, "Rabatt: 35 %\nRückgabe: 90 Tage"),
    (
        "ABEILLE",
        "L'Abeille d'or",
        "FR",
        "1789-07-14",
        "https://abeille.example",
        'Dit : «l\'abeille», jamais "la ruche".',
    ),
    ("KAWA", "川書房", "JP", "1968-04-01", "https://kawa.example", "毎月十日に届く。"),
    ("QUIPU", "Quipu Editores", "PE", "1999-12-31", None, None),
    ("PAPER-BOAT", "Paper Boat ⛵", "NL", None, "https://paperboat.example/#books", "Children's books only."),
    ("B\\W", "Back\\Slash Press", "US", "2004-02-29", None, "C:\\books\\new is where their files come from."),
    ("A/B", "A/B, Ltd.", "IE", "2015-06-16", None, ""),
    ("50/50", "Fifty-Fifty_Publishing", "US", None, None, "100%_recycled"),
    ("SHARIQ", "دار الشروق الجديد", "EG", "1972-01-01", None, None),
    ("UNHEARD", "Unheard Voices", "GB", "2022-09-01", None, "Has no books with us yet."),
)

CATEGORIES = (  # name, children
    ("Fiction", ("Novels", "Short stories", "Crime", "Science fiction", "Poetry", "Drama")),
    ("Non-fiction", ("History", "Travel", "Cooking", "Biography", "Essays")),
    ("Children", ("Picture books", "First reading", "Adventure")),
    ("Science", ("Mathematics", "Physics", "Biology", "Computing")),
    ("Art & design", ("Architecture", "Photography", "Music")),
    ("Sprachen", ("Wörterbücher", "Grammatik", "言語")),
)
DEEP_CATEGORIES = ("Databases", "Query languages", "SQL; and its discontents")  # each inside the one before

AUTHORS = (  # name, sort name, born, died, biography
    (
        "Miguel de Cervantes",
        "Cervantes, Miguel de",
        "1547-09-29",
        "1616-04-22",
        "Soldier, prisoner, tax collector, novelist.",
    ),
    ("Jane Austen", "Austen, Jane", "1775-12-16", "1817-07-18", 'Wrote "by a Lady" on her first title page.'),
    ("Mary Shelley", "Shelley, Mary", "1797-08-30", "1851-02-01", None),
    ("Herman Melville", "Melville, Herman", "1819-08-01", "1891-09-28", "Customs inspector.\nWent to sea; came back."),
    ("Emily Brontë", "Brontë, Emily", "1818-07-30", "1848-12-19", "One novel was enough."),
    ("Charlotte Brontë", "Brontë, Charlotte", "1816-04-21", "1855-03-31", None),
    ("Лев Толстой", "Толстой, Лев", "1828-09-09", "1910-11-20", "Граф, писатель, педагог."),
    ("Фёдор Достоевский", "Достоевский, Фёдор", "1821-11-11", "1881-02-09", None),
    ("Victor Hugo", "Hugo, Victor", "1802-02-26", "1885-05-22", "Poète ; l'exil à Guernesey."),
    ("Jules Verne", "Verne, Jules", "1828-02-08", "1905-03-24", None),
    ("Johann Wolfgang von Goethe", "Goethe, Johann Wolfgang von", "1749-08-28", "1832-03-22", "„Mehr Licht!“"),
    ("夏目 漱石", "夏目, 漱石", "1867-02-09", "1916-12-09", "吾輩は猫である。名前はまだ無い。"),
    ("紫式部", "紫式部", None, None, "生没年不詳。"),
    ("曹雪芹", "曹, 雪芹", None, None, None),
    ("Ricardo Palma", "Palma, Ricardo", "1833-02-07", "1919-10-06", "Bibliotecario mendigo: «pidió» libros al mundo."),
    ("Clorinda Matto de Turner", "Matto de Turner, Clorinda", "1852-11-11", "1909-10-25", None),
    ("Henrik Ibsen", "Ibsen, Henrik", "1828-03-20", "1906-05-23", None),
    ("Αριστοφάνης", "Αριστοφάνης", None, None, "Κωμωδιογράφος."),
    ("Ahmad ibn Fadlan", "Fadlan, Ahmad ibn", None, None, "أحمد بن فضلان، رحّالة."),
    ("Ada Lovelace", "Lovelace, Ada", "1815-12-10", "1852-11-27", "Notes A to G; G is the longest."),
    ("Anonymous", "", None, None, ""),
)

TITLES = (  # title, subtitle, place of the author in AUTHORS (None: drawn)
    ("Don Quijote de la Mancha", "Primera parte", 0),
    ("Don Quijote de la Mancha", "Segunda parte", 0),
    ("Pride and Prejudice", None, 1),
    ("Emma", None, 1),
    ("Frankenstein", "or, The Modern Prometheus", 2),
    ("Moby-Dick", "or, The Whale", 3),
    ("Wuthering Heights", None, 4),
    ("Jane Eyre", "An Autobiography", 5),
    ("Война и мир", "Том 1–4", 6),
    ("Анна Каренина", None, 6),
    ("Преступление и наказание", None, 7),
    ("Les Misérables", "Tome I : «Fantine»", 8),
    ("Vingt mille lieues sous les mers", None, 9),
    ("Faust", "Der Tragödie erster Teil", 10),
    ("吾輩は猫である", None, 11),
    ("源氏物語", "全五十四帖", 12),
    ("紅樓夢", "The Dream of the Red Chamber", 13),
    ("Tradiciones peruanas", None, 14),
    ("Aves sin nido", None, 15),
    ("Et dukkehjem", "Skuespil i tre akter", 16),
    ("Ὄρνιθες", None, 17),
    ("رسالة ابن فضلان", None, 18),
    ("Sketch of the Analytical Engine", 'With "Notes" by the Translator', 19),
    ("Beowulf", None, 20),
    ('The Reader\'s "Guide" to Quoting', "'single', \"double\" and `back`", None),
    ("C:\\Temp\\new", "What the \\backslash\\ meant", None),
    ("100% Wool_and_Needles", "50 % off, % and _ explained", None),
    ("Robert'); DROP TABLE book;--", "A Mother's Exploits", None),
    ("<script>alert('book')</script>", "Safe Reading & <b>Writing</b>", None),
    ("A Line\nThat Breaks", "and a tab:\tthere", None),
    ("  Spaces Before", "and behind  ", None),
    ("📚 Emoji for Librarians 👩🏽‍🏫", "🏳️‍🌈 and e\u0301 (two characters) beside é (one)", None),
    ("NULL", "", None),
    ("null", None, None),
    ("1984½", "0012", None),
    ("${HOME} :name ? %s $1 {0} @x", "Placeholders of the World", None),
    ("zebra", "lower case", None),
    ("Zebra", "upper case", None),
    ("Ärger im Zoo", None, None),
    ("Arger", "without the dots", None),
)

ADJECTIVES = (
    "Silent", "Crooked", "Last", "Borrowed", "Hidden", "Patient", "Broken", "Winter", "Paper", "Distant", "Copper", "Salt",
    "Second", "Forgotten", "Blue", "Narrow",
)  # fmt: skip
NOUNS = (
    "Lighthouse", "Garden", "Letter", "Mountain", "Harbour", "Orchard", "Clock", "River", "Atlas", "Kitchen", "Window",
    "Ledger", "Bridge", "Almanac", "Summer", "Library",
)  # fmt: skip
PATTERNS = ("The {adjective} {noun}", "{noun} of the {adjective} Year", "A {adjective} {noun}", "{adjective} {noun}s")

TAGS = (  # name, description
    ("new", "Came in this month."),
    ("signed", None),
    ("c++", "A plus is a space in some URLs."),
    ("crime, noir", "A comma inside a key."),
    ("à la carte", "Books about restaurants."),
    ("50% off", None),
    ("kids/young adult", "A slash inside a key."),
    ("what?", "Riddles."),
    ("o'clock", "Time & its measure."),
    ('say "cheese"', "Photography."),
    ("back\\slash", None),
    ("日本", "From Japan."),
    ("📚", "Books about books."),
    ("null", "Nothingness, in philosophy."),
    ("true", "Based on a true story."),
    ("0", "Zero waste."),
    ("-1", "Prequels."),
    ("x=y&z", "Equations."),
    ("#1", "Has been a best-seller."),
    ("science-fiction", None),
    ("long_read", "More than 600 pages."),
    ("gift", None),
    ("bilingual", ""),
    ("unused", "No book carries it."),
)

SHOPS = (  # name, city, opens, closes, latitude, longitude
    ("The Harbour Shop", "Cork", "09:00:00", "18:30:00", 51.8985, -8.4756),
    ("Librería El Molino", "Cusco", "10:00:00", "20:00:00", -13.51678, -71.97877),
    ("Buch & Bohne", "Köln", "08:30:00", "23:59:59", 50.9375, 6.9603),
    ("Null Island Books", "Null Island", "00:00:00", "00:00:01", 0.0, 0.0),
    ("坂の上書店", "長崎", "11:15:30", "19:45:00", 32.750286, 129.877667),
)

GIVEN_NAMES = (
    "Aoife", "Beatriz", "Chidi", "Dolores", "Elif", "Farid", "Gudrun", "Hanna", "Ines", "Jorge", "Kofi", "Lucía", "Marta",
    "Nils", "Odile", "Paulo", "Quinn", "Rosa", "Siobhán", "Tomás", "Uma", "Vera", "Wanda", "Ximena", "Yusuf", "Zoë",
)  # fmt: skip
FAMILY_NAMES = (
    "O'Brien", "Quispe", "Okafor", "Müller", "Yılmaz", "Haddad", "Jónsdóttir", "Novák", "García Márquez", "D'Angelo",
    "Mensah", "Nguyễn", "Smith-Jones", "van der Berg", "Łukasik", "de la Cruz", "Østergaard", "Weiß", "Kim", "Ó Sé",
)  # fmt: skip
AWKWARD_NAMES = (
    'Zoë "Zo" Müller',
    "Robert'); DROP TABLE customer;--",
    "山田 太郎",
    "أحمد محمود",
    "Back\\Slash & Sons",
    "null",
    "😀 Smiley",
    "Ωμέγα %_",
)

STREETS = (
    "Harbour Road",
    "Calle Loreto",
    "Große Straße",
    "Rue de l'Église",
    'Plaza "Mayor"',
    "坂本町",
    "Mill Lane",
    "Kirkegata",
)
CITIES = (  # city, country, postal code
    ("Cork", "IE", "T12 X8P1"), ("Cusco", "PE", "08002"), ("Köln", "DE", "50667"), ("Lyon", "FR", "69001"),
    ("Sevilla", "ES", "41001"), ("長崎", "JP", "850-0035"), ("Bergen", "NO", "5003"), ("Dublin", "IE", None),
    ("Lima", "PE", None), ("Zürich", "CH", "8001"),
)  # fmt: skip
LABELS = ("home", "work", "parents", "summer house", "c/o neighbour")

REVIEW_TITLES = (
    "Loved it",
    "Not for me",
    "A gift for my aunt",
    "¡Qué libro!",
    "Meh…",
    '"Must read"',
    "It's fine",
    "读了两遍",
    "5★",
)
OPINIONS = (
    "I could not put it down.",
    "The second half drags; the first doesn't.",
    "My copy came with a torn cover, but the story is whole.",
    "Leí hasta las tres de la mañana.",
    "Der Übersetzer hätte mehr Zeit gebraucht.",
    "猫が出てくる本はみんな良い。",
    'She said "read it", and so I did.',
    "Ends on page 201?! Ours had 340.",
    "Would read again & again.",
)
AWKWARD_REVIEWS = (
    "<script>alert(1)</script><img src=x onerror=alert(2)>",
    "It's C:\\books\\ all the way down; 100% of it. -- /* not a comment */",
    "First line\r\nSecond line\n\n\tindented",
    "😀😃😄 👨‍👩‍👧‍👦 e\u0301 \u200b \u202eright to left",
    '{"json": [1, 2, null]}',
    "' OR '1'='1",
    "",
    " ",
    "Long. " * 2_000,
)
REMARKS = ("Please wrap it.", "Ring twice; it's the blue door.", "Sin prisa.", 'c/o "The Mill" \\ back door', "🎁", "")
ANSWERS = ("yes", "no", "It depends…", "N/A", "", "jeden Tag", '"quoted"', "never; ever", "図書館で")

# A valid picture of one pixel.
PORTRAIT = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
AWKWARD_BYTES = (b"", b"\x00", b"\x00\xff'\\\"\x1a\n", bytes(range(256)))
