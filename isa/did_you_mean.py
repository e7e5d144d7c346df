"""Suggestions for misspelt names: `did you mean 'addi'?`."""

from collections.abc import Iterable

LONGEST_WORD = 200
"""Longest word, in characters, for which there are suggestions."""

MAX_CANDIDATES = 20_000
"""Names compared at most: a generated source may define any number of labels."""

CLOSEST = 5
"""Names whose distance is computed; difflib chooses them by a cheaper measure."""


def did_you_mean(word: str, names: Iterable[str]) -> str | None:
    """`did you mean 'addi'?` for a misspelt word, None when no name is near."""
    close = nearest(word, names)
    return None if close is None else f"did you mean '{close}'?"


def nearest(word: str, names: Iterable[str]) -> str | None:
    """The name most likely meant by `word`: one that differs only in case, or in at most a third of the letters."""
    import difflib  # slow to load, and most runs misspell nothing

    if len(word) > LONGEST_WORD:
        return None
    lowered = word.lower()
    candidates = [name for name in dict.fromkeys(names) if name != word]
    for name in candidates:
        if name.lower() == lowered:
            return name
    allowed = max(1, len(word) // 3)
    near = [name for name in candidates[:MAX_CANDIDATES] if abs(len(name) - len(word)) <= allowed]
    near = difflib.get_close_matches(lowered, near, n=CLOSEST, cutoff=0.6)
    distances = {name: _edits(lowered, name.lower()) for name in near}
    near = [name for name in near if distances[name] <= allowed]
    if not near:
        return None
    # Of equally distant names, one with the same letters is likelier: a letter was doubled, or typed only once.
    return min(near, key=lambda name: (distances[name], set(name) != set(lowered)))


def _edits(word: str, other: str) -> int:
    """The number of letters left out, added, replaced, or swapped with their neighbour."""
    rows = [list(range(len(other) + 1))]
    for i, letter in enumerate(word):
        row = [i + 1]
        for j, wanted in enumerate(other):
            row.append(min(rows[-1][j + 1] + 1, row[j] + 1, rows[-1][j] + (letter != wanted)))
            if i and j and letter == other[j - 1] and wanted == word[i - 1]:
                row[-1] = min(row[-1], rows[-2][j - 1] + 1)
        rows.append(row)
    return rows[-1][-1]
