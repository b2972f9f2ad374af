"""`theano.tensor.signal`: pooling and convolution of images."""

from graphflow.theano.tensor.signal import conv, downsample, pool
