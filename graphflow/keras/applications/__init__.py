"""Known architectures of image classifiers, with weights from files that are there already."""

from graphflow.keras.applications import vgg16, vgg19
from graphflow.keras.applications.vgg16 import VGG16
from graphflow.keras.applications.vgg19 import VGG19

__all__ = ["VGG16", "VGG19", "vgg16", "vgg19"]
