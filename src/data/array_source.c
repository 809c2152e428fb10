/* Arrays in memory as a source. */
#include "data/array_source.h"

#include <assert.h>
#include <stdio.h>

struct rf_array_source {
    rf_source base;
    rf_arena arena;
    const char *place; /* file, for messages */
    int capacity;      /* inputs */
    rf_tensor **tensors;
    const char **names;
    rf_shape *shapes;
};

static const float *array(const rf_source *source, int input, int64_t index)
{
    const rf_array_source *s = (const rf_array_source *)source;
    return rf_tensor_f32(s->tensors[input]) + index * rf_shape_product(&s->shapes[input]);
}

static void describe(const rf_source *source, int64_t index, char *text, size_t size)
{
    snprintf(text, size, "%s, sample %lld", ((const rf_array_source *)source)->place,
             (long long)index);
}

static void free_source(rf_source *source)
{
    rf_array_source_free((rf_array_source *)source);
}

static const rf_source_kind kind = { .array = array, .describe = describe, .free = free_source };

rf_status rf_array_source_new(rf_context *ctx, const char *place, int input_count,
                              rf_array_source **out)
{
    rf_array_source *s = rf_calloc(ctx, 1, sizeof *s);
    if (!s)
        return RF_ENOMEM;
    rf_arena_init(&s->arena, ctx);
    const size_t n = (size_t)input_count;
    s->base = (rf_source){ .kind = &kind, .ctx = ctx };
    s->capacity = input_count;
    s->place = rf_arena_strdup(&s->arena, place);
    s->tensors = rf_arena_array(&s->arena, n, sizeof *s->tensors);
    s->names = rf_arena_array(&s->arena, n, sizeof *s->names);
    s->shapes = rf_arena_array(&s->arena, n, sizeof *s->shapes);
    if (!s->place || !s->tensors || !s->names || !s->shapes) {
        rf_array_source_free(s);
        return RF_ENOMEM;
    }
    *out = s;
    return RF_OK;
}

void rf_array_source_free(rf_array_source *s)
{
    if (!s)
        return;
    rf_context *ctx = s->base.ctx;
    for (int i = 0; s->tensors && i < s->base.input_count; i++)
        rf_tensor_free(s->tensors[i]);
    rf_arena_release(&s->arena);
    rf_free(ctx, s);
}

static rf_status check_input(const rf_array_source *s, const char *name, const rf_tensor *t)
{
    rf_context *ctx = s->base.ctx;
    const char *array_name = name ? name : s->place;
    char text[RF_SHAPE_TEXT];
    if (t->dtype != RF_DTYPE_F32)
        return rf_fail(ctx, RF_EDATA, "'%s': array '%s' is %s, expected float32", s->place,
                       array_name, rf_dtype_name(t->dtype));
    if (t->shape.rank < 1 || t->count < 1)
        return rf_fail(ctx, RF_EDATA, "'%s': array '%s' is %s, expected [n, ...] with samples",
                       s->place, array_name, rf_shape_text(&t->shape, text));
    if (s->base.input_count > 0 && t->shape.dims[0] != s->base.count)
        return rf_fail(ctx, RF_EDATA, "'%s': array '%s' has %lld samples, but '%s' has %lld",
                       s->place, array_name, (long long)t->shape.dims[0],
                       s->names[0] ? s->names[0] : s->place, (long long)s->base.count);
    return RF_OK;
}

rf_status rf_array_source_take(rf_array_source *s, const char *name, rf_tensor *tensor)
{
    const int i = s->base.input_count;
    assert(i < s->capacity);
    rf_status st = check_input(s, name, tensor);
    if (st == RF_OK && name && !(s->names[i] = rf_arena_strdup(&s->arena, name)))
        st = RF_ENOMEM;
    if (st != RF_OK) {
        rf_tensor_free(tensor);
        return st;
    }
    s->tensors[i] = tensor;
    s->shapes[i] = rf_shape_of(tensor->shape.rank - 1, tensor->shape.dims + 1);
    s->base.count = tensor->shape.dims[0];
    s->base.input_count++;
    return RF_OK;
}

static bool is_integer(rf_dtype dtype)
{
    return dtype != RF_DTYPE_F32 && dtype != RF_DTYPE_F64 && dtype != RF_DTYPE_F16 &&
           dtype != RF_DTYPE_BOOL;
}

static rf_status check_labels(const rf_array_source *s, const char *name, const rf_tensor *t)
{
    rf_context *ctx = s->base.ctx;
    char text[RF_SHAPE_TEXT];
    if (!is_integer(t->dtype))
        return rf_fail(ctx, RF_EDATA, "labels '%s' are %s, expected int64, int32 or uint8", name,
                       rf_dtype_name(t->dtype));
    if (t->shape.rank < 1 || t->count != t->shape.dims[0])
        return rf_fail(ctx, RF_EDATA, "labels '%s' are %s, expected [n]: one number a sample", name,
                       rf_shape_text(&t->shape, text));
    if (t->count != s->base.count)
        return rf_fail(ctx, RF_EDATA, "'%s' has %lld samples, but '%s' has %lld labels", s->place,
                       (long long)s->base.count, name, (long long)t->count);
    return RF_OK;
}

rf_status rf_array_source_set_labels(rf_array_source *s, const char *name, const rf_tensor *t)
{
    RF_TRY(check_labels(s, name, t));
    int64_t *labels = rf_arena_array(&s->arena, (size_t)t->count, sizeof *labels), classes = 0;
    if (!labels)
        return RF_ENOMEM;
    for (int64_t i = 0; i < t->count; i++) {
        labels[i] = rf_tensor_get_i64(t, i);
        if (labels[i] < 0 || labels[i] >= INT32_MAX)
            return rf_fail(s->base.ctx, RF_EDATA,
                           "labels '%s': label %lld of sample %lld, "
                           "expected a class number from 0",
                           name, (long long)labels[i], (long long)i);
        if (labels[i] >= classes)
            classes = labels[i] + 1;
    }
    s->base.labels = labels;
    s->base.classes = classes;
    return RF_OK;
}

rf_source *rf_array_source_base(rf_array_source *s)
{
    for (int i = 0; i < s->base.input_count; i++)
        if (s->names[i])
            s->base.input_names = s->names;
    s->base.sample_shapes = s->shapes;
    return &s->base;
}
