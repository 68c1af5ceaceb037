"""Memory that TensorFlow never frees, shown by the smallest calls, without skae.

Run: python tests/stress/grow_tensorflow.py. Needs the GNU C library. It prints how much more
memory is in use after each call, and after each that is followed by `skae.clear_caches`.
"""

import ctypes
import gc
import itertools

import tensorflow as tf

from skae import clear_caches

numbers = itertools.count(1)


def variable_of_a_new_shape():
    tf.Variable(tf.zeros((1, next(numbers))), name="kernel")


def variable_of_a_new_name():
    tf.Variable(tf.zeros((1, 1)), name=f"kernel_{next(numbers)}")


ANY_SHAPE = tf.TensorSpec((None, None))


@tf.function(input_signature=[ANY_SHAPE, ANY_SHAPE, tf.TensorSpec((None,))], autograph=False)
def dense(x, kernel, bias):
    return tf.nn.bias_add(tf.matmul(x, kernel), bias)


def product_of_a_new_shape():
    """By oneDNN; TensorFlow keeps its machine code for each shape."""
    size = next(numbers)
    dense(tf.ones((32, size)), tf.ones((size, 4 * size)), tf.ones(4 * size))


def function_that_xla_compiled():
    def steps(x):
        return tf.while_loop(lambda i, _: i < 3, lambda i, y: (i + 1, tf.tanh(y)), (0, x))[1]

    compiled = tf.function(steps, jit_compile=True, autograph=False)
    compiled.get_concrete_function(tf.TensorSpec((4, 4)))(tf.ones((4, 4)))


class Usage(ctypes.Structure):
    """The result of ``mallinfo2``."""

    _fields_ = [
        (name, ctypes.c_size_t)
        for name in "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks".split()
        + ["keepcost"]
    ]


library = ctypes.CDLL("libc.so.6")
library.mallinfo2.restype = Usage


def used_kilobytes():
    gc.collect()
    return library.mallinfo2().uordblks / 1024


def growth(call, n_calls, then=lambda: None):
    for _ in range(10):
        call()
        then()
    before = used_kilobytes()
    for _ in range(n_calls):
        call()
        then()
    return (used_kilobytes() - before) / n_calls


if __name__ == "__main__":
    calls = {
        variable_of_a_new_shape: 500,
        variable_of_a_new_name: 500,
        product_of_a_new_shape: 100,
        function_that_xla_compiled: 40,
    }
    for call, n_calls in calls.items():
        cleared, kept = growth(call, n_calls, clear_caches), growth(call, n_calls)
        print(f"{call.__name__:28} {kept:7.1f} kB a call, {cleared:7.1f} with clear_caches")
