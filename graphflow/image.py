"""Images: TensorFlow's `tf.image`."""

from graphflow.ops.combined_boxes import combined_non_max_suppression
from graphflow.ops.distorted_boxes import *
from graphflow.ops.image_boxes import *
from graphflow.ops.image_coding import *
from graphflow.ops.image_colors import *
from graphflow.ops.image_quality import *
from graphflow.ops.image_resizing import *
from graphflow.ops.images import *
from graphflow.ops.images import transpose_image as transpose
from graphflow.ops.morphology import extract_image_patches, extract_patches
from graphflow.ops.sampling import random_crop

__all__ = [name for name in dir() if not name.startswith("_")]
