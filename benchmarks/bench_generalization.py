"""Do rules also work on collections that were not used to choose them?

Run: python benchmarks/bench_generalization.py --data DIR [--only GLOB] [--also JSON] [--out CSV].
Every series is fitted once, and scored in all ways; --also gives parameters of further fits, as in
'[{"units": 32}]'. Fits that the CSV already contains are not run again. For each of two or more
collections, the script prints the way that is best in the mean of the *other* collections, its
result here, the default's, and the best one here, among the ways that all series have; and the same
for the limits of the threshold. A rule that suits only the collections it was chosen on loses.
"""

import json
from itertools import product

import numpy as np
from results import Results
from rules import flags, parts_of, policy_of, with_scores
from series import dominant_period, load, parser, scaled
from spans import alarms, summary

from skae import LSTMAutoencoder
from skae._scoring.thresholds import OF_ROWS, OffsetPolicy, RobustLimits
from skae.metrics import vus_pr

WAYS = list(product(("scaled_rmse", "multiscale"), ("window", "gaussian", "row_or_window")))
DEFAULT = ("multiscale", "row_or_window")
LIMITS = [
    RobustLimits(*limits)
    for limits in product((4.0, 6.0, 10.0), (2.0, 2.75, 3.0), (1.75, 2.5, 3.0, 3.5))
]
MOST_FLAGGED = 0.01


def collection_of(name):
    """Return the folder, with the kind for the Numenta benchmark."""
    folder, _, series = name.partition("/")
    return f"{folder}/{series.partition('__')[0]}" if folder == "nab" else folder


def name_of(parameters, way):
    return " ".join([*(f"{name}={value}" for name, value in parameters.items()), *way])


def measured(series, parameters):
    """Yield a line for each way of scoring a fit, and of the defaults for each threshold."""
    train, test = scaled(series.train, series.test)
    window, buffer = min(series.window, len(train) // 2), dominant_period(series.test[:, 0])
    estimator = LSTMAutoencoder(window, random_state=0, **parameters).fit(train)
    detector, parts = estimator.detector_, parts_of(estimator, train)
    for way in WAYS:
        changed = with_scores(detector, parts, *way)
        errors = -changed.scores(changed.read(test))
        value = vus_pr(series.labels, errors, buffer)
        yield {"way": name_of(parameters, way), "vus_pr": value}
    if not parameters:
        policies = [OffsetPolicy("auto", "robust", limits) for limits in LIMITS]
        found = flags(detector, parts, test, [*policies, policy_of("adaptive")])
        for way, flagged in zip([*map(text, LIMITS), "adaptive"], found, strict=True):
            yield {"way": way, **alarms(flagged, series, window)}


def text(limits):
    return " ".join(map(str, limits))


def is_given(line, name):
    """Tell whether a line, new or from the file, has a value; zero counts."""
    return line.get(name, "") != ""


def column(lines, way, name, collections):
    """Return the mean over collections of the mean over their series."""
    means = [
        np.mean([float(x[name]) for x in lines if (x["way"], x["collection"]) == (way, one)])
        for one in collections
    ]
    return float(np.mean(means))


def rankings(lines, collections):
    print(f"\n{'VUS-PR left out':34}  chosen on the others      there  default   best")
    ways_of = {}
    for line in lines:
        ways_of.setdefault(line["series"], set()).add(line["way"])
    ways = sorted(set.intersection(*ways_of.values()))
    for one in collections:
        others = [other for other in collections if other != one]
        chosen = max(ways, key=lambda way: column(lines, way, "vus_pr", others))
        found = [column(lines, way, "vus_pr", [one]) for way in (chosen, " ".join(DEFAULT))]
        best = max(column(lines, way, "vus_pr", [one]) for way in ways)
        print(f"{one:34}  {chosen:24} {found[0]:6.3f}  {found[1]:6.3f}  {best:6.3f}")


def thresholds(lines, collections):
    print(f"\n{'threshold left out':34}  chosen on the others  flagged  above 3 %  events")
    ways = list(map(text, LIMITS))
    for one in collections:
        others = [line for line in lines if line["collection"] != one]
        chosen = max(ways, key=lambda way: worth(others, way))
        here = [x for x in lines if (x["way"], x["collection"]) == (chosen, one)]
        print(f"{one:34}  {chosen:20} {summary(here)}")
    for way in text(OF_ROWS), "adaptive":
        print(f"{'all':34}  {way:20} {summary([x for x in lines if x['way'] == way])}")


def worth(lines, way):
    """Return the events found, or a negative value if the median series is flagged too much."""
    own = [line for line in lines if line["way"] == way]
    flagged, events = (np.array([float(x[name]) for x in own]) for name in ("flagged", "found"))
    return events.sum() if np.nanmedian(flagged) <= MOST_FLAGGED else -np.nanmedian(flagged)


def main():
    options = parser(__doc__, needs_data=True)
    options.add_argument("--also", type=json.loads, default=[])
    options.add_argument("--out", default="generalization.csv")
    args = options.parse_args()
    fields = "collection series way vus_pr flagged found events false rows"
    results = Results(args.out, fields.split())
    done = {(line["series"], line["way"]) for line in results.lines}
    for series in load(args.data, args.only):
        who = {"collection": collection_of(series.name), "series": series.name}
        for parameters in ({}, *args.also):
            if (series.name, name_of(parameters, DEFAULT)) not in done:
                results.add([who | line for line in measured(series, parameters)])
        print(series.name, flush=True)
    collections = sorted({line["collection"] for line in results.lines})
    if len(collections) < 2:
        raise SystemExit(
            f"Got series of {collections}, but expected those of two or more to compare."
        )
    rankings([line for line in results.lines if is_given(line, "vus_pr")], collections)
    thresholds([line for line in results.lines if is_given(line, "flagged")], collections)


if __name__ == "__main__":
    main()
