/* MobileNet v1 (Howard et al. 2017, arXiv 1704.04861): depthwise and pointwise convolutions in turn. */
#include "zoo/builder.h"

static const struct {
    int64_t channels, stride;
} blocks[] = {
    { 64, 1 },  { 128, 2 }, { 128, 1 }, { 256, 2 }, { 256, 1 },  { 512, 2 },  { 512, 1 },
    { 512, 1 }, { 512, 1 }, { 512, 1 }, { 512, 1 }, { 1024, 2 }, { 1024, 1 },
};

static rf_feature conv_bn_relu(rf_builder *b, rf_feature src, const char *prefix,
                               const rf_conv_spec *spec)
{
    const rf_feature x = rf_build_conv_bn(b, src, prefix, spec);
    return rf_build_relu(b, x, rf_build_name(b, "%s.relu", prefix));
}

void rf_zoo_mobilenet_v1(rf_builder *b, rf_feature input)
{
    int dropped = rf_dropped_halvings(&input, 5);
    const rf_conv_spec stem = { rf_scaled_channels(b, 32), 3, 3, dropped > 0 ? 1 : 2, 1 };
    rf_feature x = conv_bn_relu(b, input, "features.0", &stem);
    dropped--;
    for (int i = 0; i < (int)(sizeof blocks / sizeof blocks[0]); i++) {
        const bool keeps_size = blocks[i].stride == 1 || dropped-- > 0;
        const rf_conv_spec depthwise = { x.c, 3, 3, keeps_size ? 1 : 2, x.c };
        const rf_conv_spec pointwise = { rf_scaled_channels(b, blocks[i].channels), 1, 1, 1, 1 };
        x = conv_bn_relu(b, x, rf_build_name(b, "features.%d.depthwise", i + 1), &depthwise);
        x = conv_bn_relu(b, x, rf_build_name(b, "features.%d.pointwise", i + 1), &pointwise);
    }
    rf_build_head(b, x, "classifier");
}
