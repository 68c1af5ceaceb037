"""Attack the command line: files without end, full disks, closed outputs, interrupts, races.

    python tests/stress/attack_command.py [WORD ...]

Each attack starts ``python -m skae`` in an empty folder; with WORDs only those whose names hold
one. An attack is withstood if the status is the one expected, standard error ends with one clear
line and no traceback, the folder holds what it held before (or whole results), and memory stayed
below the bound. Needs a POSIX system; the line of 1 GB takes that much disk.
"""

import contextlib
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
COMMAND = [sys.executable, "-m", "skae"]
FAST = ["--window", "8", "--epochs", "1"]
SCORES = {"scores.csv"}
# Python, numpy and pandas take 100 MB; TensorFlow is not loaded for a file without a table.
MAX_MEGABYTES = 400


@dataclass
class Attack:
    """A command to run in a folder, and the expected result."""

    name: str
    args: list
    status: int = 2
    word: str = "skae: error: "
    shell: str = ""  # text after the command, such as a redirection
    left: set = field(default_factory=set)  # new files that may exist afterwards
    before: str = ""  # a command before it in the pipe
    interrupt_after: float = 0.0


def write_files(folder):
    """Make the files that attacks use."""
    times = np.arange(300)
    lines = [f"{t},{np.sin(t / 3):.3f},{np.cos(t / 3):.3f}" for t in times]
    good = "time,flow,heat\n" + "\n".join(lines) + "\n"
    texts = {
        "good.csv": good,
        "long.csv": good + good.partition("\n")[2] * 30,
        "header.csv": "time,flow\n",
        "twice.csv": "time,flow,flow\n1,2,3\n",
        "cell.csv": "time,flow\n1," + "9" * 200_000 + "\n2,3\n",
        "quoted.csv": 'time,flow\n1,"' + "a" * 200_000 + '"\n2,3\n',
        "header_cell.csv": "time," + "f" * 200_000 + "\n1,2\n2,3\n",
        "wide.csv": ",".join(f"sensor{i}" for i in range(30_000)) + "\n",
        "escape.csv": "time,\x1b]0;owned\x07\n1,a\n",
        "words.csv": "time,\x1b[2Jflow\n1,1\n2,\x1b[2Joops\n3,4\n4,5\n",
        "quote.csv": 'time,flow\n1,"2\n' + good * 50,
    }
    for name, text in texts.items():
        (folder / name).write_text(text)
    (folder / "binary.csv").write_bytes(np.random.default_rng(0).bytes(2**20))
    (folder / "cut.csv.gz").write_bytes(b"\x1f\x8b\x08\0\0\0\0\0\0\3" + b"x" * 40)
    (folder / "cut.parquet").write_bytes(b"PAR1" + b"x" * 400 + b"PAR1")
    (folder / "read_only").mkdir()


def attacks():
    """Yield all attacks that need no large file."""
    for name in ("header", "twice", "cell", "quoted", "header_cell", "wide", "quote", "binary"):
        yield Attack(f"{name}.csv", ["detect", f"{name}.csv"])
    yield Attack("cut gzip", ["detect", "cut.csv.gz"])
    yield Attack("cut parquet", ["detect", "cut.parquet"])
    yield Attack("escape in a name", ["detect", "escape.csv"])
    yield Attack("escape in a cell", ["detect", "words.csv"], word="line 3")
    yield Attack("/dev/zero", ["detect", "/dev/zero"], word="not a regular file")
    yield Attack("zeros in a pipe", ["detect", "-"], before="cat /dev/zero")
    yield Attack("ones in a pipe", ["detect", "-"], before="tr '\\0' 1 < /dev/zero")
    yield Attack("closed stdin", ["detect", "-"], shell="<&-", word="")
    yield Attack("closed stdout", ["detect", "good.csv", *FAST], shell=">&-", word="")
    yield Attack("closed stderr", ["detect", "header.csv"], shell="2>&-", word="")
    yield Attack("full stderr", ["detect", "header.csv"], shell="2>/dev/full", word="")
    yield Attack("help on a full disk", ["detect", "--help"], shell=">/dev/full")
    yield Attack("out /dev/full", ["detect", "good.csv", "--out", "/dev/full"])
    yield Attack("out in no folder", ["detect", "good.csv", "--out", "no/a.csv"])
    yield Attack("save on a folder", ["detect", "good.csv", "--save", "read_only"])
    full = "standard output: No space left"
    yield Attack("full stdout", ["detect", "good.csv", *FAST], shell=">/dev/full", word=full)
    args = ["detect", "good.csv", *FAST, "--out", "-"]
    yield Attack("full stdout, scores", args, shell=">/dev/full", word=full)
    args = ["detect", "long.csv", *FAST, "--out", "-"]
    yield Attack("unread scores", args, status=141, shell="| head -1", word="")
    args = ["detect", "good.csv", *FAST]
    yield Attack(
        "full stderr to the end", args, status=0, shell="2>/dev/full", left=SCORES, word=""
    )
    yield Attack("closed stderr to the end", args, status=0, shell="2>&-", left=SCORES, word="")
    limit = "trap '' XFSZ; ulimit -f 4;"
    yield Attack("no room for the scores", args, shell=limit, word="cannot write scores.csv")
    for seconds in (1, 3, 9, 18, 27):
        args = ["detect", "good.csv", "--window", "30", "--epochs", "2000", "--save", "m.skae"]
        yield Attack(
            f"interrupt after {seconds} s", args, 130, "interrupted", interrupt_after=seconds
        )


def long_line(folder):
    """Write a line of 1 GB, as text and as a small gzip file."""
    block = b"1," * 2**19
    with open(folder / "line.csv", "wb") as file:
        for _ in range(1024):
            file.write(block)
    subprocess.run("gzip -1 -k line.csv", shell=True, cwd=folder, check=True)
    yield Attack("line of 1 GB", ["detect", "line.csv"], word="a line exceeds 16 MiB")
    yield Attack("the same in gzip", ["detect", "line.csv.gz"], word="a line exceeds 16 MiB")


def shell_line(attack):
    """Return the attack as a line of bash that ends with the status of the command."""
    command = " ".join(f"'{arg}'" for arg in [*COMMAND, *attack.args])
    if attack.shell.endswith(";"):
        return f"{attack.shell} exec {command}"
    source = f"{attack.before} | " if attack.before else "exec " * (attack.shell[:1] != "|")
    place = 1 if attack.before else 0
    tail = f"; exit ${{PIPESTATUS[{place}]}}" if attack.before or attack.shell[:1] == "|" else ""
    return f"{source}{command} {attack.shell}{tail}"


def run(attack, folder):
    """Return the status, the text on standard error and the peak of memory in MB."""
    process = subprocess.Popen(
        ["bash", "-c", shell_line(attack)],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        # A process started in the background ignores SIGINT, and so would the command.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    if attack.interrupt_after:
        time.sleep(attack.interrupt_after)
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=900)
    return process.returncode, err.decode(errors="replace")


def faults(attack, status, err, new, megabytes):
    """Yield descriptions of failures."""
    if status != attack.status:
        yield f"status {status} instead of {attack.status}"
    if "Traceback" in err or "Exception ignored" in err:
        yield "a traceback"
    if attack.word not in err.splitlines()[-1] if attack.word and err else attack.word:
        yield f"the last line is {err.splitlines()[-1:]}"
    if "\x1b" in err or "\x07" in err:
        yield "an escape sequence"
    if new - attack.left:
        yield f"left behind {sorted(new - attack.left)}"
    if megabytes > MAX_MEGABYTES and not {"good.csv", "long.csv"} & set(attack.args):
        yield "too much memory"


def main(words):
    """Run the attacks; return the number of failures."""
    failed = total = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_files(folder)
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
        chosen = [a for a in attacks() if not words or any(word in a.name for word in words)]
        if not words or "GB" in words:
            # Memory is the peak of all children so far, so attacks that need little come first.
            chosen = [*long_line(folder), *chosen]
        for attack in chosen:
            before = set(os.listdir(folder))
            start = time.perf_counter()
            status, err = run(attack, folder)
            seconds = time.perf_counter() - start
            peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
            new = set(os.listdir(folder)) - before
            wrong = list(faults(attack, status, err, new, peak))
            for path in new:
                (folder / path).unlink()
            last = (err.splitlines() or [""])[-1][:100]
            print(
                f"{'FAILED' if wrong else 'ok':6} {attack.name:28} {status:4} {seconds:6.1f} s "
                f"{peak:6.0f} MB  {last}",
                *wrong,
                sep="\n       ! " if wrong else "",
                flush=True,
            )
            failed, total = failed + bool(wrong), total + 1
    print(f"{total - failed} of {total} attacks withstood")
    return failed


if __name__ == "__main__":
    sys.exit(bool(main(sys.argv[1:])))
