/* DS-CNN for keyword spotting (Zhang et al. 2017, arXiv 1711.07128), small model, as MLPerf Tiny runs it. */
#include "zoo/builder.h"

enum { BLOCKS = 4, CHANNELS = 64 };

static rf_feature conv_bn_relu(rf_builder *b, rf_feature src, const char *prefix,
                               const rf_conv_spec *spec)
{
    const rf_feature x = rf_build_conv_bn(b, src, prefix, spec);
    return rf_build_relu(b, x, rf_build_name(b, "%s.relu", prefix));
}

void rf_zoo_ds_cnn(rf_builder *b, rf_feature input)
{
    const int64_t channels = rf_scaled_channels(b, CHANNELS);
    const rf_conv_spec stem = { channels, 10, 4, 2, 1 };
    const rf_conv_spec depthwise = { channels, 3, 3, 1, channels };
    const rf_conv_spec pointwise = { channels, 1, 1, 1, 1 };
    rf_feature x = conv_bn_relu(b, input, "features.0", &stem);
    for (int i = 1; i <= BLOCKS; i++) {
        x = conv_bn_relu(b, x, rf_build_name(b, "features.%d.depthwise", i), &depthwise);
        x = conv_bn_relu(b, x, rf_build_name(b, "features.%d.pointwise", i), &pointwise);
    }
    rf_build_head(b, x, "classifier");
}
