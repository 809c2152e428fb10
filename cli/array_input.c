/* Arrays given one by one on the command line. */
#include "array_input.h"

#include <string.h>

#include "array_layout.h"
#include "commands.h"

const char *cli_split_port(const rf_graph *g, int count, cli_port_at at, const char *text,
                           int *port_out)
{
    rf_port port;
    *port_out = -1;
    for (int i = 0; i < count && at(g, i, &port) == RF_OK; i++) {
        const size_t length = strlen(port.name);
        if (strncmp(text, port.name, length) == 0 && text[length] == '=') {
            *port_out = i;
            return text + length + 1;
        }
    }
    return text;
}

static int load_one(cli_session *s, const rf_graph *g, const char *text, rf_tensor **inputs)
{
    const int count = rf_graph_input_count(g);
    int index;
    const char *path = cli_split_port(g, count, rf_graph_input, text, &index);
    if (index < 0 && count > 1)
        return cli_usage_error(
            s->command,
            "the model has %d inputs; --input '%s' must be NAME=FILE with one of their names",
            count, text);
    index = index < 0 ? 0 : index;
    if (count < 1 || inputs[index])
        return cli_usage_error(s->command, "--input '%s': %s", text,
                               count < 1 ? "the model has no inputs"
                                         : "this input is given already");
    const rf_status st = rf_tensor_load_npy(s->ctx, path, &inputs[index]);
    if (st)
        return cli_fail(s, st);
    rf_port port;
    const rf_status found = rf_graph_input(g, index, &port);
    return found ? cli_fail(s, found) : cli_array_to_model(s, &port, &inputs[index]);
}

int cli_arrays_load(cli_session *s, const rf_graph *g, rf_tensor **inputs)
{
    const cli_texts *given = &s->options->inputs;
    for (int i = 0; i < given->count; i++) {
        const int code = load_one(s, g, given->items[i], inputs);
        if (code)
            return code;
    }
    for (int i = 0; i < rf_graph_input_count(g); i++) {
        rf_port port;
        if (!inputs[i] && rf_graph_input(g, i, &port) == RF_OK)
            return cli_usage_error(s->command, "model input '%s' is missing; give --input %s=X.npy",
                                   port.name, port.name);
    }
    return 0;
}
