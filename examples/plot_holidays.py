"""
Taxi rides and holidays
=======================

Demand follows the hour and the weekday. Holidays break this rhythm although no single value
is extreme: a Thursday looks like a Sunday.
"""

# %%
# Twenty weeks of hourly rides. Commuters ride on working days, and people go out on Friday
# and Saturday night. Three holidays and a storm fall into the last eight weeks.

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

import skae

rng = np.random.default_rng(0)
hours = pd.date_range("2025-08-11", periods=20 * 7 * 24, freq="h")
HOLIDAYS = ["2025-11-11", "2025-11-27", "2025-12-25"]
STORM = "2025-12-03"

day = hours.day_of_week.to_numpy().copy()
day[np.isin(hours.strftime("%Y-%m-%d"), HOLIDAYS)] = 6
hour = hours.hour.to_numpy()


def peak(at, width):
    """Return a daily peak at an hour."""
    distance = (hour - at + 12) % 24 - 12
    return np.exp(-((distance / width) ** 2) / 2)


commute = np.where(day < 5, peak(8, 1.5) + 1.2 * peak(18, 2.5), 0.4 * peak(14, 4))
evening = np.where((day == 4) | (day == 5), 1.0, 0.3) * peak(22, 2)
rides = 100 * (0.2 + commute + evening) * rng.normal(1, 0.05, len(hours))
rides[hours.strftime("%Y-%m-%d") == STORM] *= 0.4
X = pd.DataFrame({"rides": rides}, hours)

# %%
# Learn twelve weeks, score all
# -----------------------------
#
# A window of two days covers the rhythm of a day and of the day that follows.

detector = skae.LSTMAutoencoder(window_size=48, random_state=0).fit(X[: 12 * 7 * 24])
skae.AnomalyScoreDisplay.from_estimator(detector, X)

# %%
# The days with the highest scores
# --------------------------------

daily = pd.Series(-detector.score_samples(X), hours).resample("D").max()
special = pd.Series({STORM: "storm"} | dict.fromkeys(HOLIDAYS, "holiday"))
top = daily.nlargest(6).rename("score").to_frame()
top["what"] = top.index.strftime("%Y-%m-%d").map(special).fillna("")
top.round(3)

# %%
# Thanksgiving, compared with the Thursday a week before:

figure, ax = plt.subplots(figsize=(8, 3), layout="constrained")
for date, label in [("2025-11-20", "Thursday before"), ("2025-11-27", "holiday")]:
    ax.plot(range(24), X.loc[date, "rides"], label=label)
ax.set(xlabel="hour of the day", ylabel="rides an hour")
ax.legend()
