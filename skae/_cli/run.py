"""The commands as steps: read, learn or load, score, tell."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

from skae._cli.arguments import choice_of
from skae._cli.console import Console, check_output
from skae._cli.detection import Detection, detect
from skae._cli.drift import Drift, find_drift, note_many_anomalies
from skae._cli.measures import measure
from skae._cli.model import Model, learn, load_model, save_model
from skae._cli.model_file import check_model_file
from skae._cli.outputs import STANDARD_OUTPUT, Parts, check_files, check_plot_format
from skae._cli.report import draw_picture, format_report, format_scores
from skae._cli.series import read_series
from skae._cli.summary import format_json
from skae._cli.task import Task, choose_training, load_task, task_of
from skae._cli.text import join_names

__all__ = ["run_detect", "run_score"]

Hush = Callable[[], AbstractContextManager[None]]


def run_detect(
    args: Namespace, console: Console, hush: Hush, watch: Callable[[], list[Any]] | None
) -> None:
    """Learn from the rows of a file, score all of them, and tell, as the arguments say.

    Parameters
    ----------
    args : Namespace
        The arguments of ``skae detect``.
    console : Console
        Where to tell.
    hush : callable
        Makes a context in which TensorFlow may be imported.
    watch : callable or None
        Makes the Keras callbacks that watch the training.

    Raises
    ------
    ValueError
        If the input, an option or an output is wrong; nothing is left behind then.
    OSError
        If the file cannot be opened.
    """
    _check_outputs(args, [args.file], args.save)
    task = load_task(args.file, choice_of(args))
    choose_training(task, args.train_rows, args.train_until, args.window)
    _say_all(console, task)
    console.say(f"learning from {_described(task)}")
    with hush():
        from skae import LSTMAutoencoder  # noqa: F401, for the sake of its import
    model = learn(
        task,
        window=args.window,
        contamination=args.contamination,
        threshold=args.threshold,
        epochs=args.epochs,
        random_state=args.seed,
        callbacks=watch and watch(),
    )
    if args.window == "auto":
        console.say(f"windows of {model.window} rows, chosen by the period of the rows")
    _tell(args, console, model, task, [])


def run_score(args: Namespace, console: Console, hush: Hush) -> None:
    """Score the rows of a file by a model that ``skae detect --save`` wrote, and tell.

    Parameters
    ----------
    args : Namespace
        The arguments of ``skae score``.
    console : Console
        Where to tell.
    hush : callable
        Makes a context in which TensorFlow may be imported.

    Raises
    ------
    ValueError
        If the model, the input, an option or an output is wrong; nothing is left behind then.
    OSError
        If a file cannot be opened.
    """
    _check_outputs(args, [args.model, args.file], None)
    check_model_file(args.model)  # a wrong name costs no import of TensorFlow
    with hush():
        from skae import LSTMAutoencoder  # noqa: F401, for the sake of its import
    model = load_model(args.model)
    choice = replace(choice_of(args), features=model.feature_names)
    task = task_of(read_series(args.file, choice))
    _say_all(console, task)
    drifts = find_drift(model, task)
    for drift in drifts:
        console.say(str(drift))
    _tell(args, console, model, task, drifts)


def _check_outputs(args: Namespace, inputs: list[str | None], save: Path | None) -> None:
    check_output()
    if args.out == STANDARD_OUTPUT and args.json:
        raise ValueError("--out - and --json both want standard output; give --out a FILE")
    if args.plot:
        check_plot_format(args.plot)
    outputs = [path for path in (args.out, args.plot, save) if path]
    check_files([name for name in inputs if name not in (None, "-")], outputs)


def _say_all(console: Console, task: Task) -> None:
    for note in task.notes:
        console.say(note)


def _described(task: Task) -> str:
    series = "" if task.series_labels is None else f" in {len(task.parts())} series"
    return f"{task.is_training.sum()} rows{series} of {join_names(task.feature_names)}"


def _tell(args: Namespace, console: Console, model: Model, task: Task, drifts: list[Drift]) -> None:
    """Score, and write all outputs: files come into their places when all else is done."""
    found = detect(model, task, merge_gap=args.merge_gap, min_length=args.min_length)
    for note in note_many_anomalies(found) if args.command == "score" else []:
        task.notes.append(note)
        console.say(note)
    with Parts() as parts:
        files = _write_files(args, parts, model, task, found)
        try:
            _answer(args, console, model, task, found, drifts, files)
        except BrokenPipeError:  # whoever read the answer has seen enough of it
            parts.keep()
            raise
        parts.keep()


def _write_files(
    args: Namespace, parts: Parts, model: Model, task: Task, found: Detection
) -> dict[str, Path]:
    files = {}
    if args.out != STANDARD_OUTPUT:
        files["scores"] = args.out
        parts.add(args.out, lambda part: part.write_bytes(format_scores(task, found).encode()))
    if args.plot:
        files["picture"] = args.plot
        picture = draw_picture(task, found, args.plot.suffix.removeprefix("."))
        parts.add(args.plot, lambda part: part.write_bytes(picture))
    if getattr(args, "save", None):
        files["model"] = args.save
        parts.add(args.save, lambda part: save_model(model, part))
    return files


def _answer(
    args: Namespace,
    console: Console,
    model: Model,
    task: Task,
    found: Detection,
    drifts: list[Drift],
    files: dict[str, Path],
) -> None:
    measures = None if task.labels is None else measure(found, task, model.window)
    if args.json:
        console.answer(format_json(task, found, measures, drifts, files))
        return
    report = format_report(task, found, measures)
    if files:
        report += "\n\nwrote " + " and ".join(str(path) for path in files.values())
    if args.out == STANDARD_OUTPUT:
        console.show(report)
        console.answer(format_scores(task, found))
    else:
        console.answer(report + "\n")
