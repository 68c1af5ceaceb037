"""The table in a text file: delimiter, header, and lines that are not rows."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from skae._cli.numbers import MISSING_WORDS, is_number
from skae._cli.times import is_time

DELIMITERS = [",", ";", "\t", "|", "~", "^"]
SNIFFED_LINES, SNIFFED_BYTES = 100, 2**16
HEAD_LINES, TAIL_LINES = 1000, 20
USUAL_MISSING = MISSING_WORDS | {"?", "-", "--", "---", "*", "***", "error"}
# Cells below names: units, formats, types and kinds of summaries.
UNIT = re.compile(
    r"\[.*\]|\(.*\)|[-%‰°µ/]+.{0,6}|\w{1,6}([/·^*]-?\w{1,6}){1,3}|\d+[snd]|°?[cfk]|deg.{0,8}|"
    r"[mckµ]?m[²³23]?|h?pa|[mk]?bar|[mk]?wh?|m?v|m?a|[mk]?hz|k?g|[mkh]?l|s|sec|min|h|hours?|days?|ms|kn|"
    r"[ydmhs]{1,4}([-/.: t]+[ydmhs]{1,4})+|rpm|ppm|psi|lux|avg|smp|max|std|tot|ts|rn|utc|n/?a|"
    r"none|units?|unitless|volts?|counts?|date|time|datetime|timestamp|float\d*|double|int(eger)?\d*|string|"
    r"text|real|numeric",
    re.IGNORECASE,
)
TIME_NAME = re.compile(r"date|time|datum|zeit|fecha|stamp|temps|heure|ts$", re.IGNORECASE)
# A formula that keeps a cell as text in spreadsheets, and a rule below names.
FORMULA = rb'(?<![^,;\t\n])="([^",;\n]*)"'
RULE = rb"^[-+=|: \t]*([-=]{8}|[-=]{3}[+| ]+[-=]{3})[-+=|: \t]*$"
EPOCH = re.compile(r"1\d{9}(\.0*)?")
SEPARATOR_LINE = re.compile(rb'^"?sep=(.)"?[^\S\n]*(?=\n)', re.IGNORECASE)


@dataclass
class Layout:
    """A text file as the rows of a table.

    Parameters
    ----------
    name : str
        The name of the file in messages.
    content : bytes
        The text; lines that are not rows are blank.
    delimiter : str
        The mark between cells.
    names : list of str
        The names of the columns.
    notes : list of str
        Notes on lines left out.
    """

    name: str
    content: bytes
    delimiter: str
    names: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        """Yield the line number of the end of each row, and its cells."""
        # Line by line, because splitting would copy the text.
        return self.cut(line.decode() for line in io.BytesIO(self.content))

    def cut(self, lines: Iterable[str], strict: bool = True) -> Iterator[tuple[int, list[str]]]:
        """Yield the line number of the end of each row in `lines`, and its cells."""
        reader = csv.reader(lines, delimiter=self.delimiter, skipinitialspace=True, strict=strict)
        try:
            for cells in reader:
                if cells:
                    yield reader.line_num, [cell.strip() for cell in cells]
        except csv.Error as error:
            reason = f"line {reader.line_num}: {error}; ignore lines with --skip-rows or --comment"
            raise ValueError(f"{self.name} is not a CSV file: {reason}") from error


def find_layout(
    name: str, content: bytes, delimiter: str = "", comment: str = "#", skip_rows: int = 0
) -> Layout:
    r"""Find the table in a text.

    CleverCSV finds the delimiter in the middle of the text. The header is the line above the
    first row whose cells have the same kinds as the rest of their columns.

    Parameters
    ----------
    name : str
        The name of the file in messages.
    content : bytes
        Text in UTF-8.
    delimiter : str, default=""
        The mark between cells; "" detects it.
    comment : str, default="#"
        The mark at the beginning of comments.
    skip_rows : int, default=0
        The number of first lines to ignore.

    Raises
    ------
    ValueError
        If the text is empty or not a table.

    Examples
    --------
    >>> from skae._cli.delimited import find_layout
    >>> text = b"Station;Weser\n\ntime;flow\nh;m3/s\n0:00;1,5\n1:00;1,6\nTotal: 2\n"
    >>> layout = find_layout("a.csv", text)
    >>> layout.delimiter, layout.names, layout.content.strip()
    (';', ['time', 'flow'], b'0:00;1,5\n1:00;1,6')
    """
    if not re.search(rb"[^\s,;|]", content):
        raise ValueError(f"{name} is empty; expected a CSV file with a header")
    content = _blank(content, skip_rows)
    found = SEPARATOR_LINE.match(content)
    if found:
        delimiter, content = delimiter or found[1].decode(), content[found.end() :]
    if re.match(rb"\s*(%[^\n]*\s+)*@relation\b", content, re.IGNORECASE):
        return _read_arff(name, content)
    content, comments = _blank_comments(content, comment)
    content = re.sub(RULE, b"", content, flags=re.MULTILINE)
    content = re.sub(FORMULA, rb"\1", content) if b'="' in content else content
    if re.match(rb"\s*'", content):  # quotes of C
        content = content.replace(b"'", b'"')
    if re.match(rb'("[^"\n]*[,;\t][^"\n]*"\n){3}', content):  # each line is in quotes
        content = content.replace(b'"', b"")
    delimiter = delimiter or _sniff(content)
    content = _blank_lines_without_cells(content, delimiter)
    layout = Layout(name, content, delimiter)
    _find_table(layout, comments)
    return layout


def _read_arff(name: str, content: bytes) -> Layout:
    """Return the table below ``@DATA`` in Weka's format."""
    match = re.search(rb"^[^\S\n]*@data[^\n]*", content, re.IGNORECASE | re.MULTILINE)
    if not match:
        raise ValueError(f"{name} is an ARFF file without @DATA")
    attribute = r"""^\s*@attribute\s+(?:'([^']*)'|"([^"]*)"|(\S+))"""
    head = content[: match.start()].decode()
    found = re.findall(attribute, head, re.IGNORECASE | re.MULTILINE)
    content, _ = _blank_comments(_blank(content, head.count("\n") + 1), "%")
    return Layout(name, content, ",", ["".join(names) for names in found])


def _blank(content: bytes, n_lines: int) -> bytes:
    """Empty the first lines, so that the other lines keep their numbers."""
    end = 0
    for _ in range(n_lines):
        end = content.find(b"\n", end) + 1 or len(content)
    return b"\n" * min(n_lines, content.count(b"\n", 0, end)) + content[end:]


def _blank_comments(content: bytes, comment: str) -> tuple[bytes, dict[int, str]]:
    """Empty comments; also return comments among the first lines by line number."""
    pattern = rb"^[^\S\n]*%b[^\n]*" % re.escape(comment.encode())
    if not re.search(pattern, content, re.MULTILINE):
        return content, {}
    head = content.split(b"\n", HEAD_LINES)[:HEAD_LINES]
    comments = {i: line.decode() for i, line in enumerate(head, 1) if re.match(pattern, line)}
    return re.sub(pattern, b"", content, flags=re.MULTILINE), comments


def _blank_lines_without_cells(content: bytes, delimiter: str) -> bytes:
    """Empty lines with delimiters only, and merge spaces if they are the delimiter."""
    marks = re.escape(delimiter.encode())
    if delimiter == " ":
        content = re.sub(rb"(\d) ([AP]M)\b", rb"\1\2", re.sub(rb"[ \t]+", b" ", content))
        content = re.sub(rb"^ | $|(?<=^\d{10}):(?= )", b"", content, flags=re.MULTILINE)
    if delimiter in "| ":
        marks += rb"+=:-"
    blanks = rb'^(?:[ \t]+|(?=[^\n]*[%b])[ \t"%b]+)$' % (re.escape(delimiter.encode()), marks)
    return re.sub(blanks, b"", content, flags=re.MULTILINE)


def _sniff(content: bytes) -> str:
    """Return the delimiter of lines in the middle, away from titles and sums."""
    try:
        import pandas  # noqa: F401, checked before it is needed
        from clevercsv import Sniffer
    except ImportError:
        reason = "reading a FILE needs pandas and clevercsv; run pip install 'skae[cli]'"
        raise ValueError(reason) from None
    start = max(0, (len(content) - SNIFFED_BYTES) // 2)
    lines = _given_lines(content[start : start + SNIFFED_BYTES])[start > 0 :]
    first = max(0, (len(lines) - SNIFFED_LINES) // 2)
    sample = "\n".join(lines[first : first + SNIFFED_LINES])
    tail = _given_lines(content[-SNIFFED_BYTES:])[-TAIL_LINES:]
    decimals = _has_decimal_commas(lines)
    # Spaces also occur in times, so they are tried last.
    for delimiters in (DELIMITERS[decimals:], [" "]):
        found = Sniffer().detect(sample, delimiters=delimiters)
        mark = str((found and found.delimiter) or "\n")
        if 2 * sum(mark in line for line in tail) > len(tail):
            return mark
    return DELIMITERS[2 * decimals]


def _given_lines(content: bytes) -> list[str]:
    return [line for line in content.decode(errors="ignore").split("\n") if line.strip()]


def _has_decimal_commas(lines: list[str]) -> bool:
    """Tell whether commas are decimal marks: none in names, or some before 05."""
    row = re.compile(r"([^a-z,]*\d,\d)+[^a-z,]*", re.IGNORECASE)
    first = next((i for i, line in enumerate(lines) if row.fullmatch(line)), len(lines))
    if first == len(lines) or not all(row.fullmatch(line) for line in lines[first:]):
        return False
    cuts = [len(re.findall(r"[;\t ]+", line.strip())) for line in lines[max(first - 1, 0) :][:2]]
    if first and cuts[0] == cuts[1] > 0:
        return not re.search('[,"]', lines[first - 1])
    decimals = [re.fullmatch(r"[-+]?\d+,(\d\d+)", line) for line in lines[first:]]
    return all(decimals) and any(found[1].startswith("0") for found in decimals if found)


# --- the table in the lines ----------------------------------------------------------------


class Kinds:
    """The kinds of the cells of each column: number, time or word.

    Parameters
    ----------
    rows : list of list of str
        Lines that are mostly rows.
    """

    def __init__(self, rows: list[list[str]]) -> None:
        lengths = Counter(map(len, rows))
        self.width = max(lengths, key=lambda n: (lengths[n], n))
        table = [row for row in rows if len(row) == self.width]
        self.of_column = [_majority(column) for column in zip(*table, strict=True)]

    def is_row(self, cells: list[str]) -> bool:
        """Tell whether cells are a row: times in time columns, and mostly numbers."""
        pairs = list(zip(map(_kind, cells), self.of_column, strict=False))
        is_short = len(cells) < self.width or pairs[0] == ("word", "number")
        if is_short or any(of == "time" != kind for kind, of in pairs):
            return False
        wrong = [("word", "number"), ("time", "number")]
        words = [cell for cell, pair in zip(cells, pairs, strict=False) if pair in wrong]
        # One word beside a time means a missing value.
        is_missing = "time" in self.of_column and len(set(words)) == 1
        return is_missing or pairs.count(("number", "number")) >= len(words)

    def complete(self, names: list[str], delimiter: str) -> list[str]:
        """Return names with an empty one for a clock after a date, row names or an empty end."""
        pairs = list(zip(self.of_column, self.of_column[1:], strict=False))
        place = 0 if self.of_column[-1] else self.width
        if delimiter == " " and ("time", "time") in pairs:
            place = pairs.index(("time", "time")) + 1
        return [*names[:place], "", *names[place:]]

    def is_numeric_header(self, cells: list[str]) -> bool:
        """Tell whether cells are numbers of columns, as written by pandas."""
        pairs = list(zip(cells, self.of_column, strict=False))[1:]
        rest = [cell for cell, of in pairs if of == "number"]
        is_named = self.of_column[0] == "word" or _kind(cells[0]) != self.of_column[0]
        if len(cells) != self.width or not (is_named and rest):
            return False
        least = 1 if cells[0] == "" and rest[0] in "01" else 3
        first = int(rest[0]) if re.fullmatch(r"\d{1,4}", rest[0]) else -1
        return first >= 0 and rest == [str(first + i) for i in range(max(least, len(rest)))]


def _majority(cells: Iterable[str]) -> str:
    counts = Counter(kind for kind in map(_kind, cells) if kind)
    kind, count = counts.most_common(1)[0] if counts else ("", 1)
    return kind if 2 * count > counts.total() else "word"


def _kind(cell: str) -> str:
    if cell.lower() in USUAL_MISSING:
        return ""
    return "time" if is_time(cell) else "number" if is_number(cell) else "word"


def _find_table(layout: Layout, comments: dict[int, str]) -> None:
    """Find names and rows, and empty other lines."""
    lines = layout.content.split(b"\n", HEAD_LINES)[:HEAD_LINES]
    texts = [line.decode() + "\n" for line in lines]
    head = list(layout.cut(texts))
    middle = len(head) // 2
    kinds = Kinds([cells for _, cells in head[middle : middle + SNIFFED_LINES]])
    is_told = bool({"number", "time"} & set(kinds.of_column))
    rows = [is_told and kinds.is_row(cells) for _, cells in head]
    first = next((i for i in range(len(head)) if all(rows[i : i + 2])), 1)
    width = kinds.width
    above = [(line, _cut_as_rows(cells, width)) for line, cells in head[:first]]
    above = above or _cut_comments(comments, head, layout)
    header, names, units = _find_names(above, kinds, layout)
    if not names and first < len(head) and kinds.is_numeric_header(head[first][1]):
        (header, names), first = head[first], first + 1
    starts = [all(map(EPOCH.fullmatch, cells)) for _, cells in head[first:][:3]]
    if not names and starts == [True, False, False]:
        layout.notes.append(f"left out a start and a rate above the rows: {head[first][1][0]}")
        first += 2
    layout.content = _blank(layout.content, head[first - 1][0] if first else 0)
    _drop_repeated({lines[line - 1].strip() for line, _ in head[:first]}, layout)
    _name_columns(layout, names, width)
    titles = [line for line, _ in head[:first] if line < header or not header]
    left_out = {"above the header": titles, "units": units, "comments": list(comments)}
    for what, numbers in left_out.items():
        if numbers:
            layout.notes.append(f"left out {_lines(numbers)} ({what})")
    _drop_footer(layout, kinds)


def _cut_as_rows(cells: list[str], width: int) -> list[str]:
    """Return the cells of a line with another delimiter, a mark before or empty cells after."""
    cells = [re.sub(r"^COPY .*?\(|\) FROM stdin;$", "", cell) for cell in cells]  # of PostgreSQL
    for mark in (",", ";", "\t", "  +"):
        if len(cells) == 1 and len(cut := re.split(mark, cells[0])) == width:
            return [cell.strip() for cell in cut]
    if len(cells) == width + 1 and re.fullmatch(r"\W+", cells[0]):
        return cells[1:]
    return cells if re.search(r"\w", "".join(cells[width:])) else cells[:width]


def _cut_comments(
    comments: dict[int, str], head: list[tuple[int, list[str]]], layout: Layout
) -> list[tuple[int, list[str]]]:
    """Return the cells of comments above the table, which may contain names."""
    cut = [text for line, text in comments.items() if line < head[0][0]]
    cut = [re.sub(r"(?i)^[\s#%!;/]*((fields|types):?\s+)?", "", text) for text in cut]
    cut = [re.sub(r"[ \t]+", " ", text) if layout.delimiter == " " else text for text in cut]
    return [(0, cells) for _, cells in layout.cut(cut, strict=False)]


def _find_names(
    above: list[tuple[int, list[str]]], kinds: Kinds, layout: Layout
) -> tuple[int, list[str], list[int]]:
    """Return the line of the names, the names, and the lines of units below."""
    names: list[str] = []
    units: list[int] = []
    header, is_listed = 0, False
    for place, (line, cells) in reversed(list(enumerate(above))):
        is_below = place > 0 and len(above[place - 1][1]) == kinds.width and not names
        if len(cells) < kinds.width and is_below and all(map(UNIT.fullmatch, cells)):
            units.append(line)
            continue
        if len(cells) == kinds.width - 1 > 1 and not names:
            _reject_decimal_commas(cells, kinds, layout)
            return line, kinds.complete(cells, layout.delimiter), []
        if len(cells) > kinds.width > 1 and not names:
            return line, cells, []  # most rows lack cells, which is noted later
        if len(cells) != kinds.width:
            break
        units += [header] * (header > 0)
        header, names = line, cells
        # Several lines may have one value for all columns.
        is_listed = is_listed or all(_kind(cell) in ("number", "time") for cell in cells[1:])
        if not (is_listed or _is_of_units(cells, above[place - 1][1] if place else [])):
            break
    return header, names, units


def _reject_decimal_commas(cells: list[str], kinds: Kinds, layout: Layout) -> None:
    """Raise ValueError if rows have more cells than the header because of decimal commas."""
    is_time = kinds.of_column[0] == "time" and TIME_NAME.match(cells[0])
    if is_time and layout.delimiter == "," and kinds.of_column[-1]:
        raise ValueError(
            f"{layout.name} has {len(cells)} names but {kinds.width} cells in a row: are commas "
            "also decimal marks? Put such numbers in quotes, or semicolons between cells"
        )


def _is_of_units(cells: list[str], above: list[str]) -> bool:
    """Tell whether cells are the units of the names above."""
    known = sum(not cell or bool(UNIT.fullmatch(cell)) for cell in cells)
    # Names are distinct; units and kinds of summaries repeat.
    n_different = len(set(cells) - {""})
    names_time = any(map(TIME_NAME.match, above))
    if above and not names_time and all(cells) and TIME_NAME.match(cells[0]):
        return False
    is_known = 2 * known >= len(cells) if names_time else 2 * known > len(cells)
    return is_known or (len(cells) > 3 and n_different < 0.7 * len(cells))


def _name_columns(layout: Layout, header: list[str], width: int) -> None:
    """Name columns by the header, or by position if it has no name."""
    first = "index" if header else "column1"
    cells = [" ".join(cell.split()) for cell in header or [""] * width]
    names = [name or (f"column{i}" if i > 1 else first) for i, name in enumerate(cells, 1)]
    seen: Counter[str] = Counter()
    for name in names:
        layout.names.append(f"{name}.{seen[name]}" if seen[name] else name)
        seen[name] += 1
    twice = [name for name, times in seen.items() if times > 1]
    if twice:
        layout.notes.append(f"columns with equal names are numbered: {', '.join(twice)}")
    if not header:
        layout.notes.append(f"there is no header: columns are named column1 to column{width}")


def _lines(numbers: list[int]) -> str:
    if len(numbers) == 1:
        return f"line {numbers[0]}"
    return f"{len(numbers)} lines, {min(numbers)} to {max(numbers)}"


def _drop_repeated(above: set[bytes], layout: Layout) -> None:
    """Empty lines that also occur above the table, as in joined files."""
    # Lines of numbers may occur above a table and in it.
    words = [line for line in above if re.search(rb"[^\W\d]", line) and line in layout.content]
    again = rb"^[ \t]*(?:%b)[ \t]*$" % b"|".join(map(re.escape, words))
    n_lines = len(re.findall(again, layout.content, re.MULTILINE)) if words else 0
    if n_lines:
        layout.content = re.sub(again, b"", layout.content, flags=re.MULTILINE)
        repeat = "1 line that repeats" if n_lines == 1 else f"{n_lines} lines that repeat"
        layout.notes.append(f"left out {repeat} lines above the table")


def _drop_footer(layout: Layout, kinds: Kinds) -> None:
    """Empty lines at the end that are not rows, such as sums."""
    body = layout.content.rstrip()
    pieces = body.rsplit(b"\n", TAIL_LINES)
    n_before = body.count(b"\n") - len(pieces) + 2
    dropped: list[tuple[int, bytes]] = []
    while len(pieces) > 1 and not _is_row(pieces[-1], layout, kinds):
        line = n_before + len(pieces) - 1
        dropped += [(line, text)] if (text := pieces.pop()).strip() else []
    if dropped and len(pieces) > 1:
        line, text = dropped[-1]
        words = text.decode(errors="replace").strip()[:40]
        count = "the last line" if len(dropped) == 1 else f"the last {len(dropped)} lines"
        layout.notes.append(f"left out {count}, from line {line}: {words!r}")
        layout.content = b"\n".join(pieces) + b"\n"


def _is_row(line: bytes, layout: Layout, kinds: Kinds) -> bool:
    if line.count(b'"') % 2:  # the quote may have been opened above
        return True
    text = line.decode(errors="replace")
    rows = [cells for _, cells in layout.cut([text], strict=False)]
    return bool(rows) and kinds.is_row(rows[0] + [""] * (kinds.width - len(rows[0])))
