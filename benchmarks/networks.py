"""The networks whose layers are measured, written as one walk of a shape through each.

A walk records every layer it passes, so the sizes follow from each other and the counts from the architecture.
Networks end where their fully connected part begins. Up-convolutions (U-Net) are passed, not recorded.
"""

from collections import Counter
from dataclasses import dataclass, field

from benchmarks.layers import Conv, Pool


@dataclass
class Walk:
    """The layers met so far; its methods take and return the shape (C, H, W) of one image."""

    layers: list = field(default_factory=list)

    def conv(self, shape, C_out, K, stride=1, padding=None, dilation=1, groups=1):
        """Convolve; without `padding`, half the dilated kernel is added, as most networks do."""
        C_in, *size = shape
        K, stride, dilation = _pair(K), _pair(stride), _pair(dilation)
        half = tuple((k - 1) * d // 2 for k, d in zip(K, dilation, strict=True))
        padding = half if padding is None else _pair(padding)
        layer = Conv(C_in, C_out, tuple(size), K, stride, padding, dilation, groups)
        self.layers.append(layer)
        return layer.output_shape(1)[1:]

    def pool(self, shape, K, stride=None, padding=0, ceil_mode=False):
        """Pool; whether by maximum or mean does not matter here, both are measured."""
        C, *size = shape
        layer = Pool(C, tuple(size), _pair(K), _pair(stride or K), _pair(padding), ceil_mode)
        self.layers.append(layer)
        return layer.output_shape(1)[1:]


def lenet(walk):
    """LeCun, Bottou, Bengio, Haffner 1998, with all 16 maps connected, on 28 x 28 digits."""
    x = walk.conv((1, 28, 28), 6, 5)
    x = walk.pool(x, 2)
    x = walk.conv(x, 16, 5, padding=0)
    x = walk.pool(x, 2)
    return walk.conv(x, 120, 5, padding=0)


def cifar_quick(walk):
    """The small CIFAR-10 network that came with Caffe."""
    x = (3, 32, 32)
    for C_out in (32, 32, 64):
        x = walk.conv(x, C_out, 5)
        x = walk.pool(x, 3, stride=2, ceil_mode=True)
    return x


def resnet_20(walk):
    """He, Zhang, Ren, Sun 2015, section 4.2: the CIFAR-10 network, its shortcuts without parameters."""
    x = walk.conv((3, 32, 32), 16, 3)
    for C_out, first in ((16, 1), (32, 2), (64, 2)):
        for stride in (first, 1, 1):
            x = walk.conv(walk.conv(x, C_out, 3, stride), C_out, 3)
    return x


def resnet_18(walk):
    """He, Zhang, Ren, Sun 2015, with projections where the size changes."""
    x = walk.pool(walk.conv((3, 224, 224), 64, 7, 2), 3, stride=2, padding=1)
    for C_out, first in ((64, 1), (128, 2), (256, 2), (512, 2)):
        for stride in (first, 1):
            if stride == 2:
                walk.conv(x, C_out, 1, stride)
            x = walk.conv(walk.conv(x, C_out, 3, stride), C_out, 3)
    return walk.pool(x, 7)


def resnet_50(walk):
    """The same with bottlenecks; their stride is in the 3 x 3 layer, as in torchvision."""
    x = walk.pool(walk.conv((3, 224, 224), 64, 7, 2), 3, stride=2, padding=1)
    for C, blocks, first in ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2)):
        for block in range(blocks):
            stride = first if block == 0 else 1
            if block == 0:
                walk.conv(x, 4 * C, 1, stride)
            x = walk.conv(walk.conv(walk.conv(x, C, 1), C, 3, stride), 4 * C, 1)
    return walk.pool(x, 7)


def vgg_16(walk):
    """Simonyan, Zisserman 2014, configuration D."""
    x = (3, 224, 224)
    for C_out, times in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)):
        for _ in range(times):
            x = walk.conv(x, C_out, 3)
        x = walk.pool(x, 2)
    return x


def alexnet(walk):
    """Krizhevsky, Sutskever, Hinton 2012, in its two halves: three of its layers have two groups."""
    x = walk.pool(walk.conv((3, 227, 227), 96, 11, 4, padding=0), 3, stride=2)
    x = walk.pool(walk.conv(x, 256, 5, groups=2), 3, stride=2)
    x = walk.conv(walk.conv(x, 384, 3), 384, 3, groups=2)
    return walk.pool(walk.conv(x, 256, 3, groups=2), 3, stride=2)


def googlenet(walk):
    """Szegedy et al. 2014, table 1 (with its 5 x 5 filters)."""
    x = walk.pool(walk.conv((3, 224, 224), 64, 7, 2), 3, stride=2, ceil_mode=True)
    x = walk.pool(walk.conv(walk.conv(x, 64, 1), 192, 3), 3, stride=2, ceil_mode=True)
    x = _inception(walk, x, 64, 96, 128, 16, 32, 32)
    x = walk.pool(_inception(walk, x, 128, 128, 192, 32, 96, 64), 3, stride=2, ceil_mode=True)
    x = _inception(walk, x, 192, 96, 208, 16, 48, 64)
    x = _inception(walk, x, 160, 112, 224, 24, 64, 64)
    x = _inception(walk, x, 128, 128, 256, 24, 64, 64)
    x = _inception(walk, x, 112, 144, 288, 32, 64, 64)
    x = walk.pool(_inception(walk, x, 256, 160, 320, 32, 128, 128), 3, stride=2, ceil_mode=True)
    x = _inception(walk, x, 256, 160, 320, 32, 128, 128)
    x = _inception(walk, x, 384, 192, 384, 48, 128, 128)
    return walk.pool(x, 7)


def _inception(walk, x, one, reduce_three, three, reduce_five, five, projection):
    branches = (
        walk.conv(x, one, 1),
        walk.conv(walk.conv(x, reduce_three, 1), three, 3),
        walk.conv(walk.conv(x, reduce_five, 1), five, 5),
        walk.conv(walk.pool(x, 3, stride=1, padding=1), projection, 1),
    )
    return _joined(*branches)


def mobilenet(walk):
    """Howard et al. 2017, width 1, resolution 224: depthwise and pointwise layers in turn."""
    x = walk.conv((3, 224, 224), 32, 3, 2)
    steps = ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5, (1024, 2), (1024, 1))
    for C_out, stride in steps:
        x = walk.conv(walk.conv(x, x[0], 3, stride, groups=x[0]), C_out, 1)
    return walk.pool(x, 7)


def unet(walk):
    """Ronneberger, Fischer, Brox 2015: no padding, so every size is different."""
    x, across = (1, 572, 572), []
    for C in (64, 128, 256, 512):
        x = walk.conv(walk.conv(x, C, 3, padding=0), C, 3, padding=0)
        across.append(x)
        x = walk.pool(x, 2)
    x = walk.conv(walk.conv(x, 1024, 3, padding=0), 1024, 3, padding=0)
    for C in (512, 256, 128, 64):
        doubled = (C, 2 * x[1], 2 * x[2])
        x = _joined(doubled, (across.pop()[0], *doubled[1:]))
        x = walk.conv(walk.conv(x, C, 3, padding=0), C, 3, padding=0)
    return walk.conv(x, 2, 1)


def other_shapes(walk):
    """Shapes that no network above has, and that must not be a slow path."""
    walk.conv((128, 56, 56), 128, 3, groups=32)  # ResNeXt-50
    walk.conv((512, 14, 14), 512, 3, groups=32)
    walk.conv((240, 28, 28), 240, 1, groups=3)  # ShuffleNet
    walk.conv((64, 56, 56), 64, 3, dilation=2)
    walk.conv((512, 28, 28), 512, 3, dilation=4)  # DeepLab
    walk.conv((96, 14, 14), 96, 5, groups=96)  # depthwise 5 x 5
    walk.conv((32, 57, 57), 64, 3, stride=3)
    walk.conv((16, 100, 75), 24, 5, stride=3)
    walk.conv((8, 41, 43), 16, 4, stride=(1, 2), padding=1)
    walk.conv((128, 17, 17), 128, (1, 7))  # Inception v3
    walk.conv((128, 17, 17), 128, (7, 1))
    walk.conv((1, 28, 28), 8, 3)
    walk.conv((3, 28, 28), 16, 5)
    walk.conv((3, 28, 28), 4, 1)
    walk.conv((17, 29, 31), 23, 3)
    walk.conv((7, 15, 13), 13, 3, dilation=(2, 1))
    walk.conv((5, 9, 9), 3, 1)
    walk.pool((17, 29, 31), 3, stride=2, padding=1)
    walk.pool((13, 40, 27), (2, 3), stride=(3, 2))


NETWORKS = {
    "LeNet-5": lenet,
    "CIFAR quick": cifar_quick,
    "ResNet-20": resnet_20,
    "ResNet-18": resnet_18,
    "ResNet-50": resnet_50,
    "VGG-16": vgg_16,
    "AlexNet": alexnet,
    "GoogLeNet": googlenet,
    "MobileNet": mobilenet,
    "U-Net": unet,
    "other shapes": other_shapes,
}


def layers_of(network):
    """List every layer of a network, in its order, repeated ones as often as they stand there."""
    walk = Walk()
    NETWORKS[network](walk)
    return walk.layers


def distinct():
    """Return {layer: {network: how often the layer stands in it}}, in the order of first appearance."""
    counts = {}
    for network in NETWORKS:
        for layer, times in Counter(layers_of(network)).items():
            counts.setdefault(layer, {})[network] = times
    return counts


def _joined(*shapes):
    """Join images along their channels; they must have the same size."""
    (size,) = {tuple(shape[1:]) for shape in shapes}
    return (sum(shape[0] for shape in shapes), *size)


def _pair(value):
    return value if isinstance(value, tuple) else (value, value)
