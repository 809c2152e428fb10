/*
 * A Keras model as its JSON tells it: layers in models in models, and who calls whom. Sequential models become
 * chains of calls, so that everything behind the parser knows one form.
 * Source: what Keras 2.0 to 2.15 and Keras 3 write; the forms differ, the parser takes all of them.
 */
#ifndef RF_FORMATS_KERAS_MODEL_H
#define RF_FORMATS_KERAS_MODEL_H

#include <jansson.h>

#include "base/arena.h"
#include "base/map.h"
#include "base/vec.h"
#include "formats/net.h"

typedef struct rf_keras_layer rf_keras_layer;
typedef struct rf_keras_model rf_keras_model;

/* A tensor that a layer made in one of its calls. */
typedef struct rf_keras_ref {
    rf_keras_layer *layer;
    int call, tensor;
} rf_keras_ref;
typedef RF_VEC(rf_keras_ref) rf_keras_refs;

/* One use of a layer in its model. */
typedef struct rf_keras_call {
    rf_keras_layer *layer;
    int number;          /* among all calls of the model */
    rf_keras_refs refs;  /* tensors it takes, in the order of the arguments */
    const json_t *entry; /* of inbound_nodes; NULL in Sequential models */
} rf_keras_call;

struct rf_keras_layer {
    const char *name;       /* the user's */
    const char *path;       /* as the graph calls it: the name, or outer/name where that is taken */
    const char *class_name; /* "Conv2D" */
    const char *module;     /* of operations in Keras 3 and custom classes, or "" */
    const json_t *config;
    rf_keras_model *model; /* a nested one, or NULL */
    RF_VEC(rf_keras_call *) calls;
    int first_call; /* what references count from: nested models have a call of their own, in some versions */
    int built;                    /* how often it stands in the graph */
    RF_VEC(const char *) weights; /* paths of its arrays, in the order of Keras */
    rf_net_tensor *loaded;        /* [weights.count], those that were read */
};

struct rf_keras_model {
    const char *name;
    RF_VEC(rf_keras_layer *) layers;
    rf_map by_name;
    int call_count;
    rf_keras_refs inputs, outputs;
};

/* The whole document. */
typedef struct rf_keras {
    rf_context *ctx;
    rf_arena arena;
    json_t *json;
    rf_keras_model *model;
    RF_VEC(rf_keras_model *) models; /* all, for their release */
    rf_map paths;                    /* of layers, which become names of nodes */
    int layer_count;
    bool keras3;              /* some defaults differ */
    const char *input_shapes; /* "1x28x28x1" or "NAME=1x28x28x1,..."; NULL: the file's */
} rf_keras;

/* RF_EMODEL. Released in any case by rf_keras_release. */
rf_status rf_keras_parse(rf_keras *k, rf_context *ctx, const char *text, size_t size);
void rf_keras_release(rf_keras *k);

/* --- config; a layer's words. Absent keys give the fallback, wrong types the failure of the net. --- */
const json_t *rf_keras_get(const rf_keras_layer *l, const char *key);
bool rf_keras_bool(const rf_keras_layer *l, const char *key, bool fallback);
double rf_keras_real(rf_net *net, const rf_keras_layer *l, const char *key, double fallback);
int64_t rf_keras_int(rf_net *net, const rf_keras_layer *l, const char *key, int64_t fallback);
const char *rf_keras_text(const rf_keras_layer *l, const char *key, const char *fallback);
/* `count` whole numbers; a single one stands for all. */
void rf_keras_ints(rf_net *net, const rf_keras_layer *l, const char *key, int count,
                   int64_t fallback, int64_t *out);
/* Pairs: [[a, b], ...], or [a, ...] or a for a = b. Absent: fallback. */
void rf_keras_pairs(rf_net *net, const rf_keras_layer *l, const char *key, int count,
                    int64_t fallback, int64_t (*out)[2]);
bool rf_keras_channels_first(const rf_keras_layer *l);
/* batch_input_shape, batch_shape or shape of the config; false where there is none. */
bool rf_keras_input_shape(const rf_keras_layer *l, rf_shape *out);

#endif
