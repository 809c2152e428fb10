/* --input-layout nhwc for infer: channels last to channels first. */
#include "array_layout.h"

#include "commands.h"

int cli_channels_first(cli_session *s, rf_tensor **tensor)
{
    const int rank = rf_tensor_rank(*tensor);
    const int64_t *from = rf_tensor_dims(*tensor);
    int64_t dims[RF_MAX_RANK], inner = 1;
    if (rank < 3)
        return 0;
    if (rf_tensor_dtype(*tensor) != RF_DTYPE_F32)
        return cli_error(s, CLI_EXIT_DATA, "--input holds %s, expected float32",
                         rf_dtype_name(rf_tensor_dtype(*tensor)));
    dims[0] = from[0];
    dims[1] = from[rank - 1];
    for (int d = 1; d < rank - 1; d++) {
        dims[d + 1] = from[d];
        inner *= from[d];
    }
    rf_tensor *turned = NULL;
    const rf_status st = rf_tensor_new(s->ctx, RF_DTYPE_F32, rank, dims, &turned);
    if (st)
        return cli_fail(s, st);
    const float *src = rf_tensor_const_data(*tensor);
    float *dst = rf_tensor_data(turned);
    for (int64_t n = 0; n < dims[0]; n++) {
        for (int64_t c = 0; c < dims[1]; c++) {
            for (int64_t i = 0; i < inner; i++)
                *dst++ = src[(n * inner + i) * dims[1] + c];
        }
    }
    rf_tensor_free(*tensor);
    *tensor = turned;
    return 0;
}
