/* Residual networks of basic blocks (He et al. 2016, arXiv 1512.03385): ResNet-20 for CIFAR, ResNet-18 for ImageNet. */
#include "zoo/builder.h"

static rf_feature shortcut(rf_builder *b, rf_feature src, const char *prefix, int64_t channels,
                           int64_t stride)
{
    const rf_conv_spec spec = { channels, 1, 1, stride, 1 };
    if (src.c == channels && stride == 1)
        return src;
    return rf_build_conv_bn(b, src, rf_build_name(b, "%s.downsample", prefix), &spec);
}

static rf_feature basic_block(rf_builder *b, rf_feature src, const char *prefix, int64_t channels,
                              int64_t stride)
{
    const rf_conv_spec first = { channels, 3, 3, stride, 1 }, second = { channels, 3, 3, 1, 1 };
    rf_feature x = rf_build_conv(b, src, rf_build_name(b, "%s.conv1", prefix), &first);
    x = rf_build_bn(b, x, rf_build_name(b, "%s.bn1", prefix));
    x = rf_build_relu(b, x, rf_build_name(b, "%s.relu1", prefix));
    x = rf_build_conv(b, x, rf_build_name(b, "%s.conv2", prefix), &second);
    x = rf_build_bn(b, x, rf_build_name(b, "%s.bn2", prefix));
    x = rf_build_add(b, x, shortcut(b, src, prefix, channels, stride),
                     rf_build_name(b, "%s.add", prefix));
    return rf_build_relu(b, x, rf_build_name(b, "%s.relu2", prefix));
}

/* Stage i has base * 2^i channels; every stage but the first halves the map. */
static rf_feature stages(rf_builder *b, rf_feature x, int count, int blocks, int64_t base)
{
    for (int i = 0; i < count; i++) {
        for (int k = 0; k < blocks; k++)
            x = basic_block(b, x, rf_build_name(b, "layer%d.%d", i + 1, k),
                            rf_scaled_channels(b, base << i), i && !k ? 2 : 1);
    }
    return x;
}

static rf_feature stem(rf_builder *b, rf_feature input, int64_t channels, int64_t kernel,
                       int64_t stride)
{
    const rf_conv_spec spec = { rf_scaled_channels(b, channels), kernel, kernel, stride, 1 };
    rf_feature x = rf_build_conv(b, input, "conv1", &spec);
    return rf_build_relu(b, rf_build_bn(b, x, "bn1"), "relu1");
}

void rf_zoo_resnet20(rf_builder *b, rf_feature input)
{
    rf_feature x = stem(b, input, 16, 3, 1);
    x = stages(b, x, 3, 3, 16);
    rf_build_head(b, x, "fc");
}

/* Small images skip the stem's two halvings, as is usual for CIFAR. */
void rf_zoo_resnet18(rf_builder *b, rf_feature input)
{
    const int dropped = rf_dropped_halvings(&input, 5);
    rf_feature x = dropped ? stem(b, input, 64, 3, 1) : stem(b, input, 64, 7, 2);
    if (dropped < 2)
        x = rf_build_max_pool(b, x, "maxpool");
    x = stages(b, x, 4, 2, 64);
    rf_build_head(b, x, "fc");
}
