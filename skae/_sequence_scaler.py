"""`SequenceScaler`: scalers of scikit-learn applied to sequences."""

import copy
from collections.abc import Callable
from typing import Any, Literal, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.preprocessing import MinMaxScaler, RobustScaler, StandardScaler
from sklearn.utils import Tags, check_array
from sklearn.utils.validation import check_is_fitted, validate_data

from skae._compat.sklearn import (
    OUTPUT,
    StrOptions,
    available_if,
    feature_names_of,
    fit_context,
    frame_container,
)
from skae._input.checks import as_numbers
from skae._input.layout_warnings import warn_if_rows_of_a_series
from skae._input.observed import NAN_ALLOWED
from skae._input.sequences import rows_and_starts, stack_series
from skae._input.table import (
    SeriesLike,
    Table,
    check_n_features,
    check_names_of_each,
    default_names,
    reject_reordered_columns,
)
from skae._windows.windows import as_view_of_rows, shape_of_flat_windows, sliding_windows

Array = NDArray[np.floating]
CHECKS: dict[str, Any] = {"dtype": [np.float64, np.float32], **NAN_ALLOWED}


class Steps(NamedTuple):
    """The steps of all sequences as rows, and a function that restores the layout of X.

    `n_steps` is the length of each sequence, if the rows are sequence after sequence.
    """

    rows: Array
    lay_out: Callable[[Array], Any]
    n_steps: int | None = None

    def once(self) -> Array:
        """Return the rows; rows that overlapping windows share appear once."""
        if self.n_steps is None:
            return self.rows
        windows = self.rows.reshape(-1, self.n_steps, self.rows.shape[1])
        return rows_and_starts(as_view_of_rows(windows))[0]


def _learns_in_parts(scaler: Any) -> bool:
    """Tell whether there is `partial_fit`; quantiles cannot be updated."""
    if scaler.method == "robust":
        raise AttributeError("Got method='robust', which needs all sequences together; use fit.")
    return True


class SequenceScaler(  # type: ignore[call-arg]
    OneToOneFeatureMixin, TransformerMixin, BaseEstimator, auto_wrap_output_keys=None
):
    """Scale each feature over all steps of all sequences.

    Missing readings and padding (NaN) are ignored and stay NaN. A scaler of scikit-learn does the
    work.

    Parameters
    ----------
    method : {"standard", "robust", "minmax"}, default="standard"
        ``StandardScaler``: mean 0 and variance 1. ``RobustScaler``: median 0 and the range
        between two quantiles 1. ``MinMaxScaler``: from the minimum to the maximum.
    feature_range : tuple (min, max), default=(0, 1)
        Range of the output of "minmax".
    quantile_range : tuple (q_min, q_max), default=(25.0, 75.0)
        Quantiles of "robust", in percent.

    Attributes
    ----------
    scaler_ : StandardScaler, RobustScaler or MinMaxScaler
        The scaler, fitted on the steps.
    n_features_in_ : int
        Number of features of a step, or of columns of a table, seen in `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,), object
        Names of the columns, where all of them are strings.

    See Also
    --------
    skae.LSTMAutoencoder : Accepts the same inputs.
    sklearn.preprocessing.StandardScaler : For the rows of one series.

    Notes
    -----
    A feature without observations in `fit` is not scaled. Rows that overlapping windows share count
    once in `fit`. A view of rows, as `SequenceWindower` returns, stays a view.

    Examples
    --------
    >>> import numpy as np
    >>> from skae import SequenceScaler
    >>> sequences = [np.array([[0.0, 10.0], [2.0, 30.0]]), np.array([[4.0, 50.0]])]
    >>> scaler = SequenceScaler(method="minmax").fit(sequences)
    >>> scaled = scaler.transform(sequences)
    >>> scaled[0]
    array([[0. , 0. ],
           [0.5, 0.5]])
    >>> scaled[1]
    array([[1., 1.]])
    >>> scaler.inverse_transform(scaled)[1]
    array([[ 4., 50.]])
    """

    _parameter_constraints = {
        "method": [StrOptions({"standard", "robust", "minmax"})],
        "feature_range": [tuple, list],
        "quantile_range": [tuple, list],
    }

    def __init__(
        self,
        method: Literal["standard", "robust", "minmax"] = "standard",
        *,
        feature_range: tuple[float, float] = (0, 1),
        quantile_range: tuple[float, float] = (25.0, 75.0),
    ):
        self.method = method
        self.feature_range = feature_range
        self.quantile_range = quantile_range

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: SeriesLike, y: object = None) -> Self:
        """Learn the scale of each feature.

        Parameters
        ----------
        X : list of array-like of shape (n_steps_i, n_features), array-like of shape \
                (n_sequences, n_steps, n_features), or table of shape (n_sequences, n_steps)
            NaN means not observed. Each row of a table is one univariate sequence; after
            a fit on several features, a table with that many columns contains steps.
        y : None
            Ignored.

        Returns
        -------
        self : SequenceScaler

        Raises
        ------
        ValueError
            If X is not numeric, is empty or contains infinity, or a parameter has an invalid value.

        Warns
        -----
        UserWarning
            If a table of sequences looks like the rows of one series.
        """
        fitted = copy.copy(self)
        rows = fitted._read(X, reset=True).once()
        unobserved = np.isnan(rows).all(axis=0)
        fitted.scaler_ = self._new_scaler().fit(np.where(unobserved, 0, rows))
        self.__dict__ = fitted.__dict__
        return self

    @available_if(_learns_in_parts)
    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X: SeriesLike, y: object = None) -> Self:
        """Update the scale with more sequences; only for "standard" and "minmax".

        Parameters
        ----------
        X : list or array-like
            As in `fit`.
        y : None
            Ignored.

        Returns
        -------
        self : SequenceScaler

        Raises
        ------
        ValueError
            As in `fit`, or if a feature has no observation, or `method` has changed.
        """
        first = not hasattr(self, "scaler_")
        if not first and type(self.scaler_) is not type(self._new_scaler()):
            raise ValueError(
                f"Got method={self.method!r} after {type(self.scaler_).__name__} was fitted, but "
                "expected the same method. Call fit to start over."
            )
        fitted = copy.copy(self)
        rows = fitted._read(X, reset=first).once()
        unobserved = np.flatnonzero(np.isnan(rows).all(axis=0))
        if len(unobserved):
            raise ValueError(
                f"Got X with only NaN in feature {unobserved[0]}, but expected an observed "
                "value of each feature in every partial_fit."
            )
        scaler = self._new_scaler() if first else copy.deepcopy(self.scaler_)
        fitted.scaler_ = scaler.partial_fit(rows)
        self.__dict__ = fitted.__dict__
        return self

    def transform(self, X: SeriesLike) -> Any:
        """Scale X.

        Parameters
        ----------
        X : list or array-like
            As in `fit`.

        Returns
        -------
        scaled : list of ndarray, or ndarray
            Laid out like X. With `set_output`, dataframes in X become dataframes; other arrays stay
            arrays.

        Raises
        ------
        ValueError
            If X does not fit the data seen in `fit`.
        """
        check_is_fitted(self)
        steps = self._read(X, reset=False)
        return steps.lay_out(self.scaler_.transform(steps.rows))

    def inverse_transform(self, X: SeriesLike) -> Any:
        """Return X in the original units.

        Parameters
        ----------
        X : list or array-like
            Scaled values, from `transform` or from a model.

        Returns
        -------
        restored : list of ndarray, or ndarray
            Laid out like X; never a dataframe.

        Raises
        ------
        ValueError
            If X does not fit the data seen in `fit`.
        """
        check_is_fitted(self)
        for item in Table.of(X).items:
            reject_reordered_columns(item, self.get_feature_names_out())
        steps = self._read(X, reset=False, named=False)
        return steps.lay_out(self.scaler_.inverse_transform(steps.rows))

    def set_output(
        self, *, transform: Literal["default", "pandas", "polars"] | None = None
    ) -> Self:
        """Set what `transform` returns if X contains dataframes.

        Parameters
        ----------
        transform : {"default", "pandas", "polars"}, default=None
            None does not change it.

        Returns
        -------
        self : SequenceScaler
        """
        if transform is not None:
            setattr(self, OUTPUT, {"transform": transform})
        return self

    def __sklearn_tags__(self) -> Tags:
        """Declare that NaN is allowed."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    def _new_scaler(self) -> Any:
        if self.method == "standard":
            scaler = StandardScaler()
        elif self.method == "robust":
            scaler = RobustScaler(quantile_range=tuple(self.quantile_range))
        else:
            scaler = MinMaxScaler(feature_range=tuple(self.feature_range))
        # Arrays become arrays, regardless of `sklearn.set_config`.
        return scaler.set_output(transform="default")

    def _read(self, X: Any, *, reset: bool, named: bool = True) -> Steps:
        table = Table.of(X)
        if table.is_list:
            return self._read_list(table.items, reset, named)
        X = as_numbers(X)
        if (cube := _cube(X)) is not None:
            self._check_n_features(cube.shape[2], reset)
            return _steps_of_cube(cube)
        return self._read_table(X, reset, named)

    def _read_list(self, X: tuple[Any, ...], reset: bool, named: bool) -> Steps:
        rows, lengths = stack_series(X, CHECKS["dtype"])
        if named:
            check_names_of_each(self, X, reset=reset)
        self._check_n_features(rows.shape[1], reset)
        names = [feature_names_of(item) if named else None for item in X]

        def lay_out(rows: Array) -> list[Any]:
            parts = np.split(rows, np.cumsum(lengths)[:-1])
            return [
                self._framed(part.reshape(np.shape(item)), item, name)
                for part, item, name in zip(parts, X, names, strict=True)
            ]

        return Steps(rows, lay_out)

    def _read_table(self, X: Any, reset: bool, named: bool) -> Steps:
        # The columns of a table of one feature are steps, so that their number may vary.
        takes_any_length = not reset and self.n_features_in_ == 1
        if named and not takes_any_length:
            table = validate_data(self, X, reset=reset, **CHECKS)
        else:
            table = check_array(X, input_name="X", **CHECKS)
        if not reset and not takes_any_length:
            check_n_features(self, table.shape[1], self.n_features_in_)
        n_features = self._features_of_table(X, table.shape[1], reset)
        if reset and n_features == 1:
            warn_if_rows_of_a_series(
                X, table, "a SequenceScaler", "use sklearn.preprocessing.StandardScaler"
            )
        names = self._names_of_table(X, table.shape[1]) if named else None

        def lay_out(rows: Array) -> Any:
            return self._framed(rows.reshape(table.shape), X, names)

        return Steps(table.reshape(-1, n_features), lay_out, table.shape[1] // n_features)

    def _names_of_table(self, X: Any, n_columns: int) -> Any:
        if n_columns == self.n_features_in_:
            return self.get_feature_names_out()
        names = feature_names_of(X)
        return default_names(n_columns) if names is None else names

    def _features_of_table(self, X: Any, n_columns: int, reset: bool) -> int:
        if not reset:
            return int(self.scaler_.n_features_in_)
        names = feature_names_of(X)
        shape = None if names is None else shape_of_flat_windows(names)
        return 1 if shape is None else shape[1]

    def _check_n_features(self, n_features: int, reset: bool) -> None:
        check_n_features(self, n_features, None if reset else self.scaler_.n_features_in_)

    def _framed(self, array: Array, given: Any, names: Any) -> Any:
        """Return an array as a dataframe if that is requested and its columns have names."""
        container = frame_container(self)
        if container is None or names is None:
            return array
        return container.create_container(array, given, columns=names)


def _cube(X: Any) -> Array | None:
    """Return X as a checked 3-D array, None if it has another number of dimensions."""
    if hasattr(X, "columns") or (array := np.asarray(X)).ndim != 3:
        return None
    cube: Array = check_array(array, allow_nd=True, input_name="X", **CHECKS)
    return cube


def _steps_of_cube(cube: Array) -> Steps:
    """Return the steps of sequences in an array; for windows that are a view, the rows."""
    rows, starts = rows_and_starts(cube)
    if len(rows) == cube.shape[0] * cube.shape[1]:
        return Steps(rows, lambda rows: rows.reshape(cube.shape), cube.shape[1])
    stride = int(starts[1] - starts[0])
    return Steps(rows, lambda rows: sliding_windows(rows, cube.shape[1], stride))
