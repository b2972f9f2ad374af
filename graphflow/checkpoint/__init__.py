"""TensorFlow's checkpoint files, V2: tables of tensors, written whole or not at all."""
