/* The table of Keras' layer classes, and what is said of those that are not in it. */
#include <ctype.h>
#include <string.h>

#include "formats/keras_build.h"

#define MANY 4096 /* inputs */

static const rf_keras_class classes[] = {
    { "Conv1D", 1, rf_keras_conv, rf_keras_kernel_names, NULL, 1 },
    { "Conv2D", 1, rf_keras_conv, rf_keras_kernel_names, NULL, 2 },
    { "Conv3D", 1, rf_keras_conv, rf_keras_kernel_names, NULL, 3 },
    { "Convolution1D", 1, rf_keras_conv, rf_keras_kernel_names, NULL, 1 },
    { "Convolution2D", 1, rf_keras_conv, rf_keras_kernel_names, NULL, 2 },
    { "DepthwiseConv1D", 1, rf_keras_depthwise, rf_keras_depthwise_names, NULL, 1 },
    { "DepthwiseConv2D", 1, rf_keras_depthwise, rf_keras_depthwise_names, NULL, 2 },
    { "SeparableConv1D", 1, rf_keras_separable, rf_keras_separable_names, NULL, 1 },
    { "SeparableConv2D", 1, rf_keras_separable, rf_keras_separable_names, NULL, 2 },
    { "Conv1DTranspose", 1, rf_keras_conv_transpose, rf_keras_kernel_names, NULL, 1 },
    { "Conv2DTranspose", 1, rf_keras_conv_transpose, rf_keras_kernel_names, NULL, 2 },
    { "Conv3DTranspose", 1, rf_keras_conv_transpose, rf_keras_kernel_names, NULL, 3 },
    { "Dense", 1, rf_keras_dense, rf_keras_kernel_names, NULL, 0 },

    { "BatchNormalization", 1, rf_keras_batch_norm, rf_keras_batch_norm_names, NULL, 0 },
    { "BatchNormalizationV1", 1, rf_keras_batch_norm, rf_keras_batch_norm_names, NULL, 0 },
    { "SyncBatchNormalization", 1, rf_keras_batch_norm, rf_keras_batch_norm_names, NULL, 0 },
    { "Rescaling", 1, rf_keras_rescaling, NULL, NULL, 0 },
    { "Normalization", 1, rf_keras_normalization, rf_keras_normalization_names, NULL, 0 },

    { "Activation", 1, rf_keras_activation_layer, NULL, NULL, 0 },
    { "ReLU", 1, rf_keras_relu, NULL, NULL, 0 },
    { "ThresholdedReLU", 1, rf_keras_thresholded_relu, NULL, NULL, 0 },
    { "LeakyReLU", 1, rf_keras_leaky_relu, NULL, NULL, 0 },
    { "ELU", 1, rf_keras_elu, NULL, NULL, 0 },
    { "PReLU", 1, rf_keras_prelu, rf_keras_prelu_names, NULL, 0 },
    { "Softmax", 1, rf_keras_softmax, NULL, NULL, 0 },

    { "MaxPooling1D", 1, rf_keras_pool, NULL, "MaxPool", 1 },
    { "MaxPooling2D", 1, rf_keras_pool, NULL, "MaxPool", 2 },
    { "MaxPooling3D", 1, rf_keras_pool, NULL, "MaxPool", 3 },
    { "AveragePooling1D", 1, rf_keras_pool, NULL, "AveragePool", 1 },
    { "AveragePooling2D", 1, rf_keras_pool, NULL, "AveragePool", 2 },
    { "AveragePooling3D", 1, rf_keras_pool, NULL, "AveragePool", 3 },
    { "GlobalMaxPooling1D", 1, rf_keras_global_pool, NULL, "ReduceMax", 1 },
    { "GlobalMaxPooling2D", 1, rf_keras_global_pool, NULL, "ReduceMax", 2 },
    { "GlobalMaxPooling3D", 1, rf_keras_global_pool, NULL, "ReduceMax", 3 },
    { "GlobalAveragePooling1D", 1, rf_keras_global_pool, NULL, "ReduceMean", 1 },
    { "GlobalAveragePooling2D", 1, rf_keras_global_pool, NULL, "ReduceMean", 2 },
    { "GlobalAveragePooling3D", 1, rf_keras_global_pool, NULL, "ReduceMean", 3 },
    { "ZeroPadding1D", 1, rf_keras_zero_padding, NULL, NULL, 1 },
    { "ZeroPadding2D", 1, rf_keras_zero_padding, NULL, NULL, 2 },
    { "ZeroPadding3D", 1, rf_keras_zero_padding, NULL, NULL, 3 },
    { "Cropping1D", 1, rf_keras_cropping, NULL, NULL, 1 },
    { "Cropping2D", 1, rf_keras_cropping, NULL, NULL, 2 },
    { "Cropping3D", 1, rf_keras_cropping, NULL, NULL, 3 },
    { "UpSampling1D", 1, rf_keras_up_sampling, NULL, NULL, 1 },
    { "UpSampling2D", 1, rf_keras_up_sampling, NULL, NULL, 2 },
    { "UpSampling3D", 1, rf_keras_up_sampling, NULL, NULL, 3 },

    { "Flatten", 1, rf_keras_flatten, NULL, NULL, 0 },
    { "Reshape", 1, rf_keras_reshape, NULL, NULL, 0 },
    { "Permute", 1, rf_keras_permute, NULL, NULL, 0 },
    { "RepeatVector", 1, rf_keras_repeat, NULL, NULL, 0 },

    /* for training alone */
    { "Dropout", 1, rf_keras_nothing, NULL, NULL, 0 },
    { "SpatialDropout1D", 1, rf_keras_nothing, NULL, NULL, 0 },
    { "SpatialDropout2D", 1, rf_keras_nothing, NULL, NULL, 0 },
    { "SpatialDropout3D", 1, rf_keras_nothing, NULL, NULL, 0 },
    { "AlphaDropout", 1, rf_keras_nothing, NULL, NULL, 0 },
    { "GaussianDropout", 1, rf_keras_nothing, NULL, NULL, 0 },
    { "GaussianNoise", 1, rf_keras_nothing, NULL, NULL, 0 },
    { "ActivityRegularization", 1, rf_keras_nothing, NULL, NULL, 0 },
    { "Identity", 1, rf_keras_nothing, NULL, NULL, 0 },
    { "RandomFlip", 1, rf_keras_nothing, NULL, NULL, 0 },
    { "RandomRotation", 1, rf_keras_nothing, NULL, NULL, 0 },
    { "RandomZoom", 1, rf_keras_nothing, NULL, NULL, 0 },
    { "RandomTranslation", 1, rf_keras_nothing, NULL, NULL, 0 },
    { "RandomContrast", 1, rf_keras_nothing, NULL, NULL, 0 },
    { "RandomBrightness", 1, rf_keras_nothing, NULL, NULL, 0 },

    { "Add", MANY, rf_keras_merge, NULL, "Add", 0 },
    { "Subtract", 2, rf_keras_merge, NULL, "Sub", 0 },
    { "Multiply", MANY, rf_keras_merge, NULL, "Mul", 0 },
    { "Maximum", MANY, rf_keras_merge, NULL, "Max", 0 },
    { "Minimum", MANY, rf_keras_merge, NULL, "Min", 0 },
    { "Average", MANY, rf_keras_average, NULL, NULL, 0 },
    { "Concatenate", MANY, rf_keras_concatenate, NULL, NULL, 0 },
    { "TFOpLambda", MANY, rf_keras_operation, NULL, NULL, 0 },
};

const rf_keras_class *rf_keras_class_by_name(const char *class_name)
{
    for (size_t i = 0; i < sizeof classes / sizeof classes[0]; i++)
        if (strcmp(classes[i].name, class_name) == 0)
            return &classes[i];
    return NULL;
}

/* Keras 3 writes where a class comes from; a custom class may be called as one of Keras'. */
static bool is_custom(const rf_keras_layer *l)
{
    return *l->module && strncmp(l->module, "keras", 5) != 0 &&
           strncmp(l->module, "tf_keras", 8) != 0 && strncmp(l->module, "tensorflow", 10) != 0;
}

static bool is_operation(const rf_keras_layer *l)
{
    return strstr(l->module, ".ops") != NULL;
}

const rf_keras_class *rf_keras_find_class(const rf_keras_layer *l)
{
    if (is_operation(l))
        return rf_keras_class_by_name("TFOpLambda");
    return is_custom(l) ? NULL : rf_keras_class_by_name(l->class_name);
}

/* --- refusals --- */

typedef struct refusal {
    const char *class_name, *reason;
} refusal;

#define RECURRENT                                                                                  \
    "it is recurrent, and refold quantizes feed-forward networks; split the model before it"

static const refusal refusals[] = {
    { "Lambda", "its function is Python code; replace it by Keras layers, load the weights into "
                "that model and save it" },
    { "TimeDistributed", "refold does not read it; put the layer on (batch * steps) between two "
                         "Reshape layers, or use the Conv or Dense that does the same" },
    { "LSTM", RECURRENT },
    { "GRU", RECURRENT },
    { "SimpleRNN", RECURRENT },
    { "RNN", RECURRENT },
    { "CuDNNLSTM", RECURRENT },
    { "CuDNNGRU", RECURRENT },
    { "ConvLSTM1D", RECURRENT },
    { "ConvLSTM2D", RECURRENT },
    { "ConvLSTM3D", RECURRENT },
    { "Bidirectional", RECURRENT },
    { "Embedding", "it looks words up by number; give the model its output as the input" },
    { "Masking", "masks are for recurrent layers, which refold does not have; remove it" },
};

const char *rf_keras_refusal(const rf_keras_layer *l)
{
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++)
        if (strcmp(refusals[i].class_name, l->class_name) == 0)
            return refusals[i].reason;
    const bool qkeras = strstr(l->module, "qkeras") || strncmp(l->class_name, "Quantize", 8) == 0 ||
                        (l->class_name[0] == 'Q' && isupper((unsigned char)l->class_name[1]));
    if (qkeras)
        return "it quantizes by itself (QKeras, tensorflow_model_optimization); refold starts from "
               "the float model: rebuild it with the plain Keras layer and load the weights";
    if (is_custom(l))
        return "it is a class of its own, whose computation only Python knows; rebuild the model "
               "with Keras' layers and load the weights into that";
    return "refold does not read this class; replace it by layers of docs/KERAS.md and load the "
           "weights into that model";
}
