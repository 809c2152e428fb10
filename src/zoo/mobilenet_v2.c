/* MobileNet v2 (Sandler et al. 2018, arXiv 1801.04381): inverted residuals with linear bottlenecks. */
#include "zoo/builder.h"

static const struct {
    int64_t expansion, channels;
    int repeats;
    int64_t stride;
} groups[] = {
    { 1, 16, 1, 1 }, { 6, 24, 2, 2 },  { 6, 32, 3, 2 },  { 6, 64, 4, 2 },
    { 6, 96, 3, 1 }, { 6, 160, 3, 2 }, { 6, 320, 1, 1 },
};

static rf_feature conv_bn_relu6(rf_builder *b, rf_feature src, const char *prefix,
                                const rf_conv_spec *spec)
{
    const rf_feature x = rf_build_conv_bn(b, src, prefix, spec);
    return rf_build_relu6(b, x, rf_build_name(b, "%s.relu6", prefix));
}

static rf_feature inverted_residual(rf_builder *b, rf_feature src, const char *prefix,
                                    int64_t expansion, int64_t channels, int64_t stride)
{
    const int64_t hidden = src.c * expansion;
    const rf_conv_spec expand = { hidden, 1, 1, 1, 1 };
    const rf_conv_spec depthwise = { hidden, 3, 3, stride, hidden };
    const rf_conv_spec project = { channels, 1, 1, 1, 1 };
    rf_feature x = src;
    if (expansion != 1)
        x = conv_bn_relu6(b, x, rf_build_name(b, "%s.expand", prefix), &expand);
    x = conv_bn_relu6(b, x, rf_build_name(b, "%s.depthwise", prefix), &depthwise);
    x = rf_build_conv_bn(b, x, rf_build_name(b, "%s.project", prefix), &project);
    if (stride == 1 && src.c == channels)
        x = rf_build_add(b, x, src, rf_build_name(b, "%s.add", prefix));
    return x;
}

/* The last layer keeps 1280 channels in narrow networks, but not in those for small images, which it would dominate. */
static int64_t last_channels(const rf_builder *b, bool small)
{
    return b->width < 1.0 && !small ? 1280 : rf_scaled_channels(b, 1280);
}

/*
 * For small images the stem keeps the size, and so do the last groups where the map would shrink below 4x4. The early
 * halvings stay: wide expansions on the full image are where such a network spends its time.
 */
void rf_zoo_mobilenet_v2(rf_builder *b, rf_feature input)
{
    const int dropped = rf_dropped_halvings(&input, 5);
    const bool small = dropped > 0;
    int halvings = small ? 5 - dropped : 4; /* those behind the stem; the last groups go without */
    const rf_conv_spec stem = { rf_scaled_channels(b, 32), 3, 3, small ? 1 : 2, 1 };
    const rf_conv_spec last = { last_channels(b, small), 1, 1, 1, 1 };
    rf_feature x = conv_bn_relu6(b, input, "features.0", &stem);
    int index = 1;
    for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++) {
        const bool keeps_size = groups[i].stride == 1 || halvings-- <= 0;
        for (int k = 0; k < groups[i].repeats; k++)
            x = inverted_residual(b, x, rf_build_name(b, "features.%d", index++),
                                  groups[i].expansion, rf_scaled_channels(b, groups[i].channels),
                                  keeps_size || k ? 1 : 2);
    }
    x = conv_bn_relu6(b, x, rf_build_name(b, "features.%d", index), &last);
    rf_build_head(b, x, "classifier");
}
