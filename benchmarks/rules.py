"""One fitted detector under several scores and thresholds, without training it again."""

from dataclasses import replace

import numpy as np

from skae._scoring.scoring_rule import ScoringRule
from skae._scoring.thresholds import OffsetPolicy, automatic_offset, known_errors, limits_of


def policy_of(threshold):
    """Return the threshold rule for rows that a value of `threshold` names."""
    return OffsetPolicy("auto", threshold, limits_of(threshold, of_rows=True))


def parts_of(estimator, train):
    """Return the samples that `fit` held out, and those that it trained on."""
    samples = estimator.detector_.read(train)
    parts = samples.split(estimator.validation_fraction, np.random.default_rng(0))
    return [part for part in parts[::-1] if part is not None]


def with_scores(detector, parts, error, aggregation):
    """Return the detector with another error and aggregation."""
    policy, residuals = detector.scorer.offset_policy, detector.network.residuals
    scorer = ScoringRule.fit(error, aggregation, policy, residuals, parts)
    return replace(detector, scorer=scorer.calibrated(residuals, parts[-1], parts)[0])


def flags(detector, parts, test, policies):
    """Yield the rows that each threshold rule flags."""
    known, samples = known_errors(detector.scores, parts), detector.read(test)
    scores = detector.scores(samples)
    for policy in policies:
        offset = automatic_offset(known, policy.threshold, policy.limits)
        yield scores < policy.offsets(scores, samples, offset)
