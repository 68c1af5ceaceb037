"""All attributes of an estimator at once: other threads see the old or the new, nothing between."""

import contextlib
import functools
from collections.abc import Callable, Iterator
from typing import Any, Concatenate, ParamSpec, TypeVar

Estimator = TypeVar("Estimator", bound=Any)
Arguments = ParamSpec("Arguments")
Answer = TypeVar("Answer")


def as_it_is(estimator: Estimator) -> Estimator:
    """Return an estimator that shares its attributes with this one until the next fit of this."""
    now: Estimator = object.__new__(type(estimator))
    now.__dict__ = estimator.__dict__
    return now


def of_one_state(
    method: Callable[Concatenate[Estimator, Arguments], Answer],
) -> Callable[Concatenate[Estimator, Arguments], Answer]:
    """Let a method see the state that its estimator is in when the call begins, and no other."""

    @functools.wraps(method)
    def answer(self: Estimator, *args: Arguments.args, **kwargs: Arguments.kwargs) -> Answer:
        return method(as_it_is(self), *args, **kwargs)

    return answer


@contextlib.contextmanager
def taken_over_at_once(estimator: Estimator) -> Iterator[Estimator]:
    """Lend a copy of an estimator to be fitted; the estimator takes over its attributes at the end.

    If the block raises, the estimator is as it was before.
    """
    fitted: Estimator = object.__new__(type(estimator))
    fitted.__dict__.update(vars(estimator))
    yield fitted
    estimator.__dict__ = fitted.__dict__
