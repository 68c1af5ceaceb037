"""`LSTMAutoencoder`: where sequences (numpy) and networks (Keras) meet."""

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
    fit_context,
    fraction,
    frame_container,
    positive_int,
    positive_real,
)
from skae._detector import Detector, History
from skae._fitting import fit_detector
from skae._input.checks import refuse_what_is_not_there
from skae._input.layout_warnings import refuse_targets
from skae._input.typing import Duration, RandomState, SeriesLike
from skae._io.estimators import MAX_BYTES, holds_detector, load_only, save
from skae._output.frames import framed
from skae._scoring.aggregation import AGGREGATIONS
from skae._scoring.errors import MEASURES, ErrorMeasure, ErrorName
from skae._scoring.thresholds import best_fbeta_offset
from skae._training.parameters import RoutedParameters
from skae._windows.samples import Samples, index_of
from skae.metrics import outliers_of_either_class

T = TypeVar("T")

Rate: TypeAlias = float | Literal["auto"] | keras.optimizers.schedules.LearningRateSchedule


@holds_detector
class LSTMAutoencoder(
    OutlierMixin, ClassNamePrefixFeaturesOutMixin, TransformerMixin, RoutedParameters
):
    r"""LSTM autoencoder: outlier detector and transformer for sequences and time series.

    An encoder LSTM compresses a sequence into a latent vector, and a decoder LSTM reconstructs
    the sequence from it. Sequences that resemble the training data are reconstructed well: the
    reconstruction error is the outlier score, and the latent vector is a feature vector.

    With ``window_size=None`` **each sample is a sequence**: X is an array of shape
    (n_samples, n_steps, n_features), a list of arrays of shape (n_steps_i, n_features) of
    unequal lengths, an array in which NaN rows pad shorter sequences, or a table of shape
    (n_samples, n_steps), one univariate sequence a row.

    With ``window_size=W`` **each sample is a row** of a time series of shape (n_rows,
    n_features), or (n_rows,) of one feature, or of several: in a list, or in one table where
    `series` names the series of each row. Windows of W rows are made inside, and every method
    answers with one entry per row.

    Parameters
    ----------
    window_size : int or "auto", default=None
        Number of rows in a window; None if samples are sequences. "auto": the dominant period of
        the rows that `fit` is given, within bounds, see `skae.estimate_window_size`.
    scale : {"auto", "robust", "standard"} or None, default="auto"
        How the values of each feature are scaled before anything else. "standard": less their
        mean, over their standard deviation, as in `sklearn.preprocessing.StandardScaler`.
        "robust": the same, but values far outside the range of all others count as its edge, so
        that a few bad readings do not set the scale. "auto": "robust", or None where the output
        of the network is bounded (`output_activation`, ``loss="binary_crossentropy"``) or the
        network is yours (`model`). None: values are taken as they are. Missing readings and rows
        of `sample_weight` 0 do not count. Reconstructions are in the units of X.
    latent_dim : int, default=16
        Size of the latent vector.
    units : int, tuple of int or "auto", default="auto"
        Units of the encoder's LSTM layers, first to last. The decoder mirrors them. "auto": one
        layer of 64; of 32 for a series of at most 1,000 rows, several series together, which
        a larger one learns by heart.
    bottleneck : {"vector", "sequence"}, default="vector"
        One latent vector a sequence, or one a time step.
    pooling : {"last", "mean", "max"}, default="last"
        How the encoder's hidden states become the latent vector: the last state, or the mean
        or the maximum of all states over the steps.
    bidirectional : bool or "auto", default="auto"
        Whether the encoder reads in both directions. "auto": only for a set of sequences, not
        for the windows of a series, in which each row ends some window anyway.
    cell : {"lstm", "gru"}, default="lstm"
        Kind of recurrent layer.
    decoder : {"repeat", "state"}, default="repeat"
        How the latent vector reaches the decoder: as its input at every step, or as its
        initial state, with no input (Srivastava et al. 2015, the unconditional decoder).
    reverse : bool, default=False
        Decode from the last step to the first (Malhotra et al. 2016).
    segment_length : int or "auto", default="auto"
        Steps that the recurrent layers read, and write, at a time (Lin et al. 2023): a window
        of 50 rows in segments of 8 is 7 recurrent steps, and takes less time. The encoder does
        not tell zeros from missing steps inside the last segment of a sequence. "auto": 8 for
        the windows of a series, or a third of a window shorter than 24, and for a set of
        sequences of more than 64 steps; 1 for one of shorter ones and with
        ``bottleneck="sequence"``.
    output_activation : {"linear", "sigmoid", "tanh"}, default="linear"
        Activation of the reconstruction.
    dropout : float, default=0.0
        Rate of dropout after each recurrent layer, in training.
    noise : float, default=0.0
        Standard deviation, from 0 to 1, of Gaussian noise added to the input in training,
        while the target stays clean (denoising autoencoder).
    model : callable, default=None
        Builds a Keras autoencoder of your own in place of the one that the network parameters
        above describe. As in SciKeras it may take ``meta`` (a dict with ``"n_features_in_"``, the
        features of a step, and ``"n_steps_"``, the steps of the longest sequence) and parameters
        given as ``model__name``. The model maps (n, n_steps, n_features) to the same shape.
        Its number of steps is free, or fixed at ``n_steps_`` or more, to which sequences are
        then padded. Layers named "encoder" and "decoder", if any, serve `transform` and
        `inverse_transform`. Padded steps of the input are 0, or NaN if the model contains a
        ``skae.layers.NaNToZero``.
    loss : str, callable or keras.losses.Loss, default="mse"
        Any Keras loss. It is averaged over observed values, never over padding.
        "binary_crossentropy" needs data in [0, 1] and ``output_activation="sigmoid"``.
    optimizer : str, class or keras.optimizers.Optimizer, default="adam"
        Any Keras optimizer. Options are given as ``optimizer__name``, such as
        ``optimizer__weight_decay=1e-4``.
    global_clipnorm : float, default=0.1
        Largest norm of the gradient of all weights together, as in Keras. Without this limit
        (None) a single batch can undo training progress. Ignored if `optimizer` is an
        instance, if the model comes compiled, or if another kind of clipping is routed.
    learning_rate : float, keras.optimizers.schedules.LearningRateSchedule or "auto", default="auto"
        "auto": 0.005; the cosine of a `fit` on a series of more than 1,000 rows, all its parts
        together, begins at 0.01, unless `model` is one's own. Ignored if `optimizer` is an
        instance or the model comes compiled.
    learning_rate_schedule : {"cosine", "constant"}, default="cosine"
        Whether a learning rate that is a number falls to zero along half a cosine (Loshchilov
        and Hutter 2017) over a `fit`, or over each of its cycles. `partial_fit` keeps the rate
        constant. Once a callback sets the rate, the schedule gives way to it.
    epochs : int or "auto", default="auto"
        Passes over the training data. "auto": one cycle of about 500 training steps (1000 for a
        set of sequences), in 1 to 100 epochs. Where data are held out and training does not stop
        early, the cycle is restarted as long as the last one lowered the best validation loss by
        a tenth, up to three cycles in all; the weights of the best cycle are kept.
    batch_size : int or "auto", default="auto"
        Sequences in a training step. "auto": 32, or up to 256 where an epoch would otherwise
        take more steps than a cycle.
    drop_discords : bool or "auto", default="auto"
        Whether windows of a series that are like no other (Keogh et al. 2005) are left out of
        training, so that anomalies among the rows are not memorised. All rows are scored, and
        count for the threshold. "auto": in `fit_predict`, and with a given `contamination`, for
        then outliers are among the rows; `fit` alone takes them for normal and learns all. See
        Notes.
    validation_fraction : float, default=0.1
        Fraction of the data that is held out from training, to stop it and to set the
        threshold: random members of a set of sequences, or the end of a time series (at
        least one window). Training and held-out windows share no row.
    early_stopping : bool or "auto", default="auto"
        Stop when the validation loss (the training loss without held-out data) has not
        improved for `patience` epochs, and restore the best weights. "auto": only for a set of
        sequences. The held-out end of a time series often differs from the rest, which would
        stop training too soon.
    patience : int, default=20
        Epochs to wait for an improvement.
    callbacks : list of keras.callbacks.Callback, default=None
        Called during training. Classes are instantiated with options such as
        ``callbacks__0__factor``, as in SciKeras.
    checkpoint : str or path-like, default=None
        File for the state of a long training. Killed in the middle, the same `fit` goes on from
        there, and ends with the weights that it would have had; it needs the same data and
        parameters, and another is refused. A `fit` that succeeds deletes the file. Of
        `callbacks`, attributes that are numbers, strings or arrays go along. Not for
        `partial_fit`.
    checkpoint_interval : float, default=60.0
        Seconds from one writing of that file to the next, at the end of a batch.
    warm_start : bool, default=False
        Continue from the weights and the optimizer state of the previous `fit`.
    random_state : int, RandomState instance, numpy.random.Generator or None, default=None
        Determines weights, held-out part, order of batches, dropout and noise. No global
        generator or setting is touched.
    verbose : int, default=0
        Progress of training, as in ``keras.Model.fit``, and of scoring more than 1,000 windows.
    stride : int, default=1
        Rows between the starts of consecutive windows. A last window ends at the last row, so
        that every row is covered whatever the stride.
    error : str, default="auto"
        Measure of the reconstruction error. "mse", "rmse", "mae": the mean squared error, its
        root, or the mean absolute error over the features and the steps of a window.
        "scaled_mse", "scaled_rmse", "scaled_mae": the same with each feature's error divided by
        its typical error in `fit`.
        "mahalanobis": the squared Mahalanobis distance of a step's vector of absolute errors
        from those in `fit` (Malhotra et al. 2016). "multiscale": the geometric mean of three
        errors of a window, scaled like "scaled_rmse": of its level, of the levels of its
        sixths, and of single steps. "auto": "multiscale" for the windows of series if
        `aggregation` takes them whole ("gaussian", "window"), else "scaled_rmse". See Notes.
    aggregation : {"gaussian", "window", "mean", "median", "max", "last"}, default="gaussian"
        How errors become the score of a sequence or row. For a sequence: the error of the
        whole sequence ("gaussian", "window", "mean"), the median or maximum of the errors of
        its steps, or the error of its last step. For a row: the average error of the windows
        that cover it ("window"); that average smoothed over time by a Gaussian with a standard
        deviation of half a window ("gaussian"); the mean, median or maximum of the
        errors that the covering windows make at the row itself; or the error at the row in
        the window that ends there ("last").
    contamination : "auto" or float, default="auto"
        Sets `offset_`. A float in (0, 0.5] is the fraction of outliers in the training data.
        "auto": `threshold` decides. With labels, see `tune_threshold`.
    threshold : {"robust", "sensitive", "adaptive", "three_sigma"} or float, default="robust"
        Rule that sets `offset_` if ``contamination="auto"``; another one beside a float
        `contamination` is refused. "robust": some robust standard deviations above the median
        error, see Notes. "sensitive": a lower one for the rows of series, if a person looks at
        each event; of sequences it is "robust". "adaptive", with `window_size`: a lower one, which
        `decision_function` and `predict` raise where the rows before have had higher errors than
        in `fit`, so that a lasting change of regime ends as an event, see Notes. "three_sigma":
        three standard deviations above the mean of the held-out errors. A float in (0, 0.5]: the
        fraction of the held-out samples that are to lie beyond, a target for false alarms; of
        data of your own, set ``offset_ = numpy.quantile(score_samples(X), fraction)``.
    series : str or int, default=None
        With `window_size`, what names the series of each row of a table: a column of a dataframe
        or a level of its index, by name, or a column by its position. No window reaches from one
        series into another, the column is no feature, and the answers stand in the order of the
        rows. A level goes through the first steps of a Pipeline that have
        ``set_output(transform="pandas")``. None: all rows are of one series, and a frame whose
        index tells of several is refused.
    max_gap : float, str, timedelta or numpy.timedelta64, default=None
        With `window_size`, the longest step of time between two rows of a window, by the index of
        a pandas dataframe, or its last level that does not name the series: a duration such as
        "10min" for dates, a number for numbers. Windows and smoothing end at a longer step, and
        where time goes back. None: rows follow one another whatever their times.
    **optimizer__options
        Parameters that SciKeras routes, with the prefixes ``optimizer__``, ``loss__``,
        ``model__`` and ``callbacks__``.

    Attributes
    ----------
    model_ : keras.Model
        The trained autoencoder: (n, n_steps, n_features), NaN in padded steps, to the same. It
        takes values that are scaled, ``(X - center_) / spread_``. What you write into it takes
        effect at the next call; a warm start or `partial_fit` trains it on.
    center_, spread_ : ndarray of shape (n_features,), float64
        What is taken from the values of each feature, and what they are then divided by: 0 and 1
        with ``scale=None``.
    encoder_ : keras.Model
        Its first part: (n, n_steps, n_features) to the latents.
    decoder_ : keras.Model
        Its second part: latents and the (n, n_steps) mask of steps to make, to sequences.
    history_ : dict of str to list of float
        "loss" and "val_loss" of each epoch.
    n_iter_ : int
        Epochs that the last `fit` or `partial_fit` ran.
    n_epochs_ : int
        Epochs that it would have run at most.
    batch_size_ : int
        Sequences in its training steps.
    n_discords_ : int
        Windows that it left out, see `drop_discords`.
    offset_ : float
        ``decision_function = score_samples - offset_``; below it is an outlier.
    error_measure_ : callable
        From residuals of shape (..., n_features) to errors of the same shape.
    n_steps_ : int
        Number of steps of the longest sequence seen in `fit`.
    window_size_ : int or None
        Number of rows in a window.
    n_features_in_ : int
        Number of columns of a table or time series, without that of `series`, or of features of
        a step.
    feature_names_in_ : ndarray of shape (`n_features_in_`,), object
        Names of the columns seen in `fit`, where all are strings.

    See Also
    --------
    SequenceWindower : Makes windows in a pipeline.
    sklearn.ensemble.IsolationForest : Outlier detection on rows without order.

    Notes
    -----
    NaN marks what was not observed, and so does the mask of a masked array. An outage as long as a
    window is left out of training, and the rows inside it whose windows hold nothing else have a
    score of NaN, latents and a reconstruction of NaN, and are no outliers to `predict`. A reading
    that is missing inside a sequence does not count in the loss or the score. As an input it is
    replaced by the last value observed before it in its sequence, else by the first after it, else
    by the feature's mean in training, weighted and without bad readings, see below.

    The typical errors that scale ``error`` are estimated on training and held-out windows
    together, at most 2048 of each, never on what is scored. The held-out end of a series alone
    says too little about features that rarely move. A ten-thousandth of the mean of all typical
    errors is added to each, so that constant features do no harm; a covariance is shrunk (Ledoit
    and Wolf 2004). Windows with a row of weight 0 are left out, as long as a tenth have none, and
    so are those with a bad reading: one beyond the 2 % or 98 % quantile of its feature by more than
    twice what these are apart, in at most three consecutive rows. What stands for a feature that
    a window did not observe, and the threshold, are found without such rows, too; the threshold
    without the two windows of rows before and behind them.

    `fit` and `partial_fit` settle everything that defines a score: the network, `window_size`,
    `stride`, `series`, `max_gap`, `error`, `aggregation`, `contamination` and `threshold`. A
    parameter that is changed afterwards takes effect in the next `fit` or `partial_fit`, never
    before.

    ``error="multiscale"``: the residuals of a window are split into its level, their mean; into
    what the means of its sixths differ from that; and into the rest. The squares of each, relative
    to what is typical for the feature and the scale, are averaged over features and steps, but no
    lower than a third; the error is the root of the geometric mean of the three. A level that is
    left for good raises one of the three, and the two others go on ranking what happens there.

    ``threshold="robust"``: with :math:`m` and :math:`s` the median and 1.4826 times the median
    absolute deviation of the logarithms of the errors, an error above :math:`\exp(m + d s)` is an
    outlier. The threshold is computed for the held-out errors and for all errors in `fit`, and
    the higher one is taken. It is at most :math:`a` times the 99.9 % quantile of all errors, and
    at least :math:`b` times their median. :math:`d, a, b` are 4, 1 and 1.75 for
    sequences; the rows of series drift, and for them they are 10, 3 and 3, or 6, 1.25 and 1.75
    with "sensitive", or 8, 2 and 2 with "adaptive". Outliers in the data hardly move it. If fewer
    than 20 samples are held out, all data take their place.

    ``threshold="adaptive"``: the last ten windows of rows before a row are remembered. Where 2.25
    times the lower quartile of their errors is higher than the threshold of `fit`, it takes its
    place. A lasting change is one event of seven and a half windows, then nothing; what stands
    out of the new level is found by the same ratio, and two and a half windows after the series
    has returned, the threshold has, too. Events that are shorter raise no threshold. Nothing is
    forgiven in the first ten windows of a series. `tune_threshold` ends it: the best fixed
    threshold is set.

    ``drop_discords=True``: the distance of a window is that to the third nearest of those that
    share no row with it, the root of the mean square of the differences. Windows with a distance
    whose logarithm lies more than three robust standard deviations, as above, above the median lie
    apart, and are left out, of the held-out part too; unless these are more than 15 % of all: then
    they are a state of the series. A run of such windows is not left out if most of them are less
    than 0.8 times as far from the third nearest other run as from the rest: then it is rare, and
    recurs. Of many windows 2048 to 4096, spread evenly, are compared with 2048 out of
    64 stretches. Nothing is left out of less than five lengths of a window, of more than 2**18
    windows, few of which are trained on twice, of a set of sequences, or in `partial_fit`.

    The rows of a ``numpy.memmap`` of float32 in order C are not copied. Beyond 2**20 windows the
    memory that `fit` takes does not grow with the rows: an epoch is drawn from a buffer of 2**18
    windows, 64 blocks of consecutive ones, and the threshold is found on 2**20 rows of the held-out
    and of the training part, in 64 stretches spread evenly over either. See also
    `skae.dask.to_memmap`. What comes part by part is read once, into a temporary file, and fitted
    as a memory map of that: Dask arrays and frames, whose partitions are computed one after the
    other, and iterables of series or of sequences, such as generators. The result is that of the
    same array or frame, or of the list of these series; one of one dimension has one feature.

    A set of sequences is treated as a set: equal sequences are merged and their weights added,
    and the order of the sequences does not matter. Overlapping windows, as `SequenceWindower`
    makes them, are trained on exactly as ``window_size`` trains on their rows: the weights are
    the same. Scores differ. With ``window_size`` a row is scored by all windows around it; a
    window is scored by its own error, and stands in a pipeline for the row at which it ends. On
    the demo machine, fitted on 2,000 rows, the average precision is 0.76 for rows, 0.43 for
    windows, and 0.72 if the score of each window is given to the row in its middle (seed 0).

    References
    ----------
    .. [1] N. Srivastava, E. Mansimov, R. Salakhutdinov (2015), "Unsupervised Learning of
       Video Representations using LSTMs", arXiv:1502.04681, section 2.2.
    .. [2] P. Malhotra et al. (2016), "LSTM-based Encoder-Decoder for Multi-sensor Anomaly
       Detection", arXiv:1607.00148, section 2.
    .. [3] O. Ledoit, M. Wolf (2004), "A well-conditioned estimator for large-dimensional
       covariance matrices", Journal of Multivariate Analysis 88(2).
    .. [4] I. Loshchilov, F. Hutter (2017), "SGDR: Stochastic Gradient Descent with Warm
       Restarts", arXiv:1608.03983, equation 5.
    .. [5] S. Lin et al. (2023), "SegRNN: Segment Recurrent Neural Network for Long-Term Time
       Series Forecasting", arXiv:2308.11200, section 3.
    .. [6] E. Keogh, J. Lin, A. Fu (2005), "HOT SAX: Efficiently Finding the Most Unusual Time
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
        "global_clipnorm": [positive_real(), None],
        "learning_rate": [
            positive_real(),
            keras.optimizers.schedules.LearningRateSchedule,
            StrOptions({"auto"}),
        ],
        "learning_rate_schedule": [StrOptions({"cosine", "constant"})],
        "epochs": [positive_int(), StrOptions({"auto"})],
        "batch_size": [positive_int(), StrOptions({"auto"})],
        "drop_discords": ["boolean", StrOptions({"auto"})],
        "validation_fraction": [fraction()],
        "early_stopping": ["boolean", StrOptions({"auto"})],
        "patience": [positive_int()],
        "callbacks": [list, dict, keras.callbacks.Callback, None],
        "checkpoint": [str, os.PathLike, None],
        "checkpoint_interval": [positive_real(zero=True)],
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

    # The last parameter bears a routed name because scikit-learn's checks pass every name.
    def __init__(
        self,
        window_size: int | Literal["auto"] | None = None,
        *,
        scale: Literal["auto", "robust", "standard"] | None = "auto",
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
        global_clipnorm: float | None = 0.1,
        learning_rate: Rate = "auto",
        learning_rate_schedule: Literal["cosine", "constant"] = "cosine",
        epochs: int | Literal["auto"] = "auto",
        batch_size: int | Literal["auto"] = "auto",
        drop_discords: bool | Literal["auto"] = "auto",
        validation_fraction: float = 0.1,
        early_stopping: bool | Literal["auto"] = "auto",
        patience: int = 20,
        callbacks: keras.callbacks.Callback | list[Any] | dict[str, Any] | None = None,
        checkpoint: str | os.PathLike[str] | None = None,
        checkpoint_interval: float = 60.0,
        warm_start: bool = False,
        random_state: RandomState = None,
        verbose: int | Literal["auto"] = 0,
        stride: int = 1,
        error: ErrorName = "auto",
        aggregation: Literal["gaussian", "window", "mean", "median", "max", "last"] = "gaussian",
        contamination: float | Literal["auto"] = "auto",
        threshold: Literal["robust", "sensitive", "adaptive", "three_sigma"] | float = "robust",
        series: str | int | None = None,
        max_gap: Duration | None = None,
        **optimizer__options: Any,
    ):
        self.window_size = window_size
        self.scale = scale
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
        self.global_clipnorm = global_clipnorm
        self.learning_rate = learning_rate
        self.learning_rate_schedule = learning_rate_schedule
        self.epochs = epochs
        self.batch_size = batch_size
        self.drop_discords = drop_discords
        self.validation_fraction = validation_fraction
        self.early_stopping = early_stopping
        self.patience = patience
        self.callbacks = callbacks
        self.checkpoint = checkpoint
        self.checkpoint_interval = checkpoint_interval
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
    ) -> Self:
        """Train the network and set the threshold.

        A `ConvergenceWarning` says so if the network learned nothing, as it does of data that
        are not scaled, or if the data are fewer than ten windows long. Windows and sequences in
        which nothing was observed are left out, and a `UserWarning` counts them. Another names the
        features whose signal is lost in float32, in which networks compute; others say that X
        looks like rows without a `window_size`, or like (n_samples, n_channels, n_timepoints).

        Parameters
        ----------
        X : array-like of shape (n_samples, n_steps, n_features), (n_samples, n_steps) or, \
                with `window_size`, (n_rows, n_features); or list of such
            Sequences or rows, see the class. NaN is what was not observed. Also a ``dask.array``
            or ``dask.dataframe``, or an iterable of series or sequences, read part by part.
        y : None
            Ignored.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each sequence or row in the loss; 0 is the same as leaving it out.

        Returns
        -------
        self : LSTMAutoencoder

        Raises
        ------
        ValueError
            If X does not fit the parameters, is infinite, is too short, or holds nothing but
            NaN, or if training ends in NaN. The estimator is then as it was before.

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
        refuse_targets(X, y)
        return self._fit(X, sample_weight, resume=self.warm_start and hasattr(self, "_detector"))

    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(
        self, X: SeriesLike, y: object = None, sample_weight: SeriesLike | None = None
    ) -> Self:
        """Train for one epoch more at the full learning rate, and set the threshold anew.

        Parameters
        ----------
        X : array-like
            As in `fit`; the first call also makes the network.
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
        refuse_targets(X, y)
        return self._fit(X, sample_weight, resume=hasattr(self, "_detector"), one_epoch=True)

    def _fit(self, X: Any, sample_weight: Any, *, resume: bool, **options: bool) -> Self:
        """Assign a new detector; an error leaves the one before. Options are of `fit_detector`."""
        learn: Callable[..., Detector] = partial(
            fit_detector, self.get_params(), X, sample_weight, estimator=type(self).__name__
        )
        if not resume:
            self._detector = learn(**options)
            return self
        # The model is trained in place. Whoever scores meanwhile uses the weights of before.
        before = self._detector_with(lambda detector: detector.settled(trainable=True))
        self._detector = before
        try:
            self._detector = learn(before=before, **options)
        except BaseException:
            self._detector = before.restored()
            raise
        return self

    def tune_threshold(self, X: SeriesLike, y: SeriesLike, *, beta: float = 1.0) -> Self:
        r"""Set `offset_` so that `predict` has the highest F-beta on labelled data.

        It is the same for all rows then, also with ``threshold="adaptive"``.

        Parameters
        ----------
        X : array-like or list
            As in `score_samples`; best data that `fit` has not seen.
        y : array-like of shape (n_samples,)
            Labels, as `skae.metrics.is_outlier` takes them: 1 or True is an outlier, or -1.
        beta : float, default=1.0
            Weight of recall: below 1 false alarms weigh more. :math:`F_\beta = (1 + \beta^2)
            P R / (\beta^2 P + R)` of precision :math:`P` and recall :math:`R`.

        Returns
        -------
        self : LSTMAutoencoder

        Raises
        ------
        ValueError
            If `beta` is not positive and finite, or the labels are not understood or hold one
            class only.
        """
        if not (isinstance(beta, Real) and 0 < beta < np.inf):
            raise ValueError(f"Got beta={beta!r}, but expected a number above 0, and finite.")
        detector = self._detector_now()
        samples = detector.read(X)
        labels = outliers_of_either_class(y)
        check_consistent_length(samples, labels)
        labels, scores = samples.in_order(labels), detector.scores(samples)
        seen = ~np.isnan(scores)
        offset = best_fbeta_offset(scores[seen], labels[seen], float(beta))
        if self._detector.training is detector.training:  # no fit has taken its place meanwhile
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
            As in `fit`; sequences may have other lengths than there.

        Returns
        -------
        scores : ndarray of shape (n_samples,), float64
            Higher is more normal; NaN where nothing was observed, of a row where that is so in
            all windows that cover it. With `window_size` and a list of series, a list of such.

        Raises
        ------
        ValueError
            If X does not fit the parameters or the features seen in `fit`.
        """
        detector = self._detector_now()
        samples = detector.read(X)
        return samples.like_input(detector.scores(samples))

    def decision_function(self, X: SeriesLike) -> Any:
        """Return ``score_samples(X) - offset_``: negative for outliers.

        Parameters
        ----------
        X : array-like or list
            As in `score_samples`.

        Returns
        -------
        decision : ndarray of shape (n_samples,), float64
        """
        detector = self._detector_now()
        samples = detector.read(X)
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
            -1 for outliers, 1 for inliers and for samples without a score, around which
            nothing was observed.
        """
        detector = self._detector_now()
        samples = detector.read(X)
        return samples.like_input(detector.labels(samples))

    @fit_context(prefer_skip_nested_validation=True)
    def fit_predict(
        self, X: SeriesLike, y: object = None, sample_weight: SeriesLike | None = None
    ) -> Any:
        """Fit to data with outliers among them, and return which samples these are.

        Unlike `fit`, this leaves windows that are like no other out of training, see
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
        refuse_what_is_not_there(X)
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
            `sample_weight`, as in `fit`.

        Returns
        -------
        latents : ndarray, or list of such
            As `transform` returns them.
        """
        refuse_what_is_not_there(X)
        return super().fit_transform(X, y, **fit_params)

    def score(self, X: SeriesLike, y: object = None) -> float:
        r"""Return how much of what happens inside sequences or windows is reconstructed.

        :math:`1 - \sum (x - \hat x)^2 / \sum (x - \bar x)^2`, over all observed values, with
        :math:`\bar x` the mean of a feature in its sequence or window: the coefficient of
        determination where the mean of each window is the simplest prediction. So a search without
        labels can compare windows: the error alone is smallest for the smallest window, in which
        little happens. It does not depend on `error`, `aggregation` and `loss`. Of noise, in
        which there is nothing to find, the smallest window that the latent vector holds is still
        best.

        Parameters
        ----------
        X : array-like or list
            As in `score_samples`.
        y : None
            Ignored.

        Returns
        -------
        score : float
            Higher is better: 1 for a perfect reconstruction, 0 for the mean of each window, less
            for worse. Where all values of each window are equal, 0 unless the reconstruction is
            perfect.
        """
        detector = self._detector_now()
        return detector.explained(detector.read(X))

    def score_timesteps(self, X: SeriesLike) -> Any:
        """Return the reconstruction error of each time step.

        Parameters
        ----------
        X : array-like or list
            As in `score_samples`.

        Returns
        -------
        errors : ndarray of shape (n_samples, n_steps), float64
            Mean over the features; higher is worse; NaN in padded steps and where nothing
            was observed. A list of arrays of shape (n_steps_i,) for a list. With
            `window_size`, shape (n_rows,): what `aggregation` makes of the errors that the
            covering windows have at the row; with "gaussian" and "window", which take windows
            whole, that in the window that ends there or the median, whichever is lower. A table
            if `set_output` asks for one, see `explain`.
        """
        detector = self._detector_now()
        samples = detector.read(X)
        return self._as_asked(detector, samples, detector.errors_of_steps(samples), ["error"])

    def explain(self, X: SeriesLike) -> Any:
        """Return what each feature, and step, adds to the outlier score.

        Parameters
        ----------
        X : array-like or list
            As in `score_samples`.

        Returns
        -------
        errors : ndarray of shape (n_samples, n_steps, n_features), float64
            Higher is worse; NaN in padded steps and where nothing was observed. Unless
            `aggregation` looks at single steps, their means over steps and features are minus
            the score. For a table, shape (n_samples, n_steps). With `window_size`, shape
            (n_rows, n_features): what `aggregation` makes of them, and their means over the
            features are minus the score, except with "median" and "max". All where no reading
            is missing. Where `set_output` asks for a table, it has the index of X and the names
            of the features, and a sequence is a row of it, step by step: ``load_t0``, ...

        Raises
        ------
        ValueError
            If X does not fit, or a table is asked for and a sequence is longer than `n_steps_`.
        """
        detector = self._detector_now()
        samples = detector.read(X)
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
            With `window_size`, those of the window that ends at each row, which is shorter
            at the beginning. With ``bottleneck="sequence"``, shape (n_samples, n_steps,
            latent_dim), NaN in padded steps, or a list for a list; a row's are averaged over
            the windows that cover it. Where `set_output` asks for a table, a sequence of
            latents is a row of it, step by step, and the rows of several series stand one
            below the other.

        Raises
        ------
        ValueError
            If X does not fit the parameters or the features seen in `fit`, or a table is asked
            for and a sequence of latents is longer than `n_steps_`.
        """
        detector = self._detector_now()
        samples = detector.read(X)
        latents, names = detector.latents(samples), detector.latent_names()
        return self._as_asked(detector, samples, latents, names)

    def inverse_transform(self, X: SeriesLike) -> Any:
        """Return what the decoder makes of latents.

        Parameters
        ----------
        X : array-like of shape (n_samples, latent_dim) or, with ``bottleneck="sequence"``, \
                (n_samples, n_steps, latent_dim) or a list; with `window_size` (n_rows, \
                latent_dim) in either case
            Latents as `transform` returns them.

        Returns
        -------
        sequences : ndarray of shape (n_samples, n_steps, n_features), float32
            A vector is decoded to `n_steps_` steps, the longest length seen in `fit`. A
            table if `fit` saw a table. With `window_size`, shape (n_rows, n_features): each
            row is averaged over the windows that hold it.

        Raises
        ------
        ValueError
            If the shape of X does not fit.
        """
        return self._detector_now().decoded(X)

    def reconstruct(self, X: SeriesLike) -> Any:
        """Return the reconstruction of X: decoded from its latents.

        Parameters
        ----------
        X : array-like or list
            As in `score_samples`.

        Returns
        -------
        reconstruction : ndarray of the shape of X, float32
            Of shape (n_rows, 1) if that is (n_rows,). NaN in padded steps; a value where a
            reading was missing. A list for a list. With `window_size`, each row is averaged
            over the windows that cover it. A table if `set_output` asks for one, see
            `explain`.
        """
        detector = self._detector_now()
        samples = detector.read(X)
        names = detector.features.column_names()
        return self._as_asked(detector, samples, detector.reconstructions(samples), names)

    def get_feature_names_out(self, input_features: ArrayLike | None = None) -> NDArray[np.object_]:
        """Return the names of the columns of `transform`.

        Parameters
        ----------
        input_features : array-like of str, default=None
            Ignored, but compared with `feature_names_in_` where that exists.

        Returns
        -------
        ndarray of str, object
            ``lstmautoencoder0``, ...; with ``bottleneck="sequence"`` and sequences as
            samples, ``lstmautoencoder0_t0``, ..., step by step.
        """
        super().get_feature_names_out(input_features)  # compares them
        return np.asarray(self._fitted.latent_names(), dtype=object)

    def _as_asked(self, detector: Detector, samples: Samples, found: Any, names: list[str]) -> Any:
        """Return results as `set_output` asks for them; `names` are of columns or features."""
        container = frame_container(self)
        n_steps = None if detector.windowing.window_size else detector.n_steps
        if container is None:
            return found
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
            An existing file is replaced only when all went well, and keeps its mode.

        Raises
        ------
        TypeError
            If a parameter or attribute is neither plain, nor Keras', nor to be named; see
            `skae.save`.
        ValueError
            If there is a folder, device or pipe.
        OSError
            If the file cannot be written, or may not be.

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
        """Return the estimator that `save` wrote; nothing in the file is run.

        Parameters
        ----------
        path : str or path-like
        custom_objects : dict of str to object, default=None
            Functions and classes of your own by their ``__name__``, such as the callable
            `model`, or a loss. A file names what it needs.
        max_bytes : int, default=2**30
            Largest file that is read.

        Returns
        -------
        LSTMAutoencoder
            In the state it was saved in; it scores, and trains on, the same.

        Raises
        ------
        ValueError
            If the file is not one that `save` wrote, is damaged, too large, of another class or
            of a newer skae, or names what is neither known nor among `custom_objects`.
        OSError
            If there is no such file, or it may not be read.
        """
        return load_only(cls, path, custom_objects, max_bytes)

    # ---------------------------------------------------------------- fitted state

    @property
    def _fitted(self) -> Detector:
        check_is_fitted(self)
        return self._detector

    def __sklearn_is_fitted__(self) -> bool:
        """Tell scikit-learn whether there is a detector."""
        return hasattr(self, "_detector")

    def _detector_with(self, read: Callable[[Detector], T]) -> T:
        """Return what is read of a detector, whose weights nobody trains meanwhile."""
        while True:
            detector = self._fitted
            found = read(detector)
            if self._detector is detector:
                return found

    def _detector_now(self) -> Detector:
        """Return the detector with the weights that `model_` has now."""
        detector = self._detector_with(Detector.settled)
        return replace(detector, network=replace(detector.network, verbose=self.verbose))

    @property
    def detector_(self) -> Detector:
        """The fitted detector, a frozen value: what this estimator is now, whatever becomes of it.

        Streams and Dask take it.
        """
        return self._detector_now()

    @property
    def model_(self) -> keras.Model:
        """The trained autoencoder."""
        return self._fitted.model

    @property
    def encoder_(self) -> keras.Model:
        """The part of `model_` that makes latents of sequences."""
        return self._fitted.network.encoder

    @property
    def decoder_(self) -> keras.Model:
        """The part of `model_` that makes sequences of latents."""
        return self._fitted.network.decoder

    @property
    def offset_(self) -> float:
        """Score below which a sample is an outlier."""
        return self._fitted.offset

    @offset_.setter
    def offset_(self, offset: float) -> None:
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
        """Epochs that it would have run at most."""
        return self._fitted.training.n_epochs

    @property
    def batch_size_(self) -> int:
        """Sequences in its training steps."""
        return self._fitted.training.batch_size

    @property
    def n_discords_(self) -> int:
        """Windows that it left out."""
        return self._fitted.training.n_discords

    @property
    def n_steps_(self) -> int:
        """Number of steps of the longest sequence seen in `fit`."""
        return self._fitted.n_steps

    @property
    def window_size_(self) -> int | None:
        """Number of rows in a window; None if samples are sequences."""
        size: int | None = self._fitted.windowing.window_size
        return size

    @property
    def center_(self) -> NDArray[np.float64]:
        """What is taken from the values of each feature before they are divided by `spread_`."""
        scaling = self._fitted.scaling
        return np.zeros(self._fitted.features.n_features) if scaling is None else scaling.center

    @property
    def spread_(self) -> NDArray[np.float64]:
        """What the values of each feature are divided by."""
        scaling = self._fitted.scaling
        return np.ones(self._fitted.features.n_features) if scaling is None else scaling.spread

    @property
    def error_measure_(self) -> ErrorMeasure:
        """From residuals of shape (..., n_features) to errors of the same shape."""
        return self._fitted.scorer.measure

    @property
    def n_features_in_(self) -> int:
        """Number of columns, or of features of a step, seen in `fit`."""
        return self._fitted.features.n_columns

    @property
    def feature_names_in_(self) -> NDArray[np.object_]:
        """Names of the columns seen in `fit`."""
        names = self._fitted.features.names
        if names is None:
            raise AttributeError("Got X without names of features in fit.")
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
        """Say that NaN and three dimensions are allowed, and latents are float32."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags
