/* A Keras model, layer after layer in the order of the data, becomes a graph. */
#include "formats/keras_build.h"

#include <stdlib.h>
#include <string.h>

#include "base/status.h"

enum { CALL_LIMIT = 100000, DEPTH_LIMIT = 16 };

static const rf_net_tensor nothing = { 0 };

/* --- what builders of layers share --- */

rf_net_name rf_keras_name(rf_keras_builder *b, const char *part)
{
    return (rf_net_name){ b->node, rf_net_text(&b->net, "%s/%s:0", b->node, part) };
}

rf_net_name rf_keras_step(rf_keras_builder *b, const char *step)
{
    const char *node = rf_net_text(&b->net, "%s/%s", b->node, step);
    return (rf_net_name){ node, rf_net_text(&b->net, "%s:0", node) };
}

static rf_status load_weight(rf_keras_builder *b, rf_keras_layer *l, int index, const char *what)
{
    rf_tensor *t = NULL;
    if (!l->loaded)
        l->loaded = rf_arena_array(&b->k->arena, l->weights.count, sizeof *l->loaded);
    if (!l->loaded)
        return RF_ENOMEM;
    RF_TRY(rf_h5_array(b->weights, l->weights.items[index], &t));
    const char *name = rf_net_text(&b->net, "%s/%s:0", l->path, what);
    l->loaded[index] = rf_net_constant(&b->net, name, t);
    return b->net.st;
}

rf_net_tensor rf_keras_weight(rf_keras_builder *b, rf_keras_layer *l, int index, const char *what)
{
    if (b->net.st)
        return nothing;
    if ((size_t)index >= l->weights.count) {
        rf_net_fail(&b->net, RF_EMODEL,
                    "the file has no weights '%s' for it: are these the weights of this model?",
                    what);
        return nothing;
    }
    if (!l->loaded || !l->loaded[index].name)
        b->net.st = load_weight(b, l, index, what);
    return b->net.st ? nothing : l->loaded[index];
}

rf_net_tensor rf_keras_turned(rf_keras_builder *b, rf_net_tensor x)
{
    if (b->net.st || x.turned || x.shape.rank < 3)
        return x;
    x.value = rf_net_turned(&b->net, &x);
    x.turned = true;
    x.name = x.value ? x.value->name : x.name;
    return x;
}

/* --- one pass through a model --- */

/* Tensors that a call has made. */
typedef struct result {
    const rf_net_tensor *tensors;
    int count;
} result;

typedef struct pass {
    rf_keras_builder *b;
    rf_keras_model *m;
    const rf_net_tensor *inputs;
    result *results; /* [m->call_count] */
    int depth;
} pass;

static rf_status build_model(rf_keras_builder *b, rf_keras_model *m, const rf_net_tensor *inputs,
                             int count, int depth, result *out);

static rf_status fail_ref(const pass *p, const rf_keras_ref *ref)
{
    return rf_fail(p->b->k->ctx, RF_EMODEL,
                   "model '%s' reads output %d of call %d of layer '%s', which there is not",
                   p->m->name, ref->tensor, ref->call, ref->layer->name);
}

/* NULL where there is no such call. */
static rf_keras_call *call_of(const rf_keras_ref *ref)
{
    const int index = ref->call - ref->layer->first_call;
    return index >= 0 && index < (int)ref->layer->calls.count ? ref->layer->calls.items[index]
                                                              : NULL;
}

static rf_status tensor_of(const pass *p, const rf_keras_ref *ref, rf_net_tensor *out)
{
    const rf_keras_call *call = call_of(ref);
    const result *r = call ? &p->results[call->number] : NULL;
    if (!r || ref->tensor >= r->count)
        return fail_ref(p, ref);
    *out = r->tensors[ref->tensor];
    return RF_OK;
}

static rf_status gather(const pass *p, const rf_keras_refs *refs, rf_net_tensor **out)
{
    *out = rf_arena_array(&p->b->k->arena, refs->count + 1, sizeof **out);
    if (!*out)
        return RF_ENOMEM;
    for (size_t i = 0; i < refs->count; i++)
        RF_TRY(tensor_of(p, &refs->items[i], &(*out)[i]));
    return RF_OK;
}

static rf_status set_result(const pass *p, const rf_keras_call *call, rf_net_tensor t)
{
    rf_net_tensor *copy = rf_arena_alloc(&p->b->k->arena, sizeof *copy);
    if (!copy)
        return RF_ENOMEM;
    *copy = t;
    p->results[call->number] = (result){ copy, 1 };
    return RF_OK;
}

static rf_status set_names(rf_keras_builder *b, rf_keras_layer *l)
{
    if (++b->built > CALL_LIMIT)
        return rf_fail(b->k->ctx, RF_EMODEL, "the model has more than %d calls of layers",
                       CALL_LIMIT);
    b->net.at = rf_net_text(&b->net, "%.60s layer '%s'", l->class_name, l->path);
    b->node = l->built ? rf_net_text(&b->net, "%s/call_%d", l->path, l->built) : l->path;
    l->built++;
    return b->net.st;
}

static rf_status build_leaf(const pass *p, const rf_keras_call *call, const rf_net_tensor *in)
{
    rf_keras_builder *b = p->b;
    rf_keras_layer *l = call->layer;
    const rf_keras_class *c = rf_keras_find_class(l);
    const int count = (int)call->refs.count;
    RF_TRY(set_names(b, l));
    b->call = call;
    if (!c)
        return rf_fail(b->k->ctx, RF_EUNSUPPORTED, "layer '%s' is of class '%.80s': %s", l->path,
                       l->class_name, rf_keras_refusal(l));
    if (count < 1 || count > c->most_inputs)
        return rf_net_fail(&b->net, RF_EMODEL, "it has %d inputs, expected %s", count,
                           c->most_inputs == 1 ? "one" : "some");
    const rf_net_tensor t = c->build(b, l, in, count);
    RF_TRY(b->net.st);
    return set_result(p, call, t);
}

static int input_index(const rf_keras_model *m, const rf_keras_layer *l)
{
    for (size_t i = 0; i < m->inputs.count; i++)
        if (m->inputs.items[i].layer == l)
            return (int)i;
    return -1;
}

static rf_status build_call(const pass *p, const rf_keras_call *call)
{
    rf_keras_layer *l = call->layer;
    const int input = input_index(p->m, l);
    rf_net_tensor *in;
    if (input >= 0)
        return set_result(p, call, p->inputs[input]);
    RF_TRY(gather(p, &call->refs, &in));
    if (!l->model)
        return build_leaf(p, call, in);
    return build_model(p->b, l->model, in, (int)call->refs.count, p->depth + 1,
                       &p->results[call->number]);
}

/* --- the order: a call comes when all that it reads is there --- */

typedef struct waiting {
    const rf_keras_call *call;
    size_t next_ref;
} waiting;

typedef struct call_order {
    const pass *p;
    waiting *stack; /* [call_count] */
    int height;
    bool *on_stack;
} call_order;

static rf_status push(call_order *o, const rf_keras_call *call)
{
    if (o->on_stack[call->number])
        return rf_fail(o->p->b->k->ctx, RF_EMODEL, "model '%s': layer '%s' reads its own output",
                       o->p->m->name, call->layer->name);
    o->on_stack[call->number] = true;
    o->stack[o->height++] = (waiting){ call, 0 };
    return RF_OK;
}

/* Build what is on top, or put on it what it waits for. */
static rf_status step(call_order *o)
{
    waiting *top = &o->stack[o->height - 1];
    const bool is_input = input_index(o->p->m, top->call->layer) >= 0;
    while (!is_input && top->next_ref < top->call->refs.count) {
        const rf_keras_ref *ref = &top->call->refs.items[top->next_ref++];
        const rf_keras_call *call = call_of(ref);
        if (!call)
            return fail_ref(o->p, ref);
        if (!o->p->results[call->number].count)
            return push(o, call);
    }
    RF_TRY(build_call(o->p, top->call));
    o->on_stack[top->call->number] = false;
    o->height--;
    return RF_OK;
}

static rf_status build_for(call_order *o, const rf_keras_ref *ref)
{
    const rf_keras_call *call = call_of(ref);
    if (!call)
        return fail_ref(o->p, ref);
    if (o->p->results[call->number].count)
        return RF_OK;
    RF_TRY(push(o, call));
    while (o->height)
        RF_TRY(step(o));
    return RF_OK;
}

static rf_status build_model(rf_keras_builder *b, rf_keras_model *m, const rf_net_tensor *inputs,
                             int count, int depth, result *out)
{
    rf_arena *arena = &b->k->arena;
    const size_t calls = (size_t)m->call_count;
    rf_net_tensor *tensors;
    pass p = { .b = b, .m = m, .inputs = inputs, .depth = depth };
    call_order o = { .p = &p };
    if (depth > DEPTH_LIMIT || (size_t)count != m->inputs.count)
        return rf_fail(b->k->ctx, RF_EMODEL, "model '%s' is called with %d inputs, expected %zu",
                       m->name, count, m->inputs.count);
    p.results = rf_arena_array(arena, calls, sizeof *p.results);
    o.stack = rf_arena_array(arena, calls, sizeof *o.stack);
    o.on_stack = rf_arena_array(arena, calls, sizeof *o.on_stack);
    if (!p.results || !o.stack || !o.on_stack)
        return RF_ENOMEM;
    if ((b->built += (int)calls / 64) > CALL_LIMIT) /* results of models in models in models */
        return rf_fail(b->k->ctx, RF_EMODEL, "the model is called too often: '%s'", m->name);
    for (size_t i = 0; i < m->outputs.count; i++)
        RF_TRY(build_for(&o, &m->outputs.items[i]));
    RF_TRY(gather(&p, &m->outputs, &tensors));
    *out = (result){ tensors, (int)m->outputs.count };
    return RF_OK;
}

/* --- the whole network --- */

/* Layers with a data format say how all data lies. */
static bool is_channels_first(const rf_keras *k)
{
    for (size_t i = 0; i < k->models.count; i++)
        for (size_t j = 0; j < k->models.items[i]->layers.count; j++)
            if (!k->models.items[i]->layers.items[j]->model &&
                rf_keras_channels_first(k->models.items[i]->layers.items[j]))
                return true;
    return false;
}

/* "1x28x28x1"; ? and -1: open. */
static bool parse_dims(const char *text, size_t size, rf_shape *out)
{
    const char *end = text + size;
    for (out->rank = 0; text < end && out->rank < RF_MAX_RANK; out->rank++) {
        char *after;
        out->dims[out->rank] = *text == '?' ? -1 : strtoll(text, &after, 10);
        if (*text == '?')
            after = (char *)(uintptr_t)text + 1;
        if (after == text || out->dims[out->rank] < -1 || out->dims[out->rank] > INT32_MAX)
            return false;
        text = after < end && *after == 'x' ? after + 1 : after;
        if (after < end && *after != 'x')
            return false;
    }
    return text == end && out->rank > 0;
}

/* What the user says of one input's shape. */
static rf_status given_shape(const rf_keras *k, const char *input, rf_shape *shape)
{
    const size_t length = strlen(input);
    for (const char *at = k->input_shapes; at && *at;) {
        const size_t size = strcspn(at, ",");
        const char *equals = memchr(at, '=', size);
        const char *dims = equals ? equals + 1 : at;
        const bool mine = equals ? (size_t)(equals - at) == length && !strncmp(at, input, length)
                                 : k->model->inputs.count == 1;
        rf_shape given;
        if (!parse_dims(dims, size - (size_t)(dims - at), &given) ||
            (mine && given.rank != shape->rank))
            return rf_fail(k->ctx, RF_EARG,
                           "input shape '%.*s': expected %d sizes with x between, in the order of "
                           "Keras, for instance 1x32x32x3",
                           (int)size, at, shape->rank);
        if (mine)
            *shape = given;
        at += size + (at[size] == ',');
    }
    return RF_OK;
}

static rf_status add_inputs(rf_keras_builder *b, rf_net_tensor **out)
{
    const rf_keras_model *m = b->k->model;
    const bool last = !is_channels_first(b->k);
    *out = rf_arena_array(&b->k->arena, m->inputs.count, sizeof **out);
    if (!*out)
        return RF_ENOMEM;
    for (size_t i = 0; i < m->inputs.count; i++) {
        const rf_keras_layer *l = m->inputs.items[i].layer;
        rf_shape shape;
        if (!rf_keras_input_shape(l, &shape) || shape.rank < 1)
            return rf_fail(b->k->ctx, RF_EMODEL, "input '%s' has no shape in the file", l->name);
        RF_TRY(given_shape(b->k, l->path, &shape));
        (*out)[i] = rf_net_input(&b->net, rf_net_text(&b->net, "%s:0", l->path), RF_DTYPE_F32,
                                 &shape, last);
        RF_TRY(b->net.st);
    }
    return RF_OK;
}

static rf_status build(rf_keras_builder *b)
{
    rf_net_tensor *inputs;
    result outputs;
    RF_TRY(add_inputs(b, &inputs));
    RF_TRY(build_model(b, b->k->model, inputs, (int)b->k->model->inputs.count, 0, &outputs));
    for (int i = 0; i < outputs.count; i++)
        rf_net_output(&b->net, outputs.tensors[i], NULL);
    return b->net.st;
}

rf_status rf_keras_build_graph(rf_keras *k, rf_h5 *h5, rf_graph **out)
{
    rf_keras_builder b = { .k = k, .weights = h5, .keras3 = k->keras3 };
    RF_TRY(rf_net_init(&b.net, k->ctx, k->model->name));
    const rf_status st = build(&b);
    if (st) {
        rf_net_release(&b.net);
        return st;
    }
    return rf_net_finish(&b.net, out);
}
