/* Keras layers -> nodes: what the builders of layers share, and the table of classes. */
#ifndef RF_FORMATS_KERAS_BUILD_H
#define RF_FORMATS_KERAS_BUILD_H

#include "formats/hdf5_file.h"
#include "formats/keras_model.h"

enum { RF_KERAS_MAX_WEIGHTS = 6 };

typedef struct rf_keras_builder {
    rf_net net;
    rf_keras *k;
    rf_h5 *weights;
    const rf_keras_call
        *call;        /* that is being built; its entry holds the arguments of operations */
    const char *node; /* what the layer's node is called in this call */
    int built;        /* calls so far */
    bool keras3;
} rf_keras_builder;

/* Tensors in, a tensor out. The layer's own node carries b->node. */
typedef rf_net_tensor (*rf_keras_build)(rf_keras_builder *b, rf_keras_layer *l,
                                        const rf_net_tensor *in, int count);
/* Names of the weights that the config asks for, in Keras' order; how many. */
typedef int (*rf_keras_weight_names)(const rf_keras_layer *l,
                                     const char *names[RF_KERAS_MAX_WEIGHTS]);

typedef struct rf_keras_class {
    const char *name;
    int most_inputs;
    rf_keras_build build;
    rf_keras_weight_names weights; /* NULL: none */
    const char *words; /* for a builder of several classes: the operator, or the activation */
    int spatial;       /* dims of a window; 0 where it has none */
} rf_keras_class;

/* NULL: unknown. */
const rf_keras_class *rf_keras_find_class(const rf_keras_layer *l);
const rf_keras_class *rf_keras_class_by_name(const char *class_name);
/* Why a class that is not in the table is refused, and what to do. */
const char *rf_keras_refusal(const rf_keras_layer *l);

/* "NODE" and "NODE/part:0", as Keras names what a layer makes. */
rf_net_name rf_keras_name(rf_keras_builder *b, const char *part);
/* "NODE/step" and "NODE/step:0", for what a layer makes on the way. */
rf_net_name rf_keras_step(rf_keras_builder *b, const char *step);
/* Weight `index` of a layer, read once: "path/what:0". */
rf_net_tensor rf_keras_weight(rf_keras_builder *b, rf_keras_layer *l, int index, const char *what);
/* The config's "activation" behind a layer whose node is done. */
rf_net_tensor rf_keras_activate(rf_keras_builder *b, rf_keras_layer *l, rf_net_tensor x);
/* The activation `name` as the whole of a layer, or as its last step (named after what it does). */
rf_net_tensor rf_keras_activation(rf_keras_builder *b, const char *name, rf_net_tensor x,
                                  bool whole);
/* The same tensor with channels first, for data whose channels Keras has last. */
rf_net_tensor rf_keras_turned(rf_keras_builder *b, rf_net_tensor x);

/* --- the builders, by file --- */
rf_net_tensor rf_keras_conv(rf_keras_builder *, rf_keras_layer *, const rf_net_tensor *, int);
rf_net_tensor rf_keras_depthwise(rf_keras_builder *, rf_keras_layer *, const rf_net_tensor *, int);
rf_net_tensor rf_keras_separable(rf_keras_builder *, rf_keras_layer *, const rf_net_tensor *, int);
rf_net_tensor rf_keras_conv_transpose(rf_keras_builder *, rf_keras_layer *, const rf_net_tensor *,
                                      int);
rf_net_tensor rf_keras_dense(rf_keras_builder *, rf_keras_layer *, const rf_net_tensor *, int);
int rf_keras_kernel_names(const rf_keras_layer *l, const char *names[]);
int rf_keras_depthwise_names(const rf_keras_layer *l, const char *names[]);
int rf_keras_separable_names(const rf_keras_layer *l, const char *names[]);

rf_net_tensor rf_keras_batch_norm(rf_keras_builder *, rf_keras_layer *, const rf_net_tensor *, int);
rf_net_tensor rf_keras_rescaling(rf_keras_builder *, rf_keras_layer *, const rf_net_tensor *, int);
rf_net_tensor rf_keras_normalization(rf_keras_builder *, rf_keras_layer *, const rf_net_tensor *,
                                     int);
int rf_keras_batch_norm_names(const rf_keras_layer *l, const char *names[]);
int rf_keras_normalization_names(const rf_keras_layer *l, const char *names[]);

rf_net_tensor rf_keras_relu(rf_keras_builder *, rf_keras_layer *, const rf_net_tensor *, int);
rf_net_tensor rf_keras_thresholded_relu(rf_keras_builder *, rf_keras_layer *, const rf_net_tensor *,
                                        int);
rf_net_tensor rf_keras_leaky_relu(rf_keras_builder *, rf_keras_layer *, const rf_net_tensor *, int);
rf_net_tensor rf_keras_elu(rf_keras_builder *, rf_keras_layer *, const rf_net_tensor *, int);
rf_net_tensor rf_keras_prelu(rf_keras_builder *, rf_keras_layer *, const rf_net_tensor *, int);
rf_net_tensor rf_keras_softmax(rf_keras_builder *, rf_keras_layer *, const rf_net_tensor *, int);
rf_net_tensor rf_keras_activation_layer(rf_keras_builder *, rf_keras_layer *, const rf_net_tensor *,
                                        int);
int rf_keras_prelu_names(const rf_keras_layer *l, const char *names[]);

rf_net_tensor rf_keras_pool(rf_keras_builder *, rf_keras_layer *, const rf_net_tensor *, int);
rf_net_tensor rf_keras_global_pool(rf_keras_builder *, rf_keras_layer *, const rf_net_tensor *,
                                   int);
rf_net_tensor rf_keras_zero_padding(rf_keras_builder *, rf_keras_layer *, const rf_net_tensor *,
                                    int);
rf_net_tensor rf_keras_cropping(rf_keras_builder *, rf_keras_layer *, const rf_net_tensor *, int);
rf_net_tensor rf_keras_up_sampling(rf_keras_builder *, rf_keras_layer *, const rf_net_tensor *,
                                   int);

rf_net_tensor rf_keras_flatten(rf_keras_builder *, rf_keras_layer *, const rf_net_tensor *, int);
rf_net_tensor rf_keras_reshape(rf_keras_builder *, rf_keras_layer *, const rf_net_tensor *, int);
rf_net_tensor rf_keras_permute(rf_keras_builder *, rf_keras_layer *, const rf_net_tensor *, int);
rf_net_tensor rf_keras_repeat(rf_keras_builder *, rf_keras_layer *, const rf_net_tensor *, int);
rf_net_tensor rf_keras_nothing(rf_keras_builder *, rf_keras_layer *, const rf_net_tensor *, int);

rf_net_tensor rf_keras_merge(rf_keras_builder *, rf_keras_layer *, const rf_net_tensor *, int);
rf_net_tensor rf_keras_average(rf_keras_builder *, rf_keras_layer *, const rf_net_tensor *, int);
rf_net_tensor rf_keras_concatenate(rf_keras_builder *, rf_keras_layer *, const rf_net_tensor *,
                                   int);
rf_net_tensor rf_keras_operation(rf_keras_builder *, rf_keras_layer *, const rf_net_tensor *, int);

/* --- the model --- */
/* Find the arrays of every layer; RF_EMODEL names the layer and what is missing. */
rf_status rf_keras_find_weights(rf_keras *k, rf_h5 *h5);
rf_status rf_keras_build_graph(rf_keras *k, rf_h5 *h5, rf_graph **out);

#endif
