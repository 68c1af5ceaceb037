"""From samples and a plan to a trained network."""

import keras
import numpy as np

from skae._compiled.inference import TrainedNetwork
from skae._input.observed import are_uneven
from skae._training.batches import CHUNK_BYTES, Batches
from skae._training.callbacks import require_finite, stopping_callbacks
from skae._training.checkpoint import Checkpoint
from skae._training.loop import looks_at_batches, train
from skae._training.plan import TrainingPlan
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
        With a compiled model, which changes only if training succeeds.
    plan : TrainingPlan
    training, held_out : Samples
    rng : numpy.random.Generator
        Shuffles the batches.
    callbacks : list of keras.callbacks.Callback
        Run after those that stop the training.
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
    added = train(
        network.model,
        plan,
        *parts,
        callbacks,
        first_epoch=first_epoch,
        verbose=verbose,
        checkpoint=checkpoint,
    ).history
    require_finite(network.model, added, stopping, first_epoch)
    return {name: [*history.get(name, []), *added.get(name, [])] for name in {**history, **added}}
