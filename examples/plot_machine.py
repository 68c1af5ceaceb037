"""
Faults of a machine
===================

Four sensors of a press line, one row every ten minutes. We fit a detector to a part without
faults, score every row, and list the faults with the sensors that show them.
"""

# %%
# The embedded demo series has eight labelled faults in its second half. The detector scales the
# readings itself.

import skae

machine = skae.datasets.load_machine(as_frame=True)
X = machine.data

# %%
# One window per row
# ------------------
#
# With ``window_size`` each row is a sample, as in ``IsolationForest``. The score of a row
# comes from all windows of 30 rows that contain it.

detector = skae.LSTMAutoencoder(window_size=30, random_state=0).set_output(transform="pandas")
detector.fit(X[:2000])

# sphinx_gallery_thumbnail_number = 1
skae.AnomalyScoreDisplay.from_estimator(detector, X, labels=machine.target)

# %%
# Events
# ------
#
# A table of events is easier to read than labels of rows. It names the sensors that
# contribute most.

events = skae.detect_events(detector, X)
events

# %%
# What did the network expect?
# ----------------------------
#
# The reconstruction shows what the network expected of a healthy machine. Here are the rows
# around the first fault, a stuck temperature sensor.

start = machine.events[0].start
skae.ReconstructionDisplay.from_estimator(
    detector, X[start - 300 : start + 300], features=["temperature"]
)
