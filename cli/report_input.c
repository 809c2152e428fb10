/* Gathers what lies in a folder of `run`: the simulations of its steps, the summary, the exported model, sizes. */
#include "report_input.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "commands.h"
#include "ort_runner.h"
#include "output_path.h"

enum { STAGES = 4, MOST_FILES = 64 };

static const char *const stage_files[STAGES] = { "quantized.onnx", "trained.onnx",
                                                 "reestimated.onnx", "folded.onnx" };

typedef struct gathering {
    cli_session *s;
    const cli_report_source *source;
    bool is_folder;
    rf_sim *stages[STAGES];
    rf_sim *single;
    char *summary, *measured, *analysis; /* owned */
    rf_report_file files[MOST_FILES];
    char *target_path; /* owned */
    rf_graph *target;
    cli_ort ort;
    rf_report_options options;
} gathering;

/* ---- files ---- */

bool cli_is_folder(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

/* The whole file as a text; NULL where there is none. */
static char *read_file(const char *path)
{
    char *text = NULL;
    FILE *file = fopen(path, "re");
    struct stat info;
    if (file && fstat(fileno(file), &info) == 0 && info.st_size < (INT64_C(1) << 30))
        text = malloc((size_t)info.st_size + 1);
    if (text)
        text[fread(text, 1, (size_t)info.st_size, file)] = 0;
    if (file)
        fclose(file);
    return text;
}

static char *read_text(const char *folder, const char *name)
{
    char *path = cli_path_join(folder, name);
    char *text = path ? read_file(path) : NULL;
    free(path);
    return text;
}

static char *existing(const char *folder, const char *name)
{
    char *path = cli_path_join(folder, name);
    if (path && cli_path_exists(path))
        return path;
    free(path);
    return NULL;
}

static bool ends_with(const char *name, const char *ending)
{
    const size_t length = strlen(name), tail = strlen(ending);
    return length >= tail && strcmp(name + length - tail, ending) == 0;
}

char *cli_report_subject(const char *path)
{
    if (!cli_is_folder(path))
        return strdup(path);
    for (int i = STAGES - 1; i >= 0; i--) {
        char *file = existing(path, stage_files[i]);
        if (file)
            return file;
    }
    return NULL;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const rf_report_file *)a)->name, ((const rf_report_file *)b)->name);
}

/* Models and encodings with their sizes, by name; the exported QDQ model is the target. */
static void list_files(gathering *g)
{
    DIR *folder = opendir(g->source->path);
    const struct dirent *entry;
    int count = 0;
    while (folder && count < MOST_FILES && (entry = readdir(folder))) {
        struct stat info;
        const bool listed =
            ends_with(entry->d_name, ".onnx") || ends_with(entry->d_name, ".encodings");
        if (!listed || fstatat(dirfd(folder), entry->d_name, &info, 0) != 0 ||
            !S_ISREG(info.st_mode))
            continue;
        g->files[count].name = strdup(entry->d_name);
        g->files[count].bytes = (int64_t)info.st_size;
        if (!g->files[count].name)
            break;
        if (ends_with(entry->d_name, "_qdq.onnx") && !g->target_path)
            g->target_path = cli_path_join(g->source->path, entry->d_name);
        count++;
    }
    if (folder)
        closedir(folder);
    qsort(g->files, (size_t)count, sizeof *g->files, by_name);
    g->options.files = g->files;
    g->options.file_count = count;
}

/* ---- simulations ---- */

static int load_sim(cli_session *s, const char *path, rf_sim **out)
{
    const rf_status st = rf_sim_load(s->ctx, path, out);
    const int code = st ? cli_fail(s, st) : 0;
    return st == RF_EIO ? CLI_EXIT_MODEL : code;
}

static int load_stages(gathering *g)
{
    int code = 0;
    for (int i = 0; !code && i < STAGES; i++) {
        char *path = existing(g->source->path, stage_files[i]);
        if (path)
            code = load_sim(g->s, path, &g->stages[i]);
        free(path);
    }
    return code;
}

static rf_sim *subject(const gathering *g)
{
    for (int i = STAGES - 1; i >= 0; i--) {
        if (g->stages[i])
            return g->stages[i];
    }
    return g->single;
}

/* ---- the target ---- */

static int open_target(gathering *g)
{
    char node[48], package[48];
    if (!g->source->dataset)
        return 0;
    if (!g->target_path) {
        g->options.no_target = "no exported QDQ model lies here";
        return 0;
    }
    if (!cli_ort_versions(g->s, node, package, sizeof node)) {
        g->options.no_target = node[0] ? "its npm package onnxruntime-node was not found"
                                       : "Node.js, which would run it, was not found";
        return 0;
    }
    const rf_status st = rf_graph_load(g->s->ctx, g->target_path, &g->target);
    const int code =
        st ? cli_fail(g->s, st) : cli_ort_start(g->s, g->target_path, g->target, &g->ort);
    g->options.target = g->target;
    g->options.runner = &g->ort.runner;
    return code;
}

/* ---- all of it ---- */

static int gather_folder(gathering *g)
{
    const int code = load_stages(g);
    if (code)
        return code;
    if (!subject(g))
        return cli_error(g->s, CLI_EXIT_MODEL,
                         "no simulation lies in '%s'; expected a folder that 'refold run' wrote, "
                         "with quantized.onnx and its successors, or the file of one simulation",
                         g->source->path);
    list_files(g);
    if (!g->source->summary)
        g->summary = read_text(g->source->path, "summary.json");
    if (!g->source->dataset)
        g->measured = read_text(g->source->path, "report.json");
    g->options.run = g->source->summary ? g->source->summary : g->summary;
    g->options.measured = g->measured;
    g->options.calibrated = g->stages[0];
    g->options.trained = g->stages[1];
    g->options.reestimated = g->stages[2];
    return open_target(g);
}

static int gather_file(gathering *g)
{
    const char *slash = strrchr(g->source->path, '/');
    g->options.title = slash ? slash + 1 : g->source->path;
    g->options.no_target = "the report of a single file has no exported model to run";
    return load_sim(g->s, g->source->path, &g->single);
}

static void release(gathering *g)
{
    if (g->ort.s)
        cli_ort_stop(&g->ort);
    rf_graph_free(g->target);
    free(g->target_path);
    for (int i = 0; i < g->options.file_count; i++)
        free((void *)(uintptr_t)g->files[i].name);
    free(g->analysis);
    free(g->measured);
    free(g->summary);
    rf_sim_free(g->single);
    for (int i = 0; i < STAGES; i++)
        rf_sim_free(g->stages[i]);
}

static int gather_analysis(gathering *g)
{
    const char *path = g->s->options->analysis;
    if (path)
        g->analysis = read_file(path);
    else if (g->is_folder)
        g->analysis = read_text(g->source->path, "analyze.json");
    g->options.analysis = g->analysis;
    return path && !g->analysis
               ? cli_error(g->s, CLI_EXIT_DATA, "cannot read '%s': %s", path, strerror(errno))
               : 0;
}

int cli_report_make(cli_session *s, const cli_report_source *source, rf_report **out)
{
    gathering g = { .s = s, .source = source, .is_folder = cli_is_folder(source->path) };
    g.options.dataset = source->dataset;
    g.options.samples = s->options->samples;
    g.options.batch = s->options->batch;
    int code = g.is_folder ? gather_folder(&g) : gather_file(&g);
    if (!code)
        code = gather_analysis(&g);
    if (!code) {
        const rf_status st = rf_report_new(subject(&g), &g.options, out);
        code = st ? cli_fail(s, st) : 0;
    }
    release(&g);
    return code;
}
