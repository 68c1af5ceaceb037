"""Classes of estimators that a file may contain, and the attributes that their `fit` sets."""

import importlib
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

Shape = tuple[str, ...]

DETECTOR = "_detector"
"""Attribute of an `LSTMAutoencoder` that holds its `Detector`."""

_COMMON: dict[str, Shape] = {"n_features_in_": (), "feature_names_in_": ("f",)}


def _fitted(module: str, per_feature: str = "", **others: Shape) -> tuple[str, dict[str, Shape]]:
    """Return the module of a class, and the shapes of the attributes that its `fit` sets."""
    return module, _COMMON | dict.fromkeys(per_feature.split(), ("f",)) | others


KNOWN: dict[str, tuple[str, dict[str, Shape]]] = {
    "LSTMAutoencoder": ("skae", {DETECTOR: ("detector",)}),
    "SequenceScaler": _fitted("skae", scaler_=("scaler",)),
    "SequenceWindower": _fitted("skae", window_size_=()),
    "Pipeline": ("sklearn.pipeline", {}),
    "FeatureUnion": ("sklearn.pipeline", {}),
    "Normalizer": _fitted("sklearn.preprocessing"),
    "FunctionTransformer": _fitted("sklearn.preprocessing"),
    "PowerTransformer": _fitted("sklearn.preprocessing", "lambdas_", _scaler=("scaler",)),
    "ColumnTransformer": _fitted(
        "sklearn.compose",
        transformers_=("steps",),
        _remainder=("step",),
        _columns=("list",),
        _transformer_to_input_indices=("positions",),
        output_indices_=("slices",),
        sparse_output_=("flag",),
        _transformers_feature_names_out=("names",),
    ),
    "StandardScaler": _fitted(
        "sklearn.preprocessing", "mean_ var_ scale_", n_samples_seen_=("f or none",)
    ),
    "MinMaxScaler": _fitted(
        "sklearn.preprocessing", "min_ scale_ data_min_ data_max_ data_range_", n_samples_seen_=()
    ),
    "MaxAbsScaler": _fitted("sklearn.preprocessing", "scale_ max_abs_", n_samples_seen_=()),
    "RobustScaler": _fitted("sklearn.preprocessing", "center_ scale_"),
    "QuantileTransformer": _fitted(
        "sklearn.preprocessing", n_quantiles_=(), quantiles_=("q", "f"), references_=("q",)
    ),
    "SimpleImputer": _fitted(
        "sklearn.impute",
        "statistics_",
        indicator_=("none",),
        _fit_dtype=("dtype",),
        _fill_dtype=("dtype",),
    ),
    "VarianceThreshold": _fitted("sklearn.feature_selection", "variances_"),
    "PCA": _fitted(
        "sklearn.decomposition",
        "mean_",
        components_=("k", "f"),
        explained_variance_=("k",),
        explained_variance_ratio_=("k",),
        singular_values_=("k",),
        noise_variance_=(),
        n_components_=(),
        n_samples_=(),
        _fit_svd_solver=("text",),
    ),
}
"""By class name: the module, and the shapes of the fitted attributes.

A letter is a size that all attributes share; ``f`` is the number of features.
"""
SCALERS = {"StandardScaler", "RobustScaler", "MinMaxScaler"}
"""The scaler of steps."""


def class_of(name: Any, custom_objects: Mapping[str, Any] = MappingProxyType({})) -> type:
    """Return a known class, or the subclass of `LSTMAutoencoder` that the caller passed.

    Raises
    ------
    ValueError
        If there is none.
    """
    if name in KNOWN:
        # By name, because this package is below the modules of skae's classes.
        found: type = getattr(importlib.import_module(KNOWN[name][0]), name)
        return found
    own = custom_objects.get(name)
    if isinstance(own, type) and known_name(own) == "LSTMAutoencoder":
        return own
    raise ValueError(
        f"it holds a {name!r}, but expected an estimator of skae, or one of {known_names()}; pass "
        f"a subclass of LSTMAutoencoder as load(path, custom_objects={{{name!r}: ...}})"
    )


def known_names() -> list[str]:
    """Return the names for messages, in order."""
    return sorted(KNOWN.keys() - {"LSTMAutoencoder"})


def known_name(cls: type) -> str | None:
    """Return the name of a known class, not of another one of that name, or None.

    A subclass of `LSTMAutoencoder` has the name of its base class.
    """
    if issubclass(cls, class_of("LSTMAutoencoder")):
        return "LSTMAutoencoder"
    name = cls.__name__
    return name if name in KNOWN and class_of(name) is cls else None


def check_names(name: str, attributes: Any) -> None:
    """Reject attributes that a file cannot contain.

    Raises
    ------
    TypeError
        If there are attributes that no fit of the known class sets.
    """
    unknown = sorted(attributes.keys() - KNOWN[name][1].keys())
    if unknown:
        raise TypeError(
            f"Got {unknown} set on a {name}, but expected only the attributes that fit sets. "
            "Delete them, or use joblib.dump instead."
        )


def check_attributes(name: str, attributes: dict[str, Any]) -> None:
    """Reject attributes that no fit of a known class sets.

    Raises
    ------
    ValueError
        If a name, type or shape is wrong.
    """
    shapes, sizes = KNOWN[name][1], {"f": attributes.get("n_features_in_")}
    for attribute, value in attributes.items():
        if attribute not in shapes:
            raise ValueError(f"it has {attribute!r}, which no fit of a {name} produces")
        if not _fits(value, shapes[attribute], sizes):
            raise ValueError(f"it has a {attribute} of a {name} that no fit produces")


def _is_step(value: Any) -> bool:
    """Tell whether a value is a name, a transformer and its columns."""
    if not isinstance(value, tuple) or len(value) != 3 or not isinstance(value[0], str):
        return False
    if isinstance(value[1], str):
        return value[1] in ("drop", "passthrough")
    return known_name(type(value[1])) is not None


def _is_dict_of(value: Any, is_item: Callable[[Any], bool]) -> bool:
    return isinstance(value, dict) and all(map(is_item, value.values()))


def _are_integers(value: Any) -> bool:
    return isinstance(value, list) and all(type(item) is int for item in value)


_KINDS: dict[Shape, Callable[[Any], bool]] = {
    ("scaler",): lambda value: type(value).__name__ in SCALERS and hasattr(value, "scale_"),
    ("detector",): lambda value: isinstance(value, dict),
    ("dtype",): lambda value: value is None or isinstance(value, np.dtype),
    ("text",): lambda value: value is None or isinstance(value, str),
    ("flag",): lambda value: isinstance(value, bool),
    ("list",): lambda value: isinstance(value, list),
    ("names",): lambda value: isinstance(value, np.ndarray) and value.dtype == object,
    ("step",): _is_step,
    ("steps",): lambda value: isinstance(value, list) and all(map(_is_step, value)),
    ("positions",): lambda value: _is_dict_of(value, _are_integers),
    ("slices",): lambda value: _is_dict_of(value, lambda item: isinstance(item, slice)),
}
"""Checks of attributes that are not numbers."""


def _fits(value: Any, shape: Shape, sizes: dict[str, Any]) -> bool:
    if shape in _KINDS:
        return _KINDS[shape](value)
    if value is None:
        return True
    if isinstance(value, bool) or not isinstance(value, int | float | np.generic | np.ndarray):
        return False
    if np.asarray(value).dtype != object and bool(np.isinf(value).any()):
        return False
    found = np.shape(value)
    if shape == ("f or none",):
        return found in {(), (sizes["f"],)}
    return len(found) == len(shape) and all(
        sizes.setdefault(letter, size) == size for letter, size in zip(shape, found, strict=True)
    )
