/* Help and man pages from the tables of commands and options. */
#include <stdio.h>
#include <string.h>

#include <refold/refold.h>

#include "options.h"

enum { OPTION_COLUMN = 30, WIDTH = 96 };

#define EXIT_STATUS                                                                                \
    ".SH EXIT STATUS\n0 done, 1 failed, 2 wrong usage, 3 bad or missing model file, 4 bad or "     \
    "missing data, 5 an accuracy gate missed, 130 interrupted.\n"

/* Print words from column `column` on; later lines are indented to it. */
static void print_wrapped(const char *text, int column)
{
    int at = column;
    while (*text) {
        const int length = (int)strcspn(text, " ");
        if (at > column && at + 1 + length > WIDTH) {
            printf("\n%*s", column, "");
            at = column;
        } else if (at > column) {
            putchar(' ');
            at++;
        }
        printf("%.*s", length, text);
        at += length;
        text += length;
        text += strspn(text, " ");
    }
    putchar('\n');
}

/* "help text (default 128)". */
void cli_option_text(const cli_command *command, const cli_option *o, char *text, size_t size)
{
    const bool demanded =
        o->required && !(command->checks && strcmp(command->checks, o->name) == 0);
    const char *shown = o->shown ? o->shown : o->fallback;
    if (shown)
        snprintf(text, size, "%s (default %s)", o->help, shown);
    else
        snprintf(text, size, "%s%s", o->help, demanded ? " (required)" : "");
}

static void print_option(const cli_command *command, const cli_option *o)
{
    char head[96], text[CLI_OPTION_TEXT];
    snprintf(head, sizeof head, "  %c%c%c --%s%s%s", o->letter ? '-' : ' ',
             o->letter ? o->letter : ' ', o->letter ? ',' : ' ', o->name, o->argument ? " " : "",
             o->argument ? o->argument : "");
    cli_option_text(command, o, text, sizeof text);
    if ((int)strlen(head) + 2 > OPTION_COLUMN)
        printf("%s\n%*s", head, OPTION_COLUMN, "");
    else
        printf("%-*s", OPTION_COLUMN, head);
    print_wrapped(text, OPTION_COLUMN);
}

void cli_help_command(const cli_command *command)
{
    printf("usage: refold %s %s\n\n", command->name, command->usage);
    print_wrapped(command->description, 0);
    for (int g = 0; g < CLI_MAX_GROUPS && command->groups[g]; g++) {
        printf("\n%s\n", command->groups[g]->title);
        for (const cli_option *o = command->groups[g]->options; o->name; o++)
            print_option(command, o);
    }
    printf("\nExample\n  %s\n", command->example);
}

void cli_help_overview(void)
{
    printf("refold %s: quantization-aware training with batch-norm re-estimation\n\n",
           rf_version());
    printf("usage: refold COMMAND ...\n\n");
    for (const cli_command *command = cli_commands; command->name; command++)
        printf("  %-12s%s\n", command->name, command->summary);
    printf("  %-12s%s\n", "help", "this text, or 'refold help COMMAND'");
    printf("\n'refold COMMAND --help' lists a command's options; 'refold --version' tells the "
           "version.\n"
           "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 bad or missing model file, 4 bad or "
           "missing data,\n5 --min-top1 missed, 130 interrupted.\n");
}

/* troff takes '-' for a hyphen and a leading '.' for a request. */
static void print_troff(const char *text)
{
    for (; *text; text++) {
        if (*text == '-' || *text == '\\')
            putchar('\\');
        if (*text == '\\')
            putchar('e');
        else
            putchar(*text);
    }
}

static void man_option(const cli_command *command, const cli_option *o)
{
    char text[CLI_OPTION_TEXT];
    fputs(".TP\n.B ", stdout);
    if (o->letter)
        printf("\\-%c, ", o->letter);
    fputs("\\-\\-", stdout);
    print_troff(o->name);
    if (o->argument) {
        fputs(" \\fI", stdout);
        print_troff(o->argument);
        fputs("\\fR", stdout);
    }
    putchar('\n');
    cli_option_text(command, o, text, sizeof text);
    fputs("\\&", stdout);
    print_troff(text);
    putchar('\n');
}

static void man_overview(void)
{
    printf(
        ".TH REFOLD 1 \"\" \"refold %s\"\n.SH NAME\nrefold \\- quantization\\-aware training with "
        "batch\\-norm re\\-estimation\n.SH SYNOPSIS\n.B refold\n\\fICOMMAND\\fR ...\n.SH "
        "COMMANDS\n",
        rf_version());
    for (const cli_command *command = cli_commands; command->name; command++) {
        printf(".TP\n.BR refold\\-%s (1)\n", command->name);
        print_troff(command->summary);
        putchar('\n');
    }
    fputs(EXIT_STATUS ".SH ENVIRONMENT\n.TP\n.B NO_COLOR\nno colours when set\n", stdout);
}

void cli_help_man(const cli_command *command)
{
    if (!command) {
        man_overview();
        return;
    }
    printf(".TH REFOLD\\-%s 1 \"\" \"refold %s\"\n.SH NAME\nrefold\\-%s \\- ", command->name,
           rf_version(), command->name);
    print_troff(command->summary);
    printf("\n.SH SYNOPSIS\n.B refold %s\n", command->name);
    print_troff(command->usage);
    fputs("\n.SH DESCRIPTION\n", stdout);
    print_troff(command->description);
    putchar('\n');
    for (int g = 0; g < CLI_MAX_GROUPS && command->groups[g]; g++) {
        printf(".SH OPTIONS: %s\n", command->groups[g]->title);
        for (const cli_option *o = command->groups[g]->options; o->name; o++)
            man_option(command, o);
    }
    fputs(".SH EXAMPLE\n.nf\n", stdout);
    print_troff(command->example);
    fputs("\n.fi\n" EXIT_STATUS, stdout);
    fputs(".SH SEE ALSO\n.BR refold (1)\n", stdout);
}
