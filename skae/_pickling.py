"""What of an estimator goes into a pickle, or into a file of skops: plain values and arrays."""

from typing import Any

from skae._compiled.one_state import EARLIER, values_now
from skae._compiled.workspaces import compiled_copy
from skae._network.serialization import as_stored, from_stored
from skae._scoring.scorer import ScoringRule
from skae._windows.windows import Windowing


def to_state(estimator: Any, attributes: dict[str, Any]) -> dict[str, Any]:
    """Return the attributes of an estimator, its network as plain values and arrays.

    A network of one's own stays a Keras model, which pickles itself.
    """
    if "model_" not in attributes:
        return attributes
    model, values = attributes["model_"], values_now(estimator, of_optimizer=True)
    attributes = {name: value for name, value in attributes.items() if name != EARLIER}
    stored = as_stored(model, attributes.get("_architecture"), values)
    if stored is None:
        is_refitted = EARLIER in vars(estimator)
        return attributes | {"model_": compiled_copy(model, values) if is_refitted else model}
    return attributes | {
        "model_": stored,
        "_scoring": attributes["_scoring"].to_plain(),
        "_windowing": tuple(attributes["_windowing"]),
    }


def from_state(state: dict[str, Any]) -> dict[str, Any]:
    """Return the attributes that `to_state` was given."""
    if not isinstance(state.get("model_"), dict):
        return state
    return state | {
        "model_": from_stored(state["model_"]),
        "_scoring": ScoringRule.from_plain(state["_scoring"]),
        "_windowing": Windowing(*state["_windowing"]),
    }
