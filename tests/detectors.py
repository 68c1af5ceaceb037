"""Fitted detectors that score in another way, without another fit."""

from dataclasses import replace

from sklearn.base import clone


def altered(fitted, **changes):
    """Return an estimator with the detector of a fitted one and some parts replaced."""
    twin = clone(fitted)
    twin._detector = replace(fitted.detector_, **changes)
    return twin


def with_way(fitted, window_size, stride, **changes):
    """Return an estimator with another stride and replaced parts of its scorer."""
    detector = fitted.detector_
    windowing = detector.windowing._replace(window_size=window_size, stride=stride)
    return altered(fitted, windowing=windowing, scorer=replace(detector.scorer, **changes))


def adapting(fitted):
    """Return an estimator with an adaptive threshold that begins too high."""
    scorer = fitted.detector_.scorer
    policy = replace(scorer.offset_policy, threshold="adaptive")
    return altered(fitted, scorer=replace(scorer, offset_policy=policy), offset=-0.1)
