/* refold compare: two models on the same inputs, tensor by tensor. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "array_input.h"
#include "commands.h"
#include "data_input.h"
#include "json_writer.h"
#include "model_input.h"
#include "ort_runner.h"
#include "paragraph.h"

typedef struct comparing {
    cli_session *s;
    cli_model a, b;
    rf_dataset *data;
    int input_count;
    rf_tensor **inputs; /* [input_count] from --input, or NULL */
    cli_ort ort;
    rf_compared *found;
} comparing;

/* ------------------------------------------------------------------------------------- printing --- */

static void json_tensor(cli_json *j, const rf_compared_tensor *t, bool inner)
{
    cli_json_flat_object(j, NULL);
    cli_json_text(j, "name", t->name);
    cli_json_real(j, "max_abs", t->max_abs);
    cli_json_real(j, "max_rel", t->max_rel);
    cli_json_real(j, "sqnr_db", t->sqnr_db);
    cli_json_bool(j, "differs", t->differs);
    if (inner) {
        cli_json_text(j, "in_a", t->in_a);
        cli_json_text(j, "in_b", t->in_b);
    }
    cli_json_end(j);
}

static void print_json(const comparing *c)
{
    const rf_compared *found = c->found;
    cli_json j = { 0 };
    cli_json_document(&j, "compare");
    cli_json_int(&j, "samples", found->samples);
    cli_json_real(&j, "top1_agreement", found->top1_agreement);
    cli_json_array(&j, "outputs");
    for (int i = 0; i < found->output_count; i++)
        json_tensor(&j, &found->outputs[i], false);
    cli_json_end(&j);
    cli_json_text(&j, "first_difference", found->first_difference);
    cli_json_real(&j, "tolerance", c->s->options->tolerance);
    cli_json_text(&j, "runtime", c->s->options->runtime);
    cli_json_array(&j, "tensors");
    for (int i = 0; i < found->tensor_count; i++)
        json_tensor(&j, &found->tensors[i], true);
    cli_json_end(&j);
    cli_json_end(&j);
    cli_json_write(&j, stdout);
    cli_json_release(&j);
}

/* "12.3" or, where the two are equal or beyond comparing, a word. */
static const char *sqnr_text(const rf_compared_tensor *t, char text[16])
{
    if (isnan(t->max_abs))
        snprintf(text, 16, "NaN");
    else if (t->max_abs == 0.0)
        snprintf(text, 16, "equal");
    else
        snprintf(text, 16, "%.1f", t->sqnr_db);
    return text;
}

static void print_tensor(const rf_compared_tensor *t)
{
    char sqnr[16];
    printf("%c %10.3g %10.3g %8s  %s\n", t->differs ? '*' : ' ', t->max_abs, t->max_rel,
           sqnr_text(t, sqnr), t->name);
}

static void print_head(const char *what)
{
    printf("\n  %10s %10s %8s  %s\n", "max abs", "max rel", "SQNR dB", what);
}

/* All of them, or without --verbose those that differ, up to a page. */
static void print_inner(const comparing *c)
{
    enum { PAGE = 12 };
    const rf_compared *found = c->found;
    const bool all = c->s->options->verbose;
    int different = 0;
    for (int i = 0; i < found->tensor_count; i++)
        different += found->tensors[i].differs;
    if (found->tensor_count == 0 || (!all && different == 0))
        return;
    print_head(all ? "tensors in between" : "tensors in between that differ");
    for (int i = 0, shown = 0; i < found->tensor_count && (all || shown < PAGE); i++) {
        if (!all && !found->tensors[i].differs)
            continue;
        print_tensor(&found->tensors[i]);
        shown++;
    }
    if (!all && different > PAGE)
        printf("  ... and %d more (--verbose lists all)\n", different - PAGE);
}

static void print_text(const comparing *c)
{
    const rf_compared *found = c->found;
    const cli_options *o = c->s->options;
    char count[CLI_AMOUNT];
    printf("%-15s%s\n%-15s%s%s\n", "A", o->operand, "B", o->second_operand,
           c->ort.s ? ", in ONNX Runtime" : "");
    printf("%-15s%s\n", "samples", cli_thousands(found->samples, count));
    if (isfinite(found->top1_agreement))
        printf("%-15s%.2f %%\n", "same top-1", found->top1_agreement);
    print_head("outputs");
    for (int i = 0; i < found->output_count; i++)
        print_tensor(&found->outputs[i]);
    print_inner(c);
    if (found->first_difference)
        printf("\nfirst difference beyond %g of the largest value: %s\n", o->tolerance,
               found->first_difference);
    else
        printf("\n%s agree within %g of their largest values\n",
               found->tensor_count ? "all outputs and the tensors in between" : "all outputs",
               o->tolerance);
}

/* ---------------------------------------------------------------------------------------- the run --- */

static int open_inputs(comparing *c)
{
    const cli_options *o = c->s->options;
    const rf_graph *graph = cli_model_graph(&c->a);
    if (!o->data == (o->inputs.count == 0))
        return cli_usage_error(c->s->command, o->data ? "--data and --input exclude each other"
                                                      : "--data SPEC is missing, or --input X.npy");
    if (o->data)
        return cli_data_open(c->s, o->data, graph, &c->data);
    c->input_count = rf_graph_input_count(graph);
    c->inputs = calloc((size_t)c->input_count + 1, sizeof *c->inputs);
    return c->inputs ? cli_arrays_load(c->s, graph, c->inputs)
                     : cli_error(c->s, CLI_EXIT_FAILED, "out of memory");
}

static int start_runtime(comparing *c)
{
    const cli_options *o = c->s->options;
    if (strcmp(o->runtime, "ort") != 0)
        return 0;
    if (c->b.sim)
        return cli_error(c->s, CLI_EXIT_FAILED,
                         "'%s' is a simulation, which ONNX Runtime would run without its "
                         "quantizers; export it and compare with the QDQ model",
                         o->second_operand);
    return cli_ort_start(c->s, o->second_operand, c->b.graph, &c->ort);
}

static int compare(comparing *c)
{
    const cli_options *o = c->s->options;
    rf_compare_options options = RF_COMPARE_OPTIONS_INIT;
    options.dataset = c->data;
    options.inputs = (const rf_tensor *const *)c->inputs;
    options.samples = o->samples;
    options.batch = o->batch;
    options.tolerance = o->tolerance;
    options.outputs_only = o->outputs_only;
    options.runner = c->ort.s ? &c->ort.runner : NULL;
    const rf_status st =
        rf_compare(cli_model_graph(&c->a), cli_model_graph(&c->b), &options, &c->found);
    cli_progress_clear(c->s);
    if (st && cli_interrupted()) /* which has stopped node as well */
        return cli_error(c->s, CLI_EXIT_INTERRUPTED, "interrupted");
    if (st && c->ort.message[0])
        return cli_error(c->s, CLI_EXIT_FAILED, "%s", c->ort.message);
    return st ? cli_fail(c->s, st) : 0;
}

static void release(comparing *c)
{
    rf_compared_free(c->found);
    if (c->ort.s)
        cli_ort_stop(&c->ort);
    for (int i = 0; c->inputs && i < c->input_count; i++)
        rf_tensor_free(c->inputs[i]);
    free(c->inputs);
    rf_dataset_free(c->data);
    cli_model_release(&c->b);
    cli_model_release(&c->a);
}

int cmd_compare(cli_session *s)
{
    comparing c = { .s = s };
    int code = cli_model_load(s, &c.a);
    if (!code)
        code = cli_model_load_from(s, s->options->second_operand, &c.b);
    if (!code)
        code = open_inputs(&c);
    if (!code)
        code = start_runtime(&c);
    if (!code)
        code = compare(&c);
    if (!code && s->options->json)
        print_json(&c);
    else if (!code)
        print_text(&c);
    release(&c);
    return code;
}
