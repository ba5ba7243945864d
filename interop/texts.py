"""Texts that tokenizers stumble over, from a seed: every script, emoji sequences, combining marks, control characters,
white space of all kinds, special tokens in the middle, long words."""

import random
import unicodedata

WORDS = """the a of and to in is was it for on that with as his they be at one have this from or had by hot word but what
some we can out other were all there when up use your how said an each she which do their time if will way about many then
them write would like so these her long make thing see him two has look more day could go come did number sound no most
people my over know water than call first who may down side been now find any new work part take get place made live where
after back little only round man year came show every good me give our under name very through just form sentence great
think say help low line differ turn cause much mean before move right boy old too same tell does set three want air well
don't it's we're I've you'll he'd can't they'd 'S 'LL O'Neill rock'n'roll state-of-the-art e.g. U.S.A. 3.14 1,000 50% $5
naïve café Zürich Ångström señor façade coöperate RÉSUMÉ Straße İstanbul ΣΊΣΥΦΟΣ ﬁne Ǆ ǅ ŒUVRE""".split()

SPECIALS = ["[CLS]", "[SEP]", "[PAD]", "[UNK]", "[MASK]", "<s>", "</s>", "<pad>", "<unk>", "<mask>", "<|endoftext|>",
            "<new>", "[new]", "Extra", "extra", "EXTRA", "[mask]", "<MASK>"]

SPACES = [chr(code) for code in (
    9, 10, 11, 12, 13, 0x1C, 0x1D, 0x1E, 0x1F, 0x20, 0x85, 0xA0, 0x1680, 0x180E, 0x2000, 0x2003, 0x2009, 0x200A, 0x200B,
    0x2028, 0x2029, 0x202F, 0x205F, 0x2060, 0x3000, 0xFEFF)] + [" ", "  ", "   ", "\t\t", "\r\n", "\n\n", " \n ", "\u00a0 "]

EMOJI = ["😀", "👍🏽", "👨‍👩‍👧‍👦", "🏳️‍🌈", "🇩🇪🇫🇷", "❤️", "1️⃣", "🧑🏿‍🚀", "©️", "☃", "🫠", "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f"]

PUNCTUATION = list("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~") + list("¡¿«»“”‘’–—…‰§¶†‡•‹›、。「」『』【】・！？，；：（）～٪؟।॥၊።᠀꘍𐄀𝪇")

SCRIPTS = [(0x41, 0x5A), (0x61, 0x7A), (0xC0, 0x24F), (0x250, 0x2FF), (0x370, 0x3FF), (0x400, 0x52F), (0x531, 0x58F),
           (0x591, 0x5F4), (0x600, 0x6FF), (0x700, 0x74F), (0x780, 0x7BF), (0x900, 0x97F), (0x980, 0x9FE), (0xA01, 0xA76),
           (0xB01, 0xB77), (0xB82, 0xBFA), (0xC00, 0xC7F), (0xD00, 0xD7F), (0xD81, 0xDF4), (0xE01, 0xE5B), (0xE81, 0xEDF),
           (0xF00, 0xFDA), (0x1000, 0x109F), (0x10A0, 0x10FF), (0x1100, 0x11FF), (0x1200, 0x139F), (0x13A0, 0x13FD),
           (0x1400, 0x167F), (0x1680, 0x16F8), (0x1780, 0x17F9), (0x1800, 0x18AA), (0x1E00, 0x1EFF), (0x1F00, 0x1FFE),
           (0x2070, 0x209C), (0x2100, 0x218B), (0x2460, 0x24FF), (0x2C00, 0x2DFF), (0x3041, 0x30FF), (0x3105, 0x312F),
           (0x3131, 0x318E), (0x3200, 0x33FF), (0x3400, 0x3450), (0x4E00, 0x4F00), (0x9F00, 0xA48C), (0xA640, 0xA69F),
           (0xAC00, 0xAC80), (0xD700, 0xD7FB), (0xF900, 0xFAD9), (0xFB00, 0xFB4F), (0xFB50, 0xFDFF), (0xFE30, 0xFE6B),
           (0xFF01, 0xFFEE), (0x10000, 0x100FA), (0x10330, 0x1034A), (0x10400, 0x1049D), (0x11000, 0x1107F),
           (0x1D15E, 0x1D164), (0x1D400, 0x1D7FF), (0x1E900, 0x1E95F), (0x1F100, 0x1F2FF), (0x1FBF0, 0x1FBF9),
           (0x20000, 0x20050), (0x2F800, 0x2FA1D), (0x30000, 0x30050)]

MARKS = [chr(code) for code in range(0x110000) if unicodedata.category(chr(code)) in ("Mn", "Mc", "Me")]
ODD = [chr(code) for code in (*range(0, 0x20), 0x7F, *range(0x80, 0xA0), 0xAD, 0x34F, 0x378, 0x61C, 0x180E, 0x200B, 0x200C,
       0x200D, 0x200E, 0x202A, 0x2066, 0xE000, 0xFDD0, 0xFFF9, 0xFFFC, 0xFFFD, 0xFFFE, 0xFFFF, 0x1F8FF, 0xE0001, 0xE0100,
       0xF0000, 0x10FFFF)]


def texts(count, seed=20251121):
    """The texts, the short and plain first."""
    random_ = random.Random(seed)
    fixed = ["", " ", "  ", "\n", "a", " a", "a ", " a ", "Hello, world!", "hello  world", "\u0301", "\u0301a", "\u0000"]
    fixed += SPACES + EMOJI + SPECIALS + PUNCTUATION + [f" {token} " for token in SPECIALS]
    fixed += [f"a{token}b" for token in SPECIALS] + [f"x \t{token}\n y" for token in SPECIALS]
    fixed += ["e\u0301\u0323\u0301", "\u0344", "\uac01\u11a8", "\u1100\u1161\u11a8", "\ufb01\ufb03", "\ufdfa", "\u2126",
              "a\u0300\u0345\u0334", "q\u0307\u0323", "ÅÅ", "ǖǘǚ", "\u0958\u09dc", "が\u3099", "\u0f71\u0f72\u0f74"]
    fixed += ["word" * 30, "x" * 101, "x" * 100, "é" * 100, "é" * 101, "字" * 120, "ab" * 400, " " * 300, "'s" * 50]
    yield from fixed[:count]
    for _ in range(count - len(fixed)):
        yield "".join(part(random_) for _ in range(random_.choice([1, 2, 3, 4, 6, 9, 14])))


def part(random_):
    kind = random_.randrange(16)
    if kind < 5:
        word = random_.choice(WORDS)
        return random_.choice(["", " ", " ", " "]) + random_.choice([word, word, word.upper(), word.capitalize()])
    if kind == 5:
        return random_.choice(SPACES) * random_.choice([1, 1, 1, 2, 3])
    if kind == 6:
        return random_.choice(PUNCTUATION) * random_.choice([1, 1, 2, 3])
    if kind == 7:
        return random_.choice(["", " "]) + random_.choice(EMOJI)
    if kind == 8:
        return random_.choice(["", " ", "  ", "\n"]) + random_.choice(SPECIALS) + random_.choice(["", " ", "\t"])
    if kind == 9:
        return random_.choice(ODD)
    if kind == 10:
        return random_.choice(["", "a", "e", "ü", "Ω", "क"]) + "".join(random_.choices(MARKS, k=random_.randint(1, 4)))
    if kind == 11:
        return str(random_.randrange(10 ** random_.randint(1, 12)))
    if kind == 12:
        return chr(random_.choice([random_.randrange(0xD800), random_.randrange(0xE000, 0x110000), random_.randrange(0x3000)]))
    if kind == 13:
        return "".join(random_.choices(WORDS, k=random_.randint(2, 12)))
    low, high = random_.choice(SCRIPTS)
    word = "".join(chr(random_.randint(low, high)) for _ in range(random_.randint(1, 8)))
    return random_.choice(["", " "]) + random_.choice([word, unicodedata.normalize("NFD", word)])
