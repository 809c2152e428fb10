/* Completion for bash, zsh and fish, from the tables of commands and options. */
#include <stdio.h>
#include <string.h>

#include <refold/refold.h>

#include "options.h"

/* What may stand behind an option, by the word that the help shows for it. */
static bool takes_file(const cli_option *o)
{
    return o->argument && (strcmp(o->argument, "FILE") == 0 || strcmp(o->argument, "SPEC") == 0);
}

static bool takes_folder(const cli_option *o)
{
    return o->argument && strcmp(o->argument, "DIR") == 0;
}

/* "a|b|c" with blanks between. */
static void print_choices(const char *choices)
{
    for (; *choices; choices++)
        putchar(*choices == '|' ? ' ' : *choices);
}

/* Text within single quotes: each character of `special` gets a backslash, an apostrophe what the shell wants for it. */
static void print_quoted(const char *text, const char *special, const char *apostrophe)
{
    for (; *text; text++) {
        if (*text == '\'') {
            fputs(apostrophe, stdout);
            continue;
        }
        if (strchr(special, *text))
            putchar('\\');
        putchar(*text);
    }
}

static bool names_a_network(const cli_command *command)
{
    return command->operand && strcmp(command->operand, "NAME") == 0;
}

static void print_networks(void)
{
    for (const char *const *name = rf_zoo_names(); *name; name++)
        printf("%s%s", name == rf_zoo_names() ? "" : " ", *name);
}

static void print_commands(void)
{
    for (const cli_command *command = cli_commands; command->name; command++)
        printf("%s%s", command == cli_commands ? "" : " ", command->name);
}

#define EACH_OPTION(o, command)                                                                    \
    (int g = 0; g < CLI_MAX_GROUPS && (command)->groups[g];                                        \
     g++) for (const cli_option *o = (command)->groups[g]->options; o->name; o++)

/* --- bash --- */

static void bash_command(const cli_command *command)
{
    printf("        '%s '*) words='", command->name);
    if (names_a_network(command))
        print_networks();
    for
        EACH_OPTION(o, command)
    printf(" --%s", o->name);
    fputs("' ;;\n", stdout);
}

/* What stands behind an option that takes a word. */
static void bash_value(const cli_command *command, const cli_option *o)
{
    printf("        '%s --%s'", command->name, o->name);
    if (o->letter)
        printf(" | '%s -%c'", command->name, o->letter);
    if (o->kind == CLI_CHOICE) {
        fputs(") words='", stdout);
        print_choices(o->argument);
        fputs("' ;;\n", stdout);
    } else if (takes_folder(o)) {
        fputs(") mapfile -t COMPREPLY < <(compgen -d -- \"$word\"); return ;;\n", stdout);
    } else {
        fputs(") return ;;\n", stdout);
    }
}

static void bash_values(const cli_command *command)
{
    for
        EACH_OPTION(o, command)
    if (o->argument)
        bash_value(command, o);
}

static void complete_bash(void)
{
    fputs("_refold()\n{\n    local word=\"${COMP_WORDS[COMP_CWORD]}\" words=''\n    COMPREPLY=()\n"
          "    if [ \"$COMP_CWORD\" -eq 1 ]; then\n        words='help",
          stdout);
    putchar(' ');
    print_commands();
    fputs("'\n    else\n        case \"${COMP_WORDS[1]} ${COMP_WORDS[COMP_CWORD-1]}\" in\n"
          "        'help help') words='",
          stdout);
    print_commands();
    fputs("' ;;\n", stdout);
    for (const cli_command *command = cli_commands; command->name; command++)
        bash_values(command);
    for (const cli_command *command = cli_commands; command->name; command++)
        bash_command(command);
    /* Where nothing fits, as behind --data and for models, bash's own completion of files follows. */
    fputs("        esac\n    fi\n    mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$word\")\n"
          "    [ -n \"$word\" ] || [ \"$COMP_CWORD\" -eq 1 ] || [[ $words != *' --'* ]] || "
          "COMPREPLY=()\n}\n"
          "complete -o default -o filenames -F _refold refold\n",
          stdout);
}

/* --- zsh --- */

#define ZSH_QUOTE "'\\''"

static void zsh_option(const cli_option *o)
{
    fputs("            ", stdout);
    if (o->letter)
        printf("'(-%c --%s)'{-%c,--%s}'[", o->letter, o->name, o->letter, o->name);
    else
        printf("'%s--%s[", o->kind == CLI_TEXTS ? "*" : "", o->name);
    print_quoted(o->help, "[]:\\", ZSH_QUOTE);
    putchar(']');
    if (o->argument) {
        putchar(':');
        print_quoted(o->kind == CLI_CHOICE ? o->name : o->argument, "[]:\\", ZSH_QUOTE);
        putchar(':');
        if (o->kind == CLI_CHOICE) {
            putchar('(');
            print_choices(o->argument);
            putchar(')');
        } else if (takes_file(o)) {
            fputs("_files", stdout);
        } else if (takes_folder(o)) {
            fputs("_files -/", stdout);
        }
    }
    fputs("' \\\n", stdout);
}

static void zsh_operand(const cli_command *command, const char *operand, int position)
{
    if (!operand)
        return;
    printf("            '%d:%s:", position, operand);
    if (names_a_network(command)) {
        putchar('(');
        print_networks();
        putchar(')');
    } else {
        fputs("_files", stdout);
    }
    fputs("' \\\n", stdout);
}

static void complete_zsh(void)
{
    fputs("#compdef refold\n\n_refold()\n{\n    if (( CURRENT == 2 )) || [[ $words[2] == help && "
          "CURRENT -eq 3 ]]; then\n        local -a "
          "commands=(\n            'help:this text, or the help of a command'\n",
          stdout);
    for (const cli_command *command = cli_commands; command->name; command++) {
        printf("            '%s:", command->name);
        print_quoted(command->summary, ":\\", ZSH_QUOTE);
        fputs("'\n", stdout);
    }
    fputs(
        "        )\n        _describe command commands\n        return\n    fi\n"
        "    local command=$words[2]\n    shift words\n    (( CURRENT-- ))\n    case $command in\n",
        stdout);
    for (const cli_command *command = cli_commands; command->name; command++) {
        printf("        %s) _arguments -s \\\n", command->name);
        for
            EACH_OPTION(o, command)
        zsh_option(o);
        zsh_operand(command, command->operand, 1);
        zsh_operand(command, command->second_operand, 2);
        fputs("            ;;\n", stdout);
    }
    fputs("    esac\n}\n\n_refold \"$@\"\n", stdout);
}

/* --- fish --- */

static void fish_option(const cli_command *command, const cli_option *o)
{
    printf("complete -c refold -n '__fish_seen_subcommand_from %s' -l %s", command->name, o->name);
    if (o->letter)
        printf(" -s %c", o->letter);
    if (o->kind == CLI_CHOICE) {
        fputs(" -x -a '", stdout);
        print_choices(o->argument);
        putchar('\'');
    } else if (takes_folder(o)) {
        fputs(" -x -a '(__fish_complete_directories)'", stdout);
    } else if (takes_file(o)) {
        fputs(" -r -F", stdout);
    } else if (o->argument) {
        fputs(" -x", stdout);
    }
    fputs(" -d '", stdout);
    print_quoted(o->help, "\\", "\\'");
    fputs("'\n", stdout);
}

static void complete_fish(void)
{
    fputs("complete -c refold -n __fish_use_subcommand -f -a help -d 'this text, or the help of a "
          "command'\n"
          "complete -c refold -n '__fish_seen_subcommand_from help' -f -a '",
          stdout);
    print_commands();
    fputs("'\n", stdout);
    for (const cli_command *command = cli_commands; command->name; command++) {
        printf("complete -c refold -n __fish_use_subcommand -f -a %s -d '", command->name);
        print_quoted(command->summary, "\\", "\\'");
        fputs("'\n", stdout);
        if (names_a_network(command)) {
            printf("complete -c refold -n '__fish_seen_subcommand_from %s' -f -a '", command->name);
            print_networks();
            fputs("'\n", stdout);
        }
        for
            EACH_OPTION(o, command)
        fish_option(command, o);
    }
}

static const struct {
    const char *name;
    void (*print)(void);
} shells[] = { { "bash", complete_bash }, { "zsh", complete_zsh }, { "fish", complete_fish } };

bool cli_help_completion(const char *shell)
{
    for (size_t i = 0; i < sizeof shells / sizeof *shells; i++)
        if (!shell || strcmp(shell, shells[i].name) == 0) {
            shells[i].print();
            return true;
        }
    return false;
}
