"""Fitted detectors that score in another way, without another fit."""

from dataclasses import replace

from sklearn.base import clone


def altered(fitted, **changes):
    """Return an estimator with the detector of a fitted one, in which some parts are others."""
    twin = clone(fitted)
    twin._detector = replace(fitted.detector_, **changes)
    return twin


def with_way(fitted, window_size, stride, **changes):
    """Return one with another stride, and other parts of its scorer."""
    detector = fitted.detector_
    windowing = detector.windowing._replace(window_size=window_size, stride=stride)
    return altered(fitted, windowing=windowing, scorer=replace(detector.scorer, **changes))


def adapting(fitted):
    """Return one whose threshold follows the series, beginning too high."""
    scorer = fitted.detector_.scorer
    policy = replace(scorer.offset_policy, threshold="adaptive")
    return altered(fitted, scorer=replace(scorer, offset_policy=policy), offset=-0.1)
