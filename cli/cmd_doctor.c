/* refold doctor: what refold found on this machine, and what it misses. */
#include <link.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "commands.h"
#include "json_writer.h"
#include "ort_runner.h"
#include "paragraph.h"

enum { COLUMN = 15, MAX_LIBRARIES = 64, NAME_BYTES = 96 };

typedef struct diagnosis {
    rf_machine machine;
    char cpu[NAME_BYTES];
    int threads, processors;
    int64_t memory; /* bytes */
    int library_count;
    char libraries[MAX_LIBRARIES][NAME_BYTES]; /* "libdnnl.so.2.6" */
    bool mpi, launcher;                        /* built with it; mpirun is there */
    char node[NAME_BYTES], ort[NAME_BYTES];    /* versions, or "" */
    bool fashion_mnist;
    int missing_count;
    const char *missing[8];
} diagnosis;

/* ------------------------------------------------------------------------------------- looking --- */

static void look_at_cpu(diagnosis *d)
{
    char line[256];
    FILE *info = fopen("/proc/cpuinfo", "re");
    while (info && !d->cpu[0] && fgets(line, sizeof line, info)) {
        const char *colon = strncmp(line, "model name", 10) == 0 ? strchr(line, ':') : NULL;
        if (colon)
            snprintf(d->cpu, sizeof d->cpu, "%.*s", (int)strcspn(colon + 2, "\n"), colon + 2);
    }
    if (info)
        fclose(info);
}

/* Only libraries that do refold's work; the C library's parts go without saying. */
static bool is_ours(const char *name)
{
    static const char *const stems[] = { "libdnnl", "libprotobuf-c", "libjansson", "libturbojpeg",
                                         "libpng",  "libz.",         "libarchive", "libhdf5",
                                         "libmpi.", "libgomp" };
    for (size_t i = 0; i < sizeof stems / sizeof *stems; i++)
        if (strncmp(name, stems[i], strlen(stems[i])) == 0)
            return true;
    return false;
}

/* The file behind the soname has the whole version in its name. */
static int note_library(struct dl_phdr_info *info, size_t size, void *user)
{
    diagnosis *d = user;
    char path[PATH_MAX];
    (void)size;
    const char *slash =
        info->dlpi_name && realpath(info->dlpi_name, path) ? strrchr(path, '/') : NULL;
    if (slash && is_ours(slash + 1) && d->library_count < MAX_LIBRARIES)
        snprintf(d->libraries[d->library_count++], NAME_BYTES, "%.90s", slash + 1);
    return 0;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(a, b);
}

static bool is_in_path(const char *program)
{
    char path[PATH_MAX];
    for (const char *at = getenv("PATH"); at && *at; at += strspn(at, ":")) {
        const int length = (int)strcspn(at, ":");
        snprintf(path, sizeof path, "%.*s/%s", length, at, program);
        if (access(path, X_OK) == 0)
            return true;
        at += length;
    }
    return false;
}

static void miss(diagnosis *d, const char *what)
{
    d->missing[d->missing_count++] = what;
}

static void look_at_runtime(cli_session *s, diagnosis *d)
{
    if (!is_in_path("node"))
        miss(d, "Node.js 18 or newer (Debian's nodejs) and the npm package onnxruntime-node, for "
                "'compare --runtime ort' and the demo's last step");
    else if (!cli_ort_versions(s, d->node, d->ort, NAME_BYTES))
        miss(d, "the npm package onnxruntime-node, for 'compare --runtime ort': npm install "
                "--ignore-scripts onnxruntime-node in a folder, and REFOLD_ORT set to it");
}

static void look(cli_session *s, diagnosis *d)
{
    d->machine = rf_machine_describe();
    d->threads = rf_context_threads(s->ctx);
    d->processors = (int)sysconf(_SC_NPROCESSORS_ONLN);
    d->memory = (int64_t)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE);
    look_at_cpu(d);
    dl_iterate_phdr(note_library, d);
    qsort(d->libraries, (size_t)d->library_count, sizeof *d->libraries, by_name);
    for (int i = 0; i < d->library_count; i++)
        d->mpi = d->mpi || strncmp(d->libraries[i], "libmpi.", 7) == 0;
    d->launcher = is_in_path("mpirun");
    d->fashion_mnist = access("/usr/share/datasets/fashion-mnist", R_OK) == 0;
    look_at_runtime(s, d);
    if (d->mpi && !d->launcher)
        miss(d, "mpirun (Debian's openmpi-bin), to train on several processes");
    if (!d->fashion_mnist)
        miss(d, "Debian's dataset-fashion-mnist, for --data fashion-mnist and the demo");
}

/* ------------------------------------------------------------------------------------ printing --- */

static const char *engine_text(const diagnosis *d)
{
    return d->machine.integer_weight_bits >= 8
               ? "integers, for weights of up to 8 bits; else floats"
           : d->machine.integer_weight_bits > 0
               ? "integers, for weights of up to 7 bits, or 8 that cannot saturate; else floats"
               : "floats";
}

static void print_text(const diagnosis *d)
{
    struct utsname system = { 0 };
    char memory[CLI_AMOUNT], list[MAX_LIBRARIES * NAME_BYTES] = "";
    uname(&system);
    printf("%-*s%s\n", COLUMN, "refold", rf_version());
    printf("%-*s%s %s, %s\n", COLUMN, "system", system.sysname, system.release, system.machine);
    printf("%-*s%s\n", COLUMN, "cpu", d->cpu[0] ? d->cpu : "unknown");
    printf("%-*s%s\n", COLUMN, "instructions", d->machine.isa);
    printf("%-*s%d of %d processors\n", COLUMN, "threads", d->threads, d->processors);
    printf("%-*s%s\n", COLUMN, "memory", cli_bytes(d->memory, memory));
    cli_paragraph("engine         ", COLUMN, engine_text(d));
    printf("%-*s%s\n", COLUMN, "oneDNN", d->machine.onednn);
    for (int i = 0; i < d->library_count; i++) {
        strcat(list, i ? ", " : "");
        strcat(list, d->libraries[i]);
    }
    cli_paragraph("libraries      ", COLUMN, list);
    printf("%-*s%s\n", COLUMN, "MPI",
           !d->mpi       ? "not built in"
           : d->launcher ? "built in, mpirun is there"
                         : "built in, mpirun is missing");
    printf("%-*s%s%s%s\n", COLUMN, "ONNX Runtime", d->ort[0] ? d->ort : "not installed",
           d->node[0] ? ", in Node.js " : "", d->node);
    printf("\n%s\n", d->missing_count ? "missing, and not needed for the workflow itself"
                                      : "nothing is missing");
    for (int i = 0; i < d->missing_count; i++)
        cli_paragraph("  - ", 4, d->missing[i]);
}

static void json_texts(cli_json *j, const char *key, const char *text)
{
    cli_json_text(j, key, text[0] ? text : NULL);
}

static void print_json(const diagnosis *d)
{
    cli_json j = { 0 };
    cli_json_document(&j, "doctor");
    cli_json_text(&j, "version", rf_version());
    json_texts(&j, "cpu", d->cpu);
    cli_json_text(&j, "instructions", d->machine.isa);
    cli_json_int(&j, "integer_weight_bits", d->machine.integer_weight_bits);
    cli_json_int(&j, "threads", d->threads);
    cli_json_int(&j, "processors", d->processors);
    cli_json_int(&j, "memory_bytes", d->memory);
    cli_json_text(&j, "onednn", d->machine.onednn);
    cli_json_array(&j, "libraries");
    for (int i = 0; i < d->library_count; i++)
        cli_json_text(&j, NULL, d->libraries[i]);
    cli_json_end(&j);
    cli_json_bool(&j, "mpi", d->mpi);
    cli_json_bool(&j, "mpirun", d->launcher);
    json_texts(&j, "node", d->node);
    json_texts(&j, "onnxruntime", d->ort);
    cli_json_array(&j, "missing");
    for (int i = 0; i < d->missing_count; i++)
        cli_json_text(&j, NULL, d->missing[i]);
    cli_json_end(&j);
    cli_json_end(&j);
    cli_json_write(&j, stdout);
    cli_json_release(&j);
}

int cmd_doctor(cli_session *s)
{
    diagnosis *d = calloc(1, sizeof *d);
    if (!d)
        return cli_error(s, CLI_EXIT_FAILED, "out of memory");
    look(s, d);
    if (s->options->json)
        print_json(d);
    else
        print_text(d);
    free(d);
    return 0;
}
