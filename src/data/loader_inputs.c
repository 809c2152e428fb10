/* Matching the data set's arrays with the model's inputs, by name or by position, and checking shapes. */
#include "data/loader_inputs.h"

#include <stdio.h>
#include <string.h>

static const char *model_input_name(const rf_loader_options *o, int i)
{
    return o->input_names && o->input_names[i] ? o->input_names[i] : "input";
}

static int find_array(const rf_source *s, const char *name)
{
    for (int i = 0; s->input_names && i < s->input_count; i++)
        if (s->input_names[i] && strcmp(s->input_names[i], name) == 0)
            return i;
    return -1;
}

static void list_arrays(const rf_source *s, char *text, size_t size)
{
    size_t at = 0;
    for (int i = 0; i < s->input_count && at < size; i++)
        at += (size_t)snprintf(text + at, size - at, "%s%s", i ? ", " : "", s->input_names[i]);
}

/* By name; else the only input takes the only array, or the one named x; nameless arrays go by position. */
static rf_status find_input(rf_context *ctx, const rf_dataset *d, const rf_loader_options *o, int i,
                            int *out)
{
    const rf_source *s = d->source;
    const char *name = model_input_name(o, i);
    int found = find_array(s, name);
    if (found < 0 && o->input_count <= 1)
        found = s->input_count == 1 ? 0 : find_array(s, "x");
    if (found < 0 && !s->input_names && i < s->input_count)
        found = i;
    if (found >= 0) {
        *out = found;
        return RF_OK;
    }
    char arrays[256] = "one unnamed array";
    if (s->input_names)
        list_arrays(s, arrays, sizeof arrays);
    return rf_fail(ctx, RF_EDATA, "the model takes an input '%s', but '%s' has %s", name, d->spec,
                   arrays);
}

/* Dims that the model leaves open are the data's. For images the model decides between gray and RGB. */
static rf_shape fill_in(const rf_shape *model, const rf_shape *data)
{
    rf_shape shape = *model;
    if (shape.rank < 0)
        return *data;
    for (int i = 0; i < shape.rank && i < data->rank; i++)
        if (shape.dims[i] < 0)
            shape.dims[i] = data->dims[i];
    return shape;
}

/* What the data would be if it lay channels last. */
static bool fits_transposed(const rf_shape *model, const rf_shape *data)
{
    rf_shape turned = { .rank = data->rank };
    if (data->rank < 3 || model->rank != data->rank)
        return false;
    turned.dims[0] = data->dims[data->rank - 1];
    for (int i = 1; i < data->rank; i++)
        turned.dims[i] = data->dims[i - 1];
    return rf_shape_equal(model, &turned);
}

static rf_status fail_shape(rf_context *ctx, const rf_dataset *d, const rf_loader_options *o, int i,
                            const rf_shape *model, const rf_shape *data)
{
    char takes[RF_SHAPE_TEXT], has[RF_SHAPE_TEXT];
    const char *hint = "";
    if (rf_dataset_is_images(d))
        hint = ": use --resize and --crop";
    else if (fits_transposed(model, data))
        hint = ": use --input-layout to say how the array lies";
    return rf_fail(ctx, RF_EDATA, "'%s' gives samples of shape %s, the model's '%s' takes %s%s",
                   d->spec, rf_shape_text(data, has), model_input_name(o, i),
                   rf_shape_text(model, takes), hint);
}

static rf_status check_shape(rf_context *ctx, const rf_dataset *d, const rf_loader_options *o,
                             int i, rf_loader_input *in)
{
    rf_shape data = { 0 };
    RF_TRY(rf_dataset_sample_shape(d, in->index, &data));
    in->shape = o->sample_shapes ? fill_in(&o->sample_shapes[i], &data) : data;
    rf_shape converted = data;
    if (rf_dataset_is_images(d) && in->shape.rank == 3 &&
        (in->shape.dims[0] == 1 || in->shape.dims[0] == 3)) {
        converted.dims[0] = in->shape.dims[0];
        RF_TRY(rf_transform_check_channels(ctx, &d->transform, in->shape.dims[0]));
    }
    return rf_shape_equal(&in->shape, &converted) ? RF_OK
                                                  : fail_shape(ctx, d, o, i, &in->shape, &data);
}

static void set_strides(rf_loader_input *in, bool channels_last)
{
    const bool last = channels_last && in->shape.rank >= 2; /* views count the batch too */
    int64_t step = last ? in->shape.dims[0] : 1;
    for (int i = in->shape.rank - 1; i >= (last ? 1 : 0); i--) {
        in->strides[i] = step;
        step *= in->shape.dims[i];
    }
    if (last)
        in->strides[0] = 1;
    in->size = step;
}

static rf_status match(rf_context *ctx, const rf_dataset *d, const rf_loader_options *o, int count,
                       rf_loader_input *inputs)
{
    for (int i = 0; i < count; i++) {
        inputs[i].index = i;
        if (o->input_count > 0)
            RF_TRY(find_input(ctx, d, o, i, &inputs[i].index));
        RF_TRY(check_shape(ctx, d, o, i, &inputs[i]));
        set_strides(&inputs[i], o->channels_last);
    }
    return RF_OK;
}

rf_status rf_loader_match_inputs(rf_context *ctx, const rf_dataset *d, const rf_loader_options *o,
                                 rf_loader_input **out, int *count_out)
{
    const int count = o->input_count > 0 ? o->input_count : d->source->input_count;
    rf_loader_input *inputs = NULL;
    RF_NEW_ARRAY(ctx, inputs, count);
    const rf_status st = match(ctx, d, o, count, inputs);
    if (st == RF_OK) {
        *out = inputs;
        *count_out = count;
    } else {
        rf_free(ctx, inputs);
    }
    return st;
}
