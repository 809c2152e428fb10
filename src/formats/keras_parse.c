/* JSON of Keras models -> layers and calls. */
#include <stdio.h>
#include <string.h>

#include "base/status.h"
#include "formats/keras_model.h"

enum { DEPTH_LIMIT = 16, NAME_LIMIT = 256, LAYER_LIMIT = 100000, SEARCH_LIMIT = 12 };

typedef struct parser {
    rf_keras *k;
    int depth; /* of models in models */
} parser;

static rf_status parse_model(parser *p, const json_t *json, const char *outer,
                             rf_keras_model **out);

static rf_status fail(const parser *p, const char *what, const char *name)
{
    return rf_fail(p->k->ctx, RF_EMODEL, "%s '%.200s'", what, name);
}

static bool is_model_class(const char *class_name)
{
    return strcmp(class_name, "Functional") == 0 || strcmp(class_name, "Model") == 0 ||
           strcmp(class_name, "Sequential") == 0;
}

/* --- layers --- */

/* "outer/name" where "name" is a layer of another model already. */
static const char *unique_path(rf_keras *k, const char *outer, const char *name)
{
    const char *path = name;
    for (int i = 1; path && rf_map_find(&k->paths, path); i++)
        path = i == 1 && *outer ? rf_arena_printf(&k->arena, "%s/%s", outer, name)
                                : rf_arena_printf(&k->arena, "%s/%s_%d", outer, name, i);
    return path;
}

static rf_status new_layer(parser *p, rf_keras_model *m, const char *name, const char *class_name,
                           const char *outer, rf_keras_layer **out)
{
    rf_keras *k = p->k;
    if (!*name || strlen(name) > NAME_LIMIT)
        return fail(p, "a layer has an empty or overlong name:", name);
    if (rf_map_find(&m->by_name, name))
        return fail(p, "two layers have the name", name);
    if (++k->layer_count > LAYER_LIMIT)
        return fail(p, "the model has too many layers; one too many is", name);
    rf_keras_layer *l = rf_arena_alloc(&k->arena, sizeof *l);
    const char *copy = rf_arena_strdup(&k->arena, name);
    const char *path = copy ? unique_path(k, outer, copy) : NULL;
    if (!l || !path)
        return RF_ENOMEM;
    *l = (rf_keras_layer){ .name = copy, .path = path, .class_name = class_name, .module = "" };
    RF_TRY(RF_VEC_PUSH(k->ctx, &m->layers, l));
    RF_TRY(rf_map_put(&k->paths, path, l));
    RF_TRY(rf_map_put(&m->by_name, copy, l));
    *out = l;
    return RF_OK;
}

static const char *first_text(const char *a, const char *b, const char *otherwise)
{
    return a ? a : b ? b : otherwise;
}

static rf_status parse_layer(parser *p, rf_keras_model *m, const json_t *json, const char *outer)
{
    rf_keras_layer *l = NULL;
    const json_t *config = json_object_get(json, "config");
    const char *class_name = json_string_value(json_object_get(json, "class_name"));
    const char *inner = json_string_value(json_object_get(config, "name"));
    const char *name = json_string_value(json_object_get(json, "name"));
    if (!class_name || (!json_is_object(config) && !json_is_array(config)))
        return fail(p, "a layer has no class or no config:", first_text(name, inner, "?"));
    RF_TRY(new_layer(p, m, first_text(name, inner, class_name), class_name, outer, &l));
    l->config = config;
    l->module = first_text(json_string_value(json_object_get(json, "module")), NULL, "");
    if (!is_model_class(class_name))
        return RF_OK;
    RF_TRY(parse_model(p, json, l->path, &l->model));
    return RF_OK;
}

/* --- references to tensors --- */

typedef struct ref_search {
    parser *p;
    const rf_keras_model *m;
    rf_keras_refs *out;
} ref_search;

static rf_status add_ref(ref_search *s, const json_t *list)
{
    const char *name = json_string_value(json_array_get(list, 0));
    const json_t *call = json_array_get(list, 1), *tensor = json_array_get(list, 2);
    rf_keras_ref ref = { .layer = rf_map_find(&s->m->by_name, name) };
    if (!ref.layer)
        return fail(s->p, "the model has no layer, though another one reads it:", name);
    if (json_integer_value(call) < 0 || json_integer_value(call) > LAYER_LIMIT ||
        json_integer_value(tensor) < 0 || json_integer_value(tensor) > LAYER_LIMIT)
        return fail(s->p, "a reference is out of range, to layer", name);
    ref.call = (int)json_integer_value(call);
    ref.tensor = (int)json_integer_value(tensor);
    return RF_VEC_PUSH(s->p->k->ctx, s->out, ref);
}

/* ["layer", 0, 0] and ["layer", 0, 0, {...}] */
static bool is_ref(const json_t *json)
{
    return json_is_array(json) && json_is_string(json_array_get(json, 0)) &&
           json_is_integer(json_array_get(json, 1)) && json_is_integer(json_array_get(json, 2));
}

/* All references below `json`, in the order of the file: nested lists, Keras 3's tensors, keyword arguments. */
static rf_status find_refs(ref_search *s, const json_t *json, int depth)
{
    const char *key;
    json_t *item;
    size_t i;
    if (depth > SEARCH_LIMIT)
        return RF_OK;
    if (is_ref(json)) {
        RF_TRY(add_ref(s, json));
        return find_refs(s, json_array_get(json, 3), depth + 1);
    }
    json_array_foreach(json, i, item) RF_TRY(find_refs(s, item, depth + 1));
    /* not a macro for const objects */
    for (void *at = json_object_iter((json_t *)(uintptr_t)json); at;
         at = json_object_iter_next((json_t *)(uintptr_t)json, at)) {
        key = json_object_iter_key(at);
        if (strcmp(key, "shape") != 0)
            RF_TRY(find_refs(s, json_object_iter_value(at), depth + 1));
    }
    return RF_OK;
}

static rf_status add_call(parser *p, rf_keras_model *m, rf_keras_layer *l, const json_t *entry,
                          rf_keras_call **out)
{
    rf_keras_call *call = rf_arena_alloc(&p->k->arena, sizeof *call);
    if (!call)
        return RF_ENOMEM;
    *call = (rf_keras_call){ .layer = l, .number = m->call_count++, .entry = entry };
    *out = call;
    return RF_VEC_PUSH(p->k->ctx, &l->calls, call);
}

static rf_status parse_calls(parser *p, rf_keras_model *m, rf_keras_layer *l, const json_t *nodes)
{
    rf_keras_call *call = NULL;
    const json_t *entry;
    size_t i;
    json_array_foreach(nodes, i, entry)
    {
        RF_TRY(add_call(p, m, l, entry, &call));
        ref_search s = { p, m, &call->refs };
        RF_TRY(find_refs(&s, entry, 0));
    }
    if (!l->calls.count && strcmp(l->class_name, "InputLayer") == 0)
        return add_call(p, m, l, NULL, &call);
    return RF_OK;
}

/* References to a nested model may count the call with which it was made. */
static void settle_first_call(rf_keras_model *m, const rf_keras_refs *refs)
{
    (void)m;
    for (size_t i = 0; i < refs->count; i++) {
        rf_keras_layer *l = refs->items[i].layer;
        if (l->model && refs->items[i].call >= (int)l->calls.count)
            l->first_call = 1;
    }
}

static void settle_first_calls(rf_keras_model *m)
{
    for (size_t i = 0; i < m->layers.count; i++)
        for (size_t c = 0; c < m->layers.items[i]->calls.count; c++)
            settle_first_call(m, &m->layers.items[i]->calls.items[c]->refs);
    settle_first_call(m, &m->outputs);
}

/* --- models --- */

static rf_status parse_functional(parser *p, rf_keras_model *m, const json_t *config,
                                  const char *outer)
{
    const json_t *layers = json_object_get(config, "layers"), *layer;
    size_t i;
    if (!json_is_array(layers))
        return fail(p, "there are no layers in model", m->name);
    json_array_foreach(layers, i, layer) RF_TRY(parse_layer(p, m, layer, outer));
    json_array_foreach(layers, i, layer)
        RF_TRY(parse_calls(p, m, m->layers.items[i], json_object_get(layer, "inbound_nodes")));
    ref_search inputs = { p, m, &m->inputs }, outputs = { p, m, &m->outputs };
    RF_TRY(find_refs(&inputs, json_object_get(config, "input_layers"), 0));
    RF_TRY(find_refs(&outputs, json_object_get(config, "output_layers"), 0));
    if (!m->inputs.count || !m->outputs.count)
        return fail(p, "there are no inputs or no outputs in model", m->name);
    settle_first_calls(m);
    return RF_OK;
}

/* The shape that a Sequential model begins with; it may be said by a model inside of it. */
static const json_t *holder_of_shape(const json_t *json, int depth)
{
    const json_t *config = json_object_get(json, "config");
    const json_t *layers = json_is_array(config) ? config : json_object_get(config, "layers");
    const rf_keras_layer probe = { .config = config };
    rf_shape shape;
    if (json_is_object(config) && rf_keras_input_shape(&probe, &shape))
        return config;
    return depth < DEPTH_LIMIT && layers ? holder_of_shape(json_array_get(layers, 0), depth + 1)
                                         : NULL;
}

/* Keras' own name for the input that a Sequential model makes itself. */
static rf_status add_own_input(parser *p, rf_keras_model *m, const json_t *json,
                               const json_t *first, const char *outer)
{
    rf_keras_layer *l = NULL;
    const json_t *config = json_object_get(first, "config");
    const char *name = json_string_value(json_object_get(config, "name"));
    char text[NAME_LIMIT];
    snprintf(text, sizeof text, "%.200s_input", first_text(name, NULL, m->name));
    RF_TRY(new_layer(p, m, text, "InputLayer", outer, &l));
    l->config = holder_of_shape(json, 0);
    if (!l->config && p->depth == 1)
        return fail(p, "the input's shape is not known: build the model before saving it; model",
                    m->name);
    return RF_OK;
}

static rf_status parse_sequential(parser *p, rf_keras_model *m, const json_t *json,
                                  const char *outer)
{
    const json_t *config = json_object_get(json, "config"), *layer;
    const json_t *layers = json_is_array(config) ? config : json_object_get(config, "layers");
    const json_t *first = json_array_get(layers, 0);
    const char *class_name = json_string_value(json_object_get(first, "class_name"));
    rf_keras_call *call = NULL;
    rf_keras_ref ref = { 0 };
    size_t i;
    if (!class_name)
        return fail(p, "there are no layers in model", m->name);
    if (strcmp(class_name, "InputLayer") != 0)
        RF_TRY(add_own_input(p, m, json, first, outer));
    json_array_foreach(layers, i, layer) RF_TRY(parse_layer(p, m, layer, outer));
    for (i = 0; i < m->layers.count; i++) {
        rf_keras_layer *l = m->layers.items[i];
        RF_TRY(add_call(p, m, l, NULL, &call));
        if (ref.layer)
            RF_TRY(RF_VEC_PUSH(p->k->ctx, &call->refs, ref));
        ref.layer = l;
        if (i == 0)
            RF_TRY(RF_VEC_PUSH(p->k->ctx, &m->inputs, ref));
    }
    return RF_VEC_PUSH(p->k->ctx, &m->outputs, ref);
}

static rf_status new_model(parser *p, const json_t *json, rf_keras_model **out)
{
    rf_keras *k = p->k;
    const json_t *config = json_object_get(json, "config");
    const char *name = json_string_value(json_object_get(config, "name"));
    rf_keras_model *m = rf_arena_alloc(&k->arena, sizeof *m);
    if (!m)
        return RF_ENOMEM;
    m->name = rf_arena_strdup(&k->arena, first_text(name, NULL, "model"));
    rf_map_init(&m->by_name, k->ctx);
    *out = m;
    const rf_status st = RF_VEC_PUSH(k->ctx, &k->models, m);
    return m->name ? st : RF_ENOMEM;
}

static rf_status parse_model(parser *p, const json_t *json, const char *outer, rf_keras_model **out)
{
    rf_keras_model *m = NULL;
    const json_t *config = json_object_get(json, "config");
    const char *class_name =
        first_text(json_string_value(json_object_get(json, "class_name")), NULL, "?");
    if (++p->depth > DEPTH_LIMIT)
        return fail(p, "models are nested too deep, at", outer);
    RF_TRY(new_model(p, json, &m));
    if (strcmp(class_name, "Sequential") == 0)
        RF_TRY(parse_sequential(p, m, json, outer));
    else if (is_model_class(class_name) && json_object_get(config, "layers"))
        RF_TRY(parse_functional(p, m, config, outer));
    else
        return rf_fail(p->k->ctx, RF_EUNSUPPORTED,
                       "model '%.100s' is of class '%.100s', a class of its own whose layers only "
                       "Python knows; rebuild it as a Functional or Sequential model, load the "
                       "weights into that and save it",
                       m->name, class_name);
    p->depth--;
    *out = m;
    return RF_OK;
}

rf_status rf_keras_parse(rf_keras *k, rf_context *ctx, const char *text, size_t size)
{
    json_error_t error;
    parser p = { .k = k };
    *k = (rf_keras){ .ctx = ctx };
    rf_arena_init(&k->arena, ctx);
    rf_map_init(&k->paths, ctx);
    k->json = json_loadb(text, size, JSON_REJECT_DUPLICATES, &error);
    if (!k->json)
        return rf_fail(ctx, RF_EMODEL, "the model's JSON is damaged: %s, line %d column %d",
                       error.text, error.line, error.column);
    if (!json_object_get(k->json, "class_name") || !json_object_get(k->json, "config"))
        return rf_fail(ctx, RF_EMODEL,
                       "the JSON is no Keras model: expected \"class_name\" and \"config\"");
    return parse_model(&p, k->json, "", &k->model);
}

static void release_model(rf_context *ctx, rf_keras_model *m)
{
    for (size_t i = 0; i < m->layers.count; i++) {
        rf_keras_layer *l = m->layers.items[i];
        for (size_t c = 0; c < l->calls.count; c++)
            RF_VEC_RELEASE(ctx, &l->calls.items[c]->refs);
        RF_VEC_RELEASE(ctx, &l->calls);
        RF_VEC_RELEASE(ctx, &l->weights);
    }
    RF_VEC_RELEASE(ctx, &m->layers);
    RF_VEC_RELEASE(ctx, &m->inputs);
    RF_VEC_RELEASE(ctx, &m->outputs);
    rf_map_release(&m->by_name);
}

void rf_keras_release(rf_keras *k)
{
    for (size_t i = 0; i < k->models.count; i++)
        release_model(k->ctx, k->models.items[i]);
    RF_VEC_RELEASE(k->ctx, &k->models);
    rf_map_release(&k->paths);
    rf_arena_release(&k->arena);
    json_decref(k->json);
}
