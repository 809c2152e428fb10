/*
 * Where in an HDF5 file the weights of each layer lie. Until Keras 2.15, and in .h5 files of Keras 3, groups carry the
 * names of the model's own layers and list arrays by name; in .weights.h5 they carry names of classes, counted.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "formats/keras_build.h"

enum { DEPTH_LIMIT = 16 };

typedef struct finder {
    rf_keras *k;
    rf_h5 *h5;
} finder;

typedef RF_VEC(rf_keras_layer *) layer_list;

static int expected_names(const rf_keras_layer *l, const char *names[RF_KERAS_MAX_WEIGHTS])
{
    const rf_keras_class *c = l->model ? NULL : rf_keras_find_class(l);
    return c && c->weights ? c->weights(l, names) : 0;
}

/* The layer itself, or all layers in a nested model. */
static rf_status add_leaves(rf_context *ctx, rf_keras_layer *l, layer_list *out)
{
    if (!l->model)
        return RF_VEC_PUSH(ctx, out, l);
    for (size_t i = 0; i < l->model->layers.count; i++)
        RF_TRY(add_leaves(ctx, l->model->layers.items[i], out));
    return RF_OK;
}

static rf_status add_weight(finder *f, rf_keras_layer *l, const char *path)
{
    return RF_VEC_PUSH(f->k->ctx, &l->weights, path);
}

/* --- groups by layer name: lists of names --- */

/* "gamma" of "bn/gamma:0". */
static bool has_last_name(const char *weight, const char *what)
{
    const char *slash = strrchr(weight, '/');
    const char *last = slash ? slash + 1 : weight;
    const size_t length = strcspn(last, ":");
    return strlen(what) == length && strncmp(last, what, length) == 0;
}

/* "bn" of "outer/bn/gamma:0". */
static bool is_of_layer(const char *weight, const char *layer)
{
    const char *end = strrchr(weight, '/');
    const size_t length = strlen(layer);
    return end && (size_t)(end - weight) >= length && strncmp(end - length, layer, length) == 0 &&
           (end - length == weight || end[-(ptrdiff_t)length - 1] == '/');
}

static const char *array_path(finder *f, const char *group, const char *weight)
{
    return *group ? rf_arena_printf(&f->k->arena, "%s/%s", group, weight)
                  : rf_arena_strdup(&f->k->arena, weight);
}

/* Every layer finds all of its arrays by its name. */
static bool match_by_name(const layer_list *leaves, const rf_h5_texts *names, size_t *owner_count)
{
    *owner_count = 0;
    for (size_t i = 0; i < leaves->count; i++) {
        const char *wanted[RF_KERAS_MAX_WEIGHTS];
        int found = 0;
        const int count = expected_names(leaves->items[i], wanted);
        for (size_t n = 0; n < names->count && found < count; n++)
            if (is_of_layer(names->items[n], leaves->items[i]->name) &&
                has_last_name(names->items[n], wanted[found]))
                found++;
        if (found != count)
            return false;
        *owner_count += (size_t)count;
    }
    return true;
}

static rf_status take_by_name(finder *f, const char *group, const layer_list *leaves,
                              const rf_h5_texts *names)
{
    for (size_t i = 0; i < leaves->count; i++) {
        rf_keras_layer *l = leaves->items[i];
        const char *wanted[RF_KERAS_MAX_WEIGHTS];
        const int count = expected_names(l, wanted);
        for (size_t n = 0; n < names->count && (int)l->weights.count < count; n++)
            if (is_of_layer(names->items[n], l->name) &&
                has_last_name(names->items[n], wanted[l->weights.count])) {
                const char *path = array_path(f, group, names->items[n]);
                RF_TRY(path ? add_weight(f, l, path) : RF_ENOMEM);
            }
    }
    return RF_OK;
}

static bool is_trainable(const rf_keras_layer *l, const char *what)
{
    return rf_keras_bool(l, "trainable", true) && strncmp(what, "moving_", 7) != 0 &&
           strcmp(what, "mean") != 0 && strcmp(what, "variance") != 0 && strcmp(what, "count") != 0;
}

/* Keras lists what is trained first, in the order of the layers, then the rest. */
static rf_status take_in_order(finder *f, const char *group, const layer_list *leaves,
                               const rf_h5_texts *names)
{
    size_t next = 0;
    for (int pass = 0; pass < 2; pass++)
        for (size_t i = 0; i < leaves->count; i++) {
            const char *wanted[RF_KERAS_MAX_WEIGHTS];
            const int count = expected_names(leaves->items[i], wanted);
            for (int w = 0; w < count; w++) {
                const bool now = leaves->count == 1
                                     ? pass == 0
                                     : is_trainable(leaves->items[i], wanted[w]) == (pass == 0);
                if (!now || next == names->count)
                    continue;
                const char *path = array_path(f, group, names->items[next++]);
                RF_TRY(path ? add_weight(f, leaves->items[i], path) : RF_ENOMEM);
            }
        }
    return RF_OK;
}

static rf_status distribute(finder *f, const char *group, const layer_list *leaves,
                            const rf_h5_texts *names)
{
    size_t owned;
    if (leaves->count > 1 && match_by_name(leaves, names, &owned))
        return take_by_name(f, group, leaves, names);
    return take_in_order(f, group, leaves, names);
}

static rf_status find_named(finder *f, const char *root, rf_keras_layer *l)
{
    rf_h5_texts names = { 0 };
    layer_list leaves = { 0 };
    rf_context *ctx = f->k->ctx;
    const char *group = array_path(f, root, l->name);
    if (!group)
        return RF_ENOMEM;
    rf_status st = rf_h5_text_list(f->h5, group, "weight_names", NULL, &names);
    if (!st)
        st = add_leaves(ctx, l, &leaves);
    if (!st)
        st = distribute(f, group, &leaves, &names);
    RF_VEC_RELEASE(ctx, &names);
    RF_VEC_RELEASE(ctx, &leaves);
    return st;
}

/* --- groups by class name --- */

/* "depthwise_conv2d" of "DepthwiseConv2D". Source: Keras' to_snake_case. */
static void snake_case(const char *name, char out[128])
{
    size_t n = 0;
    for (size_t i = 0; name[i] && n + 2 < 128; i++) {
        const bool upper = isupper((unsigned char)name[i]);
        const bool word = upper && islower((unsigned char)name[i + 1]);
        if (i && upper && (word || islower((unsigned char)name[i - 1])))
            out[n++] = '_';
        if (isalnum((unsigned char)name[i]) || name[i] == '_')
            out[n++] = (char)tolower((unsigned char)name[i]);
    }
    out[n] = '\0';
}

/* 0 for "conv2d", 3 for "conv2d_3", -1 for another name. */
static long number_of(const char *name, const char *base)
{
    const size_t length = strlen(base);
    char *end;
    if (strncmp(name, base, length) != 0)
        return -1;
    if (!name[length])
        return 0;
    if (name[length] != '_' || !isdigit((unsigned char)name[length + 1]))
        return -1;
    const long number = strtol(name + length + 1, &end, 10);
    return *end || number < 1 ? -1 : number;
}

typedef struct member {
    const char *name, *path;
    long number;
    bool taken;
} member;
typedef RF_VEC(member) member_list;

static int by_number(const void *a, const void *b)
{
    const long x = ((const member *)a)->number, y = ((const member *)b)->number;
    return (x > y) - (x < y);
}

static const char *const containers[] = { "layers", "_layer_checkpoint_dependencies" };

/* A group that holds arrays of a layer, or layers of a model. */
static bool holds_weights(finder *f, const char *path)
{
    rf_h5_texts vars = { 0 };
    for (size_t i = 0; i < 2; i++) {
        const char *inner = array_path(f, path, containers[i]);
        if (inner && rf_h5_kind_of(f->h5, inner) == RF_H5_GROUP)
            return true;
    }
    const char *group = array_path(f, path, "vars");
    const bool any = group && rf_h5_kind_of(f->h5, group) == RF_H5_GROUP &&
                     rf_h5_children(f->h5, group, &vars) == RF_OK && vars.count;
    RF_VEC_RELEASE(f->k->ctx, &vars);
    return any;
}

/* Members of a container that belong to a class, in the order in which they were made. */
static rf_status list_members(finder *f, const char *container, const char *base, member_list *out)
{
    rf_h5_texts names = { 0 };
    RF_TRY(rf_h5_children(f->h5, container, &names));
    rf_status st = RF_OK;
    for (size_t i = 0; i < names.count && !st; i++) {
        member m = { .name = names.items[i], .number = number_of(names.items[i], base) };
        if (m.number < 0)
            continue;
        m.path = array_path(f, container, m.name);
        if (!m.path)
            st = RF_ENOMEM;
        else if (holds_weights(f, m.path))
            st = RF_VEC_PUSH(f->k->ctx, out, m);
    }
    RF_VEC_RELEASE(f->k->ctx, &names);
    if (!st && out->count)
        qsort(out->items, out->count, sizeof *out->items, by_number);
    return st;
}

static rf_status add_vars(finder *f, rf_keras_layer *l, const char *path)
{
    char name[24];
    const char *names[RF_KERAS_MAX_WEIGHTS], *group = array_path(f, path, "vars");
    const int count = expected_names(l, names);
    for (int i = 0; group && i < count; i++) {
        snprintf(name, sizeof name, "%d", i);
        const char *array = array_path(f, group, name);
        if (!array)
            return RF_ENOMEM;
        if (rf_h5_kind_of(f->h5, array) != RF_H5_ARRAY)
            return RF_OK; /* what is missing is told when it is read */
        RF_TRY(add_weight(f, l, array));
    }
    return group ? RF_OK : RF_ENOMEM;
}

static bool model_has_weights(const rf_keras_model *m)
{
    const char *names[RF_KERAS_MAX_WEIGHTS];
    for (size_t i = 0; i < m->layers.count; i++) {
        const rf_keras_layer *l = m->layers.items[i];
        if (l->model ? model_has_weights(l->model) : expected_names(l, names) > 0)
            return true;
    }
    return false;
}

static rf_status find_counted(finder *f, const char *prefix, rf_keras_model *m, int depth);

/* The user's name where the file tells it, which newer versions do. */
static bool is_named(finder *f, const member *m, const char *layer)
{
    const char *name = NULL, *vars = array_path(f, m->path, "vars");
    if (!vars || rf_h5_text(f->h5, vars, "name", &name) != RF_OK)
        return false;
    if (!name && rf_h5_text(f->h5, m->path, "name", &name) != RF_OK)
        return false;
    return name && strcmp(name, layer) == 0;
}

static member *choose_member(finder *f, member_list *members, const char *layer)
{
    for (size_t i = 0; i < members->count; i++)
        if (!members->items[i].taken && is_named(f, &members->items[i], layer))
            return &members->items[i];
    for (size_t i = 0; i < members->count; i++)
        if (!members->items[i].taken)
            return &members->items[i];
    return NULL;
}

/* All layers of one class, in the order of the model. */
static rf_status find_class(finder *f, const char *container, rf_keras_model *m, size_t first,
                            int depth)
{
    const char *class_name = m->layers.items[first]->class_name;
    const char *names[RF_KERAS_MAX_WEIGHTS];
    char base[128];
    member_list members = { 0 };
    snake_case(class_name, base);
    rf_status st = list_members(f, container, base, &members);
    for (size_t i = first; i < m->layers.count && !st; i++) {
        rf_keras_layer *l = m->layers.items[i];
        if (strcmp(l->class_name, class_name) != 0 ||
            (l->model ? !model_has_weights(l->model) : !expected_names(l, names)))
            continue;
        member *chosen = choose_member(f, &members, l->name);
        const char *path = chosen ? chosen->path : array_path(f, container, l->name);
        if (chosen)
            chosen->taken = true;
        st = !path      ? RF_ENOMEM
             : l->model ? find_counted(f, path, l->model, depth + 1)
                        : add_vars(f, l, path);
    }
    RF_VEC_RELEASE(f->k->ctx, &members);
    return st;
}

static bool is_first_of_class(const rf_keras_model *m, size_t at)
{
    for (size_t i = 0; i < at; i++)
        if (strcmp(m->layers.items[i]->class_name, m->layers.items[at]->class_name) == 0)
            return false;
    return true;
}

static rf_status find_counted(finder *f, const char *prefix, rf_keras_model *m, int depth)
{
    const char *container = NULL;
    for (size_t i = 0; i < 2 && !container; i++) {
        container = array_path(f, prefix, containers[i]);
        if (!container)
            return RF_ENOMEM;
        if (rf_h5_kind_of(f->h5, container) != RF_H5_GROUP)
            container = NULL;
    }
    if (!container || depth > DEPTH_LIMIT)
        return RF_OK;
    for (size_t i = 0; i < m->layers.count; i++)
        if (is_first_of_class(m, i))
            RF_TRY(find_class(f, container, m, i, depth));
    return RF_OK;
}

/* --- the file --- */

rf_status rf_keras_find_weights(rf_keras *k, rf_h5 *h5)
{
    finder f = { k, h5 };
    const bool whole = rf_h5_kind_of(h5, "model_weights") == RF_H5_GROUP;
    const char *root = whole ? "model_weights" : "";
    rf_h5_texts layers = { 0 };
    bool named = false;
    RF_TRY(rf_h5_text_list(h5, root, "layer_names", &named, &layers));
    RF_VEC_RELEASE(k->ctx, &layers);
    if (!named && !whole)
        return find_counted(&f, "", k->model, 0);
    for (size_t i = 0; i < k->model->layers.count; i++)
        RF_TRY(find_named(&f, root, k->model->layers.items[i]));
    return RF_OK;
}
