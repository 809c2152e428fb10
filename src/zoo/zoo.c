/* The public zoo: names, defaults, and the way from a name to an untrained network. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/status.h"
#include "zoo/builder.h"

enum { OPSET = 13, MOST_CHANNELS = 64, LARGEST_SIDE = 4096, MOST_CLASSES = 1000000 };
static const double widest = 16.0;

/* One list: the networks and, beside each, its own input and classes. */
#define ZOO_MAP(X)                                                                                 \
    X(resnet20, 3, 32, 32, 10)                                                                     \
    X(resnet18, 3, 224, 224, 1000)                                                                 \
    X(mobilenet_v1, 3, 224, 224, 1000)                                                             \
    X(mobilenet_v2, 3, 224, 224, 1000)                                                             \
    X(ds_cnn, 1, 49, 10, 12)

typedef struct network {
    const char *name;
    void (*build)(rf_builder *b, rf_feature input);
    int64_t channels, height, width, classes;
} network;

static const network networks[] = {
#define ZOO_NETWORK(name, c, h, w, classes) { #name, rf_zoo_##name, c, h, w, classes },
    ZOO_MAP(ZOO_NETWORK)
#undef ZOO_NETWORK
};

const char *const *rf_zoo_names(void)
{
    static const char *const names[] = {
#define ZOO_NAME(name, c, h, w, classes) #name,
        ZOO_MAP(ZOO_NAME)
#undef ZOO_NAME
            NULL,
    };
    return names;
}

static rf_status fail_unknown(rf_context *ctx, const char *name)
{
    return rf_fail(ctx, RF_EARG,
                   "no network is called '%.60s'; there are"
#define ZOO_TEXT(name, c, h, w, classes) " " #name
                   ZOO_MAP(ZOO_TEXT)
#undef ZOO_TEXT
                       ,
                   name);
}

static rf_status check_range(rf_context *ctx, const char *what, int64_t value, int64_t most)
{
    if (value >= 1 && value <= most)
        return RF_OK;
    return rf_fail(ctx, RF_EARG, "%s is %lld; expected 1 to %lld", what, (long long)value,
                   (long long)most);
}

static int64_t or_default(int64_t value, int64_t fallback)
{
    return value ? value : fallback;
}

static rf_status complete(rf_context *ctx, const network *net, rf_zoo_options *o)
{
    o->width = o->width != 0.0 ? o->width : 1.0;
    o->channels = or_default(o->channels, net->channels);
    o->height = or_default(o->height, net->height);
    o->width_px = or_default(o->width_px, net->width);
    o->classes = or_default(o->classes, net->classes);
    if (!(o->width > 0.0 && o->width <= widest))
        return rf_fail(ctx, RF_EARG, "the width multiplier is %g; expected more than 0, at most %g",
                       o->width, widest);
    RF_TRY(check_range(ctx, "the number of input channels", o->channels, MOST_CHANNELS));
    RF_TRY(check_range(ctx, "the input height", o->height, LARGEST_SIDE));
    RF_TRY(check_range(ctx, "the input width", o->width_px, LARGEST_SIDE));
    return check_range(ctx, "the number of classes", o->classes, MOST_CLASSES);
}

static rf_status build(const network *net, const rf_zoo_options *o, rf_graph *g)
{
    rf_builder b = { .g = g, .width = o->width, .classes = o->classes };
    rf_rng_init(&b.rng, rf_context_seed(g->ctx), 0);
    RF_TRY(rf_graph_set_opset(g, "", OPSET));
    const rf_feature input = rf_build_input(&b, o->channels, o->height, o->width_px);
    net->build(&b, input);
    return b.st ? b.st : rf_graph_check(g);
}

static const network *find_network(const char *name)
{
    for (size_t i = 0; i < sizeof networks / sizeof networks[0]; i++)
        if (strcmp(networks[i].name, name) == 0)
            return &networks[i];
    return NULL;
}

rf_status rf_zoo_new(rf_context *ctx, const char *name, const rf_zoo_options *options,
                     rf_graph **out)
{
    rf_zoo_options o = RF_ZOO_OPTIONS_INIT;
    const network *net = find_network(name);
    rf_graph *g = NULL;
    if (!net)
        return fail_unknown(ctx, name);
    if (options)
        o = *options;
    RF_TRY(complete(ctx, net, &o));
    RF_TRY(rf_graph_new(ctx, name, &g));
    const rf_status st = build(net, &o, g);
    if (st) {
        rf_graph_free(g);
        return st;
    }
    *out = g;
    return RF_OK;
}
