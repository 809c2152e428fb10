/* Files of Debian's libonnx-testdata: a folder a model, with inputs and outputs beside it. */
#ifndef RF_TESTS_ONNX_TESTDATA_H
#define RF_TESTS_ONNX_TESTDATA_H

#include <onnx.pb-c.h>

#include "base/context.h"
#include "base/file.h"
#include "formats/onnx.h"
#include "formats/onnx_parts.h"
#include "testing.h"

#define ONNX_TESTDATA "/usr/share/libonnx-testdata/data"
#define ONNX_TOLERANCE 1e-3 /* of ONNX's own runner, relative */

/* Element-wise agreement as ONNX's own runner has it. */
static inline bool onnx_close(double found, double expected)
{
    return found == expected || (isnan(found) && isnan(expected)) ||
           fabs(found - expected) <= ONNX_TOLERANCE * fabs(expected) + 1e-6;
}

/* "input" or "output" i of a set; NULL: there is none, or it is no tensor that refold holds. */
static inline rf_tensor *onnx_load_data(rf_context *ctx, const char *folder, int set,
                                        const char *kind, int i)
{
    char path[512];
    void *bytes = NULL;
    size_t size = 0;
    rf_tensor *t = NULL;
    snprintf(path, sizeof path, ONNX_TESTDATA "/%s/test_data_set_%d/%s_%d.pb", folder, set, kind,
             i);
    if (rf_file_read(ctx, path, &bytes, &size) != RF_OK)
        return NULL;
    Onnx__TensorProto *proto = onnx__tensor_proto__unpack(NULL, size, bytes);
    const rf_onnx_source source = { .ctx = ctx };
    if (proto && rf_onnx_decode_tensor(&source, proto, "data", &t) != RF_OK)
        t = NULL;
    if (proto)
        onnx__tensor_proto__free_unpacked(proto, NULL);
    rf_free(ctx, bytes);
    return t;
}

#endif
