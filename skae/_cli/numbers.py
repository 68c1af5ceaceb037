"""Numbers in text: thousands, decimal commas, units, suffixes, words and sentinels."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# Missing values of pandas (nan, nat), C (-nan, 1.#ind), R (na), spreadsheets (n/a, #n/a),
# databases (null, \n) and Python (none), in lower case.
MISSING_WORDS = {"", "nan", "-nan", "na", "n/a", "#n/a", "null", "none", "nat", "\\n"} | {
    f"{sign}1.#{word}" for sign in ("", "-") for word in ("ind", "qnan", "snan", "nan")
}
SPACES = r"[  \u00a0\u2009\u202f'’]"
NUMBER = re.compile(
    r"^(?:[$€£¥]\s?)?(?P<sign>[-+−]|\()?\s*[$€£¥]?(?P<digits>\d[\d.,]*|[.,]\d+)"
    r"(?P<exponent>[eEdD][-+]?\d+)?\s?(?P<unit>[^\W\d_.]{1,8}[23²³]?(?:[/·*^.][-^\w]{1,4}){0,3}|"
    r"[%‰°€$£¥µ][\w/]{0,6}|\w{0,3}/\w{1,4}|\w{1,2} [AD]C|[*#†‡!])?(?P<close>\))?(?P<minus>-)?$"
)
# Factors between units such as K and M, or kB and MB.
FACTORS = {
    **{"": 1.0, "k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "m": 1e-3, "µ": 1e-6, "u": 1e-6},
    **{"n": 1e-9, "Ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30},
}
AMOUNTS = FACTORS | {"m": 1e6, "mn": 1e6, "Mio": 1e6, "B": 1e9, "b": 1e9, "bn": 1e9, "Mrd": 1e9}
ANSWERS = (
    "true/false t/f yes/no y/n on/off ja/nein oui/non si/no sí/no open/closed running/stopped"
).split()
MAX_WORDS = 3
# A word that begins like a number is a mistake rather than a missing value.
MISTAKE = re.compile(r"[-+<>~≈]?\s*(\.?\d|inf)", re.IGNORECASE)
NINES = re.compile(r"[67]?9{2,}(\.9+)?|([67])\2{2,}|3276[78]|65535|214748364[78]|10{10,}")


@dataclass
class Numbers:
    """The cells of a column as numbers.

    Parameters
    ----------
    values : ndarray of shape (n,)
        NaN where a cell is missing or not a number.
    words : dict of str to int
        The cells that are not numbers, and their counts.
    notes : list of str
        Notes on how they were read.
    """

    values: Floats
    words: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def missing_words(self) -> list[str]:
        """Return the words that mean a missing value, none if they may be mistakes."""
        n_numbers, n_words = np.count_nonzero(~np.isnan(self.values)), sum(self.words.values())
        rare = n_words <= n_numbers and len(self.words) <= MAX_WORDS
        lone = len(self.words) == 1 and n_words < 20 * n_numbers
        is_word = not any(MISTAKE.match(word) for word in self.words)
        return list(self.words) if (rare or lone) and is_word else []


def is_number(text: str) -> bool:
    """Tell whether a cell may be a number, with a unit or thousands separators.

    Examples
    --------
    >>> [is_number(text) for text in ("-1.5e3", "1.234,5", "20 %", "313.2K", "s1", "2024-01-01")]
    [True, True, True, True, False, False]
    """
    return NUMBER.match(re.sub(rf"(?<=\d){SPACES}(?=\d)", "", text)) is not None


def read_numbers(
    texts: Any, decimal: str | None = None, favoured: str = ".", delimiter: str = ","
) -> Numbers:
    r"""Read a column of texts as numbers.

    Parameters
    ----------
    texts : pandas Series of str
        The cells.
    decimal : {".", ","}, default=None
        The decimal mark. If None, it is detected from the whole column.
    favoured : {".", ","}, default="."
        The decimal mark of other columns, used if this column is ambiguous.
    delimiter : str, default=","
        The mark between cells.

    Examples
    --------
    >>> import pandas as pd
    >>> read_numbers(pd.Series(["998", "1.002", "1.005", "?"])).values
    array([ 998., 1002., 1005.,   nan])
    >>> read_numbers(pd.Series(["1.234,5", "995,0 %"])).values
    array([1234.5,  995. ])
    """
    import pandas as pd

    codes, uniques = pd.factorize(texts)
    counts = np.bincount(codes, minlength=len(uniques))
    cells = pd.Series(uniques, dtype=object)
    given = ~cells.str.lower().isin(MISSING_WORDS).to_numpy()
    answers = _answers(cells[given])
    if answers:
        values = cells.str.lower().map(answers).to_numpy(dtype=float)
        return Numbers(values[codes], {}, [f"{'/'.join(answers)} are read as 1 and 0"])
    parts = _split(cells)
    factors, unit_note = _factors(parts["unit"], counts)
    digits = parts["digits"].where(~np.isnan(factors))
    if not decimal and _has_both_decimals(digits):
        digits = digits.str.replace(",", ".", regex=False)
    used, doubt = (decimal, "") if decimal else _find_decimal(digits, codes, favoured, delimiter)
    values = _convert(digits, used) * 10.0 ** parts["exponent"].fillna("e0").str[1:].astype(int)
    values = (values * factors * np.where(parts["is_negative"], -1.0, 1.0)).to_numpy(dtype=float)
    bad = given & np.isnan(values)
    notes = [note for note in (unit_note, _note_on_decimal(digits, used, doubt)) if note]
    words = dict(zip(cells[bad], counts[bad].tolist(), strict=True))
    return Numbers(values[codes], words, notes)


def might_be_thousands(values: Floats) -> bool:
    """Tell whether decimal points may be thousands separators."""
    given = np.abs(values[~np.isnan(values)])
    fractions = given[given % 1 != 0]
    if not len(fractions) or given.max() >= 1000 or fractions.min() < 1:
        return False
    return np.allclose(fractions * 1e3, np.round(fractions * 1e3), rtol=1e-9, atol=0)


def find_sentinels(values: Floats) -> dict[float, int]:
    """Return the values that mean a missing one, such as -9999, and their counts.

    They consist of nines, or are round and negative such as -200. Their distance to all other
    values is larger than the range of these.

    Examples
    --------
    >>> find_sentinels(np.array([20.0, 21.5, -999.0, 19.0, -999.0]))
    {-999.0: 2}
    """
    found, counts = np.unique(values[~np.isnan(values)], return_counts=True)
    low, high = 0, len(found)  # only the outermost values can be sentinels
    while low < high and _looks_missing(found[low], counts[low]):
        low += 1
    while high > low and _looks_missing(found[high - 1], counts[high - 1]):
        high -= 1
    others = found[low:high]
    if not len(others):
        return {}
    reach = max(np.ptp(others), 0.1 * np.abs(others).max())
    return {
        float(value): int(count)
        for value, count in zip(found, counts, strict=True)
        if max(others[0] - value, value - others[-1]) > reach
        and (_is_written_by_programs(value) or -value > 2 * np.abs(others).max())
    }


def _looks_missing(value: float, count: int) -> bool:
    """Tell whether a value with this count may mean a missing one."""
    if _is_written_by_programs(value):
        return count > 1 or abs(value) > 99
    return value <= -10 and value % 10 == 0 and count > 1


def _is_written_by_programs(value: float) -> bool:
    text = f"{abs(value):.0f}" if value % 1 == 0 else f"{abs(value):.6g}"
    return NINES.fullmatch(text) is not None


def _answers(cells: Any) -> dict[str, float]:
    """Return the values of words for yes and no, if the column has only these."""
    found = set(cells.str.lower())
    pairs = [pair.split("/") for pair in ANSWERS]
    fitting = [pair for pair in pairs if found == set(pair) or found in ({"true"}, {"false"})]
    return dict(zip(fitting[0], (1.0, 0.0), strict=True)) if fitting else {}


def _split(cells: Any) -> Any:
    """Return sign, digits, exponent and unit of each cell, NaN if it is not a number."""
    tight = cells.str.strip().str.replace(rf"(?<=\d){SPACES}(?=\d{{3}}(?!\d))", "", regex=True)
    parts = tight.str.extract(NUMBER)
    parts["digits"] = parts["digits"].where(parts["sign"].eq("(") == parts["close"].notna())
    parts["is_negative"] = parts["sign"].isin(["-", "−", "("]) | parts["minus"].notna()
    return parts


def _factors(units: Any, counts: NDArray[np.intp]) -> tuple[Floats, str]:
    """Return the factor of each cell, NaN where units do not match, and a note."""
    found = [str(unit) for unit in units.dropna().unique()]
    named = units.fillna("")
    if len(found) < 2 and not (found and units.isna().any() and found[0] in tuple("kKMGTB")):
        if (
            found and counts[units.isna()].sum() > counts.sum() / 2
        ):  # after a few of many numbers, it is a remark
            is_mark = len(found[0]) == 1 and found[0] not in AMOUNTS
            note = f"the remark {found[0]!r} after some numbers is ignored" if is_mark else ""
            return np.where(units.isna() | is_mark, 1.0, np.nan), note
        return np.ones(len(units)), f"numbers followed by {found[0]!r}" if found else ""
    for base in sorted({unit[i:] for unit in found for i in range(len(unit) + 1)}, key=len):
        table = FACTORS if base else AMOUNTS
        if all(unit.endswith(base) and unit.removesuffix(base) in table for unit in found):
            factors = named.str.removesuffix(base).map(table)
            note = f"numbers followed by {', '.join(sorted(found))} are converted to one unit"
            return factors.to_numpy(dtype=float), note
    usual = units.mode()[0]  # cells with another unit are not read as numbers
    return np.where(units.isna() | units.eq(usual), 1.0, np.nan), f"numbers followed by {usual!r}"


def _convert(digits: Any, decimal: str) -> Any:
    """Return digits as floats, NaN where separators are misplaced."""
    import pandas as pd

    other = r"\," if decimal == "." else r"\."
    # Marks of thousands precede groups of three digits, or of two in lakhs.
    written = rf"\d+|[1-9]\d{{0,2}}(?:{other}\d{{2,3}})*{other}\d{{3}}"
    fits = digits.str.fullmatch(rf"(?:{written})?(?:\{decimal}\d*)?", na=False)
    plain = digits.where(fits.astype(bool)).str.replace(other[1], "", regex=False)
    return pd.to_numeric(plain.str.replace(decimal, ".", regex=False), errors="coerce")


def _find_decimal(
    digits: Any, codes: NDArray[np.intp], favoured: str, delimiter: str
) -> tuple[str, str]:
    """Return the decimal mark by which most cells are numbers, and an ambiguous example.

    Parameters
    ----------
    digits : pandas Series of str
        The distinct numbers without sign and unit, NaN if a cell is not a number.
    codes : ndarray of int
        The position in `digits` for each row.
    favoured, delimiter : str
        See `read_numbers`.
    """
    read = {mark: _convert(digits, mark) for mark in ".,"}
    n_bad = {mark: int(numbers.isna().sum()) for mark, numbers in read.items()}
    marked = digits[(read["."] - read[","]).abs() > 0]
    has_dot = marked.str.contains(".", regex=False)
    if n_bad["."] != n_bad[","] or has_dot.nunique() != 1:
        return min(".,", key=lambda mark: n_bad[mark]), ""
    mark, other = ".," if has_dot.all() else ",."
    example, plain = marked.iloc[0], digits[read["."] == read[","]]
    if not len(plain):
        is_decimal = mark == favoured and not (mark == delimiter == ",")
        return (mark, "" if delimiter == "," else example) if is_decimal else (other, example)
    if (plain.str.len() > 3).any():
        return mark, ""
    # Decimals padded with zeros would occur in every cell.
    is_padded = bool(marked.str.endswith("0").any())
    rough = {mark: _roughness(numbers.to_numpy(float)[codes]) for mark, numbers in read.items()}
    return (other, example) if is_padded or rough[other] <= rough[mark] else (mark, "")


def _has_both_decimals(digits: Any) -> bool:
    """Tell whether dots are decimal marks in some cells, and commas in others."""
    is_wrong = [digits.notna() & _convert(digits, mark).isna() for mark in ".,"]
    has_two = digits.str.contains(r"\..*,|,.*\.", na=False)
    return all(wrong.any() for wrong in is_wrong) and not has_two.any()


def _roughness(values: Floats) -> float:
    values = values[~np.isnan(values)]
    return float(np.abs(np.diff(values)).sum() / (np.ptp(values) or 1.0))


def _note_on_decimal(digits: Any, decimal: str, doubt: str) -> str:
    """Return a note on the decimal mark, "" if it is plain."""
    if doubt:
        value = _convert(digits[digits == doubt], decimal).iloc[0]
        return f"{doubt!r} was read as {value:.15g}; if this is wrong, set --decimal"
    cells = digits[digits.str.contains("," if decimal == "." else ".", regex=False, na=False)]
    return f"numbers with thousands separators, such as {cells.iloc[0]}" if len(cells) else ""
