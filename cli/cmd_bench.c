/* refold bench: how fast the steps of a network are, and how fast they could be. */
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "commands.h"
#include "data_input.h"
#include "json_writer.h"
#include "model_input.h"
#include "paragraph.h"
#include "step_options.h"

enum { MOST_MODES = 4, RANDOM_STEPS = 16, SHOWN_WIDTH = 32, COLUMN = 12 };

/* What can be timed: "train" of a simulation is QAT. */
static const struct {
    const char *name;
    rf_bench_mode mode;
    bool simulated;
} modes[MOST_MODES] = {
    { "infer", RF_BENCH_INFER, false },
    { "train", RF_BENCH_TRAIN, false },
    { "qat", RF_BENCH_TRAIN, true },
    { "reestimate", RF_BENCH_REESTIMATE, true },
};

typedef struct choice {
    int count, modes[MOST_MODES];
    rf_speed speeds[MOST_MODES];
} choice;

/* ------------------------------------------------------------------------------------- measuring --- */

/* Random samples enough for every step; the data's own otherwise. */
static int open_data(cli_session *s, const rf_graph *graph, rf_dataset **out)
{
    const cli_options *o = s->options;
    if (o->data)
        return cli_data_open(s, o->data, graph, out);
    const rf_status st = rf_dataset_random(graph, o->batch * (o->repeat + RANDOM_STEPS), out);
    return st ? cli_fail(s, st) : 0;
}

static int simulate(cli_session *s, cli_model *model, const rf_dataset *data)
{
    const rf_sim_options sim_options = cli_sim_options(s->options);
    rf_calibrate_options options = RF_CALIBRATE_OPTIONS_INIT;
    rf_status st = rf_sim_new(model->graph, &sim_options, &model->sim);
    options.samples = options.batch = s->options->batch;
    if (!st)
        st = rf_sim_calibrate(model->sim, data, &options, NULL);
    return st ? cli_fail(s, st) : 0;
}

static int time_mode(cli_session *s, int which, rf_speed *out)
{
    const rf_bench_options options = { .batch = s->options->batch, .repeat = s->options->repeat };
    cli_model model = { 0 };
    rf_dataset *data = NULL;
    int code = cli_model_load(s, &model);
    if (!code)
        code = open_data(s, model.graph, &data);
    if (!code && modes[which].simulated && !model.sim)
        code = simulate(s, &model, data);
    if (!code) {
        const rf_status st =
            modes[which].simulated
                ? rf_bench_sim(model.sim, modes[which].mode, data, &options, out)
                : rf_bench_graph(model.graph, modes[which].mode, data, &options, out);
        code = st ? cli_fail(s, st) : 0;
    }
    rf_dataset_free(data);
    cli_model_release(&model);
    return code;
}

static int read_result(cli_session *s, int from, pid_t child, rf_speed *out)
{
    int status = 0;
    const bool whole = read(from, out, sizeof *out) == (ssize_t)sizeof *out;
    if (waitpid(child, &status, 0) != child || !WIFEXITED(status))
        return cli_error(s, CLI_EXIT_FAILED, "the process that was timed ended by signal %d%s",
                         WTERMSIG(status),
                         WTERMSIG(status) == 9 ? "; memory may be too small for this batch" : "");
    return WEXITSTATUS(status) ? WEXITSTATUS(status)
           : whole             ? 0
                   : cli_error(s, CLI_EXIT_FAILED, "the process that was timed gave no result");
}

/*
 * Each mode has a process of its own, so that its memory is its own. This one starts no threads before, which would not
 * survive the fork.
 */
static int time_apart(cli_session *s, int which, rf_speed *out)
{
    int ends[2];
    if (pipe(ends))
        return cli_error(s, CLI_EXIT_FAILED, "no pipe could be made");
    fflush(NULL);
    const pid_t child = fork();
    if (child < 0)
        return cli_error(s, CLI_EXIT_FAILED, "no process could be started");
    if (child == 0) {
        rf_speed speed = { 0 };
        int code = time_mode(s, which, &speed);
        if (!code && write(ends[1], &speed, sizeof speed) != (ssize_t)sizeof speed)
            code = CLI_EXIT_FAILED;
        cli_progress_clear(s);
        fflush(NULL);
        _exit(code);
    }
    close(ends[1]);
    const int code = read_result(s, ends[0], child, out);
    close(ends[0]);
    return code;
}

/* -------------------------------------------------------------------------------------- printing --- */

static double peak_mib(const rf_speed *speed)
{
    return (double)speed->peak_bytes / (1 << 20);
}

static void json_mode(cli_json *j, int which, const rf_speed *speed)
{
    cli_json_object(j, NULL);
    cli_json_text(j, "mode", modes[which].name);
    cli_json_real(j, "img_per_s", speed->img_per_s);
    cli_json_object(j, "seconds");
    for (int part = 0; part < RF_PART_COUNT; part++)
        cli_json_real(j, rf_part_key((rf_step_part)part), speed->seconds[part]);
    cli_json_end(j);
    cli_json_real(j, "step_seconds", speed->step_seconds);
    cli_json_int(j, "steps", speed->steps);
    cli_json_real(j, "data_share", speed->seconds[RF_PART_DATA] / speed->step_seconds);
    cli_json_real(j, "peak_rss_mib", peak_mib(speed));
    cli_json_real(j, "limit_seconds", speed->limit_seconds);
    cli_json_real(j, "limit_ratio", speed->limit_ratio);
    cli_json_end(j);
}

static void print_json(const cli_session *s, const choice *c)
{
    const rf_machine machine = rf_machine_describe();
    cli_json j = { 0 };
    cli_json_document(&j, "bench");
    cli_json_text(&j, "model", s->options->operand);
    cli_json_int(&j, "batch", c->speeds[0].batch);
    cli_json_int(&j, "threads", rf_context_threads(s->ctx));
    cli_json_text(&j, "data", s->options->data);
    cli_json_text(&j, "version", rf_version());
    cli_json_text(&j, "instructions", machine.isa);
    cli_json_real(&j, "copy_bytes_per_s", c->speeds[0].copy_bytes_per_s);
    cli_json_array(&j, "modes");
    for (int i = 0; i < c->count; i++)
        json_mode(&j, c->modes[i], &c->speeds[i]);
    cli_json_end(&j);
    cli_json_end(&j);
    cli_json_write(&j, stdout);
    cli_json_release(&j);
}

/* A row of the table: what it is, and a cell a mode. */
#define PRINT_ROW(label, format, value)                                                            \
    do {                                                                                           \
        printf("%-*s", SHOWN_WIDTH, label);                                                        \
        for (int m = 0; m < c->count; m++)                                                         \
            printf(format, COLUMN, c->speeds[m].value);                                            \
        putchar('\n');                                                                             \
    } while (0)

/* Milliseconds of a part with its share of the step; parts that take nothing anywhere are left out. */
static void print_part(const choice *c, rf_step_part part)
{
    bool any = false;
    for (int m = 0; m < c->count; m++)
        any = any || c->speeds[m].seconds[part] >= 5e-4 * c->speeds[m].step_seconds;
    if (!any)
        return;
    printf("  %-*s", SHOWN_WIDTH - 2, rf_part_text(part));
    for (int m = 0; m < c->count; m++) {
        const rf_speed *speed = &c->speeds[m];
        printf("%*.1f %2.0f %%", COLUMN - 5, 1e3 * speed->seconds[part],
               100.0 * speed->seconds[part] / speed->step_seconds);
    }
    putchar('\n');
}

static void print_text(const cli_session *s, const choice *c)
{
    printf("%s: batch %lld, %d thread%s, %s, median of %lld steps\n\n", s->options->operand,
           (long long)c->speeds[0].batch, rf_context_threads(s->ctx),
           rf_context_threads(s->ctx) == 1 ? "" : "s",
           s->options->data ? s->options->data : "random samples", (long long)c->speeds[0].steps);
    printf("%-*s", SHOWN_WIDTH, "");
    for (int m = 0; m < c->count; m++)
        printf("%*s", COLUMN, modes[c->modes[m]].name);
    putchar('\n');
    PRINT_ROW("images a second", "%*.1f", img_per_s);
    PRINT_ROW("a step, ms", "%*.1f", step_seconds * 1e3);
    for (int part = 0; part < RF_PART_COUNT; part++)
        print_part(c, (rf_step_part)part);
    PRINT_ROW("limit of a step, ms", "%*.1f", limit_seconds * 1e3);
    PRINT_ROW("limit / step", "%*.2f", limit_ratio);
    printf("%-*s", SHOWN_WIDTH, "peak memory, MiB");
    for (int m = 0; m < c->count; m++)
        printf("%*.0f", COLUMN, peak_mib(&c->speeds[m]));
    putchar('\n');
    printf("\nmemory is copied at %.1f GB/s, read and written\n",
           1e-9 * c->speeds[0].copy_bytes_per_s);
}

/* --------------------------------------------------------------------------------------- command --- */

static int choose(cli_session *s, choice *c)
{
    const char *at = s->options->modes;
    while (*at) {
        const size_t length = strcspn(at, ",");
        int which = 0;
        while (which < MOST_MODES &&
               (strlen(modes[which].name) != length || strncmp(modes[which].name, at, length) != 0))
            which++;
        if (which == MOST_MODES || c->count == MOST_MODES)
            return cli_usage_error(s->command,
                                   "--modes '%s': expected a list of infer, train, qat, reestimate",
                                   s->options->modes);
        c->modes[c->count++] = which;
        at += length + (at[length] == ',');
    }
    return 0;
}

int cmd_bench(cli_session *s)
{
    choice c = { 0 };
    int code = choose(s, &c);
    if (!code)
        code = cli_sim_check(s);
    for (int i = 0; i < c.count && !code; i++)
        code = time_apart(s, c.modes[i], &c.speeds[i]);
    if (code)
        return code;
    if (s->options->json)
        print_json(s, &c);
    else
        print_text(s, &c);
    return 0;
}
