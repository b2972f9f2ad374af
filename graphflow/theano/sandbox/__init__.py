"""`theano.sandbox`: where Theano keeps its faster random streams."""

from graphflow.theano.sandbox import rng_mrg
