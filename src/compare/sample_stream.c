/* Samples for both networks: a data set's in order and not augmented, or slices of arrays. */
#include <string.h>

#include "base/status.h"
#include "compare/compare.h"
#include "graph/ports.h"
#include "tensor/tensor.h"

static rf_status check_array(const rf_graph *g, int i, const rf_tensor *const *arrays)
{
    const rf_value *v = g->inputs.items[i];
    const rf_tensor *t = arrays[i];
    char found[RF_SHAPE_TEXT], declared[RF_SHAPE_TEXT];
    if (t->dtype != RF_DTYPE_F32 || t->shape.rank < 1)
        return rf_fail(g->ctx, RF_EDATA, "input '%s': found %s %s, expected float32 [n, ...]",
                       v->name, rf_dtype_name(t->dtype), rf_shape_text(&t->shape, found));
    if (t->shape.dims[0] != arrays[0]->shape.dims[0])
        return rf_fail(g->ctx, RF_EDATA, "input '%s' has %lld samples, the first input has %lld",
                       v->name, (long long)t->shape.dims[0], (long long)arrays[0]->shape.dims[0]);
    bool fits = v->shape.rank < 1 || v->shape.rank == t->shape.rank;
    for (int d = 1; fits && d < v->shape.rank; d++)
        fits = v->shape.dims[d] < 0 || v->shape.dims[d] == t->shape.dims[d];
    return fits ? RF_OK
                : rf_fail(g->ctx, RF_EDATA, "input '%s': found %s, the model takes %s", v->name,
                          rf_shape_text(&t->shape, found), rf_shape_text(&v->shape, declared));
}

static rf_status use_arrays(rf_stream *s, const rf_graph *g, const rf_tensor *const *arrays)
{
    for (int i = 0; i < s->count; i++) {
        RF_TRY(check_array(g, i, arrays));
        s->shapes[i] = rf_shape_of(arrays[i]->shape.rank - 1, arrays[i]->shape.dims + 1);
    }
    s->arrays = arrays;
    s->samples = s->count > 0 ? arrays[0]->shape.dims[0] : 0;
    return RF_OK;
}

static rf_status open_loader(rf_stream *s, const rf_graph *g, const rf_dataset *dataset)
{
    const char **names = NULL;
    rf_status st = RF_OK;
    RF_NEW_ARRAY(s->ctx, names, s->count + 1);
    for (int i = 0; st == RF_OK && i < s->count; i++) {
        names[i] = g->inputs.items[i]->name;
        st = rf_graph_sample_shape(g, i, &s->shapes[i]);
    }
    s->samples = rf_dataset_count(dataset);
    if (s->batch > s->samples && s->samples > 0 && !s->padded)
        s->batch = s->samples;
    const rf_loader_options o = {
        .batch = s->batch, .input_count = s->count, .input_names = names, .sample_shapes = s->shapes
    };
    if (st == RF_OK)
        st = rf_loader_new(s->ctx, dataset, &o, &s->loader);
    for (int i = 0; st == RF_OK && i < s->count; i++)
        s->shapes[i] = *rf_loader_sample_shape(s->loader, i);
    if (st == RF_OK)
        st = rf_loader_start(s->loader, 0, 0);
    rf_free(s->ctx, names);
    return st;
}

rf_status rf_stream_open(const rf_graph *g, const rf_compare_options *o, int64_t batch, bool padded,
                         rf_stream *out)
{
    *out = (rf_stream){
        .ctx = g->ctx, .batch = batch, .padded = padded, .count = (int)g->inputs.count
    };
    RF_NEW_ARRAY(out->ctx, out->shapes, out->count + 1);
    RF_NEW_ARRAY(out->ctx, out->now, out->count + 1);
    RF_TRY(o->dataset ? open_loader(out, g, o->dataset) : use_arrays(out, g, o->inputs));
    if (o->samples > 0 && o->samples < out->samples)
        out->samples = o->samples;
    return out->samples > 0 ? RF_OK
                            : rf_fail(g->ctx, RF_EDATA, "there are no samples to compare on");
}

/* Array `i` of this batch, [rows, sample...]. */
static rf_status size_array(rf_stream *s, int i, int64_t rows)
{
    rf_shape shape = { .rank = s->shapes[i].rank + 1, .dims = { rows } };
    memcpy(shape.dims + 1, s->shapes[i].dims, (size_t)s->shapes[i].rank * sizeof *shape.dims);
    if (s->now[i] && s->now[i]->shape.dims[0] == rows)
        return RF_OK;
    rf_tensor_free(s->now[i]);
    s->now[i] = NULL;
    return rf_tensor_new_shape(s->ctx, RF_DTYPE_F32, &shape, &s->now[i]);
}

rf_status rf_stream_next(rf_stream *s, int64_t *count_out)
{
    const int64_t left = s->samples - s->done;
    const int64_t count = left < s->batch ? left : s->batch, rows = s->padded ? s->batch : count;
    rf_batch loaded = { 0 };
    *count_out = count;
    if (count <= 0)
        return RF_OK;
    if (s->loader)
        RF_TRY(rf_loader_next(s->loader, &loaded));
    for (int i = 0; i < s->count; i++) {
        RF_TRY(size_array(s, i, rows));
        const size_t sample = (size_t)(s->now[i]->count / rows);
        const float *src =
            s->loader ? loaded.inputs[i] : rf_tensor_f32(s->arrays[i]) + (size_t)s->done * sample;
        float *dst = rf_tensor_f32(s->now[i]);
        memcpy(dst, src, (size_t)count * sample * sizeof *dst);
        memset(dst + (size_t)count * sample, 0, (size_t)(rows - count) * sample * sizeof *dst);
    }
    s->done += count;
    return RF_OK;
}

void rf_stream_release(rf_stream *s)
{
    rf_loader_free(s->loader);
    for (int i = 0; s->now && i < s->count; i++)
        rf_tensor_free(s->now[i]);
    rf_free(s->ctx, s->now);
    rf_free(s->ctx, s->shapes);
    *s = (rf_stream){ 0 };
}
