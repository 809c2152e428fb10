/* Weights of a graph -> arrays of Keras, layer by layer, the reader's transposes undone. */
#include "formats/keras_write.h"

#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "formats/hdf5_write.h"
#include "formats/keras_build.h"
#include "graph/bn_pairs.h"
#include "tensor/view.h"

typedef struct exporter {
    rf_context *ctx;
    const rf_graph *g;
    rf_keras k;
    rf_h5 *h5;
    rf_h5_changes changes;
    RF_VEC(rf_tensor *) tensors; /* owned */
    RF_VEC(rf_h5_texts *) lists; /* their items are owned */
    bool config_changed;
    rf_keras_written *out;
} exporter;

static rf_status fail_fit(const exporter *e, const rf_keras_layer *l, const char *what)
{
    return rf_fail(e->ctx, RF_EMODEL,
                   "layer '%s': %s; is the template the file that the model was read from?",
                   l->path, what);
}

/* --- numbers --- */

/* Dim d of the copy is dim from[d] of `t`, which is seen as `shape`. */
static rf_status permute(exporter *e, const rf_tensor *t, const rf_shape *shape, const int *from,
                         rf_tensor **out)
{
    rf_shape to = { .rank = shape->rank };
    rf_view whole, src, dst;
    for (int d = 0; d < shape->rank; d++)
        to.dims[d] = shape->dims[from[d]];
    RF_TRY(rf_tensor_new_shape(e->ctx, RF_DTYPE_F32, &to, out));
    const rf_status st = RF_VEC_PUSH(e->ctx, &e->tensors, *out);
    if (st) {
        rf_tensor_free(*out);
        return st;
    }
    rf_view_init(&whole, RF_DTYPE_F32, shape, RF_LAYOUT_PLAIN);
    rf_view_init(&dst, RF_DTYPE_F32, &to, RF_LAYOUT_PLAIN);
    src = dst;
    for (int d = 0; d < shape->rank; d++)
        src.strides[d] = whole.strides[from[d]];
    src.data = t->data;
    dst.data = (*out)->data;
    if (t->count)
        rf_view_copy(&src, &dst);
    return RF_OK;
}

/* Put numbers in place of weight `index`; only their count has to agree, Keras' shape is the file's. */
static rf_status put(exporter *e, const rf_keras_layer *l, int index, rf_tensor *t)
{
    rf_shape shape;
    int64_t count;
    if ((size_t)index >= l->weights.count)
        return fail_fit(e, l, "the template has no such weight");
    RF_TRY(rf_h5_array_shape(e->h5, l->weights.items[index], &shape));
    RF_TRY(rf_shape_count(e->ctx, &shape, &count));
    if (count != t->count)
        return fail_fit(e, l, "the template's weights have another size");
    t->shape = shape;
    return rf_map_put(&e->changes.arrays, l->weights.items[index], t);
}

static rf_status put_plain(exporter *e, const rf_keras_layer *l, int index, const rf_value *v)
{
    static const int order[] = { 0, 1, 2, 3, 4, 5, 6, 7 };
    rf_tensor *t;
    if (!v || !v->constant || v->constant->dtype != RF_DTYPE_F32)
        return fail_fit(e, l, "the network has no constant weight there");
    RF_TRY(permute(e, v->constant, &v->constant->shape, order, &t));
    return put(e, l, index, t);
}

/* ONNX [b, a, k...] -> Keras [k..., a, b]; swapped: [a, b, k...]. */
static rf_status put_kernel(exporter *e, const rf_keras_layer *l, int index, const rf_layer *layer,
                            bool depthwise)
{
    const rf_tensor *t = layer->weight->constant;
    const bool gemm = t->shape.rank == 2;
    rf_shape shape = t->shape;
    rf_tensor *copy;
    int from[RF_MAX_RANK];
    const int spatial = shape.rank - 2;
    if (depthwise) { /* [in * multiplier, 1, ...] -> [in, multiplier, ...] */
        rf_shape keras;
        RF_TRY(rf_h5_array_shape(e->h5, l->weights.items[index], &keras));
        if (keras.rank != shape.rank || keras.dims[spatial] < 1 ||
            shape.dims[0] % keras.dims[spatial])
            return fail_fit(e, l, "its kernel has another shape");
        shape.dims[1] = shape.dims[0] / keras.dims[spatial];
        shape.dims[0] = keras.dims[spatial];
    }
    for (int d = 0; d < spatial; d++)
        from[d] = d + 2;
    /* Keras has a layer's output channels last; those of a transposed convolution and of each depthwise channel, not */
    const bool swap = !depthwise && (gemm ? layer->channel_axis == 0 : true);
    from[spatial] = swap ? 1 : 0;
    from[spatial + 1] = swap ? 0 : 1;
    RF_TRY(permute(e, t, &shape, from, &copy));
    return put(e, l, index, copy);
}

/* --- biases that came with the fold --- */

static bool is_zero(const rf_tensor *t)
{
    for (int64_t i = 0; i < t->count; i++)
        if (rf_tensor_f32(t)[i] != 0.0F)
            return false;
    return true;
}

/* The array beside the kernel: ".../bias:0" for ".../kernel:0", "vars/1" for "vars/0". */
static const char *bias_path(exporter *e, const rf_keras_layer *l)
{
    const char *last = l->weights.items[l->weights.count - 1], *slash = strrchr(last, '/');
    const int length = slash ? (int)(slash - last) : 0;
    const char *name = slash ? slash + 1 : last;
    if (name[0] >= '0' && name[0] <= '9')
        return rf_arena_printf(&e->k.arena, "%.*s/%zu", length, last, l->weights.count);
    return rf_arena_printf(&e->k.arena, "%.*s/bias%s", length, last, strchr(name, ':') ? ":0" : "");
}

/* The group whose weight_names lists the array: the longest one above it that has such a list. */
static rf_status owner_of(exporter *e, const char *path, char **group)
{
    rf_h5_texts names = { 0 };
    bool found = false;
    char *copy = rf_arena_strdup(&e->k.arena, path);
    for (char *slash; copy && (slash = strrchr(copy, '/')) && !found;) {
        *slash = '\0';
        RF_TRY(rf_h5_text_list(e->h5, copy, "weight_names", &found, &names));
        RF_VEC_RELEASE(e->ctx, &names);
    }
    *group = copy && found ? copy : NULL;
    return copy ? RF_OK : RF_ENOMEM;
}

static rf_status list_of(exporter *e, const char *group, rf_h5_texts **out)
{
    *out = rf_map_find(&e->changes.lists, group);
    if (*out)
        return RF_OK;
    rf_h5_texts *list = rf_arena_alloc(&e->k.arena, sizeof *list);
    if (!list)
        return RF_ENOMEM;
    RF_TRY(rf_h5_text_list(e->h5, group, "weight_names", NULL, list));
    *out = list;
    RF_TRY(RF_VEC_PUSH(e->ctx, &e->lists, list));
    return rf_map_put(&e->changes.lists, group, list);
}

/* Behind the layer's own weights, where Keras expects it. */
static rf_status list_bias(exporter *e, const char *after, const char *bias)
{
    char *group;
    rf_h5_texts *list;
    RF_TRY(owner_of(e, after, &group));
    if (!group)
        return RF_OK; /* Keras 3 has no lists */
    RF_TRY(list_of(e, group, &list));
    const size_t skip = strlen(group) + 1;
    const char *name = rf_arena_strdup(&e->k.arena, bias + skip);
    if (!name)
        return RF_ENOMEM;
    RF_TRY(RF_VEC_PUSH(e->ctx, list, name));
    for (size_t i = list->count - 1; i > 0 && strcmp(list->items[i - 1], after + skip) != 0; i--) {
        list->items[i] = list->items[i - 1];
        list->items[i - 1] = name;
    }
    return RF_OK;
}

static rf_status add_bias(exporter *e, rf_keras_layer *l, const rf_value *bias)
{
    static const int order[] = { 0 };
    rf_tensor *t;
    const rf_tensor *src = bias->constant;
    const int64_t count = src->count;
    const rf_shape flat = rf_shape_of(1, &count);
    const char *path = bias_path(e, l);
    if (!path)
        return RF_ENOMEM;
    if (rf_h5_kind_of(e->h5, path) != RF_H5_NOTHING)
        return fail_fit(e, l, "the template has a bias that the layer does not use");
    RF_TRY(permute(e, src, &flat, order, &t));
    const rf_h5_new_array added = { path, t };
    RF_TRY(RF_VEC_PUSH(e->ctx, &e->changes.added, added));
    RF_TRY(list_bias(e, l->weights.items[l->weights.count - 1], path));
    if (json_object_set_new((json_t *)(uintptr_t)l->config, "use_bias", json_true()) != 0)
        return RF_ENOMEM;
    e->config_changed = true;
    e->out->biases_added++;
    return RF_OK;
}

static rf_status put_bias(exporter *e, rf_keras_layer *l, int index, const rf_layer *layer)
{
    const bool has = rf_keras_bool(l, "use_bias", true);
    const rf_value *bias = layer->bias;
    if (!has)
        return bias && !is_zero(bias->constant) ? add_bias(e, l, bias) : RF_OK;
    return bias ? put_plain(e, l, index, bias) : RF_OK;
}

/* --- layers --- */

static rf_status match(exporter *e, const rf_keras_layer *l, const char *name, rf_layer *out)
{
    rf_node *n = rf_graph_find_node(e->g, name);
    return n && rf_layer_match(n, out) ? RF_OK : fail_fit(e, l, "the network has no such layer");
}

static rf_status write_kernel_layer(exporter *e, rf_keras_layer *l, bool depthwise)
{
    rf_layer layer;
    RF_TRY(match(e, l, l->path, &layer));
    RF_TRY(put_kernel(e, l, 0, &layer, depthwise));
    return put_bias(e, l, 1, &layer);
}

static rf_status write_separable(exporter *e, rf_keras_layer *l)
{
    rf_layer first, second;
    const char *name = rf_arena_printf(&e->k.arena, "%s/depthwise", l->path);
    if (!name)
        return RF_ENOMEM;
    RF_TRY(match(e, l, name, &first));
    RF_TRY(match(e, l, l->path, &second));
    RF_TRY(put_kernel(e, l, 0, &first, true));
    RF_TRY(put_kernel(e, l, 1, &second, false));
    return put_bias(e, l, 2, &second);
}

static rf_status put_value(exporter *e, const rf_keras_layer *l, int index, float value)
{
    rf_shape shape;
    rf_tensor *t;
    RF_TRY(rf_h5_array_shape(e->h5, l->weights.items[index], &shape));
    RF_TRY(rf_tensor_new_shape(e->ctx, RF_DTYPE_F32, &shape, &t));
    if (RF_VEC_PUSH(e->ctx, &e->tensors, t)) {
        rf_tensor_free(t);
        return RF_ENOMEM;
    }
    for (int64_t i = 0; i < t->count; i++)
        rf_tensor_f32(t)[i] = value;
    return put(e, l, index, t);
}

/* What a weight of an identity holds: x = 1 (x - 0) / sqrt(1 - epsilon + epsilon) + 0. */
static float identity_value(const rf_keras_layer *l, const char *name)
{
    const double epsilon = json_number_value(rf_keras_get(l, "epsilon"));
    if (strcmp(name, "gamma") == 0)
        return 1.0F;
    return strcmp(name, "moving_variance") == 0
               ? (float)(1.0 - (rf_keras_get(l, "epsilon") ? epsilon : 1e-3))
               : 0.0F;
}

static int bn_input(const char *name)
{
    static const char *const names[] = { "gamma", "beta", "moving_mean", "moving_variance" };
    for (int i = 0; i < 4; i++)
        if (strcmp(names[i], name) == 0)
            return i + 1;
    return 0;
}

static rf_status write_batch_norm(exporter *e, rf_keras_layer *l)
{
    const char *names[RF_KERAS_MAX_WEIGHTS];
    const int count = rf_keras_batch_norm_names(l, names);
    const rf_node *n = rf_graph_find_node(e->g, l->path);
    if (n && !rf_node_is(n, "BatchNormalization"))
        return fail_fit(e, l, "it is no BatchNormalization in the network");
    for (int i = 0; i < count; i++)
        RF_TRY(n ? put_plain(e, l, i, rf_node_input(n, bn_input(names[i])))
                 : put_value(e, l, i, identity_value(l, names[i])));
    e->out->identities += !n;
    return RF_OK;
}

/* The slope lies as the network's data does: with one dim more where it was turned to channels first. */
static rf_status write_prelu(exporter *e, rf_keras_layer *l)
{
    const rf_node *n = rf_graph_find_node(e->g, l->path);
    const rf_value *slope = n ? rf_node_input(n, 1) : NULL;
    int from[RF_MAX_RANK] = { 0 };
    rf_shape keras;
    rf_tensor *t;
    if (!slope || !slope->constant)
        return fail_fit(e, l, "the network has no such layer");
    RF_TRY(rf_h5_array_shape(e->h5, l->weights.items[0], &keras));
    const rf_shape *shape = &slope->constant->shape;
    if (shape->rank != keras.rank + 1 || shape->rank < 3)
        return put_plain(e, l, 0, slope);
    for (int d = 1; d < shape->rank; d++)
        from[d] = d == shape->rank - 1 ? 1 : d + 1;
    RF_TRY(permute(e, slope->constant, shape, from, &t));
    return put(e, l, 0, t);
}

static rf_status write_layer(exporter *e, rf_keras_layer *l)
{
    const rf_keras_class *c = rf_keras_find_class(l);
    if (!c || !c->weights || !l->weights.count)
        return RF_OK;
    e->out->layers++;
    if (c->weights == rf_keras_kernel_names)
        return write_kernel_layer(e, l, false);
    if (c->weights == rf_keras_depthwise_names)
        return write_kernel_layer(e, l, true);
    if (c->weights == rf_keras_separable_names)
        return write_separable(e, l);
    if (c->weights == rf_keras_batch_norm_names)
        return write_batch_norm(e, l);
    return c->weights == rf_keras_prelu_names ? write_prelu(e, l) : RF_OK;
}

static rf_status write_layers(exporter *e, const rf_keras_model *m)
{
    for (size_t i = 0; i < m->layers.count; i++) {
        rf_keras_layer *l = m->layers.items[i];
        RF_TRY(l->model ? write_layers(e, l->model) : write_layer(e, l));
    }
    return RF_OK;
}

/* --- the file --- */

static rf_status dump_config(exporter *e, char **out)
{
    char *text = json_dumps(e->k.json, JSON_COMPACT);
    *out = text ? rf_strdup(e->ctx, text) : NULL;
    free(text);
    return *out ? RF_OK : RF_ENOMEM;
}

static rf_status encode(exporter *e, const rf_keras_parts *p, const rf_keras_source *source)
{
    char *json = NULL;
    void *bytes = NULL;
    size_t size = 0;
    rf_keras_written *out = e->out;
    RF_TRY(dump_config(e, &json));
    e->changes.config = e->config_changed ? json : NULL;
    rf_status st = rf_h5_rewrite(e->h5, &e->changes, "optimizer_weights", &bytes, &size);
    if (!st && p->zipped) {
        st = rf_keras_rezip(e->ctx, source->bytes, source->size, json, bytes, size, &out->bytes,
                            &out->size);
        rf_free(e->ctx, bytes);
    } else if (!st) {
        out->bytes = bytes;
        out->size = size;
    }
    if (!st && source->weights && e->config_changed)
        out->json = json;
    else
        rf_free(e->ctx, json);
    return st;
}

static void release_exporter(exporter *e)
{
    for (size_t i = 0; i < e->tensors.count; i++)
        rf_tensor_free(e->tensors.items[i]);
    for (size_t i = 0; i < e->lists.count; i++)
        RF_VEC_RELEASE(e->ctx, e->lists.items[i]);
    RF_VEC_RELEASE(e->ctx, &e->tensors);
    RF_VEC_RELEASE(e->ctx, &e->lists);
    RF_VEC_RELEASE(e->ctx, &e->changes.added);
    rf_map_release(&e->changes.arrays);
    rf_map_release(&e->changes.lists);
    rf_h5_close(e->h5);
    rf_keras_release(&e->k);
}

rf_status rf_keras_write(const rf_graph *g, const rf_keras_source *template_file,
                         rf_keras_written *out)
{
    rf_keras_written written = { 0 };
    rf_keras_parts parts;
    exporter e = { .ctx = g->ctx, .g = g, .k = { .ctx = g->ctx }, .out = &written };
    rf_map_init(&e.changes.arrays, g->ctx);
    rf_map_init(&e.changes.lists, g->ctx);
    rf_status st = rf_keras_part(&parts, g->ctx, template_file);
    if (!st && (!parts.json || !parts.h5))
        st = rf_fail(g->ctx, RF_EMODEL,
                     "the template is half a model: architecture or weights are missing");
    if (!st)
        st = rf_keras_parse(&e.k, g->ctx, parts.json, parts.json_size);
    if (!st)
        st = rf_h5_open(g->ctx, parts.h5, parts.h5_size, &e.h5);
    if (!st)
        st = rf_keras_find_weights(&e.k, e.h5);
    if (!st)
        st = write_layers(&e, e.k.model);
    if (!st)
        st = encode(&e, &parts, template_file);
    release_exporter(&e);
    rf_keras_release_parts(&parts);
    if (!st)
        *out = written;
    return st;
}
