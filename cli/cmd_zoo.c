/* refold zoo: an untrained network as ONNX. */
#include <string.h>

#include "commands.h"
#include "json_writer.h"
#include "output_path.h"

static const char *zoo_name_at(const void *from, int index)
{
    return ((const char *const *)from)[index];
}

/* "CxHxW" into options; anything else is wrong usage. */
static int take_input(cli_session *s, const char *text, rf_zoo_options *out)
{
    long long c, h, w;
    int used = 0;
    if (!text)
        return 0;
    if (sscanf(text, "%9lldx%9lldx%9lld%n", &c, &h, &w, &used) != 3 || text[used] || c < 1 ||
        h < 1 || w < 1)
        return cli_usage_error(s->command, "--input '%s': expected CxHxW, for instance 3x32x32",
                               text);
    out->channels = c;
    out->height = h;
    out->width_px = w;
    return 0;
}

static int check_name(cli_session *s)
{
    const char *const *names = rf_zoo_names();
    for (int i = 0; names[i]; i++) {
        if (strcmp(names[i], s->options->operand) == 0)
            return 0;
    }
    const char *near = cli_nearest(s->options->operand, zoo_name_at, (const void *)names);
    return near ? cli_usage_error(s->command, "unknown network '%s'; did you mean '%s'?",
                                  s->options->operand, near)
                : cli_usage_error(s->command, "unknown network '%s'", s->options->operand);
}

static int print_result(cli_session *s, const rf_graph *graph)
{
    rf_inspection *found = NULL;
    cli_json j = { 0 };
    const rf_status st = rf_inspect(graph, NULL, &found);
    if (st)
        return cli_fail(s, st);
    if (s->options->json) {
        cli_json_document(&j, "zoo");
        cli_json_text(&j, "name", s->options->operand);
        cli_json_text(&j, "file", s->options->output);
        cli_json_int(&j, "parameters", found->parameters);
        cli_json_int(&j, "macs", found->macs);
        cli_json_end(&j);
        cli_json_write(&j, stdout);
        cli_json_release(&j);
    } else {
        printf("%s: %s, untrained, %lld parameters\n", s->options->output, s->options->operand,
               (long long)found->parameters);
    }
    rf_inspection_free(found);
    return 0;
}

int cmd_zoo(cli_session *s)
{
    rf_zoo_options options = RF_ZOO_OPTIONS_INIT;
    options.width = s->options->width;
    options.classes = s->options->classes;
    rf_graph *graph = NULL;
    int code = check_name(s);
    if (!code)
        code = take_input(s, s->options->input_size, &options);
    if (!code)
        code = cli_output_check_file(s, s->options->output);
    if (code)
        return code;
    rf_status st = rf_zoo_new(s->ctx, s->options->operand, &options, &graph);
    if (!st)
        st = rf_graph_save(graph, s->options->output, s->options->force);
    code = st ? cli_fail(s, st) : print_result(s, graph);
    rf_graph_free(graph);
    return code;
}
