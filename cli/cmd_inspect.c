/* refold inspect: what a model holds, where its BN fold, what to do next. */
#include "commands.h"
#include "json_writer.h"
#include "model_input.h"

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
    cli_json_end(&j);
    cli_json_write(&j, stdout);
    cli_json_release(&j);
}

static void print_ports(const char *head, const rf_graph *g, port_count count, port_at at)
{
    rf_port port;
    for (int i = 0; i < count(g) && at(g, i, &port) == RF_OK; i++) {
        printf("%-15s%s: %s [", i == 0 ? head : "", port.name, rf_dtype_name(port.dtype));
        for (int d = 0; d < port.rank; d++) {
            if (port.dims[d] < 0)
                printf("%s?", d ? ", " : "");
            else
                printf("%s%lld", d ? ", " : "", (long long)port.dims[d]);
        }
        printf("]\n");
    }
}

static void print_summary(const cli_model *model, const rf_inspection *found)
{
    const rf_graph *g = model->graph;
    print_ports("inputs", g, rf_graph_input_count, rf_graph_input);
    print_ports("outputs", g, rf_graph_output_count, rf_graph_output);
    printf("%-15s%lld\n", "parameters", (long long)found->parameters);
    if (found->macs > 0)
        printf("%-15s%.4g million a sample\n", "multiply-adds", 1e-6 * (double)found->macs);
    if (model->sim)
        printf("%-15s%s, %d quantizers\n", "simulation", rf_state_name(rf_sim_state(model->sim)),
               rf_sim_quantizer_count(model->sim));
    printf("%-15s", "operators");
    for (int i = 0; i < found->operator_count; i++)
        printf("%s%s %lld", i ? ", " : "", found->operators[i].name,
               (long long)found->operators[i].count);
    putchar('\n');
}

static void print_text(const cli_model *model, const rf_inspection *found)
{
    print_summary(model, found);
    printf("\nbatch norms: %d\n", found->batch_norm_count);
    for (int i = 0; i < found->batch_norm_count; i++) {
        const rf_bn_info *bn = &found->batch_norms[i];
        if (bn->folds_into)
            printf("  %s folds into %s\n", bn->bn, bn->folds_into);
        else
            printf("  %s stays: %s\n", bn->bn, bn->reason ? bn->reason : "no layer before it");
    }
    if (found->unsupported_count)
        printf("\noperators that refold does not have:\n");
    for (int i = 0; i < found->unsupported_count; i++)
        printf("  %s\n", found->unsupported[i]);
    if (found->advice_count)
        printf("\nadvice:\n");
    for (int i = 0; i < found->advice_count; i++)
        printf("  %s\n", found->advice[i]);
}

int cmd_inspect(cli_session *s)
{
    cli_model model = { 0 };
    rf_inspection *found = NULL;
    int code = cli_model_load(s, &model);
    if (!code) {
        const rf_status st = rf_inspect(model.graph, &found);
        code = st ? cli_fail(s, st) : 0;
    }
    if (!code && s->options->json)
        print_json(&model, found);
    else if (!code)
        print_text(&model, found);
    rf_inspection_free(found);
    cli_model_release(&model);
    return code;
}
