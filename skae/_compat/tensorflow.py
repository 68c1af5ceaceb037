"""TensorFlow's private names."""

import tensorflow as tf
from tensorflow.python.framework import ops


def forget_gradients(graph: tf.Graph) -> None:
    """Take the gradients that belong to one graph out of TensorFlow's registry.

    ``tf.custom_gradient``, which our `LSTM` uses and every optimizer of Keras too (in
    ``all_reduce``), registers a function for each use in a graph, and with it the graph, for good:
    some 12 MB for each small network trained. A graph that is complete needs them no more.
    """
    for operation in graph.get_operations():
        if operation.type == "IdentityN":  # what tf.custom_gradient puts into a graph
            name = operation.node_def.attr["_gradient_op_type"].s.decode()
            ops.gradient_registry._registry.pop(name, None)
