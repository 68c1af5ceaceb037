"""Where TensorFlow would hang, or compute something else: refused before it is called."""

import tensorflow as tf

from skae._compat.tensorflow import is_forked_after_use


def check_process() -> None:
    """Raise an error where networks can be neither built nor run.

    Raises
    ------
    RuntimeError
        In a process that was forked after TensorFlow had run in its parent, and inside of the
        scope of a distribution strategy.
    """
    if is_forked_after_use():
        raise RuntimeError(
            "Got a call in a process that was forked after TensorFlow had run in its parent, but "
            "expected one that was started anew: TensorFlow would wait for ever for threads that "
            "the fork left behind. Start workers with the method 'spawn' or 'forkserver' of "
            "multiprocessing, or with joblib's 'loky', or fork before the first fit or score."
        )
    if tf.distribute.has_strategy():
        raise RuntimeError(
            f"Got a call in the scope of {type(tf.distribute.get_strategy()).__name__}, but "
            "expected none: networks are trained and run on one device. Leave the scope."
        )
