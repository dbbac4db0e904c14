"""Words on labels: slugs, wrapped lines, near matches."""

import re
import unicodedata


def slug(text: str, limit: int = 40) -> str:
    """Lower case letters and digits joined by single hyphens, cut at a hyphen where too long."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    joined = re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-")
    if len(joined) <= limit:
        return joined
    cut = joined[: limit + 1].rpartition("-")[0]
    return cut or joined[:limit]


def wrap(text: str, width: int) -> list[str]:
    """Lines of at most ``width`` characters; longer words are broken."""
    lines: list[str] = []
    line = ""
    for word in text.split():
        while len(word) > width:
            if line:
                lines.append(line)
                line = ""
            lines.append(word[:width])
            word = word[width:]
        if not word:
            continue
        if not line:
            line = word
        elif len(line) + 1 + len(word) <= width:
            line = f"{line} {word}"
        else:
            lines.append(line)
            line = word
    if line:
        lines.append(line)
    return lines


def shorten(text: str, limit: int, mark: str = "…") -> str:
    """The text, or its beginning and a mark, in at most ``limit`` characters."""
    if len(text) <= limit:
        return text
    return text[: limit - len(mark)].rstrip() + mark


def edits(left: str, right: str) -> int:
    """Typing mistakes between two words: letters added, dropped, changed, or two neighbours swapped."""
    rows = [list(range(len(right) + 1))]
    for i, a in enumerate(left, start=1):
        row = [i]
        for j, b in enumerate(right, start=1):
            best = min(rows[i - 1][j] + 1, row[j - 1] + 1, rows[i - 1][j - 1] + (a != b))
            if i > 1 and j > 1 and a == right[j - 2] and left[i - 2] == b:
                best = min(best, rows[i - 2][j - 2] + 1)
            row.append(best)
        rows.append(row)
    return rows[-1][-1]


def closest(word: str, choices: list[str], tolerance: int = 2) -> str | None:
    """The choice with the fewest edits, the first on a tie; None where all are further away."""
    if not choices:
        return None
    best = min(choices, key=lambda choice: edits(word.lower(), choice.lower()))
    return best if edits(word.lower(), best.lower()) <= tolerance else None


def initials(name: str, most: int = 3) -> str:
    """Upper case first letters of a name's words, small words left out."""
    words = [
        word for word in re.split(r"[\s-]+", name) if word and word not in {"of", "and", "the", "van", "de"}
    ]
    return "".join(word[0] for word in words[:most]).upper()
