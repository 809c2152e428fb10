/* --input-layout for arrays: channels last to channels first, and back. */
#include "array_layout.h"

#include <string.h>

#include "commands.h"

/* Where the array's dim `d` stands in the port, channels last or not. */
static bool fits(const rf_port *port, const rf_tensor *t, bool channels_last)
{
    const int rank = rf_tensor_rank(t);
    const int64_t *dims = rf_tensor_dims(t);
    if (port->rank != rank)
        return false;
    for (int d = 1; d < rank; d++) {
        const int at = !channels_last ? d : d == rank - 1 ? 1 : d + 1;
        if (port->dims[at] >= 0 && port->dims[at] != dims[d])
            return false;
    }
    return true;
}

static bool lies_channels_last(const cli_session *s, const rf_port *port, const rf_tensor *t)
{
    const char *layout = s->options->input_layout;
    if (layout)
        return strcmp(layout, "nhwc") == 0;
    return port->channels_last && (fits(port, t, true) || !fits(port, t, false));
}

/* The dim at `from` goes to `to`; those between move by one. */
static int move_dim(cli_session *s, rf_tensor **tensor, int from, int to)
{
    const int rank = rf_tensor_rank(*tensor);
    const int64_t *dims = rf_tensor_dims(*tensor), channels = dims[from];
    int64_t moved[RF_MAX_RANK], inner = 1;
    for (int d = 0, k = 0; d < rank; d++) {
        if (k == from)
            k++;
        moved[d] = d == to ? channels : dims[k++];
    }
    for (int d = 1; d < rank; d++)
        inner *= d == from ? 1 : dims[d];
    rf_tensor *turned = NULL;
    const rf_status st = rf_tensor_new(s->ctx, RF_DTYPE_F32, rank, moved, &turned);
    if (st)
        return cli_fail(s, st);
    const int64_t in_channel = from == 1 ? inner : 1, in_pixel = from == 1 ? 1 : channels;
    const int64_t to_channel = to == 1 ? inner : 1, to_pixel = to == 1 ? 1 : channels;
    for (int64_t n = 0; n < dims[0]; n++) {
        const float *src = (const float *)rf_tensor_const_data(*tensor) + n * channels * inner;
        float *dst = (float *)rf_tensor_data(turned) + n * channels * inner;
        for (int64_t c = 0; c < channels; c++)
            for (int64_t i = 0; i < inner; i++)
                dst[c * to_channel + i * to_pixel] = src[c * in_channel + i * in_pixel];
    }
    rf_tensor_free(*tensor);
    *tensor = turned;
    return 0;
}

int cli_array_to_model(cli_session *s, const rf_port *port, rf_tensor **tensor)
{
    const int rank = rf_tensor_rank(*tensor);
    if (rank < 3 || !lies_channels_last(s, port, *tensor))
        return 0;
    if (rf_tensor_dtype(*tensor) != RF_DTYPE_F32)
        return cli_error(s, CLI_EXIT_DATA, "--input holds %s, expected float32",
                         rf_dtype_name(rf_tensor_dtype(*tensor)));
    s->channels_last = true;
    return move_dim(s, tensor, rank - 1, 1);
}

int cli_array_to_user(cli_session *s, const rf_port *port, rf_tensor **tensor)
{
    const int rank = rf_tensor_rank(*tensor);
    if (!s->channels_last || !port->channels_last || rank < 3 ||
        rf_tensor_dtype(*tensor) != RF_DTYPE_F32)
        return 0;
    return move_dim(s, tensor, 1, rank - 1);
}
