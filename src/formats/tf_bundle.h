/* The variables of a SavedModel: variables.index and its data shards. */
#ifndef RF_FORMATS_TF_BUNDLE_H
#define RF_FORMATS_TF_BUNDLE_H

#include "base/arena.h"
#include "base/map.h"
#include "tensor/tensor.h"

typedef struct rf_tf_bundle {
    rf_context *ctx;
    rf_arena arena;
    const char *prefix; /* "FOLDER/variables/variables" */
    int shards;
    rf_map entries; /* key -> entry */
} rf_tf_bundle;

/* A bundle without files: no key is found. */
void rf_tf_bundle_init(rf_tf_bundle *b, rf_context *ctx);
rf_status rf_tf_bundle_open(rf_tf_bundle *b, const char *prefix);
/* The same from the bytes of the index. */
rf_status rf_tf_bundle_decode(rf_tf_bundle *b, const uint8_t *bytes, size_t size, const char *name);
void rf_tf_bundle_release(rf_tf_bundle *b);
bool rf_tf_bundle_has(const rf_tf_bundle *b, const char *key);
rf_status rf_tf_bundle_read(const rf_tf_bundle *b, const char *key, rf_tensor **out);

#endif
