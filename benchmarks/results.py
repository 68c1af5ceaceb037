"""Lines of a CSV file, which a later run continues."""

import csv
from pathlib import Path


class Results:
    """The lines that a file contained, and those added to it."""

    def __init__(self, path, fields):
        self.path, self.fields = Path(path), fields
        self.lines = list(csv.DictReader(self.path.open())) if self.path.exists() else []

    def add(self, lines):
        with self.path.open("a", newline="") as file:
            writer = csv.DictWriter(file, self.fields)
            if not self.lines:
                writer.writeheader()
            writer.writerows(lines)
        self.lines += lines
