/* refold analyze: which layer's quantizers cost what. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "data_input.h"
#include "json_writer.h"
#include "model_input.h"
#include "output_path.h"
#include "paragraph.h"
#include "step_options.h"

typedef struct analyzing {
    cli_session *s;
    cli_model model;
    rf_dataset *data;
    rf_sim *made; /* from a plain model */
    rf_sim *sim;  /* made, or the model's own */
    rf_analysis *found;
} analyzing;

/* ----------------------------------------------------------------------------------------- JSON --- */

static void json_measured(cli_json *j, const char *key, const rf_measured *m)
{
    cli_json_flat_object(j, key);
    cli_json_real(j, "top1", m->top1);
    cli_json_real(j, "loss", m->loss);
    cli_json_real(j, "agreement", m->agreement);
    cli_json_real(j, "sqnr_db", m->sqnr_db);
    cli_json_end(j);
}

static void json_layer(cli_json *j, const rf_sensitivity *row)
{
    cli_json_object(j, NULL);
    cli_json_text(j, "layer", row->layer);
    cli_json_text(j, "op_type", row->op_type);
    cli_json_text(j, "kind", row->kind);
    cli_json_int(j, "param_bw", row->param_bw);
    cli_json_int(j, "output_bw", row->output_bw);
    cli_json_int(j, "quantizers", row->quantizers);
    cli_json_int(j, "position", row->position);
    cli_json_real(j, "harm", row->harm);
    json_measured(j, "only", &row->only);
    json_measured(j, "all_but", &row->all_but);
    cli_json_end(j);
}

/* Of several channels the lowest and the highest end. */
static void json_range(cli_json *j, const rf_quantizer *q)
{
    float min = q->min[0], max = q->max[0];
    for (int64_t c = 1; c < q->count; c++) {
        min = fminf(min, q->min[c]);
        max = fmaxf(max, q->max[c]);
    }
    cli_json_flat_object(j, NULL);
    cli_json_text(j, "tensor", q->tensor);
    cli_json_text(j, "kind", q->kind);
    cli_json_text(j, "op", q->op);
    cli_json_int(j, "bitwidth", q->bitwidth);
    cli_json_int(j, "channels", q->count);
    cli_json_float(j, "min", min);
    cli_json_float(j, "max", max);
    cli_json_end(j);
}

static rf_status json_ranges(cli_json *j, rf_sim *sim)
{
    rf_status st = RF_OK;
    cli_json_array(j, "ranges");
    for (int i = 0; !st && i < rf_sim_quantizer_count(sim); i++) {
        rf_quantizer q;
        st = rf_sim_quantizer(sim, i, &q);
        if (!st && q.enabled && q.count > 0)
            json_range(j, &q);
    }
    cli_json_end(j);
    return st;
}

static void json_tensor(cli_json *j, const rf_compared_tensor *t)
{
    cli_json_flat_object(j, NULL);
    cli_json_text(j, "name", t->name);
    cli_json_real(j, "mse", t->mse);
    cli_json_real(j, "sqnr_db", t->sqnr_db);
    cli_json_end(j);
}

static rf_status make_document(const analyzing *a, cli_json *j)
{
    const rf_analysis *found = a->found;
    cli_json_document(j, "analyze");
    cli_json_text(j, "model", a->s->options->operand);
    cli_json_text(j, "state", rf_state_name(rf_sim_state(a->sim)));
    cli_json_int(j, "samples", found->samples);
    cli_json_text(j, "by", found->by);
    cli_json_real(j, "seconds", found->seconds);
    json_measured(j, "fp32", &found->fp32);
    json_measured(j, "params", &found->params);
    json_measured(j, "activations", &found->activations);
    json_measured(j, "quantized", &found->quantized);
    cli_json_array(j, "layers");
    for (int i = 0; i < found->row_count; i++)
        json_layer(j, &found->rows[i]);
    cli_json_end(j);
    const rf_status st = json_ranges(j, a->sim);
    cli_json_array(j, "tensors");
    for (int i = 0; i < found->tensor_count; i++)
        json_tensor(j, &found->tensors[i]);
    cli_json_end(j);
    cli_json_end(j);
    return st;
}

/* Whole or not at all: it gets its name when it is on disk. */
static int save(cli_session *s, const cli_json *j, const char *path)
{
    const size_t length = strlen(path) + sizeof ".part";
    char *part = malloc(length);
    if (!part)
        return cli_error(s, CLI_EXIT_FAILED, "out of memory");
    snprintf(part, length, "%s.part", path);
    FILE *file = fopen(part, "w");
    bool good = file && cli_json_write(j, file) && fflush(file) == 0 && fsync(fileno(file)) == 0;
    good = (!file || fclose(file) == 0) && good && rename(part, path) == 0;
    const int code =
        good ? 0 : cli_error(s, CLI_EXIT_FAILED, "cannot write '%s': %s", path, strerror(errno));
    if (!good)
        unlink(part);
    free(part);
    return code;
}

/* ----------------------------------------------------------------------------------------- text --- */

static const char *number(double value, int digits, char text[16])
{
    if (isnan(value))
        return "-";
    if (isinf(value))
        return value > 0 ? "equal" : "-inf";
    snprintf(text, 16, "%.*f", digits, value);
    return text;
}

static void print_whole(const char *what, const rf_measured *m)
{
    char top1[16], loss[16], same[16], sqnr[16];
    printf("%-24s %8s %8s %8s %8s\n", what, number(m->top1, 2, top1), number(m->loss, 4, loss),
           number(m->agreement, 2, same), number(m->sqnr_db, 1, sqnr));
}

/* Top-1, or where there are no labels the share of predictions that stay. */
static double percent_of(const rf_measured *m)
{
    return isnan(m->top1) ? m->agreement : m->top1;
}

static void print_row(const rf_sensitivity *row)
{
    const char *part = strcmp(row->kind, "param") == 0  ? "parameters"
                       : strcmp(row->kind, "both") == 0 ? "both"
                                                        : "activations";
    char only[16], sqnr[16], but[16], but_sqnr[16];
    printf("%8s %8s %9s %8s   %-12s %s\n", number(percent_of(&row->only), 2, only),
           number(row->only.sqnr_db, 1, sqnr), number(percent_of(&row->all_but), 2, but),
           number(row->all_but.sqnr_db, 1, but_sqnr), part, row->layer);
}

static void print_rows(const analyzing *a)
{
    enum { PAGE = 20 };
    const rf_analysis *found = a->found;
    const bool all = a->s->options->verbose;
    const char *percent = isnan(found->fp32.top1) ? "same %" : "top-1";
    printf("\n%17s %18s   most harm first, by %s\n%8s %8s %9s %8s   %-12s %s\n", "only this",
           "all but this", found->by, percent, "SQNR dB", percent, "SQNR dB", "quantized", "layer");
    for (int i = 0; i < found->row_count && (all || i < PAGE); i++)
        print_row(&found->rows[i]);
    if (!all && found->row_count > PAGE)
        printf("... and %d more (--verbose lists all)\n", found->row_count - PAGE);
}

static void print_text(const analyzing *a)
{
    const rf_analysis *found = a->found;
    char count[CLI_AMOUNT];
    printf("%s: %s, on %s samples in %.1f s\n\n%-24s %8s %8s %8s %8s\n", a->s->options->operand,
           rf_state_name(rf_sim_state(a->sim)), cli_thousands(found->samples, count),
           found->seconds, "quantized", "top-1", "loss", "same %", "SQNR dB");
    print_whole("nothing (float)", &found->fp32);
    print_whole("parameters", &found->params);
    print_whole("activations", &found->activations);
    print_whole("everything", &found->quantized);
    print_rows(a);
}

/* -------------------------------------------------------------------------------------- the run --- */

/* A plain model becomes a simulation here, which is not kept. */
static int make_sim(analyzing *a)
{
    const cli_options *o = a->s->options;
    const rf_sim_options sim_options = cli_sim_options(o);
    const rf_calibrate_options calibrate_options = cli_calibrate_options(o);
    rf_status st = RF_OK;
    a->sim = a->model.sim;
    if (a->sim)
        return 0;
    st = rf_sim_new(a->model.graph, &sim_options, &a->made);
    if (!st)
        st = rf_sim_calibrate(a->made, a->data, &calibrate_options, NULL);
    a->sim = a->made;
    return st ? cli_fail(a->s, st) : 0;
}

static int analyze(analyzing *a)
{
    const cli_options *o = a->s->options;
    const rf_analyze_options options = { .samples = o->samples, .batch = o->batch, .by = o->by };
    const rf_status st = rf_analyze(a->sim, a->data, &options, &a->found);
    return st ? cli_fail(a->s, st) : 0;
}

static int give_results(const analyzing *a)
{
    const cli_options *o = a->s->options;
    cli_json j = { 0 };
    const rf_status st = make_document(a, &j);
    int code = st ? cli_fail(a->s, st) : 0;
    cli_progress_clear(a->s);
    if (!code && o->output)
        code = save(a->s, &j, o->output);
    if (!code && o->json)
        cli_json_write(&j, stdout);
    else if (!code)
        print_text(a);
    cli_json_release(&j);
    return code;
}

int cmd_analyze(cli_session *s)
{
    analyzing a = { .s = s };
    int code = cli_sim_check(s);
    if (!code && s->options->output)
        code = cli_output_check_file(s, s->options->output);
    if (!code)
        code = cli_model_load(s, &a.model);
    if (!code)
        code = cli_data_open(s, s->options->data, cli_model_graph(&a.model), &a.data);
    if (!code)
        code = make_sim(&a);
    if (!code)
        code = analyze(&a);
    if (!code)
        code = give_results(&a);
    rf_analysis_free(a.found);
    rf_sim_free(a.made);
    rf_dataset_free(a.data);
    cli_model_release(&a.model);
    return code;
}
