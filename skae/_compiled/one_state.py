"""Fitted state that changes in one step: other threads see the old or the new, nothing between.

A fit works on a copy of the estimator whose attributes are taken over at the end. A fit that goes
on with the same network changes weights in place, because to copy a network takes longer than an
epoch of small data. So the attributes of before hold on to the values of before, which costs no
memory until the weights change::

    estimator.__dict__  ->  attributes of before, and the values that the weights had
    copy.__dict__       ->  attributes of after; at the end those of the estimator
"""

import contextlib
from collections.abc import Iterator
from typing import Any

from skae._compat.attributes import Estimator, taken_over_at_once
from skae._compiled.workspaces import Values, describe, state_of, values_of

EARLIER = "_earlier_values"
"""Attribute that holds what the weights were, in attributes that a refit will replace."""


@contextlib.contextmanager
def changed_at_once(estimator: Estimator, *, in_place: bool) -> Iterator[Estimator]:
    """Lend a copy of an estimator to be fitted; the estimator takes over its attributes at the end.

    If the block raises, the estimator is as it was before.

    Parameters
    ----------
    estimator : estimator
    in_place : bool
        Whether the fit changes weights of `model_`.
    """
    if in_place:
        vars(estimator).setdefault(EARLIER, values_now(estimator, of_optimizer=True))
    try:
        with taken_over_at_once(estimator) as fitted:
            vars(fitted).pop(EARLIER, None)
            yield fitted
    except BaseException:
        if in_place:
            _set_back(estimator)
        # New attributes again: whoever still uses these may have seen weights half set back.
        estimator.__dict__ = {k: v for k, v in vars(estimator).items() if k != EARLIER}
        raise


def _set_back(estimator: Any) -> None:
    values = vars(estimator)[EARLIER]
    for variable in state_of(estimator.model_):
        if id(variable) in values:  # not what a fit makes: an optimizer may have had none yet
            variable.assign(values[id(variable)])


def values_now(estimator: Any, *, of_optimizer: bool = False) -> Values:
    """Return the values of the weights that belong to an estimator's attributes."""
    attributes = vars(estimator)
    model = attributes["model_"]
    values = values_of(state_of(model) if of_optimizer else describe(model).variables)
    # Looked for last: it is there before the first weight changes.
    found: Values = attributes.get(EARLIER, values)
    return found
