/* The events of a training as lines of a file beside its checkpoint, so that a resumed run has the curves from the first step on. */
#include "curve_file.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"

#define FIRST_LINE "refold-curves-1\n"
#define SUFFIX ".curves"

enum { LINE = 256 };

/* Hexadecimal, so that the same doubles come back. */
static bool put(FILE *file, const rf_train_event *e)
{
    const rf_accuracy *v = &e->validation;
    return fprintf(file, "%d %" PRId64 " %" PRId64 " %a %a %a %" PRId64 " %a %a\n", e->epoch_end,
                   e->step, e->epoch, e->loss, e->top1, e->learning_rate, v->samples, v->top1,
                   v->loss) > 0;
}

/* Only whole lines: the last one may have been cut. */
static bool get(const char *line, rf_train_event *e)
{
    int epoch_end;
    *e = (rf_train_event){ 0 };
    if (!strchr(line, '\n') ||
        sscanf(line, "%d %" SCNd64 " %" SCNd64 " %la %la %la %" SCNd64 " %la %la", &epoch_end,
               &e->step, &e->epoch, &e->loss, &e->top1, &e->learning_rate, &e->validation.samples,
               &e->validation.top1, &e->validation.loss) != 9)
        return false;
    e->epoch_end = epoch_end != 0;
    return true;
}

char *cli_curve_path(const char *checkpoint)
{
    const size_t length = strlen(checkpoint) + sizeof SUFFIX;
    char *path = malloc(length);
    if (path)
        snprintf(path, length, "%s" SUFFIX, checkpoint);
    return path;
}

void cli_curve_read(const char *path, void (*each)(void *user, const rf_train_event *event),
                    void *user)
{
    FILE *file = fopen(path, "re");
    char line[LINE];
    rf_train_event event;
    bool good = file && fgets(line, sizeof line, file) && strcmp(line, FIRST_LINE) == 0;
    while (good && fgets(line, sizeof line, file) && get(line, &event))
        each(user, &event);
    if (file)
        fclose(file);
}

/* The new file takes the old one's place when it is complete. */
FILE *cli_curve_begin(const char *path, const rf_train_event *const *lists, const int64_t *counts)
{
    char *part = cli_curve_path(path);
    FILE *file = part ? fopen(part, "we") : NULL;
    bool good = file && fputs(FIRST_LINE, file) >= 0;
    for (int list = 0; list < 2; list++)
        for (int64_t i = 0; good && i < counts[list]; i++)
            good = put(file, &lists[list][i]);
    good = good && fflush(file) == 0 && rename(part, path) == 0;
    if (!good && file) {
        fclose(file);
        unlink(part);
        file = NULL;
    }
    free(part);
    return file;
}

bool cli_curve_add(FILE *file, const rf_train_event *event)
{
    return put(file, event) && fflush(file) == 0;
}
