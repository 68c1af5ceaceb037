"""Slow, obvious reference implementations in plain loops, to test against."""

import math
import statistics

import numpy as np

NAN = float("nan")


def padded_series(rows, window_size, padding):
    """Put rows of this padding before the first row."""
    if padding is None:
        return [list(row) for row in rows]
    filler = [NAN] * len(rows[0]) if padding == "nan" else list(rows[0])
    return [list(filler) for _ in range(window_size - 1)] + [list(row) for row in rows]


def windows(rows, window_size, stride=1, padding=None):
    """Return windows of a series, counted back from its last row."""
    series = padded_series(rows, window_size, padding)
    found = []
    end = len(series)
    while end >= window_size:
        found.insert(0, series[end - window_size : end])
        end -= stride
    return np.array(found).reshape(len(found), window_size, len(rows[0]))


def window_starts(n_rows, window_size, stride):
    """Return the first rows of windows that together cover every row of a series.

    Windows start at 0, `stride`, ...; one more ends with the last row if these leave a tail. A
    series shorter than the window is one window. A stride above the window size counts as the
    window size, so that no rows are left out.
    """
    last = max(n_rows - window_size, 0)
    starts = np.arange(0, last + 1, min(stride, window_size), dtype=np.intp)
    return starts if starts[-1] == last else np.append(starts, last)


def window_ends(n_rows, window_size, stride=1, padding=None):
    """Return the rows at which the windows of a series end."""
    first = 0 if padding else window_size - 1
    return [row for row in range(n_rows) if row >= first and (n_rows - 1 - row) % stride == 0]


def windows_of_labelled_rows(rows, labels, window_size, stride=1, padding="nan"):
    """Return the windows of interleaved series, in the order of the rows they end at."""
    found = []
    for label in set(labels):
        positions = [i for i in range(len(rows)) if labels[i] == label]
        mine = windows([rows[i] for i in positions], window_size, stride, padding)
        ends = window_ends(len(positions), window_size, stride, padding)
        found += [(positions[end], window) for end, window in zip(ends, mine, strict=True)]
    return np.array([window for _, window in sorted(found, key=lambda pair: pair[0])])


def mean(values):
    """Return the mean of the values that are not NaN; NaN without any."""
    observed = [float(value) for value in values if not math.isnan(value)]
    return math.fsum(observed) / len(observed) if observed else NAN


def overlap_average(windows, stride=1):
    """Return rows, each averaged over the windows that contain it."""
    n_windows, window_size, n_features = windows.shape
    n_rows = (n_windows - 1) * stride + window_size
    members = [[[] for _ in range(n_features)] for _ in range(n_rows)]
    for i in range(n_windows):
        for step in range(window_size):
            for feature in range(n_features):
                members[i * stride + step][feature].append(windows[i, step, feature])
    return np.array([[mean(cell) for cell in row] for row in members])


def covering(series_lengths, window_size, stride):
    """Return (start, length) of windows that cover every row of stacked series."""
    found, first = [], 0
    for n_rows in series_lengths:
        length, step = min(window_size, n_rows), min(stride, window_size)
        start = 0
        while start + length < n_rows:
            found.append((first + start, length))
            start += step
        found.append((first + n_rows - length, length))
        first += n_rows
    return found


def trailing(series_lengths, window_size):
    """Return (start, length) of the window that ends at each row of stacked series."""
    found, first = [], 0
    for n_rows in series_lengths:
        for row in range(n_rows):
            length = min(window_size, row + 1)
            found.append((first + row + 1 - length, length))
        first += n_rows
    return found


def reduce(values, how):
    """Return the mean, median or maximum of the values that are not NaN."""
    observed = sorted(float(value) for value in values if not math.isnan(value))
    if not observed:
        return NAN
    middle = len(observed) // 2
    if how == "max":
        return observed[-1]
    if how == "median":
        return mean([observed[middle], observed[-middle - 1]])
    return mean(observed)


def rows_from_windows(starts_and_lengths, values, n_rows, how):
    """Return the reduced value of each row from covering windows (n_windows, n_steps)."""
    result = []
    for row in range(n_rows):
        own, means = [], []
        for (start, length), found in zip(starts_and_lengths, values, strict=True):
            if start <= row < start + length:
                own.append(found[row - start])
                means.append(mean(found))
        observed = [value for value in own if not math.isnan(value)]
        if how == "window" or not observed:
            result.append(mean(means))
        elif how == "last":
            # The earliest window contains the row at its latest step.
            result.append(observed[0])
        else:
            result.append(reduce(observed, how))
    return np.array(result)


def aggregate_steps(step_errors, how):
    """Return one error for each sequence."""
    result = []
    for errors in step_errors:
        observed = [error for error in errors if not math.isnan(error)]
        result.append(observed[-1] if how == "last" else reduce(observed, how))
    return np.array(result)


def pad(sequences, length):
    """Return ragged sequences as one array, NaN after the end of each."""
    n_features = len(sequences[0][0])
    blank = [NAN] * n_features
    return np.array(
        [[list(s[t]) if t < len(s) else blank for t in range(length)] for s in sequences]
    )


def impute(sequence, fallback):
    """Fill each gap with the last value before it, else the first after it, else `fallback`."""
    filled = np.array(sequence)
    for feature in range(filled.shape[1]):
        for step in range(len(sequence)):
            before = [x for x in sequence[:step, feature][::-1] if not math.isnan(x)]
            after = [x for x in sequence[step:, feature] if not math.isnan(x)]
            if math.isnan(sequence[step, feature]):
                filled[step, feature] = [*before[:1], *after[:1], fallback[feature]][0]
    return filled


def trim(sequence):
    """Return a sequence without the NaN rows at its ends, and the number of rows before it."""
    observed = [step for step, row in enumerate(sequence) if not np.isnan(row).all()]
    return sequence[observed[0] : observed[-1] + 1], observed[0]


def weighted_quantile(values, q, weights):
    """Return the quantile of values, each repeated by its integer weight."""
    repeated = [value for value, n in zip(values, weights, strict=True) for _ in range(int(n))]
    return float(np.quantile(repeated, q))


def robust_limit(errors, deviations=4):
    median = statistics.median(errors)
    deviation = statistics.median([abs(math.log(error / median)) for error in errors])
    return median * math.exp(deviations * 1.4826 * deviation)


def automatic_limit(held_out, training, deviations, max_ratio, min_ratio):
    both = [*held_out, *training]
    spared = held_out if len(held_out) >= 20 else both
    limit = max(robust_limit(spared, deviations), robust_limit(both, deviations))
    limit = min(limit, max_ratio * weighted_quantile(both, 0.999, [1] * len(both)))
    return max(limit, min_ratio * statistics.median(both))


def adaptive_limits(errors, limit, memory):
    """Return the limit for each error, from the errors before it."""
    limits = []
    for i in range(len(errors)):
        known = [error for error in errors[:i] if not math.isnan(error)][-memory:]
        full = len(known) == memory
        limits.append(max(limit, 1.75 * float(np.quantile(known, 0.25))) if full else limit)
    return limits


def scales(window, length):
    """Return the level, the levels of sixths and the rest of one feature of a window."""
    level, found = mean(window), []
    for step, value in enumerate(window):
        part = min(step * 6 // length, 5)
        means = mean([v for t, v in enumerate(window) if min(t * 6 // length, 5) == part])
        known = not math.isnan(value)
        found.append((level, means - level, value - means) if known else (math.nan,) * 3)
    return np.array(found).T


def multiscale_errors(windows, reference):
    """Return the mean square of each window, the geometric mean over three scales."""

    def squares(some):  # (n_windows, n_features, 3): means over the steps
        return [[[mean(s**2) for s in scales(f, len(f))] for f in window.T] for window in some]

    known = np.array(squares(reference))
    typical = np.nan_to_num(
        [[mean(known[:, f, k]) for k in range(3)] for f in range(known.shape[1])]
    )
    typical = typical + 1e-4 * typical.mean(axis=0)
    typical[typical == 0] = 1.0
    ratios = [[mean(scale) for scale in (np.array(w) / typical).T] for w in squares(windows)]
    return [math.prod(max(ratio, 1 / 3) for ratio in window) ** (1 / 3) for window in ratios]


def mahalanobis(errors, mean, covariance):
    """Return the squared distance of the observed part of one vector of errors."""
    seen = [i for i, error in enumerate(errors) if not math.isnan(error)]
    inverse = np.linalg.inv([[covariance[i, j] for j in seen] for i in seen])
    deviation = [errors[i] - mean[i] for i in seen]
    return sum(
        deviation[i] * inverse[i][j] * deviation[j]
        for i in range(len(seen))
        for j in range(len(seen))
    )


def discords(windows, starts, deviations=3, least_spread=0.1, most=0.15, recurring=0.8):
    """Tell which windows are far from the third nearest that shares no row with them.

    A run of such windows is normal if most of them are less than `recurring` times as far from the
    third nearest other run as from the windows that are not in a run.
    """
    size, everything = len(windows[0]), range(len(windows))
    centre = np.array(windows).mean(axis=0)
    least = 1e-3 * math.sqrt(mean(((np.array(windows) - centre) ** 2).ravel()))

    def distance(i, j):
        if abs(starts[i] - starts[j]) < size:
            return math.inf
        return math.sqrt(mean((windows[j] - windows[i]).ravel() ** 2))

    def third(distances):
        return sorted([*distances, math.inf, math.inf, math.inf])[2]

    nearest = [third(distance(i, j) for j in everything) for i in everything]
    logarithms = [math.log(max(value, least)) for value in nearest]
    median = statistics.median(logarithms)
    spread = 1.4826 * statistics.median(abs(value - median) for value in logarithms)
    limit = median + deviations * max(spread, least_spread)
    apart = [i for i in everything if logarithms[i] > limit]
    if len(apart) > most * len(windows):
        return [False] * len(windows)
    others = [i for i in everything if i not in apart]
    runs = []
    for i in apart:
        if not runs or starts[i] - starts[runs[-1][-1]] >= size:
            runs.append([])
        runs[-1].append(i)
    found = [False] * len(windows)
    for run in runs:
        recur = [
            third(min(distance(i, j) for j in other) for other in runs)
            < recurring * third(distance(i, j) for j in others)
            for i in run
        ]
        for i in run:
            found[i] = sum(recur) <= len(run) / 2
    return found


def find_events(is_outlier, severity, min_length=1, merge_gap=0):
    """Return (first, last, worst) rows of runs of outliers."""
    runs = []
    for row, flagged in enumerate(is_outlier):
        if not flagged:
            continue
        if runs and row - runs[-1][1] - 1 <= merge_gap:
            runs[-1][1] = row
        else:
            runs.append([row, row])
    events = []
    for start, end in runs:
        if end - start + 1 >= min_length:
            seen = [row for row in range(start, end + 1) if not math.isnan(severity[row])]
            peak = max(seen or [start], key=lambda row: severity[row])
            events.append((start, end, peak))
    return events


def narrow(is_outlier, errors, window_size=0):
    """Return the rows that are in an event, by the errors of single rows."""
    kept = [False] * len(errors)
    logarithms = [math.log(max(error, 2.0**-126)) for error in errors]
    reach, runs = round(1.5 * window_size), []
    for first, last, _ in find_events(is_outlier, errors):
        if runs and first - runs[-1][1] - 1 <= 2 * reach and last - runs[-1][0] < 20 * window_size:
            runs[-1][1] = last
        else:
            runs.append([first, last])
    for first, last in runs:
        around = range(max(first - reach, 0), min(last + reach, len(errors) - 1) + 1)
        events = _events(around, logarithms)
        touching = [event for event in events if any(is_outlier[row] for row in event)]
        if not touching:
            each = find_events(is_outlier[first : last + 1], errors[first : last + 1])
            parts = [range(first + start, first + stop + 1) for start, stop, _ in each]
            touching = [event for part in parts for event in _events(part, logarithms) or [part]]
        for event in touching:
            for row in event:
                kept[row] = True
    return kept


def _events(rows, logarithms):
    """Return the rows of each event among these rows."""
    run = [logarithms[row] for row in rows]
    seen = [value for value in run if not math.isnan(value)]
    of_series = [value for value in logarithms if not math.isnan(value)]
    events = []
    if seen:
        n = min(3, len(seen))
        means = [sum(map(math.exp, seen[i : i + n])) / n for i in range(len(seen) - n + 1)]
        between = min(np.quantile(seen, 0.2), np.quantile(of_series, 0.5))
        peak, between = math.log(max(means)), float(between)
        level = (between + peak) / 2
        above = [0.0 if math.isnan(value) else value - level for value in run]
        events = maximal_intervals(above) if peak - between >= 1e-9 else []
    if not events:
        return []
    most, highest = max(event[2] for event in events), max(above)
    return [
        list(rows)[start:stop]
        for start, stop, total in events
        if total >= 0.1 * most or max(above[start:stop]) >= 0.7 * highest
    ]


def maximal_intervals(values, first=0):
    """Return (start, stop, total) of the largest interval, and of intervals on either side."""
    intervals = [(i, j) for i in range(len(values)) for j in range(i + 1, len(values) + 1)]
    totals = {(i, j): math.fsum(values[i:j]) for i, j in intervals}
    if not totals or max(totals.values()) <= 0:
        return []
    start, stop = max(intervals, key=lambda pair: (totals[pair], pair[0] - pair[1]))
    return [
        *maximal_intervals(values[:start], first),
        (first + start, first + stop, totals[start, stop]),
        *maximal_intervals(values[stop:], first + stop),
    ]


def smooth(rows, series_lengths, width):
    """Return each row averaged with the rows nearby in its series, weighted by distance."""
    found, first = [], 0
    for length in series_lengths:
        series = rows[first : first + length]
        for row in range(length):
            near = [i for i in range(length) if abs(i - row) <= width and not np.isnan(series[i])]
            weights = [math.exp(-(((i - row) / (width / 2)) ** 2) / 2) for i in near]
            total = math.fsum(w * series[i] for w, i in zip(weights, near, strict=True))
            found.append(math.nan if np.isnan(series[row]) else total / math.fsum(weights))
        first += length
    return np.array(found)


def fbeta(is_outlier, flagged, beta):
    """Return the F-beta score from its counts."""
    pairs = list(zip(is_outlier, flagged, strict=True))
    hits = sum(bool(truth and flag) for truth, flag in pairs)
    misses = sum(bool(truth and not flag) for truth, flag in pairs)
    false_alarms = sum(bool(flag and not truth) for truth, flag in pairs)
    total = (1 + beta**2) * hits + beta**2 * misses + false_alarms
    return (1 + beta**2) * hits / total if total else 0.0


def cut(rows, starts_and_lengths):
    """Return windows of a series as one array, NaN after the end of shorter ones."""
    longest = max(length for _, length in starts_and_lengths)
    return pad([rows[start : start + length] for start, length in starts_and_lengths], longest)


def errors_of_steps(sequences, reconstructions, error, typical):
    """Return the error of each step, the mean over its features, by the name of the error."""
    result = []
    for sequence, reconstruction in zip(sequences, reconstructions, strict=True):
        errors = []
        for step, output in zip(sequence, reconstruction, strict=True):
            distances = [abs(x - y) for x, y in zip(step, output, strict=True)]
            powers = distances if error.endswith("mae") else [d**2 for d in distances]
            scaled = [p / t for p, t in zip(powers, typical, strict=True)]
            errors.append(math.sqrt(mean(scaled)) if error.endswith("rmse") else mean(scaled))
        result.append(np.array(errors))
    return result


def average_rows(starts_and_lengths, outputs, n_rows):
    """Return each row as the mean of its values in the windows that cover it."""
    columns = np.moveaxis(outputs, 2, 0)
    return np.column_stack(
        [rows_from_windows(starts_and_lengths, column, n_rows, "mean") for column in columns]
    )


def vus_pr(labels, scores, buffer):
    """Return VUS-PR by counting rows one by one at each of 250 thresholds."""
    n_rows, by_size = len(labels), sorted(scores, reverse=True)
    places = [int(place) for place in np.linspace(0, n_rows - 1, 250)]
    areas = []
    for width in range(buffer + 1):
        soft, near = soft_labels(labels, width)
        regions = runs_of(near)
        area = last_recall = 0.0
        for place in places:
            flagged = [score >= by_size[place] for score in scores]
            hits = sum(label for label, flag in zip(labels, flagged, strict=True) if flag)
            soft_hits = sum(s for s, flag in zip(soft, flagged, strict=True) if flag)
            seen = sum(any(flagged[i] for i in region) for region in regions)
            positives = sum(labels) + (soft_hits - hits) / 2
            recall = min(soft_hits / positives, 1) * seen / len(regions)
            area += (recall - last_recall) * soft_hits / sum(flagged)
            last_recall = recall
        areas.append(area)
    return sum(areas) / len(areas)


def soft_labels(labels, width):
    """Return labels that fade out over half of `width`, and the rows within that distance."""
    soft, near = [float(label) for label in labels], [bool(label) for label in labels]
    for region in runs_of(labels):
        for step in range(1, width // 2 + 1):
            for row in (region[0] - step, region[-1] + step):
                if 0 <= row < len(labels):
                    soft[row] += math.sqrt(1 - step / width)
                    near[row] = True
    return [min(value, 1.0) for value in soft], near


def runs_of(labels):
    """Return the rows of each run of true labels."""
    runs, last = [], None
    for row, label in enumerate(labels):
        if label and last == row - 1:
            runs[-1].append(row)
        elif label:
            runs.append([row])
        last = row if label else last
    return runs


def column_maxima(rows, n_columns):
    """Return the largest observed value of each column, NaN if there is none."""
    found = []
    for column in range(n_columns):
        seen = [row[column] for row in rows if not math.isnan(row[column])]
        found.append(max(seen) if seen else math.nan)
    return found


def scaled(items, method):
    """Scale each feature of sequences over all their steps, unless it is never observed."""
    found = [np.array(item, float) for item in items]
    for feature in range(items[0].shape[1]):
        values = [float(v) for item in items for v in item[:, feature] if not math.isnan(v)]
        if not values:
            continue
        if method == "standard":
            center, spread = statistics.fmean(values), statistics.pstdev(values)
        elif method == "robust":
            low, center, high = np.percentile(values, [25, 50, 75])
            spread = high - low
        else:
            center, spread = min(values), max(values) - min(values)
        for item in found:
            item[:, feature] = (item[:, feature] - center) / (spread if spread > 1e-9 else 1.0)
    return found


def autocorrelation_peak(rows, lengths, longest=300, periods=3):
    """Return the lag of the highest peak of the autocorrelation of stacked series, by loops."""
    longest = min(longest, max(lengths) // periods)
    scaled = (rows - rows.mean(axis=0)) / rows.std(axis=0)
    sums = np.zeros(longest + 2)
    for lag in range(longest + 2):
        first = 0
        for length in lengths:
            part = scaled[first : first + length]
            first += length
            for i in range(len(part) - lag):
                sums[lag] += part[i] @ part[i + lag]
    correlation = sums / sums[0]
    least = max(0.1, 4 / np.sqrt(len(rows)))
    peaks = [
        lag
        for lag in range(3, longest + 1)
        if correlation[lag - 1] < correlation[lag] > correlation[lag + 1]
        and correlation[lag] >= least
    ]
    return max(peaks, key=lambda lag: correlation[lag], default=None)


def gap_splits(labels, window_size, n_splits, test_size=None, max_train_size=None):
    """Return folds with the later rows of each series for tests and earlier ones for training."""
    folds = []
    for fold in range(n_splits):
        train, test = [], []
        for label in set(labels):
            rows = [row for row, own in enumerate(labels) if own == label]
            size = test_size or len(rows) // (n_splits + 1)
            start = len(rows) - (n_splits - fold) * size
            test += rows[start : start + size]
            earlier = [row for i, row in enumerate(rows) if i + window_size <= start]
            train += earlier[-max_train_size:] if max_train_size else earlier
        folds.append((sorted(train), sorted(test)))
    return folds


def explained_variation(windows, reconstructions):
    """Return one minus squared errors over squared distances from the means of windows."""
    unexplained = variation = 0.0
    for window, reconstruction in zip(windows, reconstructions, strict=True):
        for feature in range(window.shape[1]):
            pairs = [
                (float(x), float(y))
                for x, y in zip(window[:, feature], reconstruction[:, feature], strict=False)
                if not math.isnan(x)
            ]
            center = math.fsum(x for x, _ in pairs) / len(pairs) if pairs else 0.0
            unexplained += math.fsum((x - y) ** 2 for x, y in pairs)
            variation += math.fsum((x - center) ** 2 for x, _ in pairs)
    return 1 - unexplained / variation


def mean_of_observed(losses, weights):
    """Mean of the losses that are not NaN: within a sequence, each feature counts the same."""
    total = count = 0.0
    for sequence, weight in zip(losses, weights, strict=True):
        n_steps = sum(not np.isnan(step).all() for step in sequence)
        for feature in sequence.T:
            seen = feature[~np.isnan(feature)]
            if len(seen):
                total += float(weight[0]) * n_steps * seen.mean()
                count += float(weight[0]) * n_steps
    return total / count
