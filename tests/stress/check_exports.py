"""Compare fitted networks with their exports from Keras: SavedModel, ONNX and TFLite.

usage: python tests/stress/check_exports.py

Needs ``pip install tf2onnx onnxruntime``. Prints the largest difference of reconstructions for each
network and format, windows padded with NaN among them; the status is 1 if one is above 1e-5.
"""

import os
import sys
import tempfile
import warnings

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import numpy as np
import tensorflow as tf

import skae

N_STEPS, N_FEATURES, LIMIT = 20, 2, 1e-5
NETWORKS = {
    "segments of 8": {},
    "single steps": {"segment_length": 1},
    "gru": {"cell": "gru"},
    "state": {"decoder": "state", "bidirectional": True, "pooling": "mean", "reverse": True},
    "sequence": {"bottleneck": "sequence"},
}


def saved_model(model, folder):
    """Return a function that runs the SavedModel of a network."""
    model.export(folder, verbose=False)
    loaded = tf.saved_model.load(folder)
    return lambda windows: loaded.serve(windows).numpy()


def onnx(model, folder):
    """Return a function that runs the ONNX of a network, for any number of steps."""
    import onnxruntime

    path = os.path.join(folder, "model.onnx")
    model.export(path, format="onnx", verbose=False)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (name,) = [one.name for one in session.get_inputs()]
    return lambda windows: session.run(None, {name: windows})[0]


def tflite(model, folder):
    """Return a function that runs the TFLite of a network, for one window of a static shape."""
    shape = tf.TensorSpec((1, N_STEPS, N_FEATURES), tf.float32)
    model.export(folder, verbose=False, input_signature=[shape])
    content = tf.lite.TFLiteConverter.from_saved_model(folder).convert()
    interpreter = tf.lite.Interpreter(model_content=content)
    interpreter.allocate_tensors()
    (source,), (target,) = interpreter.get_input_details(), interpreter.get_output_details()

    def run(window):
        interpreter.set_tensor(source["index"], window[None])
        interpreter.invoke()
        return interpreter.get_tensor(target["index"])[0]

    return lambda windows: np.stack([run(window) for window in windows])


FORMATS = {"SavedModel": saved_model, "ONNX": onnx, "TFLite": tflite}


def some_windows(rows):
    """Return windows; every second is padded with NaN."""
    view = np.lib.stride_tricks.sliding_window_view(rows, N_STEPS, axis=0).swapaxes(1, 2)
    windows = view[:16].astype("float32")
    windows[::2, 13:] = np.nan
    return windows


def main():
    """Fit, export, compare."""
    warnings.simplefilter("ignore")
    rows = np.sin(np.arange(300)[:, None] / [5, 7])
    windows, worst = some_windows(rows), 0.0
    for network, options in NETWORKS.items():
        detector = skae.LSTMAutoencoder(
            N_STEPS, units=8, latent_dim=3, epochs=1, random_state=0, **options
        )
        model = detector.fit(rows).model_
        expected = model.predict(windows, verbose=0)
        for name, export in FORMATS.items():
            with tempfile.TemporaryDirectory() as folder:
                found = export(model, folder)(windows)
            difference = np.abs(found - expected)[~np.isnan(windows)].max()
            worst = max(worst, float(np.nan_to_num(difference, nan=np.inf)))
            print(f"{network:14} {name:10} {difference:.1e}", flush=True)
    return worst > LIMIT


if __name__ == "__main__":
    sys.exit(main())
