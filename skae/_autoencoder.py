"""`LSTMAutoencoder`, the estimator."""

import datetime
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from numbers import Integral, Real
from typing import Any, Literal, Self, TypeAlias, TypeVar

import keras
import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import ClassNamePrefixFeaturesOutMixin, OutlierMixin, TransformerMixin
from sklearn.utils import Tags
from sklearn.utils.validation import check_consistent_length, check_is_fitted

from skae._compat.sklearn import (
    Interval,
    StrOptions,
    available_where,
    fit_context,
    fraction,
    frame_container,
    positive_int,
    positive_real,
)
from skae._detector import Detector, History
from skae._fitting import fit_detector
from skae._input.checks import reject_lazy
from skae._input.layout_warnings import reject_targets
from skae._input.table import RandomState, SeriesLike
from skae._input.time_gaps import Duration
from skae._output.frames import framed
from skae._persistence.estimators import MAX_BYTES, load_only, save
from skae._scoring.error_measures import MEASURES, ErrorMeasure, ErrorName
from skae._scoring.scoring_rule import AGGREGATIONS
from skae._scoring.thresholds import best_fbeta_offset
from skae._training.parameters import RoutedParameters
from skae._windows.samples import Samples, index_of
from skae.metrics import outliers_of_either_class

T = TypeVar("T")

Rate: TypeAlias = float | Literal["auto"] | keras.optimizers.schedules.LearningRateSchedule


def _has_part(name: str) -> Callable[[Any], bool]:
    """Return a check that an estimator, once fitted, has a Keras model of this name."""
    return lambda est: not hasattr(est, "_detector") or bool(est._detector.network.part(name))


@available_where(_has_part("decoder"), "inverse_transform")
@available_where(_has_part("encoder"), "transform")
class LSTMAutoencoder(
    OutlierMixin, ClassNamePrefixFeaturesOutMixin, TransformerMixin, RoutedParameters
):
    r"""LSTM autoencoder: outlier detector and transformer for sequences and time series.

    An encoder LSTM compresses a sequence into a latent vector, and a decoder LSTM reconstructs
    the sequence from it. Sequences that resemble the training data are reconstructed well. The
    reconstruction error is therefore an outlier score, and the latent vector a feature vector.

    With ``window_size=None`` **each sample is a sequence**. X is an array of shape
    (n_samples, n_steps, n_features), a list of arrays of shape (n_steps_i, n_features) with
    unequal lengths, an array in which NaN rows pad the shorter sequences, or a table of shape
    (n_samples, n_steps) with one univariate sequence per row.

    With ``window_size=W`` **each sample is a row** of a time series. X has the shape (n_rows,
    n_features), or (n_rows,) if there is one feature. Several series come as a list, or in one
    table where `series` names the series of each row. The estimator cuts windows of W rows, and
    every method returns one entry per row.

    NaN means not observed. Missing readings and padding count neither in the loss nor in the score.

    Parameters
    ----------
    window_size : int or "auto", default=None
        Rows in a window; None if each sample is a sequence. "auto": the dominant period of the
        rows passed to `fit`, within bounds; see `skae.estimate_window_size`.
    scale : {"auto", "robust", "standard"} or None, default="auto"
        How each feature is scaled first. "standard": subtract the mean and divide by the
        standard deviation, like `sklearn.preprocessing.StandardScaler`. "robust": the same, but
        extreme values are clipped before the mean and deviation are computed, so that a few bad
        readings do not set the scale. None: no scaling. "auto": "robust", or None if the output
        is bounded (`output_activation`, ``loss="binary_crossentropy"``) or if you pass your own
        `model`. Missing readings and rows with a `sample_weight` of 0 are ignored.
        Reconstructions are in the units of X.
    scale_by_series : bool, default=False
        With `series`, whether each series gets its own scale from its rows in `fit`, so that a
        small series counts as much as a large one. A series that `fit` did not see raises an
        error, because only the rows to be scored could give its scale.
    latent_dim : int, default=16
        Size of the latent vector.
    units : int, tuple of int or "auto", default="auto"
        Units of the encoder's LSTM layers, first to last. The decoder mirrors them. "auto": one
        layer of 64 units, or of 32 if all series together have at most 1,000 rows, because a
        larger network overfits there.
    bottleneck : {"vector", "sequence"}, default="vector"
        One latent vector per sequence, or one per time step, which leaves no choice of `pooling`,
        `decoder` and `segment_length`.
    pooling : {"last", "mean", "max"}, default="last"
        How the encoder's hidden states become the latent vector: the last state, or the mean
        or maximum of all states over the steps.
    bidirectional : bool or "auto", default="auto"
        Whether the encoder reads in both directions. "auto": only for sets of sequences. In a
        series, every row is the last row of some window anyway.
    cell : {"lstm", "gru"}, default="lstm"
        Kind of recurrent layer.
    decoder : {"repeat", "state"}, default="repeat"
        How the latent vector reaches the decoder: as its input at every step, or as its
        initial state, without any input (the unconditional decoder of [1]_).
    reverse : bool, default=False
        Decode from the last step to the first [2]_.
    segment_length : int or "auto", default="auto"
        Steps that the recurrent layers read and write at a time [4]_. Longer segments are faster:
        a window of 50 rows in segments of 8 takes 7 recurrent steps. In the last segment of a
        sequence, the encoder cannot tell zeros from missing steps. "auto": 8 for the windows of
        a series (a third of the window if it is shorter than 24 rows) and for sets with sequences
        of more than 64 steps; otherwise, and with ``bottleneck="sequence"``, 1.
    output_activation : {"linear", "sigmoid", "tanh"}, default="linear"
        Activation of the reconstruction.
    dropout : float, default=0.0
        Dropout rate after each recurrent layer during training.
    noise : float, default=0.0
        Standard deviation, from 0 to 1, of Gaussian noise that training adds to the inputs but
        not to the targets (denoising autoencoder).
    model : callable, default=None
        Builds your own Keras autoencoder, which replaces the network that the parameters
        above describe. As in SciKeras it may take ``meta`` (a dict with ``"n_features_in_"``, the
        number of features, and ``"n_steps_"``, the steps of the longest sequence) and parameters
        passed as ``model__name``. The model maps (n, n_steps, n_features) to the same shape. Its
        number of steps is free, or fixed at ``n_steps_`` or more; sequences are then padded to
        that number. `transform` and `inverse_transform` exist only if the model has layers named
        "encoder" and "decoder" that are Keras models. Padded steps of the input are 0, or NaN if
        the model contains a ``skae.layers.NaNToZero``.
    loss : str, callable or keras.losses.Loss, default="mse"
        Any Keras loss. It is averaged over observed values, never over padding.
        "binary_crossentropy" needs data in [0, 1] and ``output_activation="sigmoid"``.
    optimizer : str, class or keras.optimizers.Optimizer, default="adam"
        Any Keras optimizer. Pass options as ``optimizer__name``, such as
        ``optimizer__weight_decay=1e-4``. ``optimizer__global_clipnorm`` is 0.1 unless you pass it
        or another kind of clipping; without a limit, a single batch can undo the training. An
        optimizer instance, and the optimizer of a compiled `model`, are used unchanged.
    learning_rate : float, keras.optimizers.schedules.LearningRateSchedule or "auto", default="auto"
        Initial learning rate. It falls to zero along half a cosine [3]_ during a `fit`, or during
        each of its cycles; `partial_fit` keeps it constant. "auto": 0.005, or 0.01 in a `fit` on
        series of more than 1,000 rows in total, unless you pass your own `model`. A rate set in
        Keras (by an `optimizer` instance, a compiled `model` or ``optimizer__learning_rate``)
        takes precedence and stays constant. The cosine stops as soon as a callback sets the rate.
    epochs : int or "auto", default="auto"
        Passes over the training data. "auto": one cycle of about 500 training steps (1,000 for a
        set of sequences), in 1 to 100 epochs. With held-out data and without early stopping, up
        to two more cycles follow as long as the last one lowered the best validation loss by a
        tenth. The weights of the best cycle are kept.
    batch_size : int or "auto", default="auto"
        Sequences in a training step. "auto": 32, or up to 256 if an epoch would otherwise
        have more steps than a cycle.
    drop_discords : bool or "auto", default="auto"
        Whether to leave windows that resemble no other window (discords [5]_) out of training,
        so that the network does not memorise anomalies. All rows still get a score and count for
        the threshold. "auto": True in `fit_predict` and with a numeric `contamination`, which
        both expect outliers among the rows. Otherwise `fit` treats all rows as normal.
    validation_fraction : float, default=0.1
        Fraction of the data held out from training, to decide when training stops and to set the
        threshold: random members of a set of sequences, or the end of a time series (at
        least one window). Training and held-out windows share no row.
    early_stopping : bool or "auto", default="auto"
        Whether to stop when the validation loss (the training loss without held-out data) has
        not improved for `patience` epochs, and to restore the best weights. "auto": only for sets
        of sequences. The held-out end of a time series often differs from the rest, so training
        would stop too soon.
    patience : int, default=20
        Epochs to wait for an improvement.
    callbacks : list of keras.callbacks.Callback, default=None
        Called during training. Classes are instantiated with options such as
        ``callbacks__0__factor``, as in SciKeras.
    checkpoint : str or path-like, default=None
        File for the state of a long training, written every minute. If the process is killed,
        the same `fit` with the same data and parameters continues from the file and ends with
        the same weights. A file from a different training raises an error. A `fit` that succeeds
        deletes the file. Callbacks keep only attributes that are numbers, strings or arrays.
        `partial_fit` does not use the file.
    warm_start : bool, default=False
        Continue from the weights, the optimizer state and the scale of the previous `fit`.
    random_state : int, RandomState instance, numpy.random.Generator or None, default=None
        Determines the weights, the held-out part, the order of batches, dropout and noise. Global
        generators and settings do not change.
    verbose : int, default=0
        Progress of training, as in ``keras.Model.fit``, and of scoring more than 1,000 windows.
    stride : int, default=1
        Rows between the starts of consecutive windows. The last window always ends at the last
        row, so every row is covered at any stride.
    error : str, default="auto"
        Measure of the reconstruction error.

        * "mse", "rmse", "mae": the mean squared error, its root, or the mean absolute error over
          the features and steps of a window.
        * "scaled_mse", "scaled_rmse", "scaled_mae": the same, with each feature's error divided
          by its typical error in `fit`.
        * "mahalanobis": the squared Mahalanobis distance between a step's vector of absolute
          errors and those in `fit` [2]_.
        * "multiscale": the geometric mean of three errors of a window, scaled like "scaled_rmse":
          the errors of its mean, of the means of its sixths, and of single steps.
        * "auto": "multiscale" for series if `aggregation` is "row_or_window", "gaussian" or
          "window", otherwise "scaled_rmse".
    aggregation : str, default="row_or_window"
        How errors become the score of a sequence or row: "row_or_window", "gaussian", "window",
        "mean", "median", "max" or "last".

        * Of a sequence: the error of the whole sequence ("row_or_window", "gaussian", "window",
          "mean"), the median or maximum error of its steps, or the error of its last step.
        * Of a row: the average error of the windows that cover it ("window"); that average,
          smoothed over time by a Gaussian with a standard deviation of half a window ("gaussian");
          the smoothed average, or the error of the row by itself if that is larger, after both are
          compared with their 99.9 % quantiles in `fit` ("row_or_window"; a single row weighs 1.25,
          and beyond its quantile with the root); the mean, median or maximum of the errors at the
          row itself in these windows; or the error at the row in the window that ends there
          ("last").
    contamination : "auto" or float, default="auto"
        Sets `offset_`. A float in (0, 0.5] is the fraction of outliers in the training data.
        "auto": `threshold` decides. If you have labels, see `tune_threshold`.
    threshold : {"robust", "sensitive", "adaptive", "three_sigma"} or float, default="robust"
        Rule that sets `offset_` if ``contamination="auto"``. A numeric `contamination` allows only
        the default here.

        * "robust": a multiple of the robust standard deviation above the median error.
        * "sensitive": a lower threshold for the rows of series, if someone looks at each event.
          Equal to "robust" for sequences.
        * "adaptive", with `window_size`: a lower threshold that `decision_function` and `predict`
          raise after a lasting change, which ends the event.
        * "three_sigma": three standard deviations above the mean held-out error.
        * A float in (0, 0.5]: the fraction of held-out samples beyond the threshold, a target for
          false alarms. To use other data, set
          ``offset_ = numpy.quantile(score_samples(X), fraction)``.
    series : str or int, default=None
        With `window_size`, the column or index level of a table that names the series of each
        row; a column also by position. Windows do not cross from one series into another, the
        column is not a feature, and results keep the order of the rows. An index level passes
        through Pipeline steps with ``set_output(transform="pandas")``. None: all rows belong to
        one series; an index that contains several series raises an error.
    max_gap : float, str, timedelta or numpy.timedelta64, default=None
        With `window_size`, the longest time between consecutive rows of a window: a duration
        such as "10min" for dates, a number for numbers. Times come from the index of a pandas
        dataframe (its last level that does not name the series) or from the only column of times
        in a polars one. Windows and smoothing end at a longer step, and where time goes
        backwards. None: times are ignored.
    **optimizer__options
        Parameters that SciKeras routes, with the prefixes ``optimizer__``, ``loss__``,
        ``model__`` and ``callbacks__``.

    Attributes
    ----------
    model_ : keras.Model
        The trained autoencoder. It maps (n, n_steps, n_features), with NaN in padded steps, to the
        same shape, and takes scaled values, ``(X - center_) / spread_``. Weights that you change
        take effect at the next call; a warm start or `partial_fit` continues from them.
    center_, spread_ : ndarray of shape (n_features,), float64
        Each feature is scaled to ``(X - center_) / spread_``; 0 and 1 with ``scale=None``. With
        `scale_by_series`, one row for each series, in the order in which `fit` saw them.
    encoder_ : keras.Model
        The first part of `model_`: from (n, n_steps, n_features) to the latents.
    decoder_ : keras.Model
        The second part: from latents and the (n, n_steps) mask of the steps to sequences.
    history_ : dict of str to list of float
        "loss" and "val_loss" of each epoch.
    n_iter_ : int
        Epochs that the last `fit` or `partial_fit` ran.
    n_epochs_ : int
        Most epochs that the training could have run.
    batch_size_ : int
        Sequences in a training step.
    n_discords_ : int
        Windows that were left out of training, see `drop_discords`.
    offset_ : float
        ``decision_function = score_samples - offset_``, which is negative for outliers.
    error_measure_ : callable
        Maps residuals of shape (..., n_features) to errors of the same shape.
    n_steps_ : int
        Steps of the longest sequence seen in `fit`.
    window_size_ : int or None
        Rows in a window.
    n_features_in_ : int
        Columns of a table or time series (without the `series` column), or features of a step.
    feature_names_in_ : ndarray of shape (`n_features_in_`,), object
        Names of the columns seen in `fit`, if all are strings.

    See Also
    --------
    SequenceWindower : Makes windows in a pipeline.
    sklearn.ensemble.IsolationForest : Outlier detection on rows without order.

    Notes
    -----
    :doc:`How it works </guide/how_it_works>` describes the algorithms: scaling, missing and bad
    readings, typical errors, the multiscale error, thresholds and discords.

    `fit` and `partial_fit` determine everything that defines a score. Parameters that you set later
    take effect in the next `fit` or `partial_fit`.

    The order of a set of sequences does not matter: equal sequences are merged and their weights
    added.

    References
    ----------
    .. [1] N. Srivastava, E. Mansimov, R. Salakhutdinov (2015), "Unsupervised Learning of
       Video Representations using LSTMs", arXiv:1502.04681, section 2.2.
    .. [2] P. Malhotra et al. (2016), "LSTM-based Encoder-Decoder for Multi-sensor Anomaly
       Detection", arXiv:1607.00148, section 2.
    .. [3] I. Loshchilov, F. Hutter (2017), "SGDR: Stochastic Gradient Descent with Warm
       Restarts", arXiv:1608.03983, equation 5.
    .. [4] S. Lin et al. (2023), "SegRNN: Segment Recurrent Neural Network for Long-Term Time
       Series Forecasting", arXiv:2308.11200, section 3.
    .. [5] E. Keogh, J. Lin, A. Fu (2005), "HOT SAX: Efficiently Finding the Most Unusual Time
       Series Subsequence", ICDM, section 2.

    Examples
    --------
    >>> import numpy as np
    >>> from skae import LSTMAutoencoder
    >>> series = np.sin(np.arange(300) / 5)[:, None]
    >>> detector = LSTMAutoencoder(window_size=20, units=8, epochs=2, random_state=0)
    >>> detector.fit(series).score_samples(series).shape
    (300,)

    Sequences of unequal length:

    >>> sequences = [series[:12], series[5:40], series[50:71]]
    >>> LSTMAutoencoder(units=8, latent_dim=3, epochs=2).fit_transform(sequences).shape
    (3, 3)
    """

    _parameter_constraints = {
        "window_size": [positive_int(), StrOptions({"auto"}), None],
        "scale": [StrOptions({"auto", "robust", "standard"}), None],
        "scale_by_series": ["boolean"],
        "latent_dim": [positive_int()],
        "units": [positive_int(), tuple, list, StrOptions({"auto"})],
        "bottleneck": [StrOptions({"vector", "sequence"})],
        "pooling": [StrOptions({"last", "mean", "max"})],
        "bidirectional": ["boolean", StrOptions({"auto"})],
        "cell": [StrOptions({"lstm", "gru"})],
        "decoder": [StrOptions({"repeat", "state"})],
        "reverse": ["boolean"],
        "segment_length": [positive_int(), StrOptions({"auto"})],
        "output_activation": [StrOptions({"linear", "sigmoid", "tanh"})],
        "dropout": [fraction()],
        "noise": [Interval(Real, 0, 1, closed="both")],
        "model": [callable, None],
        "loss": [str, callable, keras.losses.Loss],
        "optimizer": [str, type, keras.optimizers.Optimizer],
        "learning_rate": [
            positive_real(),
            keras.optimizers.schedules.LearningRateSchedule,
            StrOptions({"auto"}),
        ],
        "epochs": [positive_int(), StrOptions({"auto"})],
        "batch_size": [positive_int(), StrOptions({"auto"})],
        "drop_discords": ["boolean", StrOptions({"auto"})],
        "validation_fraction": [fraction()],
        "early_stopping": ["boolean", StrOptions({"auto"})],
        "patience": [positive_int()],
        "callbacks": [list, dict, keras.callbacks.Callback, None],
        "checkpoint": [str, os.PathLike, None],
        "warm_start": ["boolean"],
        "random_state": ["random_state", np.random.Generator],
        "verbose": ["verbose", StrOptions({"auto"})],
        "stride": [positive_int()],
        "error": [StrOptions({"auto", *MEASURES})],
        "aggregation": [StrOptions(set(AGGREGATIONS))],
        "contamination": [StrOptions({"auto"}), Interval(Real, 0, 0.5, closed="right")],
        "threshold": [
            StrOptions({"robust", "sensitive", "adaptive", "three_sigma"}),
            Interval(Real, 0, 0.5, closed="right"),
        ],
        "series": [str, Integral, None],
        "max_gap": [str, datetime.timedelta, np.timedelta64, positive_real(), None],
    }

    # scikit-learn's checks pass every name, so the last parameter has a routed one.
    def __init__(
        self,
        window_size: int | Literal["auto"] | None = None,
        *,
        scale: Literal["auto", "robust", "standard"] | None = "auto",
        scale_by_series: bool = False,
        latent_dim: int = 16,
        units: int | tuple[int, ...] | Literal["auto"] = "auto",
        bottleneck: Literal["vector", "sequence"] = "vector",
        pooling: Literal["last", "mean", "max"] = "last",
        bidirectional: bool | Literal["auto"] = "auto",
        cell: Literal["lstm", "gru"] = "lstm",
        decoder: Literal["repeat", "state"] = "repeat",
        reverse: bool = False,
        segment_length: int | Literal["auto"] = "auto",
        output_activation: Literal["linear", "sigmoid", "tanh"] = "linear",
        dropout: float = 0.0,
        noise: float = 0.0,
        model: Callable[..., keras.Model] | None = None,
        loss: str | Callable[..., Any] | keras.losses.Loss = "mse",
        optimizer: str | keras.optimizers.Optimizer | type[keras.optimizers.Optimizer] = "adam",
        learning_rate: Rate = "auto",
        epochs: int | Literal["auto"] = "auto",
        batch_size: int | Literal["auto"] = "auto",
        drop_discords: bool | Literal["auto"] = "auto",
        validation_fraction: float = 0.1,
        early_stopping: bool | Literal["auto"] = "auto",
        patience: int = 20,
        callbacks: keras.callbacks.Callback | list[Any] | dict[str, Any] | None = None,
        checkpoint: str | os.PathLike[str] | None = None,
        warm_start: bool = False,
        random_state: RandomState = None,
        verbose: int | Literal["auto"] = 0,
        stride: int = 1,
        error: ErrorName = "auto",
        aggregation: Literal[
            "row_or_window", "gaussian", "window", "mean", "median", "max", "last"
        ] = "row_or_window",
        contamination: float | Literal["auto"] = "auto",
        threshold: Literal["robust", "sensitive", "adaptive", "three_sigma"] | float = "robust",
        series: str | int | None = None,
        max_gap: Duration | None = None,
        **optimizer__options: Any,
    ):
        self.window_size = window_size
        self.scale = scale
        self.scale_by_series = scale_by_series
        self.latent_dim = latent_dim
        self.units = units
        self.bottleneck = bottleneck
        self.pooling = pooling
        self.bidirectional = bidirectional
        self.cell = cell
        self.decoder = decoder
        self.reverse = reverse
        self.segment_length = segment_length
        self.output_activation = output_activation
        self.dropout = dropout
        self.noise = noise
        self.model = model
        self.loss = loss
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.epochs = epochs
        self.batch_size = batch_size
        self.drop_discords = drop_discords
        self.validation_fraction = validation_fraction
        self.early_stopping = early_stopping
        self.patience = patience
        self.callbacks = callbacks
        self.checkpoint = checkpoint
        self.warm_start = warm_start
        self.random_state = random_state
        self.verbose = verbose
        self.stride = stride
        self.error = error
        self.aggregation = aggregation
        self.contamination = contamination
        self.threshold = threshold
        self.series = series
        self.max_gap = max_gap
        self._set_routed(optimizer__options)

    @fit_context(prefer_skip_nested_validation=True)
    def fit(
        self,
        X: SeriesLike | Iterable[ArrayLike],
        y: object = None,
        sample_weight: SeriesLike | None = None,
        *,
        validation_data: Any = None,
    ) -> Self:
        """Train the network and set the threshold.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_steps, n_features), (n_samples, n_steps) or, \
                with `window_size`, (n_rows, n_features); or a list of these
            Sequences or rows, see the class. NaN means not observed. Also a ``dask.array``, a
            ``dask.dataframe``, or an iterable of series or sequences, which are read part by part.
        y : None
            Ignored.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each sequence or row in the loss. A weight of 0 leaves it out.
        validation_data : array-like, list or pair (X, X), default=None
            Sequences or rows that are held out instead of a part of X, for "val_loss", early
            stopping and the threshold. They are scaled like X, and `validation_fraction` is
            ignored. ``keras.Model.fit`` takes such pairs. A Pipeline applies its other steps to
            the data with ``transform_input=["validation_data"]``.

        Returns
        -------
        self : LSTMAutoencoder

        Raises
        ------
        ValueError
            If X does not fit the parameters, contains infinity, is too short or contains only NaN,
            or if training ends in NaN. The estimator then keeps its previous state.

        Warns
        -----
        ConvergenceWarning
            If the network learned nothing, for instance from unscaled data, or if the data are
            shorter than ten windows.
        UserWarning
            If windows or sequences without observations are left out, if float32 loses the signal
            of a feature, or if X looks like rows without a `window_size` or like
            (n_samples, n_channels, n_timepoints).

        Examples
        --------
        >>> import numpy as np
        >>> def series():
        ...     for start in (0, 40):
        ...         yield np.sin(np.arange(start, start + 200)[:, None] / [4, 5])
        >>> detector = LSTMAutoencoder(20, units=4, epochs=1, random_state=0).fit(series())
        >>> detector.n_features_in_
        2
        """
        reject_targets(X, y)
        resume = self.warm_start and hasattr(self, "_detector")
        return self._fit(X, sample_weight, resume=resume, validation_data=validation_data)

    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(
        self, X: SeriesLike, y: object = None, sample_weight: SeriesLike | None = None
    ) -> Self:
        """Train for one more epoch at the full learning rate, and set the threshold again.

        Parameters
        ----------
        X : array-like
            As in `fit`. The first call also builds the network and determines the scale.
        y : None
            Ignored.
        sample_weight : array-like of shape (n_samples,), default=None
            As in `fit`.

        Returns
        -------
        self : LSTMAutoencoder

        Raises
        ------
        ValueError
            As in `fit`.
        """
        reject_targets(X, y)
        return self._fit(X, sample_weight, resume=hasattr(self, "_detector"), one_epoch=True)

    def _fit(self, X: Any, sample_weight: Any, *, resume: bool, **options: Any) -> Self:
        """Assign a new detector unless an error is raised; options as in `fit_detector`."""
        learn: Callable[..., Detector] = partial(
            fit_detector, self._parameters(), X, sample_weight, estimator=type(self).__name__
        )
        if not resume:
            self._detector = learn(**options)
            return self
        # The model is trained in place; until then, other threads score with the old weights.
        before = self._detector_with(lambda detector: detector.settled(trainable=True))
        self._detector = before
        try:
            self._detector = learn(before=before, **options)
        except BaseException:
            self._detector = before.restored()
            raise
        return self

    def _parameters(self) -> dict[str, Any]:
        """Return all parameters, also those that the constructor of a subclass does not take."""
        own = {name: getattr(self, name) for name in LSTMAutoencoder._parameter_constraints}
        return own | self._routed_parameters()

    def tune_threshold(self, X: SeriesLike, y: SeriesLike, *, beta: float = 1.0) -> Self:
        r"""Set `offset_` so that `predict` has the highest F-beta on labelled data.

        All rows then have the same threshold, even with ``threshold="adaptive"``.

        Parameters
        ----------
        X : array-like or list
            As in `score_samples`; preferably data that `fit` has not seen.
        y : array-like of shape (n_samples,)
            Labels as in `skae.metrics.is_outlier`: 1 or True for outliers, or -1.
        beta : float, default=1.0
            Weight of recall. Below 1, false alarms count more. :math:`F_\beta = (1 + \beta^2)
            P R / (\beta^2 P + R)` of precision :math:`P` and recall :math:`R`.

        Returns
        -------
        self : LSTMAutoencoder

        Raises
        ------
        ValueError
            If `beta` is not positive and finite, or the labels are unknown or contain only one
            class.
        """
        if not (isinstance(beta, Real) and 0 < beta < np.inf):
            raise ValueError(f"Got beta={beta!r}, but expected a finite number above 0.")
        detector, samples = self._read(X)
        labels = outliers_of_either_class(y)
        check_consistent_length(samples, labels)
        labels, scores = samples.in_order(labels), detector.scores(samples)
        seen = ~np.isnan(scores)
        outliers_of_either_class(labels[seen])
        offset = best_fbeta_offset(scores[seen], labels[seen], float(beta))
        if self._detector.training is detector.training:  # no other fit has replaced it
            self._detector = replace(
                detector, offset=offset, scorer=detector.scorer.with_fixed_offset()
            )
        return self

    # ---------------------------------------------------------------- scoring

    def score_samples(self, X: SeriesLike) -> Any:
        """Return the score of each sample: minus its reconstruction error.

        Parameters
        ----------
        X : array-like or list
            As in `fit`. Sequences may have other lengths.

        Returns
        -------
        scores : ndarray of shape (n_samples,), float64
            Higher is more normal. NaN for a sequence without observations, and for a row if no
            window that covers it has any. A list of arrays for a list of series.

        Raises
        ------
        ValueError
            If X does not fit the parameters or the features seen in `fit`.
        """
        detector, samples = self._read(X)
        return samples.like_input(detector.scores(samples))

    def decision_function(self, X: SeriesLike) -> Any:
        """Return ``score_samples(X) - offset_``, which is negative for outliers.

        Parameters
        ----------
        X : array-like or list
            As in `score_samples`.

        Returns
        -------
        decision : ndarray of shape (n_samples,), float64
        """
        detector, samples = self._read(X)
        return samples.like_input(detector.decision(samples))

    def predict(self, X: SeriesLike) -> Any:
        """Return which samples are outliers.

        Parameters
        ----------
        X : array-like or list
            As in `score_samples`.

        Returns
        -------
        labels : ndarray of shape (n_samples,), int
            -1 for outliers, 1 for inliers and for samples whose score is NaN.
        """
        detector, samples = self._read(X)
        return samples.like_input(detector.labels(samples))

    @fit_context(prefer_skip_nested_validation=True)
    def fit_predict(
        self, X: SeriesLike, y: object = None, sample_weight: SeriesLike | None = None
    ) -> Any:
        """Fit to data that contain outliers, and return which samples are outliers.

        Unlike `fit`, it leaves windows that resemble no other window out of training; see
        `drop_discords`.

        Parameters
        ----------
        X : array-like or list
            As in `fit`.
        y : None
            Ignored.
        sample_weight : array-like of shape (n_samples,), default=None
            As in `fit`.

        Returns
        -------
        labels : ndarray of shape (n_samples,), int
            -1 for outliers, 1 for inliers.
        """
        reject_lazy(X)
        resume = self.warm_start and hasattr(self, "_detector")
        return self._fit(X, sample_weight, resume=resume, has_outliers=True).predict(X)

    def fit_transform(self, X: SeriesLike, y: object = None, **fit_params: Any) -> Any:
        """Fit, and return the latents.

        Parameters
        ----------
        X : array-like or list
            As in `fit`, but neither a Dask collection nor an iterator.
        y : None
            Ignored.
        **fit_params : dict
            `sample_weight` and `validation_data`, as in `fit`.

        Returns
        -------
        latents : ndarray or list of ndarray
            As `transform` returns them.
        """
        reject_lazy(X)
        return super().fit_transform(X, y, **fit_params)

    def score(self, X: SeriesLike, y: object = None) -> float:
        r"""Return the share of the variation inside sequences or windows that is reconstructed.

        :math:`1 - \sum (x - \hat x)^2 / \sum (x - \bar x)^2`, over all observed values, with
        :math:`\bar x` the mean of a feature in its sequence or window. This is the coefficient of
        determination relative to predicting that mean. A search without labels can use it to
        compare window sizes, while the plain error always favours the smallest window, where
        little varies. It does not depend on `error`, `aggregation` and `loss`. On pure noise, the
        smallest window that fits into the latent vector still scores best.

        Parameters
        ----------
        X : array-like or list
            As in `score_samples`.
        y : None
            Ignored.

        Returns
        -------
        score : float
            Higher is better: 1 for a perfect reconstruction, 0 if it is as good as the mean of each
            window, negative if it is worse. If no window varies, 0 unless the reconstruction is
            perfect.
        """
        detector, samples = self._read(X)
        return detector.explained(samples)

    def score_timesteps(self, X: SeriesLike) -> Any:
        """Return the reconstruction error of each time step.

        Parameters
        ----------
        X : array-like or list
            As in `score_samples`.

        Returns
        -------
        errors : ndarray of shape (n_samples, n_steps), float64
            Mean over the features; higher is worse. NaN in padded steps and where nothing was
            observed. A list of arrays of shape (n_steps_i,) for a list. With `window_size`, shape
            (n_rows,): `aggregation` combines the errors at the row in the windows that cover it.
            "row_or_window", "gaussian" and "window", which use whole windows, give the error in
            the window that ends at the row, or the median if that is lower. A table if
            `set_output` asks for one, see `explain`.
        """
        detector, samples = self._read(X)
        return self._as_asked(detector, samples, detector.errors_of_steps(samples), ["error"])

    def explain(self, X: SeriesLike) -> Any:
        """Return the contribution of each feature and step to the outlier score.

        Parameters
        ----------
        X : array-like or list
            As in `score_samples`.

        Returns
        -------
        errors : ndarray of shape (n_samples, n_steps, n_features), float64
            Higher is worse. NaN in padded steps and where nothing was observed. The mean over steps
            and features is minus the score, unless `aggregation` uses single steps. For a table,
            shape (n_samples, n_steps). With `window_size`, shape (n_rows, n_features), combined by
            `aggregation`; the mean over the features is minus the score, except with "median" and
            "max". Missing readings break both equalities. If `set_output` asks for a table, it has
            the index of X and the names of the features, and each sequence is one row, step by
            step: ``load_t0``, ...

        Raises
        ------
        ValueError
            If X does not fit, or `set_output` asks for a table and a sequence is longer than
            `n_steps_`.
        """
        detector, samples = self._read(X)
        names = detector.features.column_names()
        return self._as_asked(detector, samples, detector.contributions(samples), names)

    # ---------------------------------------------------------------- encoding

    def transform(self, X: SeriesLike) -> Any:
        """Return the latents of each sample.

        Parameters
        ----------
        X : array-like or list
            As in `score_samples`.

        Returns
        -------
        latents : ndarray of shape (n_samples, latent_dim), float32
            With `window_size`, the latents of the window that ends at each row; the first windows
            of a series are shorter. With ``bottleneck="sequence"``, shape (n_samples, n_steps,
            latent_dim), NaN in padded steps, or a list for a list; the latents of a row are
            averaged over the windows that cover it. If `set_output` asks for a table, a sequence of
            latents is one row, step by step, and the rows of several series follow one another.

        Raises
        ------
        ValueError
            If X does not fit the parameters or the features seen in `fit`, or `set_output` asks for
            a table and a sequence of latents is longer than `n_steps_`.
        """
        detector, samples = self._read(X)
        latents, names = detector.latents(samples), detector.latent_names()
        return self._as_asked(detector, samples, latents, names)

    def inverse_transform(self, X: SeriesLike) -> Any:
        """Decode latents.

        Parameters
        ----------
        X : array-like of shape (n_samples, latent_dim) or, with ``bottleneck="sequence"``, \
                (n_samples, n_steps, latent_dim) or a list; with `window_size` (n_rows, \
                latent_dim) in either case
            Latents as `transform` returns them.

        Returns
        -------
        sequences : ndarray of shape (n_samples, n_steps, n_features), float32
            A vector is decoded to `n_steps_` steps, the longest length seen in `fit`. A table if
            `fit` saw a table. With `window_size`, shape (n_rows, n_features): each row is averaged
            over the windows that contain it.

        Raises
        ------
        ValueError
            If the shape of X does not fit.
        """
        return self.detector_.decoded(X)

    def reconstruct(self, X: SeriesLike) -> Any:
        """Return the reconstruction of X.

        Parameters
        ----------
        X : array-like or list
            As in `score_samples`.

        Returns
        -------
        reconstruction : ndarray of the shape of X, float32
            (n_rows, 1) for X of shape (n_rows,). NaN in padded steps; missing readings are filled
            in. A list for a list. With `window_size`, each row is averaged over the windows that
            cover it. A table if `set_output` asks for one, see `explain`.
        """
        detector, samples = self._read(X)
        names = detector.features.column_names()
        return self._as_asked(detector, samples, detector.reconstructions(samples), names)

    def get_feature_names_out(self, input_features: ArrayLike | None = None) -> NDArray[np.object_]:
        """Return the names of the columns of `transform`.

        Parameters
        ----------
        input_features : array-like of str, default=None
            Ignored, but compared with `feature_names_in_` if that exists.

        Returns
        -------
        ndarray of str, object
            ``lstmautoencoder0``, ...; with ``bottleneck="sequence"`` and sequences as
            samples, ``lstmautoencoder0_t0``, ..., step by step.
        """
        super().get_feature_names_out(input_features)  # compares them
        return np.asarray(self._fitted.latent_names(), dtype=object)

    def _as_asked(self, detector: Detector, samples: Samples, found: Any, names: list[str]) -> Any:
        """Return results as `set_output` asks for them; `names` of columns or features."""
        container = frame_container(self)
        if container is None:
            return found
        n_steps = None if detector.windowing.window_size else detector.n_steps
        return framed(found, index_of(samples), names, container, n_steps)

    @property
    def _n_features_out(self) -> int:
        return self._fitted.latent_dim

    # ---------------------------------------------------------------- persistence

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write parameters and fitted state to one file without code, as `skae.save` does.

        Parameters
        ----------
        path : str or path-like
            An existing file is replaced only on success, and keeps its mode.

        Raises
        ------
        TypeError
            If a parameter or attribute cannot be stored, see `skae.save`.
        ValueError
            If the path is a folder, device or pipe.
        OSError
            If the file cannot be written.

        See Also
        --------
        LSTMAutoencoder.load : Reads the file.
        """
        save(self, path)

    @classmethod
    def load(
        cls,
        path: str | os.PathLike[str],
        *,
        custom_objects: Mapping[str, Any] | None = None,
        max_bytes: int = MAX_BYTES,
    ) -> Self:
        """Return the estimator that `save` wrote. No code from the file is run.

        Parameters
        ----------
        path : str or path-like
        custom_objects : dict of str to object, default=None
            Your own functions and classes by their ``__name__``, such as the callable `model` or a
            loss. The error message names what is missing.
        max_bytes : int, default=2**30
            Size of the largest file that is read.

        Returns
        -------
        LSTMAutoencoder
            In the state in which it was saved.

        Raises
        ------
        ValueError
            If the file was not written by `save`, is damaged, too large, of another class or from a
            newer skae, or names something that is neither known nor among `custom_objects`.
        OSError
            If the file does not exist or cannot be read.
        """
        return load_only(cls, path, custom_objects, max_bytes)

    # ---------------------------------------------------------------- fitted state

    @property
    def _fitted(self) -> Detector:
        check_is_fitted(self)
        return self._detector

    def __sklearn_is_fitted__(self) -> bool:
        """Tell scikit-learn whether the estimator is fitted."""
        return hasattr(self, "_detector")

    def _detector_with(self, read: Callable[[Detector], T]) -> T:
        """Return what `read` gets from the detector; repeat if a fit replaced it meanwhile."""
        while True:
            detector = self._fitted
            found = read(detector)
            if self._detector is detector:
                return found

    @property
    def detector_(self) -> Detector:
        """The fitted detector, a frozen value that later refits do not change.

        It has the current weights of `model_`. Streams and Dask use it.
        """
        detector = self._detector_with(Detector.settled)
        return replace(detector, network=replace(detector.network, verbose=self.verbose))

    def _read(self, X: Any) -> tuple[Detector, Samples]:
        """Return the detector, and the samples in X as it reads them."""
        detector = self.detector_
        return detector, detector.read(X)

    @property
    def model_(self) -> keras.Model:
        """The trained autoencoder."""
        return self._fitted.model

    @property
    def encoder_(self) -> keras.Model:
        """The part of `model_` that maps sequences to latents."""
        return self._fitted.network.encoder

    @property
    def decoder_(self) -> keras.Model:
        """The part of `model_` that maps latents to sequences."""
        return self._fitted.network.decoder

    @property
    def offset_(self) -> float:
        """Score below which a sample is an outlier."""
        return self._fitted.offset

    @offset_.setter
    def offset_(self, offset: float) -> None:
        if np.ndim(offset) or np.isnan(offset):
            raise ValueError(f"Got offset_={offset}, but expected a number.")
        self._detector = replace(self._fitted, offset=float(offset))

    @property
    def history_(self) -> History:
        """Losses of each epoch."""
        return self._fitted.training.history

    @property
    def n_iter_(self) -> int:
        """Epochs that the last `fit` or `partial_fit` ran."""
        return self._fitted.training.n_iter

    @property
    def n_epochs_(self) -> int:
        """Most epochs that the training could have run."""
        return self._fitted.training.n_epochs

    @property
    def batch_size_(self) -> int:
        """Sequences in a training step."""
        return self._fitted.training.batch_size

    @property
    def n_discords_(self) -> int:
        """Windows that were left out of training."""
        return self._fitted.training.n_discords

    @property
    def n_steps_(self) -> int:
        """Number of steps of the longest sequence seen in `fit`."""
        return self._fitted.n_steps

    @property
    def window_size_(self) -> int | None:
        """Rows in a window; None if samples are sequences."""
        size: int | None = self._fitted.windowing.window_size
        return size

    @property
    def center_(self) -> NDArray[np.float64]:
        """Offset that scaling subtracts from each feature."""
        scaling = self._fitted.scaling
        return np.zeros(self._fitted.features.n_features) if scaling is None else scaling.center

    @property
    def spread_(self) -> NDArray[np.float64]:
        """Divisor of each feature in scaling, after `center_` is subtracted."""
        scaling = self._fitted.scaling
        return np.ones(self._fitted.features.n_features) if scaling is None else scaling.spread

    @property
    def error_measure_(self) -> ErrorMeasure:
        """Maps residuals of shape (..., n_features) to errors of the same shape."""
        return self._fitted.scorer.measure

    @property
    def n_features_in_(self) -> int:
        """Columns, or features of a step, seen in `fit`."""
        return self._fitted.features.n_columns

    @property
    def feature_names_in_(self) -> NDArray[np.object_]:
        """Names of the columns seen in `fit`."""
        names = self._fitted.features.names
        if names is None:
            raise AttributeError("The X passed to fit had no feature names.")
        return names

    def __getstate__(self) -> dict[str, Any]:
        state = dict(super().__getstate__())
        if "_detector" in state:
            state["_detector"] = self._detector_with(Detector.to_plain)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        if "_detector" in state:
            state = state | {"_detector": Detector.from_plain(state["_detector"])}
        super().__setstate__(state)

    def __sklearn_tags__(self) -> Tags:
        """Declare that NaN and three dimensions are allowed, and that latents are float32."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags
