/* The command line as data: options in groups, commands over groups; parsing, help, man pages and summary.json read it. */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CLI_MAX_TEXTS 64
#define CLI_MAX_REALS 4

typedef struct cli_texts {
    int count;
    const char *items[CLI_MAX_TEXTS];
} cli_texts;

typedef struct cli_reals {
    int count;
    double items[CLI_MAX_REALS];
} cli_reals;

/* Values of every option of every command; defaults come from the option tables. */
typedef struct cli_options {
    const char *operand;        /* MODEL, SIM or NAME */
    const char *second_operand; /* of commands that take two */
    /* general */
    int64_t threads, seed;
    const char *compute, *log;
    bool json, quiet, verbose, help;
    /* output */
    const char *output;
    bool force;
    cli_texts inputs, outputs; /* of infer */
    /* data */
    const char *data, *validation, *preset, *augment, *input_layout;
    int64_t resize, crop, batch;
    double scale;
    cli_reals mean, std;
    double min_top1;
    /* simulation */
    int64_t param_bw, output_bw, calibration_samples;
    const char *scheme, *config, *compat;
    /* encodings to load */
    const char *load_encodings;
    bool no_strict, no_partial, freeze;
    /* training */
    double mpi_timeout;
    bool sync_bn;
    int64_t epochs, steps, freeze_bn_after, checkpoint_every;
    const char *optimizer, *schedule, *checkpoint;
    double learning_rate, momentum, weight_decay, encoding_learning_rate, warmup, label_smoothing;
    bool no_shuffle, resume;
    const char *tensorboard;
    /* re-estimation, fold */
    int64_t batches;
    const char *estimator, *to;
    /* export */
    const char *formats, *prefix, *encodings_version, *qdq_weights, *qdq_bias;
    /* compare */
    const char *runtime;
    int64_t samples;
    double tolerance;
    bool outputs_only;
    const char *by;       /* of analyze */
    const char *analysis; /* of report */
    const char *modes;    /* of bench */
    int64_t repeat;
    /* models of other frameworks */
    const char *weights, *signature, *import_inputs, *import_outputs, *input_shapes;
    const char *model_template;
    /* zoo */
    double width;
    const char *input_size;
    int64_t classes;
} cli_options;

/* Numbers whose absence means something: epochs and freezing -1, encoding learning rate -1, gate NaN. */
#define CLI_OPTIONS_INIT                                                                           \
    {                                                                                              \
        .epochs = -1, .freeze_bn_after = -1, .mpi_timeout = 120.0, .encoding_learning_rate = -1.0, \
        .min_top1 = NAN                                                                            \
    }

typedef enum cli_kind {
    CLI_FLAG,
    CLI_TEXT,
    CLI_TEXTS, /* may be repeated */
    CLI_INT,
    CLI_REAL,
    CLI_REALS, /* comma list */
    CLI_CHOICE
} cli_kind;

typedef struct cli_option {
    const char *name; /* long name without dashes; NULL ends a table */
    char letter;      /* short form, or 0 */
    cli_kind kind;
    bool required;
    const char
        *argument; /* as the help shows it: "N"; CLI_CHOICE: the words, "a|b|c"; NULL for a flag */
    const char *help;
    const char *fallback; /* parsed as if it had been given; NULL: none */
    const char *shown;    /* default in words, where fallback is NULL */
    size_t offset;        /* into cli_options */
    double min, max;      /* CLI_INT, CLI_REAL, CLI_REALS: inclusive */
} cli_option;

typedef struct cli_group {
    const char *title;
    const cli_option *options; /* ended by a NULL name */
} cli_group;

extern const cli_group cli_group_processes, cli_group_analysis, cli_group_bench;
extern const cli_group cli_group_import, cli_group_export_to;
extern const cli_group cli_group_output_file, cli_group_output_folder, cli_group_infer,
    cli_group_compare, cli_group_data, cli_group_validation, cli_group_gate, cli_group_simulation,
    cli_group_calibration, cli_group_inspection, cli_group_report, cli_group_load_encodings,
    cli_group_training, cli_group_reestimation, cli_group_order, cli_group_fold, cli_group_export,
    cli_group_zoo, cli_group_general;

struct cli_session;

#define CLI_MAX_GROUPS 16

typedef struct cli_command {
    const char *name;
    const char *operand;        /* "MODEL"; NULL: takes none */
    const char *second_operand; /* of commands that take two; else NULL */
    const char *usage;          /* what follows the name */
    const char *summary;        /* one line, no full stop */
    const char *description;
    int (*run)(struct cli_session *session); /* exit code */
    const char
        *checks; /* a required option that `run` itself asks for where it needs it; or NULL */
    const char *example;                     /* a whole command line; a test runs it */
    const cli_group *groups[CLI_MAX_GROUPS]; /* ended by NULL */
} cli_command;

/* Every command in the order of the help; ended by a NULL name. */
extern const cli_command cli_commands[];
const cli_command *cli_command_find(const char *name);

/*
 * Parse the words after the command's name. Values point into `arguments`. Prints what is wrong.
 * @return 0, or 2. With --help in it: 0 and out->help, whatever else is wrong.
 */
int cli_options_parse(const cli_command *command, int count, char **arguments, cli_options *out);
const cli_option *cli_option_find(const cli_command *command, const char *name, size_t length);

/* Spelling nearest to `name`, or NULL if none is near. `next` walks the candidates: index 0, 1, ... until NULL. */
const char *cli_nearest(const char *name, const char *(*next)(const void *from, int index),
                        const void *from);

/* Help on standard output. */
void cli_help_overview(void);
void cli_help_command(const cli_command *command);
/* troff; NULL: the page of the program itself. */
void cli_help_man(const cli_command *command);
/* A script for "bash" (NULL), "zsh" or "fish"; false: another shell. */
bool cli_help_completion(const char *shell);
/* docs/COMMANDS.md */
void cli_help_markdown(void);
#define CLI_OPTION_TEXT 400
/* "what it does (default 128)". */
void cli_option_text(const cli_command *command, const cli_option *option, char *text, size_t size);

#endif
