/* docs/COMMANDS.md: every command and option, from the same tables as the help. */
#include <stdio.h>
#include <string.h>

#include <refold/refold.h>

#include "options.h"

#define TABLE "\n| option | |\n|---|---|\n"

/* In a table a bar would end the cell; angle brackets would be taken for HTML. */
static void put_cell(const char *text)
{
    for (; *text; text++) {
        if (*text == '|' || *text == '<' || *text == '>')
            putchar('\\');
        putchar(*text);
    }
}

static void put_option(const cli_command *command, const cli_option *o)
{
    char text[CLI_OPTION_TEXT];
    fputs("| `", stdout);
    if (o->letter)
        printf("-%c`, `", o->letter);
    printf("--%s`", o->name);
    if (o->argument) {
        putchar(' ');
        put_cell(o->argument);
    }
    fputs(" | ", stdout);
    cli_option_text(command, o, text, sizeof text);
    put_cell(text);
    fputs(" |\n", stdout);
}

/* Groups that many commands share are told once, at the end. */
static bool is_shared(const cli_group *group)
{
    return group == &cli_group_data || group == &cli_group_general ||
           group == &cli_group_simulation || group == &cli_group_processes ||
           group == &cli_group_training || group == &cli_group_export;
}

static void put_group(const cli_command *command, const cli_group *group)
{
    for (const cli_option *o = group->options; o->name; o++)
        put_option(command, o);
}

/* "group-data": what a link to the group's heading is called. */
static void put_anchor(const char *title)
{
    for (; *title; title++) {
        if (*title >= 'A' && *title <= 'Z')
            putchar(*title - 'A' + 'a');
        else if (*title == ' ')
            putchar('-');
        else if (*title == '-' || (*title >= 'a' && *title <= 'z'))
            putchar(*title);
    }
}

static void put_links(const cli_command *command)
{
    const char *before = "\nAlso the options of ";
    for (int g = 0; g < CLI_MAX_GROUPS && command->groups[g]; g++) {
        if (!is_shared(command->groups[g]))
            continue;
        printf("%s[%s](#", before, command->groups[g]->title);
        put_anchor(command->groups[g]->title);
        putchar(')');
        before = ", ";
    }
    puts(".");
}

static void put_command(const cli_command *command)
{
    printf("\n## refold %s\n\n`refold %s ", command->name, command->name);
    printf("%s`\n\n", command->usage);
    put_cell(command->description);
    printf("\n\n```console\n$ %s\n```\n", command->example);
    const char *head = TABLE;
    for (int g = 0; g < CLI_MAX_GROUPS && command->groups[g]; g++) {
        if (is_shared(command->groups[g]))
            continue;
        fputs(head, stdout);
        put_group(command, command->groups[g]);
        head = "";
    }
    put_links(command);
}

/* One command is enough to tell defaults: they do not differ. */
static void put_shared(const cli_group *group)
{
    for (const cli_command *command = cli_commands; command->name; command++) {
        for (int g = 0; g < CLI_MAX_GROUPS && command->groups[g]; g++) {
            if (command->groups[g] != group)
                continue;
            printf("\n## %s\n" TABLE, group->title);
            put_group(command, group);
            return;
        }
    }
}

void cli_help_markdown(void)
{
    static const cli_group *const shared[] = { &cli_group_data,      &cli_group_simulation,
                                               &cli_group_training,  &cli_group_export,
                                               &cli_group_processes, &cli_group_general };
    puts(
        "# Command line\n\n<!-- made by refold help --markdown; do not edit -->\n\n"
        "Results go to standard output, messages and progress to standard error. Exit codes: 0 "
        "done, 1 "
        "failed, 2 wrong\nusage, 3 bad or missing model file, 4 bad or missing data, 5 an accuracy "
        "gate missed, 130 interrupted. `refold\nCOMMAND --help` and `man refold-COMMAND` say what "
        "this page says.\n\n| command | |\n|---|---|");
    for (const cli_command *command = cli_commands; command->name; command++)
        printf("| [`%s`](#refold-%s) | %s |\n", command->name, command->name, command->summary);
    for (const cli_command *command = cli_commands; command->name; command++)
        put_command(command);
    for (size_t i = 0; i < sizeof shared / sizeof *shared; i++)
        put_shared(shared[i]);
}
