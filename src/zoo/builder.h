/*
 * Building blocks of networks. A builder carries the first failure: after it every block does nothing, so that a
 * network reads as a list of its layers and is checked once, at the end.
 */
#ifndef RF_ZOO_BUILDER_H
#define RF_ZOO_BUILDER_H

#include "base/rng.h"
#include "graph/graph.h"

typedef struct rf_builder {
    rf_graph *g;
    rf_rng rng;
    rf_status st;
    double width; /* channel multiplier */
    int64_t classes;
} rf_builder;

/* A feature map between layers: [batch, c, h, w]. */
typedef struct rf_feature {
    rf_value *value; /* NULL after a failure */
    int64_t c, h, w;
} rf_feature;

typedef struct rf_conv_spec {
    int64_t channels; /* output */
    int64_t kernel_h, kernel_w;
    int64_t stride; /* of both axes */
    int64_t groups;
} rf_conv_spec;

/* c * width, to the next multiple of 8, at least 8, and not below nine tenths. Source: MobileNet's reference code. */
int64_t rf_scaled_channels(const rf_builder *b, int64_t c);
/* How many of a network's `halvings` an input of at most 64 pixels leaves out, so that 4 x 4 pixels remain; else 0. */
int rf_dropped_halvings(const rf_feature *input, int halvings);

rf_feature rf_build_input(rf_builder *b, int64_t c, int64_t h, int64_t w);
/* Padded so that stride 1 keeps the size ("same"; an odd pixel goes to the end). Node `name`, weight `name`.weight. */
rf_feature rf_build_conv(rf_builder *b, rf_feature src, const char *name, const rf_conv_spec *spec);
rf_feature rf_build_bn(rf_builder *b, rf_feature src, const char *name);
rf_feature rf_build_relu(rf_builder *b, rf_feature src, const char *name);
rf_feature rf_build_relu6(rf_builder *b, rf_feature src, const char *name);
rf_feature rf_build_add(rf_builder *b, rf_feature left, rf_feature right, const char *name);
rf_feature rf_build_max_pool(rf_builder *b, rf_feature src, const char *name); /* 3 x 3, stride 2 */
/* `prefix`.conv and `prefix`.bn */
rf_feature rf_build_conv_bn(rf_builder *b, rf_feature src, const char *prefix,
                            const rf_conv_spec *spec);
/* Global average pooling, flattening, and the linear layer `name` that makes the logits. */
void rf_build_head(rf_builder *b, rf_feature src, const char *name);

/* "a.b.c" from parts in the graph's arena; never NULL. */
const char *rf_build_name(rf_builder *b, const char *format, ...) RF_PRINTF(2, 3);

/* --- networks --- */
void rf_zoo_resnet20(rf_builder *b, rf_feature input);
void rf_zoo_resnet18(rf_builder *b, rf_feature input);
void rf_zoo_mobilenet_v1(rf_builder *b, rf_feature input);
void rf_zoo_mobilenet_v2(rf_builder *b, rf_feature input);
void rf_zoo_ds_cnn(rf_builder *b, rf_feature input);

#endif
