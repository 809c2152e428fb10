/* A network's weights back into a copy of the Keras file that it was read from. */
#ifndef RF_FORMATS_KERAS_WRITE_H
#define RF_FORMATS_KERAS_WRITE_H

#include "formats/keras.h"

typedef struct rf_keras_written {
    void *bytes; /* of the new file: HDF5, or zip where the template is one; freed with rf_free */
    size_t size;
    char *json; /* a JSON architecture that had to change; NULL: none. Freed with rf_free */
    int layers, identities, biases_added;
} rf_keras_written;

/*
 * `g`: the network under its own names, without quantizers. A BatchNormalization that is no longer in it becomes the
 * identity; a layer that got a bias says use_bias in the new file. RF_EMODEL names the layer that does not fit the
 * template; RF_EREFUSED what the file has no place for.
 */
rf_status rf_keras_write(const rf_graph *g, const rf_keras_source *template_file,
                         rf_keras_written *out);

#endif
