/* Runs a target on files and folders of files, where libFuzzer is not at hand: what it found once stays fixed. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"

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
    (void)LLVMFuzzerTestOneInput(bytes, size);
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
