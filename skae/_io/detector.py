"""The fitted state of an `LSTMAutoencoder`, checked before anything is made of it."""

import datetime
import math
from dataclasses import fields
from numbers import Integral
from typing import Any

import keras
import numpy as np

from skae._compat.keras import build_optimizer, layers_of
from skae._compiled.one_state import EARLIER
from skae._input.gaps import longest_step
from skae._io.objects import check_loss, check_optimizer
from skae._network.architecture import Architecture, DataSize
from skae._scoring.aggregation import AGGREGATIONS
from skae._scoring.errors import MEASURES
from skae._scoring.scorer import ScoringRule
from skae._training.scikeras import KerasAdapter
from skae._windows.windows import Windowing

COUNTS_OF_FIT = "batch_size_", "n_epochs_", "n_iter_", "n_discords_"
COUNTS = ("n_features_in_", "n_steps_", *COUNTS_OF_FIT)
ATTRIBUTES = (
    *COUNTS,
    *("model_", "history_", "offset_", "feature_names_in_"),
    *("_architecture", "_fill_values", "_is_table", "_scoring", "_windowing"),
)
"""All that `fit` sets."""

MAY_LACK = {"feature_names_in_", "_architecture", *COUNTS_OF_FIT}
"""What a fit does not always set, or an older one did not."""

MEASURED = "typical", "mean", "covariance"
"""Arrays among what a `ScoringRule` is."""


def stored_state(estimator: Any, beside: dict[str, Any]) -> dict[str, Any]:
    """Return the fitted attributes as plain values and arrays, exact to the last bit.

    Of a network of one's own these are the weights: the caller brings the builder.

    Parameters
    ----------
    estimator : LSTMAutoencoder
    beside : dict
        Its attributes that are no parameters.

    Raises
    ------
    TypeError
        If there are others than `fit` sets.
    """
    unknown = sorted(beside.keys() - {*ATTRIBUTES, EARLIER})
    if unknown:
        raise TypeError(
            f"Got {unknown} set on the estimator, but expected no attributes but those of its "
            "fit. Delete them, or use joblib.dump instead."
        )
    if "model_" not in beside:
        return {}
    state = estimator.__getstate__()
    found = {name: state[name] for name in beside if name != EARLIER}
    if isinstance(found["model_"], keras.Model):
        found["model_"] = _own_weights(found["model_"])
        found["_scoring"] = found["_scoring"].to_plain()
    measure = found["_scoring"]["measure"]
    arrays = {name: np.asarray(measure[name]) for name in MEASURED if name in measure}
    found["_scoring"] = found["_scoring"] | {"measure": measure | arrays}
    found["_windowing"] = tuple(found["_windowing"])
    found["offset_"] = float(found["offset_"])
    return found


def restore(estimator: Any, state: dict[str, Any]) -> None:
    """Give an unfitted estimator the state that `stored_state` returned.

    Raises
    ------
    ValueError
        If the state is none that `fit` leaves.
    """
    if not state:
        return
    check_state(state)
    if "own" in state["model_"]:
        state = state | {
            "model_": _own_model(estimator, state),
            "_scoring": ScoringRule.from_plain(state["_scoring"]),
            "_windowing": Windowing(*state["_windowing"]),
        }
    estimator.__setstate__({**vars(estimator), **state})


def check_state(state: dict[str, Any]) -> None:
    """Refuse names, types, sizes and numbers that `fit` does not leave."""
    _require(set(state) >= set(ATTRIBUTES) - MAY_LACK, f"lacks {set(ATTRIBUTES) - set(state)}")
    _require(set(state) <= set(ATTRIBUTES), f"has {sorted(set(state) - set(ATTRIBUTES))}")
    for name in state.keys() & set(COUNTS):
        _require(_is_count(state[name]), f"has {name}={str(state[name])[:80]}")
    offset = state["offset_"]
    _require(isinstance(offset, float) and math.isfinite(offset), f"has offset_={offset!r:.80}")
    _require(isinstance(state["_is_table"], bool), "has an _is_table that is no bool")
    _require(_is_history(state["history_"]), "has a history_ that is no dict of lists of floats")
    _check_names(state)
    _check_windowing(state["_windowing"])
    n_features = _check_network(state["model_"], state.get("_architecture"))
    _check_numbers("_fill_values", state["_fill_values"], (n_features,))
    expected = 1 if state["_is_table"] else n_features
    _require(n_features == expected, f"has a table of {n_features} features")
    _check_scoring(state["_scoring"], n_features)


def _check_names(state: dict[str, Any]) -> None:
    names = state.get("feature_names_in_", np.empty(state["n_features_in_"], object))
    is_row = isinstance(names, np.ndarray) and names.shape == (state["n_features_in_"],)
    _require(is_row and names.dtype == object, "has other feature_names_in_ than n_features_in_")


def _check_windowing(windowing: Any) -> None:
    # Of two entries before skae knew of series and gaps.
    is_known = isinstance(windowing, tuple) and len(windowing) in (2, 4)
    _require(is_known, "has no _windowing")
    size, stride, series, max_gap = Windowing(*windowing)
    _require((size is None or _is_count(size, 1)) and _is_count(stride, 1), "has no _windowing")
    is_name = isinstance(series, str | None) or _is_count(series) or series == -1
    _require(is_name, "has a series that is no name")
    is_step = isinstance(max_gap, str | float | int | datetime.timedelta | np.timedelta64)
    _require(max_gap is None or is_step, "has a max_gap that is no step")
    if max_gap is not None:
        longest_step(max_gap)


def _check_network(model: dict[str, Any], architecture: Any) -> int:
    """Refuse a network that is not of the size of its weights; return its features."""
    arrays = [*model["weights"], *model["optimizer_state"]]
    _require(all(isinstance(array, np.ndarray | np.generic) for array in arrays), "has no weights")
    for array in arrays:
        _require(bool(np.isfinite(array).all()), "has weights that are not finite")
    _require(all(type(flag) is bool for flag in model["trainable"]), "has no trainable flags")
    if "own" in model:
        _require(_is_count(model["own"], 1), "has a network without features")
        return int(model["own"])
    check_loss(model["loss"])
    check_optimizer(model["optimizer"], model["options"])
    _require(model["architecture"] == architecture, "has two architectures")
    return _check_architecture(architecture, model["weights"])


def _check_architecture(plain: dict[str, Any], weights: list[Any]) -> int:
    names = {field.name for field in fields(Architecture)}
    _require(set(plain) == names, "has an architecture of other parts")
    sizes = [plain[name] for name in ("n_features", "latent_dim", "segment_length")]
    units = plain["units"]
    _require(
        isinstance(units, tuple) and bool(units) and all(_is_count(n, 1) for n in (*sizes, *units)),
        "has an architecture without sizes",
    )
    least = least_weights(*(int(size) for size in sizes), units=units)
    n_weights = sum(np.size(array) for array in weights)
    _require(least <= n_weights, f"has {n_weights} weights of a network that has {least} or more")
    return int(plain["n_features"])


def least_weights(
    n_features: int, latent_dim: int, segment_length: int, *, units: tuple[int, ...]
) -> int:
    """Return how many weights such a network has at least: nothing is built that has fewer."""
    step = n_features * segment_length
    # A GRU's kernels, the smallest; then the two that make the latent, and the reconstruction.
    kernels = sum(3 * n * (n + before) for n, before in zip(units, (step, *units), strict=False))
    return kernels + latent_dim * units[-1] + step * units[0]


def _check_scoring(plain: dict[str, Any], n_features: int) -> None:
    _require(plain["error"] in MEASURES, f"has the error {plain['error']!r:.80}")
    _require(plain["aggregation"] in AGGREGATIONS, "has an unknown aggregation")
    measure = plain["measure"]
    shapes = {"mean": (n_features,), "covariance": (n_features, n_features)}
    shapes["typical"] = (3, n_features) if measure["kind"] == "multiscale" else (n_features,)
    for name in shapes.keys() & measure.keys():
        _check_numbers(name, measure[name], shapes[name])
    if "typical" in measure:
        _require(bool((measure["typical"] > 0).all()), "has typical errors that are not positive")
    policy = ScoringRule.from_plain(plain).offset_policy
    numbers = [
        *policy.limits,
        0.0 if isinstance(policy.contamination, str) else policy.contamination,
    ]
    _require(all(isinstance(n, int | float) and math.isfinite(n) for n in numbers), "has no limits")
    _require(policy.adapt_after is None or _is_count(policy.adapt_after, 1), "has no limits")


def _check_numbers(name: str, array: Any, shape: tuple[int, ...]) -> None:
    is_array = isinstance(array, np.ndarray) and array.dtype.kind == "f" and array.shape == shape
    _require(is_array and bool(np.isfinite(array).all()), f"has no {name} of the shape {shape}")


def _is_count(value: Any, least: int = 0) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool) and int(value) >= least


def _is_history(history: Any) -> bool:
    return isinstance(history, dict) and all(
        isinstance(values, list) and all(isinstance(value, float) for value in values)
        for values in history.values()
    )


def _require(condition: bool, otherwise: str) -> None:
    if not condition:
        raise ValueError(f"its fitted state {otherwise}, which no fit leaves")


# ------------------------------------------------------------------- networks of one's own


def _own_weights(model: keras.Model) -> dict[str, Any]:
    return {
        "own": int(model.input_shape[-1]),
        "trainable": [layer.trainable for layer in layers_of(model)],
        "weights": [variable.numpy() for variable in model.variables],
        "optimizer_state": [variable.numpy() for variable in model.optimizer.variables],
    }


def _own_model(estimator: Any, state: dict[str, Any]) -> keras.Model:
    """Let the caller's builder make the network, and give it the weights."""
    stored = state["model_"]
    size = DataSize(stored["own"], state["n_steps_"], state["_windowing"][0] is None)
    adapter = KerasAdapter.of(estimator.get_params(), size, seed=0)
    model = adapter.build_compiled(0)
    layers = layers_of(model)
    _require(len(layers) == len(stored["trainable"]), "has a network other than `model` builds")
    for layer, trainable in zip(layers, stored["trainable"], strict=True):
        layer.trainable = trainable
    if len(stored["optimizer_state"]) > len(model.optimizer.variables):
        build_optimizer(model)
    _assign(model.variables, stored["weights"])
    _assign(model.optimizer.variables, stored["optimizer_state"])
    return model


def _assign(variables: list[keras.Variable], values: list[Any]) -> None:
    shapes = [tuple(variable.shape) for variable in variables]
    _require(shapes == [value.shape for value in values], "has weights other than `model` has")
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
