"""
Tuning with Optuna
==================

Every parameter is a plain value, so any tuner can set it. ``score`` compares networks
without labels: 1 means a perfect reconstruction, 0 one that is no better than the mean of
each window.
"""

# %%
# Fits of the same architecture share compiled functions, so a search over the learning rate
# or the loss compiles only once.

import matplotlib.pyplot as plt
import optuna

import skae

X, faults = skae.datasets.load_machine(return_X_y=True)


def objective(trial):
    """Return the score on rows that the network has not seen."""
    detector = skae.LSTMAutoencoder(
        window_size=20,
        latent_dim=trial.suggest_categorical("latent_dim", [4, 16]),
        learning_rate=trial.suggest_float("learning_rate", 1e-3, 3e-2, log=True),
        units=32,
        epochs=3,
        random_state=0,
    )
    return detector.fit(X[:1500]).score(X[1550:2000])


optuna.logging.set_verbosity(optuna.logging.WARNING)
study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=0))
study.optimize(objective, n_trials=12)
print(f"best score {study.best_value:.2f} with {study.best_params}")

# %%
# The trials
# ----------

trials = study.trials_dataframe()
figure, ax = plt.subplots(figsize=(6, 3.5), layout="constrained")
for size, group in trials.groupby("params_latent_dim"):
    ax.scatter(group["params_learning_rate"], group["value"], label=f"latent_dim={size}")
ax.set(xscale="log", xlabel="learning rate", ylabel="score on held-out rows")
rates = [0.001, 0.003, 0.01, 0.03]
ax.set_xticks(rates, labels=rates)
ax.minorticks_off()
ax.legend()

# %%
# A network that reconstructs well is not always a good detector: with a wide bottleneck it
# may also reconstruct the faults. If you have labels, see
# :ref:`sphx_glr_gallery_plot_labelled_search.py`.
