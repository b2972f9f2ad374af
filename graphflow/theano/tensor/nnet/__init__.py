"""`theano.tensor.nnet`: functions of neural networks."""

from graphflow.theano.tensor.nnet import abstract_conv, conv
from graphflow.theano.tensor.nnet import functions as bn
from graphflow.theano.tensor.nnet import functions as nnet
from graphflow.theano.tensor.nnet import functions as sigm
from graphflow.theano.tensor.nnet.abstract_conv import conv2d, conv2d_grad_wrt_inputs
from graphflow.theano.tensor.nnet.abstract_conv import conv2d_grad_wrt_inputs as conv2d_transpose
from graphflow.theano.tensor.nnet.functions import (
    batch_normalization,
    batch_normalization_test,
    batch_normalization_train,
    binary_crossentropy,
    categorical_crossentropy,
    confusion_matrix,
    crossentropy_categorical_1hot,
    crossentropy_softmax_1hot_with_bias,
    crossentropy_softmax_argmax_1hot_with_bias,
    elu,
    hard_sigmoid,
    logsoftmax,
    prepend_scalar_to_each_row,
    relu,
    selu,
    sigmoid,
    sigmoid_binary_crossentropy,
    softmax,
    softmax_graph,
    softmax_op,
    softmax_with_bias,
    softplus,
    ultra_fast_sigmoid,
)
