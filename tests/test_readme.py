"""The README: its examples run, and its test command is the one that is tested."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
COMMANDS = re.findall(r"```bash\n(.*?)```", README, flags=re.DOTALL)


@pytest.mark.parametrize("example", EXAMPLES, ids=range(len(EXAMPLES)))
def test_example_runs(example, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    exec(compile(example, "README.md", "exec"), {})


def test_every_use_has_an_example():
    assert len(EXAMPLES) == 6


def test_the_landing_runs_the_readme_command():
    assert COMMANDS[1].strip() in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


def test_no_placeholder_is_left():
    assert "@@" not in README


def test_pictures_exist():
    for name in re.findall(r"!\[.*?\]\((.*?)\)", README):
        assert (ROOT / name).stat().st_size < 300_000
