/* refold infer: arrays through a model. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "array_input.h"
#include "array_layout.h"
#include "commands.h"
#include "data_input.h"
#include "json_writer.h"
#include "model_input.h"
#include "output_path.h"

typedef struct inference {
    cli_session *s;
    cli_model model;
    const rf_graph *graph; /* runs; outputs of a simulation have other names there */
    int in_count, out_count;
    rf_tensor **inputs, **outputs; /* [in_count], [out_count] */
    char **paths;                  /* [out_count] where each output goes */
    double seconds;
} inference;

/* "Y.npy" and "head/conv:0" make "Y.head_conv_0.npy". */
static char *path_of_output(const char *pattern, const char *name)
{
    const size_t length = strlen(pattern), size = length + strlen(name) + 2;
    const size_t stem =
        length > 4 && strcmp(pattern + length - 4, ".npy") == 0 ? length - 4 : length;
    char *path = malloc(size);
    if (!path)
        return NULL;
    snprintf(path, size, "%.*s.%s%s", (int)stem, pattern, name, pattern + stem);
    for (char *c = path + stem + 1; c < path + stem + 1 + strlen(name); c++) {
        if (strchr("/\\:*?\"<>| ", *c))
            *c = '_';
    }
    return path;
}

/* One output, or one name for all of them. */
static int name_all_outputs(inference *f, const char *text)
{
    for (int i = 0; i < f->out_count; i++) {
        rf_port port;
        const rf_status st = rf_graph_output(f->model.graph, i, &port);
        if (st)
            return cli_fail(f->s, st);
        f->paths[i] = f->out_count == 1 ? strdup(text) : path_of_output(text, port.name);
    }
    return 0;
}

static int name_outputs(inference *f)
{
    const cli_texts *given = &f->s->options->outputs;
    for (int i = 0; i < given->count; i++) {
        int index;
        const char *path =
            cli_split_port(f->model.graph, f->out_count, rf_graph_output, given->items[i], &index);
        if (index < 0 && given->count == 1)
            return name_all_outputs(f, path);
        if (index < 0)
            return cli_usage_error(
                f->s->command, "--output '%s': expected NAME=FILE with the name of a model output",
                given->items[i]);
        free(f->paths[index]);
        f->paths[index] = strdup(path);
    }
    return 0;
}

static int check_outputs(inference *f)
{
    for (int i = 0; i < f->out_count; i++) {
        const int code = f->paths[i] ? cli_output_check_file(f->s, f->paths[i]) : 0;
        if (code)
            return code;
    }
    return 0;
}

/* A model with a fixed batch takes only that. */
static int64_t batch_of(const inference *f)
{
    const int64_t fixed = cli_fixed_batch(f->graph);
    return fixed > 0 ? fixed : f->s->options->batch;
}

static rf_status compute(inference *f)
{
    const double start = cli_seconds();
    const rf_status st =
        rf_infer(f->graph, (const rf_tensor *const *)f->inputs, batch_of(f), f->outputs);
    f->seconds = cli_seconds() - start;
    return st;
}

static int turn_outputs(inference *f)
{
    int code = 0;
    for (int i = 0; i < f->out_count && !code; i++) {
        rf_port port;
        const rf_status st = rf_graph_output(f->model.graph, i, &port);
        code = st ? cli_fail(f->s, st) : cli_array_to_user(f->s, &port, &f->outputs[i]);
    }
    return code;
}

/* All outputs or none of them. */
static int save_outputs(inference *f)
{
    for (int i = 0; i < f->out_count; i++) {
        const rf_status st = f->paths[i] ? rf_tensor_save_npy(f->s->ctx, f->outputs[i], f->paths[i],
                                                              f->s->options->force)
                                         : RF_OK;
        if (!st)
            continue;
        while (--i >= 0) {
            if (f->paths[i])
                unlink(f->paths[i]);
        }
        return cli_fail(f->s, st);
    }
    return 0;
}

static void print_output(cli_json *j, const rf_port *port, const rf_tensor *tensor,
                         const char *path)
{
    const int64_t *dims = rf_tensor_dims(tensor);
    cli_json_flat_object(j, NULL);
    cli_json_text(j, "name", port->name);
    cli_json_text(j, "file", path);
    cli_json_flat_array(j, "shape");
    for (int d = 0; d < rf_tensor_rank(tensor); d++)
        cli_json_int(j, NULL, dims[d]);
    cli_json_end(j);
    cli_json_end(j);
}

static void print_json(const inference *f)
{
    cli_json j = { 0 };
    cli_json_document(&j, "infer");
    cli_json_int(&j, "samples",
                 rf_tensor_rank(f->inputs[0]) > 0 ? rf_tensor_dims(f->inputs[0])[0] : 1);
    cli_json_array(&j, "outputs");
    for (int i = 0; i < f->out_count; i++) {
        rf_port port;
        if (f->paths[i] && rf_graph_output(f->model.graph, i, &port) == RF_OK)
            print_output(&j, &port, f->outputs[i], f->paths[i]);
    }
    cli_json_end(&j);
    cli_json_real(&j, "seconds", f->seconds);
    cli_json_end(&j);
    cli_json_write(&j, stdout);
    cli_json_release(&j);
}

static void print_text(const inference *f)
{
    for (int i = 0; i < f->out_count; i++) {
        const int64_t *dims = rf_tensor_dims(f->outputs[i]);
        if (!f->paths[i])
            continue;
        printf("%s: [", f->paths[i]);
        for (int d = 0; d < rf_tensor_rank(f->outputs[i]); d++)
            printf("%s%lld", d ? ", " : "", (long long)dims[d]);
        printf("]\n");
    }
}

static int open_inference(inference *f)
{
    const int code = cli_model_load(f->s, &f->model);
    if (code)
        return code;
    f->graph = cli_model_graph(&f->model);
    f->in_count = rf_graph_input_count(f->graph);
    f->out_count = rf_graph_output_count(f->graph);
    f->inputs = calloc((size_t)f->in_count + 1, sizeof(rf_tensor *));
    f->outputs = calloc((size_t)f->out_count + 1, sizeof(rf_tensor *));
    f->paths = calloc((size_t)f->out_count + 1, sizeof(char *));
    if (!f->inputs || !f->outputs || !f->paths)
        return cli_error(f->s, CLI_EXIT_FAILED, "out of memory");
    return 0;
}

static void close_inference(inference *f)
{
    for (int i = 0; f->inputs && i < f->in_count; i++)
        rf_tensor_free(f->inputs[i]);
    for (int i = 0; f->outputs && i < f->out_count; i++)
        rf_tensor_free(f->outputs[i]);
    for (int i = 0; f->paths && i < f->out_count; i++)
        free(f->paths[i]);
    free(f->inputs);
    free(f->outputs);
    free(f->paths);
    cli_model_release(&f->model);
}

int cmd_infer(cli_session *s)
{
    inference f = { .s = s };
    int code = open_inference(&f);
    if (!code)
        code = name_outputs(&f);
    if (!code)
        code = check_outputs(&f);
    if (!code)
        code = cli_check_batch(s, f.graph);
    if (!code)
        code = cli_arrays_load(s, f.graph, f.inputs);
    if (!code) {
        const rf_status st = compute(&f);
        code = st ? cli_fail(s, st) : turn_outputs(&f);
    }
    if (!code)
        code = save_outputs(&f);
    if (!code && s->options->json)
        print_json(&f);
    else if (!code)
        print_text(&f);
    close_inference(&f);
    return code;
}
