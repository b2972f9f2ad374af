"""Known architectures of image classifiers, with weights from files that are there already."""

from graphflow.keras.applications import (
    densenet,
    imagenet_utils,
    inception_resnet_v2,
    inception_v3,
    mobilenet,
    mobilenet_v2,
    nasnet,
    resnet,
    resnet_v2,
    vgg16,
    vgg19,
    xception,
)
from graphflow.keras.applications import resnet as resnet50
from graphflow.keras.applications.densenet import DenseNet121, DenseNet169, DenseNet201
from graphflow.keras.applications.inception_resnet_v2 import InceptionResNetV2
from graphflow.keras.applications.inception_v3 import InceptionV3
from graphflow.keras.applications.mobilenet import MobileNet
from graphflow.keras.applications.mobilenet_v2 import MobileNetV2
from graphflow.keras.applications.nasnet import NASNetLarge, NASNetMobile
from graphflow.keras.applications.resnet import ResNet50, ResNet101, ResNet152
from graphflow.keras.applications.resnet_v2 import ResNet50V2, ResNet101V2, ResNet152V2
from graphflow.keras.applications.vgg16 import VGG16
from graphflow.keras.applications.vgg19 import VGG19
from graphflow.keras.applications.xception import Xception

__all__ = [
    "VGG16", "VGG19", "DenseNet121", "DenseNet169", "DenseNet201", "InceptionResNetV2",
    "InceptionV3", "MobileNet", "MobileNetV2", "NASNetLarge", "NASNetMobile", "ResNet50",
    "ResNet50V2", "ResNet101", "ResNet101V2", "ResNet152", "ResNet152V2", "Xception", "densenet",
    "imagenet_utils", "inception_resnet_v2", "inception_v3", "mobilenet", "mobilenet_v2", "nasnet",
    "resnet", "resnet50", "resnet_v2", "vgg16", "vgg19", "xception",
]  # fmt: skip
