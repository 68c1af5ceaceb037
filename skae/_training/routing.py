"""Parameters that SciKeras routes to the optimizer, the loss, the model and the callbacks."""

from typing import Any, Self

from sklearn.base import BaseEstimator

from skae._compat.sklearn import DocumentationLink

ROUTED_PREFIXES = ("optimizer", "loss", "model", "callbacks")
"""Prefixes of parameters that SciKeras routes: ``optimizer__clipnorm`` and the like."""


class RoutedParameters(DocumentationLink, BaseEstimator):
    """An estimator that also takes parameters which SciKeras routes.

    ``optimizer__clipnorm`` would mean to scikit-learn a parameter of a nested estimator
    named `optimizer`; here it is a parameter by that name.
    """

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters, routed ones included.

        Parameters
        ----------
        deep : bool, default=True
            As in scikit-learn.

        Returns
        -------
        dict of str to object
        """
        return {**super().get_params(deep=deep), **self._routed_parameters()}

    def set_params(self, **params: Any) -> Self:
        """Set parameters, routed ones included.

        Parameters
        ----------
        **params : dict
            New values by name.

        Returns
        -------
        self : estimator
        """
        super().set_params(**{k: v for k, v in params.items() if not is_routed(k)})
        self._set_routed({k: v for k, v in params.items() if is_routed(k)})
        return self

    def _routed_parameters(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if is_routed(name)}

    def _set_routed(self, routed: dict[str, Any]) -> None:
        for name, value in routed.items():
            if not is_routed(name):
                prefixes = ", ".join(f"{prefix}__" for prefix in ROUTED_PREFIXES)
                raise TypeError(
                    f"{type(self).__name__} got an unexpected parameter {name!r}, but expected "
                    f"one of its own or one that begins with {prefixes}."
                )
            setattr(self, name, value)


def is_routed(name: str) -> bool:
    """Tell whether SciKeras routes the parameter of this name."""
    prefix, separator, rest = name.partition("__")
    return prefix in ROUTED_PREFIXES and bool(separator) and bool(rest)
