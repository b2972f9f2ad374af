"""Images: TensorFlow's `tf.image`, as far as it is here."""

from graphflow.ops.morphology import extract_image_patches, extract_patches

__all__ = ["extract_image_patches", "extract_patches"]
