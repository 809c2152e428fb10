/* Words of the command line into cli_options, by a command's tables. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "options.h"

typedef struct parser {
    const cli_command *command;
    cli_options *out;
} parser;

/* Walk a command's options in order; NULL behind the last. */
static const cli_option *option_at(const cli_command *command, int index)
{
    for (int g = 0; g < CLI_MAX_GROUPS && command->groups[g]; g++) {
        for (const cli_option *o = command->groups[g]->options; o->name; o++) {
            if (index-- == 0)
                return o;
        }
    }
    return NULL;
}

static const char *option_name_at(const void *command, int index)
{
    const cli_option *o = option_at(command, index);
    return o ? o->name : NULL;
}

const cli_option *cli_option_find(const cli_command *command, const char *name, size_t length)
{
    const cli_option *o;
    for (int i = 0; (o = option_at(command, i)); i++) {
        if (strlen(o->name) == length && strncmp(o->name, name, length) == 0)
            return o;
    }
    return NULL;
}

static const cli_option *find_letter(const cli_command *command, char letter)
{
    const cli_option *o;
    for (int i = 0; (o = option_at(command, i)); i++) {
        if (o->letter && o->letter == letter)
            return o;
    }
    return NULL;
}

static int bad_value(const parser *p, const cli_option *o, const char *text, const char *expected)
{
    return cli_usage_error(p->command, "--%s '%s': expected %s", o->name, text, expected);
}

static int out_of_range(const parser *p, const cli_option *o, const char *text, const char *what)
{
    if (o->max > 8e15)
        return cli_usage_error(p->command, "--%s '%s': expected %s of at least %.15g", o->name,
                               text, what, o->min);
    return cli_usage_error(p->command, "--%s '%s': expected %s from %.15g to %.15g", o->name, text,
                           what, o->min, o->max);
}

static int parse_int(const parser *p, const cli_option *o, const char *text, int64_t *out)
{
    char *end;
    errno = 0;
    const long long value = strtoll(text, &end, 10);
    if (end == text || *end || errno || (double)value < o->min || (double)value > o->max)
        return out_of_range(p, o, text, "a whole number");
    *out = value;
    return 0;
}

/* Numbers up to `stop`; the text is one item of a list or all of it. */
static int parse_real(const parser *p, const cli_option *o, const char *text, char stop,
                      const char **end_out, double *out)
{
    char *end;
    const double value = strtod(text, &end);
    if (end == text || (*end && *end != stop) || !isfinite(value) || value < o->min ||
        value > o->max)
        return out_of_range(p, o, text, stop ? "a comma list of numbers" : "a number");
    *end_out = end;
    *out = value;
    return 0;
}

static int parse_reals(const parser *p, const cli_option *o, const char *text, cli_reals *out)
{
    cli_reals list = { 0 };
    for (const char *at = text;; at++) {
        if (list.count == CLI_MAX_REALS)
            return bad_value(p, o, text, "at most 4 numbers");
        const int code = parse_real(p, o, at, ',', &at, &list.items[list.count++]);
        if (code)
            return code;
        if (!*at)
            break;
    }
    *out = list;
    return 0;
}

/* `words` is "a|b|c"; the value kept is the user's own text. */
static int parse_choice(const parser *p, const cli_option *o, const char *text, const char **out)
{
    const size_t length = strlen(text);
    for (const char *word = o->argument; word;) {
        const size_t span = strcspn(word, "|");
        if (span == length && strncmp(word, text, span) == 0) {
            *out = text;
            return 0;
        }
        word = word[span] ? word + span + 1 : NULL;
    }
    char expected[160];
    snprintf(expected, sizeof expected, "%s", o->argument);
    for (char *bar = expected; (bar = strchr(bar, '|'));)
        *bar = '/';
    return bad_value(p, o, text, expected);
}

static int append_text(const parser *p, const cli_option *o, const char *text, cli_texts *list)
{
    if (list->count == CLI_MAX_TEXTS)
        return cli_usage_error(p->command, "--%s is given more than %d times", o->name,
                               CLI_MAX_TEXTS);
    list->items[list->count++] = text;
    return 0;
}

static int set_value(const parser *p, const cli_option *o, const char *text)
{
    void *field = (char *)p->out + o->offset;
    const char *end;
    switch (o->kind) {
    case CLI_FLAG:
        *(bool *)field = true;
        return 0;
    case CLI_TEXT:
        if (!*text)
            return bad_value(p, o, text, o->argument);
        *(const char **)field = text;
        return 0;
    case CLI_TEXTS:
        return append_text(p, o, text, field);
    case CLI_INT:
        return parse_int(p, o, text, field);
    case CLI_REAL:
        return parse_real(p, o, text, '\0', &end, field);
    case CLI_REALS:
        return parse_reals(p, o, text, field);
    case CLI_CHOICE:
        return parse_choice(p, o, text, field);
    }
    return CLI_EXIT_FAILED;
}

static int set_defaults(const parser *p)
{
    const cli_option *o;
    for (int i = 0; (o = option_at(p->command, i)); i++) {
        const int code = o->fallback ? set_value(p, o, o->fallback) : 0;
        if (code)
            return code;
    }
    return 0;
}

static int unknown_option(const parser *p, const char *word, size_t length)
{
    char name[64];
    snprintf(name, sizeof name, "%.*s", (int)(length < 60 ? length : 60), word);
    const char *near = cli_nearest(name + strspn(name, "-"), option_name_at, p->command);
    return near ? cli_usage_error(p->command, "unknown option '%s'; did you mean '--%s'?", name,
                                  near)
                : cli_usage_error(p->command, "unknown option '%s'", name);
}

/* Whether a word can be a value: "-0.5" can, "--lr" and "-o" cannot. */
static bool is_value(const char *word)
{
    return word &&
           (word[0] != '-' || !word[1] || (word[1] >= '0' && word[1] <= '9') || word[1] == '.');
}

/* One option at arguments[0]; *used is the number of words it took. */
static int parse_option(const parser *p, char **arguments, int left, int *used)
{
    const char *word = arguments[0], *value = NULL;
    const bool is_long = word[1] == '-';
    const size_t length = is_long ? strcspn(word, "=") : strlen(word);
    const cli_option *o = is_long ? cli_option_find(p->command, word + 2, length - 2)
                                  : find_letter(p->command, word[1]);
    if (!o)
        return unknown_option(p, word, length);
    if (is_long && word[length] == '=')
        value = word + length + 1;
    else if (!is_long && word[2])
        value = word + 2;
    *used = 1;
    if (o->kind == CLI_FLAG)
        return value
                   ? cli_usage_error(p->command, "--%s takes no value, found '%s'", o->name, value)
                   : set_value(p, o, NULL);
    if (!value) {
        value = left > 1 ? arguments[1] : NULL;
        *used = 2;
        if (!is_value(value))
            return cli_usage_error(p->command, "--%s needs a value: %s", o->name, o->argument);
    }
    return set_value(p, o, value);
}

static bool is_given(const parser *p, const cli_option *o)
{
    const void *field = (const char *)p->out + o->offset;
    if (o->kind == CLI_TEXTS)
        return ((const cli_texts *)field)->count > 0;
    return *(const char *const *)field != NULL;
}

static bool is_left_to_command(const parser *p, const cli_option *o)
{
    return p->command->checks && strcmp(p->command->checks, o->name) == 0;
}

static int check_required(const parser *p)
{
    if (p->command->operand && !p->out->operand)
        return cli_usage_error(p->command, "%s is missing", p->command->operand);
    if (p->command->second_operand && !p->out->second_operand)
        return cli_usage_error(p->command, "%s is missing", p->command->second_operand);
    const cli_option *o;
    for (int i = 0; (o = option_at(p->command, i)); i++) {
        if (o->required && !is_given(p, o) && !is_left_to_command(p, o))
            return cli_usage_error(p->command, "--%s %s is missing", o->name, o->argument);
    }
    return 0;
}

static bool asks_for_help(int count, char **arguments)
{
    for (int i = 0; i < count && strcmp(arguments[i], "--") != 0; i++) {
        if (strcmp(arguments[i], "--help") == 0 || strcmp(arguments[i], "-h") == 0)
            return true;
    }
    return false;
}

int cli_options_parse(const cli_command *command, int count, char **arguments, cli_options *out)
{
    const parser p = { command, out };
    *out = (cli_options)CLI_OPTIONS_INIT;
    if (asks_for_help(count, arguments)) {
        out->help = true;
        return 0;
    }
    int code = set_defaults(&p);
    bool only_operands = false;
    for (int i = 0, used = 1; !code && i < count; i += used) {
        used = 1;
        if (!only_operands && strcmp(arguments[i], "--") == 0)
            only_operands = true;
        else if (!only_operands && arguments[i][0] == '-' && arguments[i][1])
            code = parse_option(&p, arguments + i, count - i, &used);
        else if (!command->operand)
            code = cli_usage_error(command, "found '%s'; this command takes options only",
                                   arguments[i]);
        else if (out->operand && command->second_operand && !out->second_operand)
            out->second_operand = arguments[i];
        else if (out->second_operand)
            code = cli_usage_error(command, "found '%s' after %s and %s; two are enough",
                                   arguments[i], command->operand, command->second_operand);
        else if (out->operand)
            code = cli_usage_error(command, "found '%s' after %s '%s'; one %s is enough",
                                   arguments[i], command->operand, out->operand, command->operand);
        else
            out->operand = arguments[i];
    }
    return code ? code : check_required(&p);
}
