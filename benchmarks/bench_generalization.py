"""Do rules also work on collections that were not used to choose them?

Run: python benchmarks/bench_generalization.py --data DIR [--only GLOB] [--also JSON] [--out CSV].
Every series is fitted once, and scored in all ways; --also gives parameters of further fits, as in
'[{"units": 32}]'. For each collection, the script prints the way that is best in the mean of the
*other* collections, its result here, the default's, and the best one here; and the same for the
limits of the threshold. A rule that suits only the collections it was chosen on loses.
"""

import argparse
import csv
import fnmatch
import json
from itertools import product
from pathlib import Path

import numpy as np
from bench_threshold import alarms, summary
from series import load, scaled
from vus import dominant_period, vus_pr

from skae import LSTMAutoencoder
from skae._scoring.thresholds import OF_ROWS, RobustLimits, automatic_offset

WAYS = list(product(("scaled_rmse", "multiscale"), ("window", "gaussian")))
DEFAULT = ("multiscale", "gaussian")
LIMITS = [
    RobustLimits(*limits)
    for limits in product((4.0, 6.0, 10.0), (2.0, 2.5, 3.0), (1.75, 2.5, 3.0, 3.5))
]
MOST_FLAGGED = 0.01


def collection_of(name):
    """Return the folder, with the kind for the Numenta benchmark."""
    folder, _, series = name.partition("/")
    return f"{folder}/{series.partition('__')[0]}" if folder == "nab" else folder


def name_of(parameters, way):
    return " ".join([*(f"{name}={value}" for name, value in parameters.items()), *way])


def calibrated(detector, train, way):
    """Let a fitted detector score in another way, and return the parts it learned from."""
    samples = detector._read_fitted(train)
    training, held_out = samples.split(detector.validation_fraction, np.random.default_rng(0))
    parts = [part for part in (held_out, training) if part is not None]
    detector.set_params(error=way[0], aggregation=way[1])._calibrate(samples, parts)
    return parts


def rankings_of(series, train, test, parameters):
    """Return a line for each way of scoring, and the detector."""
    window, buffer = min(series.window, len(train) // 2), dominant_period(series.test[:, 0])
    detector = LSTMAutoencoder(window, random_state=0, **parameters).fit(train)
    lines = []
    for way in WAYS:
        calibrated(detector, train, way)
        value = vus_pr(series.labels, -detector.score_samples(test), buffer)
        lines.append({"way": name_of(parameters, way), "vus_pr": value})
    return lines, detector


def measured(series, also):
    """Return a line for each way of fitting and scoring, and for each set of limits."""
    train, test = scaled(series.train, series.test)
    for parameters in also:
        yield from rankings_of(series, train, test, parameters)[0]
    lines, detector = rankings_of(series, train, test, {})
    yield from lines
    parts, window = calibrated(detector, train, DEFAULT), detector.window_size
    scored = [(detector._scores(part), np.ones(len(part))) for part in parts]
    scores = detector.score_samples(test)
    for limits in LIMITS:
        flagged = scores < automatic_offset(scored, "robust", limits)
        yield {"way": " ".join(map(str, limits)), **alarms(flagged, series, window)}
    calibrated(detector.set_params(threshold="adaptive"), train, DEFAULT)
    flagged = detector.predict(test) == -1
    yield {"way": "adaptive", **alarms(flagged, series, window)}


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
    ways = sorted({line["way"] for line in lines})
    for one in collections:
        others = [other for other in collections if other != one]
        chosen = max(ways, key=lambda way: column(lines, way, "vus_pr", others))
        found = [column(lines, way, "vus_pr", [one]) for way in (chosen, " ".join(DEFAULT))]
        best = max(column(lines, way, "vus_pr", [one]) for way in ways)
        print(f"{one:34}  {chosen:24} {found[0]:6.3f}  {found[1]:6.3f}  {best:6.3f}")


def thresholds(lines, collections):
    print(f"\n{'threshold left out':34}  chosen on the others  flagged  above 3 %  events")
    ways = [" ".join(map(str, limits)) for limits in LIMITS]
    for one in collections:
        others = [line for line in lines if line["collection"] != one]
        chosen = max(ways, key=lambda way: worth(others, way))
        here = [x for x in lines if (x["way"], x["collection"]) == (chosen, one)]
        print(f"{one:34}  {chosen:20} {summary(here)}")
    for way in " ".join(map(str, OF_ROWS)), "adaptive":
        print(f"{'all':34}  {way:20} {summary([x for x in lines if x['way'] == way])}")


def worth(lines, way):
    """Return the events found, or a negative value if the median series is flagged too much."""
    own = [line for line in lines if line["way"] == way]
    flagged, events = (np.array([float(x[name]) for x in own]) for name in ("flagged", "found"))
    return events.sum() if np.nanmedian(flagged) <= MOST_FLAGGED else -np.nanmedian(flagged)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True)
    parser.add_argument("--only", default="*")
    parser.add_argument("--also", type=json.loads, default=[])
    parser.add_argument("--out", default="generalization.csv")
    args = parser.parse_args()
    out, fields = Path(args.out), "collection series way vus_pr flagged found events false rows"
    lines = list(csv.DictReader(out.open())) if out.exists() else []
    done = {line["series"] for line in lines}
    with out.open("a", newline="") as file:
        writer = csv.DictWriter(file, fields.split())
        if not lines:
            writer.writeheader()
        for series in load(args.data):
            if series.name in done or not fnmatch.fnmatch(series.name, args.only):
                continue
            if series.labels.any():
                who = {"collection": collection_of(series.name), "series": series.name}
                added = [who | line for line in measured(series, args.also)]
                writer.writerows(added)
                file.flush()
                lines += added
                print(series.name, flush=True)
    collections = sorted({line["collection"] for line in lines})
    rankings([line for line in lines if is_given(line, "vus_pr")], collections)
    thresholds([line for line in lines if is_given(line, "flagged")], collections)


if __name__ == "__main__":
    main()
