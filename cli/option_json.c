/* Options back to text: what a run was made with. */
#include "option_json.h"

#include <string.h>

static void put_texts(cli_json *j, const char *name, const cli_texts *list)
{
    cli_json_flat_array(j, name);
    for (int i = 0; i < list->count; i++)
        cli_json_text(j, NULL, list->items[i]);
    cli_json_end(j);
}

static void put_reals(cli_json *j, const char *name, const cli_reals *list)
{
    if (list->count == 0) {
        cli_json_null(j, name);
        return;
    }
    cli_json_flat_array(j, name);
    for (int i = 0; i < list->count; i++)
        cli_json_real(j, NULL, list->items[i]);
    cli_json_end(j);
}

/* A number outside its range was never given: its absence means something (CLI_OPTIONS_INIT). */
static void put_number(cli_json *j, const cli_option *o, double value)
{
    if (!(value >= o->min && value <= o->max))
        cli_json_null(j, o->name);
    else if (o->kind == CLI_INT)
        cli_json_int(j, o->name, (int64_t)value);
    else
        cli_json_real(j, o->name, value);
}

static void put_option(cli_json *j, const cli_option *o, const void *field)
{
    switch (o->kind) {
    case CLI_FLAG:
        cli_json_bool(j, o->name, *(const bool *)field);
        break;
    case CLI_TEXT:
    case CLI_CHOICE:
        cli_json_text(j, o->name, *(const char *const *)field);
        break;
    case CLI_TEXTS:
        put_texts(j, o->name, field);
        break;
    case CLI_INT:
        put_number(j, o, (double)*(const int64_t *)field);
        break;
    case CLI_REAL:
        put_number(j, o, *(const double *)field);
        break;
    case CLI_REALS:
        put_reals(j, o->name, field);
        break;
    }
}

static bool concerns_result(const cli_option *o)
{
    static const char *const others[] = { "help", "json",  "quiet",      "verbose",
                                          "log",  "force", "tensorboard" };
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        if (strcmp(o->name, others[i]) == 0)
            return false;
    }
    return true;
}

void cli_json_options(cli_json *j, const char *key, const cli_command *command,
                      const cli_options *options)
{
    cli_json_object(j, key);
    for (int g = 0; g < CLI_MAX_GROUPS && command->groups[g]; g++) {
        for (const cli_option *o = command->groups[g]->options; o->name; o++) {
            if (concerns_result(o))
                put_option(j, o, (const char *)options + o->offset);
        }
    }
    cli_json_end(j);
}
