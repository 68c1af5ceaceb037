"""The training loop: epochs over batches, with Keras callbacks, like ``keras.Model.fit``."""

from dataclasses import dataclass
from functools import partial
from typing import Any

import keras
import numpy as np

from skae._compat.keras import autologging
from skae._compiled.forward import loss_parts
from skae._compiled.inference import TrainedNetwork
from skae._compiled.steps import ShardedSteps
from skae._compiled.training_cache import Workspace, workspace_of
from skae._input.observed import are_uneven
from skae._training.batches import CHUNK_BYTES, Batches
from skae._training.checkpoint import Checkpoint, Place, Training
from skae._training.learning_rate import LearningRate, learning_rate_of
from skae._training.plan import TrainingPlan
from skae._training.stopping import require_finite, stopping_callbacks
from skae._windows.samples import Samples

History = dict[str, list[float]]


def fit_network(
    network: TrainedNetwork,
    plan: TrainingPlan,
    training: Samples,
    held_out: Samples | None,
    rng: np.random.Generator,
    *,
    callbacks: list[keras.callbacks.Callback],
    history: History,
    verbose: int | str = 0,
    checkpoint: Checkpoint | None = None,
) -> History:
    """Train a network, and return its history with the new epochs.

    Parameters
    ----------
    network : TrainedNetwork
        Its model is compiled, and changes only if training succeeds.
    plan : TrainingPlan
    training, held_out : Samples
    rng : numpy.random.Generator
        Shuffles the batches.
    callbacks : list of keras.callbacks.Callback
        Run after the callbacks that stop the training.
    history : dict of str to list of float
        Earlier epochs; not modified.
    verbose : int or "auto", default=0
    checkpoint : Checkpoint, optional

    Raises
    ------
    ValueError
        If weights become infinite or NaN, or the checkpoint belongs to another training.
    """
    stopping = stopping_callbacks(plan)
    callbacks = [*stopping, *callbacks]
    # A callback for batches sees each batch.
    one_by_one = any(map(looks_at_batches, callbacks))

    def batches(samples: Samples, rng: np.random.Generator | None = None) -> Batches:
        windows, weights = samples.training_windows()
        size, n_shards = plan.batch_size, plan.n_shards(len(windows))
        if samples is held_out:
            size, n_shards = plan.to_test(len(windows), one_by_one=one_by_one)
        return Batches(
            windows,
            network.fill_values,
            size,
            weights,
            n_steps=network.n_steps_for(samples.windows),
            keep_nan=network.masks_nan,
            n_shards=n_shards,
            chunk_bytes=0 if one_by_one else CHUNK_BYTES,
            rng=rng,
            balanced=are_uneven(windows.rows)
            and network.model.loss.is_by_entry(windows.n_features),
        )

    first_epoch = len(history.get("loss", []))
    parts = batches(training, rng), None if held_out is None else batches(held_out)
    if checkpoint is not None:
        checkpoint.belongs_to(network.model, plan, parts, callbacks)
    with autologging() as logs:
        added = train(
            network.model,
            plan,
            *parts,
            [*callbacks, *logs],
            first_epoch=first_epoch,
            verbose=verbose,
            checkpoint=checkpoint,
        ).history
        require_finite(network.model, added, stopping, first_epoch, training.windows.rows)
    return {name: [*history.get(name, []), *added.get(name, [])] for name in {**history, **added}}


def train(
    model: keras.Model,
    plan: TrainingPlan,
    training: Batches,
    held_out: Batches | None = None,
    callbacks: list[keras.callbacks.Callback] | None = None,
    *,
    first_epoch: int = 0,
    verbose: Any = 0,
    checkpoint: Checkpoint | None = None,
) -> keras.callbacks.History:
    """Train a model as ``keras.Model.fit`` does, through its compiled workspace.

    Parameters
    ----------
    model : keras.Model
        Compiled. It changes only if training succeeds.
    plan : TrainingPlan
    training, held_out : Batches
    callbacks : list of keras.callbacks.Callback, optional
    first_epoch : int, default=0
        Number of the first epoch.
    verbose : int or "auto", default=0
    checkpoint : Checkpoint, optional
        A killed training continues from it.

    Returns
    -------
    keras.callbacks.History
    """
    callbacks, checkpoint = callbacks or [], checkpoint or Checkpoint()
    with workspace_of(model) as workspace:
        run = keras.callbacks.CallbackList(
            callbacks,
            add_history=True,
            add_progbar=verbose != 0,
            model=workspace.model,
            verbose=1 if verbose == "auto" else int(verbose),
            epochs=first_epoch + plan.epochs,
            steps=len(training),
        )
        cycle = plan.cycle_epochs * len(training)
        rate = learning_rate_of(plan.schedule, workspace.model.optimizer, cycle, plan.peak_rate)
        workspace.model.stop_training = False
        run.on_train_begin()
        place = checkpoint.resume(Training(workspace.model, training, rate, callbacks))
        loop = _Loop(workspace, training, held_out, run, rate, place, checkpoint)
        logs = loop.run_epochs(first_epoch, plan.epochs)
        rate.reset()
        workspace.model.optimizer.finalize_variable_values(workspace.model.trainable_weights)
        run.on_train_end(logs)
    run.set_model(model)
    return model.history


def looks_at_batches(callback: keras.callbacks.Callback) -> bool:
    """Tell whether a callback acts at the beginning or end of a batch."""
    edges = [
        f"on_{kind}batch_{edge}" for kind in ("", "train_", "test_") for edge in ("begin", "end")
    ]
    own = [getattr(getattr(callback, name), "__func__", None) for name in edges]
    return own != [getattr(keras.callbacks.Callback, name) for name in edges]


@dataclass(frozen=True)
class _Loop:
    """The epochs of one training."""

    workspace: Workspace
    training: Batches
    held_out: Batches | None
    run: keras.callbacks.CallbackList
    rate: LearningRate
    place: Place
    checkpoint: Checkpoint

    def run_epochs(self, first: int, n_epochs: int) -> dict[str, float]:
        """Train until the last epoch or a callback's stop; return the last losses."""
        logs: dict[str, float] = {}
        for epoch in range(first + self.place.epoch, first + n_epochs):
            self.run.on_epoch_begin(epoch)
            logs = {"loss": self._train_epoch()}
            if self.held_out is not None:
                logs["val_loss"] = self._evaluate(self.held_out)
            self.training.shuffle()
            self.run.on_epoch_end(epoch, logs)
            if self.workspace.model.stop_training:
                break
            self.place.end_epoch()
            self.checkpoint.passed(self.place)
        return logs

    def _train_epoch(self) -> float:
        """Train for the rest of an epoch and return its loss."""
        place, steps = self.place, self._steps(self.training) or self.workspace.plain
        for first, last, arrays in self.training.pieces(place.batch):
            self.run.on_train_batch_begin(first)
            place.add(last + 1, *steps.train(*arrays, self.rate.of_next(last + 1 - first)))
            self.run.on_train_batch_end(last, {"loss": place.loss})
            if self.workspace.model.stop_training:
                break
            self.checkpoint.passed(place)
        return place.loss

    def _evaluate(self, batches: Batches) -> float:
        """Return the loss over held-out batches."""
        self.run.on_test_begin()
        steps, passed = self._steps(batches), Place()
        test = steps.test if steps else partial(loss_parts, self.workspace.model)
        for first, last, arrays in batches:
            self.run.on_test_batch_begin(first)
            passed.add(last + 1, *test(*arrays))
            self.run.on_test_batch_end(last, {"loss": passed.loss})
        self.run.on_test_end({"loss": passed.loss})
        return passed.loss

    def _steps(self, batches: Batches) -> ShardedSteps | None:
        """Return the compiled steps for batches that are cut into shards."""
        if not batches.n_shards:
            return None
        return self.workspace.sharded(batches.n_shards, batches.is_padded)
