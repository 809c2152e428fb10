/*
 * Runs a target on files and folders of files, where libFuzzer is not at hand: what it found once stays fixed.
 * With REPLAY_STEPS it prints what each took: branches of the readers' code and bytes asked for, which no clock is in.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"

static size_t steps;

/* The compiler calls it at each edge of the code that is built with -fsanitize-coverage=trace-pc: the readers alone. */
void __sanitizer_cov_trace_pc(void);
void __sanitizer_cov_trace_pc(void)
{
    steps++;
}

static void replay_bytes(const uint8_t *bytes, size_t size)
{
    const size_t steps_before = steps, bytes_before = fuzz_bytes_taken();
    (void)LLVMFuzzerTestOneInput(bytes, size);
    if (getenv("REPLAY_STEPS"))
        printf("%zu %zu\n", steps - steps_before, fuzz_bytes_taken() - bytes_before);
}

/* Each input in a block of its own size, so that a sanitizer sees every byte too far. */
static int replay_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    if (!f || fseek(f, 0, SEEK_END) != 0) {
        fprintf(stderr, "replay: cannot read %s\n", path);
        exit(1);
    }
    const size_t size = (size_t)ftell(f);
    uint8_t *bytes = malloc(size ? size : 1);
    rewind(f);
    if (!bytes || fread(bytes, 1, size, f) != size)
        exit(1);
    fclose(f);
    fprintf(stderr, "%s\n", path); /* names the culprit in the log */
    replay_bytes(bytes, size);
    free(bytes);
    return 1;
}

static int replay_folder(const char *folder, DIR *dir)
{
    int count = 0;
    for (const struct dirent *e; (e = readdir(dir));) {
        char path[1024];
        snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        if (e->d_name[0] != '.')
            count += replay_file(path);
    }
    return count;
}

int main(int argc, char **argv)
{
    int count = 0;
    for (int i = 1; i < argc; i++) {
        DIR *dir = opendir(argv[i]);
        count += dir ? replay_folder(argv[i], dir) : replay_file(argv[i]);
        if (dir)
            closedir(dir);
    }
    printf("%d inputs\n", count);
    return count > 0 ? 0 : 1;
}
