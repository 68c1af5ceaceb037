"""Long scoring shows its progress, as training does."""

import re

import numpy as np
import pytest


@pytest.fixture(scope="module")
def many(small):
    """Return a fitted estimator and more rows than one block of the network."""
    rows = np.sin(np.arange(1200.0))[:, None]
    return small(5, epochs=1).fit(rows[:300]), rows


@pytest.mark.parametrize("verbose", [1, "auto"])
@pytest.mark.parametrize(
    "method", ["score_samples", "predict", "explain", "transform", "reconstruct"]
)
def test_long_scoring_shows_how_far_it_is(many, capsys, verbose, method):
    estimator, rows = many
    getattr(estimator.set_params(verbose=verbose), method)(rows)
    shown = capsys.readouterr()
    assert re.search(r"1196/1196|1200/1200", shown.out) and "1024/" in shown.out
    assert "/window" in shown.out and not shown.err


def test_a_line_at_the_end_is_all_if_that_is_asked_for(many, capsys):
    estimator, rows = many
    estimator.set_params(verbose=2).score_samples(rows)
    assert capsys.readouterr().out.count("1196/1196") == 1


@pytest.mark.parametrize("verbose, n_rows", [(0, 1200), (1, 900)])
def test_short_scoring_and_who_did_not_ask_see_nothing(many, capsys, verbose, n_rows):
    estimator, rows = many
    estimator.set_params(verbose=verbose).score_samples(rows[:n_rows])
    assert capsys.readouterr() == ("", "")
