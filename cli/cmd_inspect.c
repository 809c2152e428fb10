/* refold inspect: what a model holds, where its BN fold, what to do next. */
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "json_writer.h"
#include "model_input.h"
#include "paragraph.h"
#include "step_options.h"

typedef int (*port_count)(const rf_graph *graph);
typedef rf_status (*port_at)(const rf_graph *graph, int index, rf_port *out);

static void json_ports(cli_json *j, const char *key, const rf_graph *g, port_count count,
                       port_at at)
{
    rf_port port;
    cli_json_array(j, key);
    for (int i = 0; i < count(g) && at(g, i, &port) == RF_OK; i++) {
        cli_json_flat_object(j, NULL);
        cli_json_text(j, "name", port.name);
        cli_json_text(j, "dtype", rf_dtype_name(port.dtype));
        cli_json_flat_array(j, "shape");
        for (int d = 0; d < port.rank; d++) {
            if (port.dims[d] < 0)
                cli_json_null(j, NULL);
            else
                cli_json_int(j, NULL, port.dims[d]);
        }
        cli_json_end(j);
        cli_json_end(j);
    }
    cli_json_end(j);
}

static void json_batch_norms(cli_json *j, const rf_inspection *found)
{
    cli_json_array(j, "batch_norms");
    for (int i = 0; i < found->batch_norm_count; i++) {
        cli_json_flat_object(j, NULL);
        cli_json_text(j, "bn", found->batch_norms[i].bn);
        cli_json_text(j, "folds_into", found->batch_norms[i].folds_into);
        cli_json_text(j, "reason", found->batch_norms[i].reason);
        cli_json_end(j);
    }
    cli_json_end(j);
}

static void json_texts(cli_json *j, const char *key, const char *const *texts, int count)
{
    cli_json_array(j, key);
    for (int i = 0; i < count; i++)
        cli_json_text(j, NULL, texts[i]);
    cli_json_end(j);
}

static void json_quantizers(cli_json *j, const rf_inspection *found)
{
    cli_json_object(j, "quantizers");
    cli_json_int(j, "param", found->param_quantizers);
    cli_json_int(j, "activation", found->activation_quantizers);
    cli_json_array(j, "list");
    for (int i = 0; i < found->quantizer_count; i++) {
        const rf_planned_quantizer *q = &found->quantizers[i];
        cli_json_flat_object(j, NULL);
        cli_json_text(j, "tensor", q->tensor);
        cli_json_text(j, "kind", q->kind);
        cli_json_text(j, "op", q->op);
        cli_json_int(j, "bitwidth", q->bitwidth);
        cli_json_bool(j, "symmetric", q->symmetric);
        if (q->axis < 0)
            cli_json_null(j, "axis");
        else
            cli_json_int(j, "axis", q->axis);
        cli_json_int(j, "encodings", q->channels);
        cli_json_end(j);
    }
    cli_json_end(j);
    cli_json_end(j);
}

/* What is not known is null. */
static void json_bytes(cli_json *j, const char *key, int64_t bytes)
{
    if (bytes > 0)
        cli_json_int(j, key, bytes);
    else
        cli_json_null(j, key);
}

static void json_memory(cli_json *j, const rf_inspection *found)
{
    cli_json_flat_object(j, "memory");
    cli_json_int(j, "batch", found->batch);
    json_bytes(j, "activation_bytes", found->activation_bytes);
    json_bytes(j, "infer_bytes", found->infer_bytes);
    json_bytes(j, "reestimate_bytes", found->reestimate_bytes);
    json_bytes(j, "train_bytes", found->train_bytes);
    json_bytes(j, "qat_bytes", found->qat_bytes);
    cli_json_end(j);
}

static void print_json(const cli_model *model, const rf_inspection *found)
{
    const rf_graph *g = model->graph;
    cli_json j = { 0 };
    cli_json_document(&j, "inspect");
    json_ports(&j, "inputs", g, rf_graph_input_count, rf_graph_input);
    json_ports(&j, "outputs", g, rf_graph_output_count, rf_graph_output);
    cli_json_object(&j, "operators");
    for (int i = 0; i < found->operator_count; i++)
        cli_json_int(&j, found->operators[i].name, found->operators[i].count);
    cli_json_end(&j);
    cli_json_int(&j, "parameters", found->parameters);
    cli_json_int(&j, "macs", found->macs);
    json_batch_norms(&j, found);
    json_texts(&j, "unsupported", found->unsupported, found->unsupported_count);
    json_texts(&j, "advice", found->advice, found->advice_count);
    cli_json_text(&j, "state", model->sim ? rf_state_name(rf_sim_state(model->sim)) : NULL);
    cli_json_text(&j, "producer", *found->producer ? found->producer : NULL);
    cli_json_int(&j, "opset", found->opset);
    cli_json_text(&j, "bn_fused_by", found->bn_fused_by);
    cli_json_int(&j, "negative_gamma_channels", found->negative_gamma_channels);
    cli_json_int(&j, "dead_channels", found->dead_channels);
    json_quantizers(&j, found);
    json_memory(&j, found);
    cli_json_end(&j);
    cli_json_write(&j, stdout);
    cli_json_release(&j);
}

/* ---------------------------------------------------------------------------------- for people --- */

enum { COLUMN = 15, NAME_COLUMN = 40 };

static void print_ports(const char *head, const rf_graph *g, port_count count, port_at at)
{
    rf_port port;
    for (int i = 0; i < count(g) && at(g, i, &port) == RF_OK; i++) {
        printf("%-*s%s: %s [", COLUMN, i == 0 ? head : "", port.name, rf_dtype_name(port.dtype));
        for (int d = 0; d < port.rank; d++) {
            if (port.dims[d] < 0)
                printf("%s?", d ? ", " : "");
            else
                printf("%s%lld", d ? ", " : "", (long long)port.dims[d]);
        }
        printf("]\n");
    }
}

static void print_operators(const rf_inspection *found)
{
    char *text = NULL;
    size_t size = 0;
    FILE *list = open_memstream(&text, &size);
    for (int i = 0; list && i < found->operator_count; i++)
        fprintf(list, "%s%lld" CLI_NO_BREAK "%s", i ? ", " : "",
                (long long)found->operators[i].count, found->operators[i].name);
    if (list && fclose(list) == 0)
        cli_paragraph("operators      ", COLUMN, text);
    free(text);
}

static void print_macs(const rf_inspection *found)
{
    const double macs = (double)found->macs;
    if (macs >= 1e9)
        printf("%-*s%.2f billion a sample%s\n", COLUMN, "multiply-adds", 1e-9 * macs,
               found->unsupported_count ? ", as far as it can run" : "");
    else if (macs > 0)
        printf("%-*s%.3g million a sample%s\n", COLUMN, "multiply-adds", 1e-6 * macs,
               found->unsupported_count ? ", as far as it can run" : "");
}

static void print_memory(const rf_inspection *found)
{
    const struct {
        const char *name;
        int64_t bytes;
    } modes[] = { { "inference", found->infer_bytes },
                  { "re-estimation", found->reestimate_bytes },
                  { "training", found->train_bytes },
                  { "QAT", found->qat_bytes } };
    char amount[CLI_AMOUNT];
    if (found->activation_bytes <= 0)
        return;
    printf("%-*sactivations %s at batch %lld\n", COLUMN, "memory",
           cli_bytes(found->activation_bytes, amount), (long long)found->batch);
    printf("%*s", COLUMN, "");
    for (size_t i = 0, shown = 0; i < sizeof modes / sizeof *modes; i++)
        if (modes[i].bytes > 0)
            printf("%s%s %s", shown++ ? ", " : "in all: ", modes[i].name,
                   cli_bytes(modes[i].bytes, amount));
    putchar('\n');
}

/* "8 bits", or the smallest and the largest. */
static void print_bits(const rf_inspection *found, const char *kind)
{
    int least = 0, most = 0;
    for (int i = 0; i < found->quantizer_count; i++) {
        const rf_planned_quantizer *q = &found->quantizers[i];
        if (strcmp(q->kind, kind) != 0)
            continue;
        least = least == 0 || q->bitwidth < least ? q->bitwidth : least;
        most = q->bitwidth > most ? q->bitwidth : most;
    }
    if (least < most)
        printf(" (%d to %d bits)", least, most);
    else if (most > 0)
        printf(" (%d bits)", most);
}

static void print_quantizer_counts(const cli_model *model, const rf_inspection *found)
{
    if (model->sim)
        printf("%-*s%s, %d of %d quantizers on\n", COLUMN, "simulation",
               rf_state_name(rf_sim_state(model->sim)), found->quantizer_count,
               rf_sim_quantizer_count(model->sim));
    if (found->quantizer_count == 0)
        return;
    printf("%-*s%d parameters", COLUMN, model->sim ? "quantized" : "to quantize",
           found->param_quantizers);
    print_bits(found, "param");
    printf(", %d activations", found->activation_quantizers);
    print_bits(found, "activation");
    putchar('\n');
}

static void print_summary(const cli_session *s, const cli_model *model, const rf_inspection *found)
{
    const rf_graph *g = model->graph;
    char count[CLI_AMOUNT], bytes[CLI_AMOUNT];
    printf("%s: opset %lld%s%s\n\n", s->options->operand, (long long)found->opset,
           *found->producer ? ", written by " : "", found->producer);
    print_ports("inputs", g, rf_graph_input_count, rf_graph_input);
    print_ports("outputs", g, rf_graph_output_count, rf_graph_output);
    print_operators(found);
    printf("%-*s%s (%s as float32)\n", COLUMN, "parameters",
           cli_thousands(found->parameters, count), cli_bytes(4 * found->parameters, bytes));
    print_macs(found);
    print_quantizer_counts(model, found);
    print_memory(found);
}

static int name_width(const rf_inspection *found)
{
    int width = 0;
    for (int i = 0; i < found->batch_norm_count; i++) {
        const int length = (int)strlen(found->batch_norms[i].bn);
        width = length > width ? length : width;
    }
    return width < NAME_COLUMN ? width : NAME_COLUMN;
}

static void print_batch_norms(const rf_inspection *found)
{
    const int width = name_width(found);
    char head[512], what[1024];
    if (found->batch_norm_count == 0)
        return;
    printf("\nbatch norms: %d\n", found->batch_norm_count);
    for (int i = 0; i < found->batch_norm_count; i++) {
        const rf_bn_info *bn = &found->batch_norms[i];
        snprintf(head, sizeof head, "  %-*s  ", width, bn->bn);
        snprintf(what, sizeof what, "%s%s", bn->folds_into ? "folds into " : "stays: ",
                 bn->folds_into ? bn->folds_into : bn->reason);
        cli_paragraph(head, width + 4, what);
    }
}

static void print_quantizer(const rf_planned_quantizer *q)
{
    char each[24] = "per tensor", head[80], what[1024];
    if (q->axis >= 0)
        snprintf(each, sizeof each, "%lld channels", (long long)q->channels);
    const int width = snprintf(head, sizeof head, "  %-10s %2d bits  %-10s  %-13s ", q->kind,
                               q->bitwidth, q->symmetric ? "symmetric" : "asymmetric", each);
    snprintf(what, sizeof what, "%s (%s%s%s)", q->tensor, *q->op ? q->op_type : "model input",
             *q->op ? CLI_NO_BREAK : "", q->op);
    cli_paragraph(head, width, what);
}

static void print_quantizers(const rf_inspection *found)
{
    if (found->quantizer_count > 0)
        printf("\nquantizers: %d\n", found->quantizer_count);
    for (int i = 0; i < found->quantizer_count; i++)
        print_quantizer(&found->quantizers[i]);
}

static void print_list(const char *title, const char *const *texts, int count)
{
    if (count > 0)
        printf("\n%s\n", title);
    for (int i = 0; i < count; i++)
        cli_paragraph("  - ", 4, texts[i]);
}

static void print_text(const cli_session *s, const cli_model *model, const rf_inspection *found)
{
    print_summary(s, model, found);
    print_batch_norms(found);
    if (s->options->verbose)
        print_quantizers(found);
    print_list("without support", found->unsupported, found->unsupported_count);
    print_list("advice", found->advice, found->advice_count);
}

int cmd_inspect(cli_session *s)
{
    cli_model model = { 0 };
    rf_inspection *found = NULL;
    int code = cli_model_load(s, &model);
    if (!code) {
        const rf_inspect_options options = { .batch = s->options->batch,
                                             .simulation = cli_sim_options(s->options),
                                             .sim = model.sim };
        const rf_status st = rf_inspect(model.graph, &options, &found);
        code = st ? cli_fail(s, st) : 0;
    }
    if (!code && s->options->json)
        print_json(&model, found);
    else if (!code)
        print_text(s, &model, found);
    rf_inspection_free(found);
    cli_model_release(&model);
    return code;
}
