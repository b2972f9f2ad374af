"""TensorFlow's `examples`: what its tutorials import."""
