"""`LSTMAutoencoder`: where sequences (numpy) and networks (Keras) meet."""

import datetime
import os
from collections.abc import Mapping
from dataclasses import replace
from numbers import Integral, Real
from typing import Any, Literal, Self

import keras
import numpy as np
from numpy.typing import NDArray
from sklearn.base import ClassNamePrefixFeaturesOutMixin, OutlierMixin, TransformerMixin
from sklearn.utils.validation import check_consistent_length, check_is_fitted

from skae._compat.attributes import as_it_is, of_one_state
from skae._compat.sklearn import (
    Interval,
    StrOptions,
    fit_context,
    fraction,
    frame_container,
    positive_int,
    positive_real,
)
from skae._compiled.inference import TrainedNetwork
from skae._compiled.one_state import changed_at_once, values_now
from skae._compiled.steps import can_be_sharded
from skae._input import observed
from skae._input.checks import refuse_what_is_not_there
from skae._input.sequences import Floats, Sequences, blank_sequences
from skae._io.estimators import MAX_BYTES, load_only, save
from skae._network.architecture import DataSize
from skae._network.layers import recurrent_steps
from skae._network.loss import check_suits
from skae._output.frames import framed, names_of_steps
from skae._pickling import from_state, to_state
from skae._scoring.aggregation import AGGREGATIONS
from skae._scoring.errors import MEASURES, ErrorMeasure, error_of
from skae._scoring.scorer import OffsetPolicy, ScoringRule, explained_variation
from skae._scoring.thresholds import OF_ADAPTING_ROWS, OF_ROWS, OF_SETS, best_fbeta_offset
from skae._stream.stream import ScoreStream
from skae._training.callbacks import warn_if_few_windows, warn_if_nothing_learned
from skae._training.checkpoint import Checkpoint
from skae._training.discords import leaves_out, without_discords
from skae._training.fit import History, fit_network
from skae._training.parameters import RoutedParameters
from skae._training.plan import TrainingPlan
from skae._training.scikeras import KerasAdapter
from skae._windows.large import read_to_learn
from skae._windows.reading import (
    check_fills_a_window,
    read_latent_rows,
    read_latent_sequences,
    read_latents,
    read_samples,
    with_observations,
)
from skae._windows.samples import Samples, SequenceSamples
from skae._windows.windows import Windowing
from skae.metrics import outliers_of_either_class


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
        the windows of a series, or a third of a window shorter than 24; 1 for a set of
        sequences and with ``bottleneck="sequence"``.
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
    threshold : {"robust", "three_sigma"}, default="robust"
        Rule that sets `offset_` if ``contamination="auto"``. "robust": some robust standard
        deviations above the median error, see Notes. "three_sigma": three standard deviations
        above the mean of the held-out errors.
    adapt_after : int, default=None
        With `window_size`, the number of windows after which a lasting change of regime counts as
        normal: `decision_function` and `predict` then compare a row with the rows before it, too,
        and raise the threshold where their errors are higher than in `fit`. None: never. See
        Notes.
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
        The trained autoencoder: (n, n_steps, n_features), NaN in padded steps, to the same.
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
    by the feature's mean in training.

    The typical errors that scale ``error`` are estimated on training and held-out windows
    together, at most 2048 of each, never on what is scored. The held-out end of a series alone
    says too little about features that rarely move. A ten-thousandth of the mean of all typical
    errors is added to each, so that constant features do no harm; a covariance is shrunk (Ledoit
    and Wolf 2004).

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
    sequences; the rows of series drift, and for them they are 10, 3 and 3, or 6, 1.25 and 2 with
    `adapt_after`. Outliers in the data hardly move it. If fewer than 20 samples are held out, all
    data take their place.

    ``adapt_after=k``: the last :math:`2 k` windows of rows before a row are remembered. Where the
    median of their errors plus four robust standard deviations, as above, or one and a half times
    that median, is higher than the threshold of `fit`, it takes its place. A lasting change is one
    event of :math:`k` windows, then nothing; outliers in the new regime are told from it as well
    as from the old one when all that is remembered lies in it, another :math:`k` windows later.
    Nothing is forgiven in the first :math:`k` windows of a series.

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
        "threshold": [StrOptions({"robust", "three_sigma"})],
        "adapt_after": [positive_int(), None],
        "series": [str, Integral, None],
        "max_gap": [str, datetime.timedelta, np.timedelta64, positive_real(), None],
    }

    # The last parameter bears a routed name because scikit-learn's checks pass every name.
    def __init__(
        self,
        window_size: int | Literal["auto"] | None = None,
        *,
        latent_dim: int = 16,
        units: int | tuple[int, ...] | Literal["auto"] = "auto",
        bottleneck: str = "vector",
        pooling: str = "last",
        bidirectional: bool | str = "auto",
        cell: str = "lstm",
        decoder: str = "repeat",
        reverse: bool = False,
        segment_length: int | str = "auto",
        output_activation: str = "linear",
        dropout: float = 0.0,
        noise: float = 0.0,
        model: Any = None,
        loss: Any = "mse",
        optimizer: Any = "adam",
        global_clipnorm: float | None = 0.1,
        learning_rate: Any = "auto",
        learning_rate_schedule: str = "cosine",
        epochs: int | str = "auto",
        batch_size: int | str = "auto",
        drop_discords: bool | str = "auto",
        validation_fraction: float = 0.1,
        early_stopping: bool | str = "auto",
        patience: int = 20,
        callbacks: Any = None,
        checkpoint: str | os.PathLike | None = None,
        checkpoint_interval: float = 60.0,
        warm_start: bool = False,
        random_state: Any = None,
        verbose: Any = 0,
        stride: int = 1,
        error: str = "auto",
        aggregation: str = "gaussian",
        contamination: str | float = "auto",
        threshold: str = "robust",
        adapt_after: int | None = None,
        series: str | int | None = None,
        max_gap: float | str | datetime.timedelta | np.timedelta64 | None = None,
        **optimizer__options: Any,
    ):
        self.window_size = window_size
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
        self.adapt_after = adapt_after
        self.series = series
        self.max_gap = max_gap
        self._set_routed(optimizer__options)

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
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
        return self._fit(X, sample_weight, resume=self.warm_start and hasattr(self, "model_"))

    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
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
        return self._fit(X, sample_weight, resume=hasattr(self, "model_"), one_epoch=True)

    def _fit(
        self,
        X: Any,
        sample_weight: Any,
        *,
        resume: bool,
        one_epoch: bool = False,
        has_outliers: bool = False,
    ) -> Self:
        # Who scores in another thread meanwhile sees what was fitted before.
        with changed_at_once(self, in_place=resume) as fitted:
            drop = leaves_out(self.drop_discords, has_outliers, self.contamination)
            fitted._fit_unseen(X, sample_weight, resume, one_epoch, drop and not one_epoch)
        return self

    def _fit_unseen(
        self, X: Any, sample_weight: Any, resume: bool, one_epoch: bool, drop: bool
    ) -> None:
        checkpoint = Checkpoint.open(
            None if one_epoch else self.checkpoint, self.checkpoint_interval
        )
        rng = self._rng(resume, checkpoint)
        samples = self._read_weighted(X, sample_weight, reset=not resume)
        training, held_out = samples.split(self.validation_fraction, rng)
        training = with_observations(training)
        if held_out is not None and not held_out.windows.are_observed.any():
            held_out = None
        parts = [part for part in (held_out, training) if part is not None]
        seed = int(rng.integers(1, 2**31))
        windows = samples.windows
        size = DataSize(windows.n_features, windows.max_length, samples.is_set, len(windows.rows))
        adapter = KerasAdapter.of(self.get_params(), size, seed)
        if not resume:
            self._start(adapter.build_compiled(seed), samples, training)
            self._architecture = adapter.architecture
        training, held_out = self._without_discords(training, held_out, drop)
        before = self._history(resume)
        self.history_ = fit_network(
            self._untimed_network,
            self._plan(samples, training, held_out, one_epoch, adapter.peak_rate),
            training,
            held_out,
            rng,
            callbacks=adapter.make_callbacks(),
            history=before,
            verbose=self.verbose,
            checkpoint=checkpoint,
        )
        self.n_iter_ = len(self.history_["loss"]) - len(before["loss"])
        self._calibrate(samples, parts)
        if not one_epoch:
            warn_if_nothing_learned(self._network, parts)
            warn_if_few_windows(samples)
        checkpoint.remove()

    def _rng(self, resume: bool, checkpoint: Checkpoint) -> np.random.Generator:
        """Return a generator of this fit's own; a resumed one must not repeat its orders."""
        seed = checkpoint.seed(self.random_state)
        return np.random.default_rng([seed, len(self._history(resume)["loss"])])

    def _history(self, resume: bool) -> History:
        """Return the epochs before this fit."""
        return self.history_ if resume else {"loss": []}

    def _read_weighted(self, X: Any, sample_weight: Any, *, reset: bool) -> Samples:
        samples = read_to_learn(self, X, self._windowing_asked(resume=not reset), reset=reset)
        check_fills_a_window(samples)
        check_suits(self.loss, samples.windows.rows)
        return samples.weighted(sample_weight)

    def _windowing_asked(self, *, resume: bool = False) -> Windowing:
        """Return how the parameters ask rows to be cut; a size once found is kept."""
        is_found = resume and self.window_size == "auto"
        size = self._windowing.window_size if is_found else self.window_size
        return Windowing(size, self.stride, self.series, self.max_gap)

    def _start(self, model: keras.Model, samples: Samples, training: Samples) -> None:
        """Set what is there before the first epoch."""
        self.model_ = model
        self.n_steps_ = samples.windows.max_length
        self._is_table = samples.is_table
        self._fill_values = observed.mean_or_zero(training.windows.rows)

    def _without_discords(
        self, training: Samples, held_out: Samples | None, drop: bool
    ) -> tuple[Samples, Samples | None]:
        """Return both without windows that are not to be learned, and count those."""
        self.n_discords_ = 0
        if not drop:
            return training, held_out
        learned = without_discords(training, self._fill_values)
        n_windows, n_learned = (len(part.training_windows()[0]) for part in (training, learned))
        self.n_discords_ = n_windows - n_learned
        if held_out is not None:
            held_out = without_discords(held_out, self._fill_values)
        return learned, held_out

    def _plan(
        self,
        samples: Samples,
        training: Samples,
        held_out: Samples | None,
        one_epoch: bool,
        peak_rate: float | None,
    ) -> TrainingPlan:
        plan = TrainingPlan.resolve(
            len(training.training_windows()[0]),
            holds_out=held_out is not None,
            is_set=samples.is_set,
            can_be_sharded=can_be_sharded(self.model_),
            recurrent_steps=recurrent_steps(self.model_, training.windows.max_length),
            peak_rate=peak_rate,
            epochs=1 if one_epoch else self.epochs,
            batch_size=self.batch_size,
            early_stopping=not one_epoch and self.early_stopping,
            patience=self.patience,
            learning_rate_schedule="constant" if one_epoch else self.learning_rate_schedule,
        )
        self.batch_size_, self.n_epochs_ = plan.batch_size, plan.epochs
        return plan

    def _calibrate(self, samples: Samples, parts: list[Samples]) -> None:
        """Settle how samples are scored, and below which score they are outliers."""
        self._windowing = self._windowing_asked()._replace(window_size=samples.window_size)
        of_rows = OF_ROWS if self.adapt_after is None else OF_ADAPTING_ROWS
        limits = of_rows if self.window_size else OF_SETS
        policy = OffsetPolicy(self.contamination, self.threshold, limits, self.adapt_after)
        whole_windows = AGGREGATIONS[self.aggregation].whole_window
        self._scoring = ScoringRule.fit(
            error_of(self.error, of_whole_windows=whole_windows and not samples.is_set),
            self.aggregation,
            policy,
            self._network.residuals,
            parts,
        )
        self.offset_ = policy.offset(self._scores, samples, parts)
        if not np.isfinite(self.offset_):
            raise ValueError(
                f"Got offset_={self.offset_} from the errors of the training data, but expected "
                "finite errors. The model puts out NaN or infinity; scale the data."
            )

    def tune_threshold(self, X: Any, y: Any, *, beta: float = 1.0) -> Self:
        r"""Set `offset_` so that `predict` has the highest F-beta on labelled data.

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
        now = as_it_is(self)
        samples = now._read_fitted(X)
        labels = outliers_of_either_class(y)
        check_consistent_length(samples, labels)
        labels, scores = samples.in_order(labels), now._scores(samples)
        seen = ~np.isnan(scores)
        now.offset_ = best_fbeta_offset(scores[seen], labels[seen], float(beta))
        return self

    # ---------------------------------------------------------------- scoring

    @of_one_state
    def score_samples(self, X: Any) -> Any:
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
        samples = self._read_fitted(X)
        return samples.like_input(self._scores(samples))

    @of_one_state
    def decision_function(self, X: Any) -> Any:
        """Return ``score_samples(X) - offset_``: negative for outliers.

        Parameters
        ----------
        X : array-like or list
            As in `score_samples`.

        Returns
        -------
        decision : ndarray of shape (n_samples,), float64
        """
        samples = self._read_fitted(X)
        return samples.like_input(self._decision(samples))

    @of_one_state
    def predict(self, X: Any) -> Any:
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
        samples = self._read_fitted(X)
        return samples.like_input(np.where(self._decision(samples) < 0, -1, 1))

    @fit_context(prefer_skip_nested_validation=True)
    def fit_predict(self, X: Any, y: Any = None, sample_weight: Any = None) -> Any:
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
        resume = self.warm_start and hasattr(self, "model_")
        return self._fit(X, sample_weight, resume=resume, has_outliers=True).predict(X)

    def fit_transform(self, X: Any, y: Any = None, **fit_params: Any) -> Any:
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

    @of_one_state
    def score(self, X: Any, y: Any = None) -> float:
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
        samples = self._read_fitted(X)
        return explained_variation(samples.windows, self._network.residuals(samples.windows))

    @of_one_state
    def score_timesteps(self, X: Any) -> Any:
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
            `window_size`, shape (n_rows,): what `aggregation` ("mean" for "gaussian" and
            "window") makes of the errors that the covering windows have at the row. A
            table if `set_output` asks for one, see `explain`.
        """
        samples = self._read_fitted(X)
        errors = self._scoring.errors_of_steps(samples, self._network.residuals(samples.windows))
        return self._as_asked(errors, X, ["error"])

    @of_one_state
    def explain(self, X: Any) -> Any:
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
        samples = self._read_fitted(X)
        shares = self._scoring.contributions(samples, self._network.residuals(samples.windows))
        return self._as_asked(shares, X, self._names_in())

    def stream(self, **options: Any) -> ScoreStream:
        """Return a stream that scores the rows of series as they come.

        Parameters
        ----------
        **options
            As of `skae.stream`, which also takes a pipeline.

        Returns
        -------
        ScoreStream
        """
        return ScoreStream(self, **options)

    @property
    def window_size_(self) -> int | None:
        """Number of rows in a window; None if samples are sequences."""
        check_is_fitted(self)
        return self._windowing.window_size

    @property
    def error_measure_(self) -> ErrorMeasure:
        """From residuals of shape (..., n_features) to errors of the same shape."""
        check_is_fitted(self)
        return self._scoring.measure

    # ---------------------------------------------------------------- encoding

    @property
    def encoder_(self) -> keras.Model:
        """The part of `model_` that makes latents of sequences."""
        return self._untimed_network.encoder

    @property
    def decoder_(self) -> keras.Model:
        """The part of `model_` that makes sequences of latents."""
        return self._untimed_network.decoder

    @of_one_state
    def transform(self, X: Any) -> Any:
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
        samples = self._read_fitted(X)
        if self._latent_is_vector:
            latents = np.concatenate(list(self._network.encoded(samples.latent_windows())))
            found = samples.like_input(latents)
        else:
            found = _as_float32(samples.from_steps(self._network.encoded(samples.windows)))
        return self._as_asked(found, X, list(self.get_feature_names_out()))

    @of_one_state
    def inverse_transform(self, X: Any) -> Any:
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
        check_is_fitted(self)
        samples, latents = self._read_latents(X)
        windows = samples.latent_windows() if self._latent_is_vector else samples.windows
        decoded = _as_float32(samples.from_steps(self._network.decoded(latents, windows), windows))
        return decoded[..., 0] if self._is_table else decoded

    @of_one_state
    def reconstruct(self, X: Any) -> Any:
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
        samples = self._read_fitted(X)
        blocks = self._network.reconstructed(samples.windows)
        rows = samples.without_feature_axis(_as_float32(samples.from_steps(blocks)))
        return self._as_asked(rows, X, self._names_in())

    @of_one_state
    def get_feature_names_out(self, input_features: Any = None) -> NDArray:
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
        names = super().get_feature_names_out(input_features)
        if self._latent_is_vector or self._windowing.window_size:
            return names
        return np.asarray(names_of_steps(names, self.n_steps_), dtype=object)

    def _as_asked(self, found: Any, X: Any, names: list[str]) -> Any:
        """Return results as `set_output` asks for them; `names` are of columns or features."""
        container = frame_container(self)
        n_steps = None if self._windowing.window_size else self.n_steps_
        return framed(found, X, names, container, n_steps) if container else found

    def _names_in(self) -> list[str]:
        seen = getattr(self, "feature_names_in_", None)
        return [f"x{i}" for i in range(self.n_features_in_)] if seen is None else list(seen)

    @property
    def _n_features_out(self) -> int:
        return int(self._untimed_network.latent_shape[-1] or 0)

    # ---------------------------------------------------------------- persistence

    @of_one_state
    def save(self, path: str | os.PathLike) -> None:
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
        path: str | os.PathLike,
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

    # ---------------------------------------------------------------- inside

    def _read_fitted(self, X: Any) -> Samples:
        check_is_fitted(self)
        return read_samples(self, X, self._windowing, reset=False)

    @property
    def _network(self) -> TrainedNetwork:
        """The network with the weights that it has now."""
        return replace(self._untimed_network, values=values_now(self))

    @property
    def _untimed_network(self) -> TrainedNetwork:
        """The network with the weights that it has whenever it is used."""
        check_is_fitted(self)
        return TrainedNetwork(self.model_, self._fill_values, self.verbose)

    @property
    def _latent_is_vector(self) -> bool:
        return len(self._untimed_network.latent_shape) == 1

    def _read_latents(self, X: Any) -> tuple[Samples, Floats | Sequences]:
        """Return the samples that X holds latents of, and these."""
        size = self._n_features_out
        if self._windowing.window_size:
            rows = read_latent_rows(X, self._windowing, size)
            return rows, rows.rows if self._latent_is_vector else rows.windows
        if not self._latent_is_vector:
            sequences = read_latent_sequences(X, size)
            return SequenceSamples(sequences), sequences
        latents = read_latents(X, size)
        return SequenceSamples(blank_sequences(len(latents), self.n_steps_)), latents

    def _scores(self, samples: Samples) -> NDArray[np.floating]:
        return self._scoring.scores(samples, self._network.residuals(samples.windows))

    def _decision(self, samples: Samples) -> NDArray[np.floating]:
        scores = self._scores(samples)
        return scores - self._scoring.offset_policy.offsets(scores, samples, self.offset_)

    @of_one_state
    def __getstate__(self) -> dict[str, Any]:
        return to_state(self, dict(super().__getstate__()))

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(from_state(state))

    def __sklearn_tags__(self):
        """Say that NaN and three dimensions are allowed, and latents are float32."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags


def _as_float32(found: Any) -> Any:
    """Return an array, or each of a list: averages over windows are taken in float64."""
    if isinstance(found, list):
        return list(map(_as_float32, found))
    return found.astype(np.float32, copy=False)
