"""Quantisation: TensorFlow's `tf.quantization`."""

from graphflow.ops.quantization import *
from graphflow.ops.quantization import quantize_and_dequantize
from graphflow.ops.quantized import dequantize, quantize, quantized_concat

__all__ = [name for name in dir() if not name.startswith("_")]
