/* fashion-mnist[:train|test]: the files of Debian's package dataset-fashion-mnist. */
#include "data/source.h"

#include <stdio.h>
#include <string.h>

#include "base/file.h"

#define NAME "fashion-mnist"
#define FOLDER "/usr/share/datasets/fashion-mnist/"

typedef struct part {
    const char *name, *images, *labels;
} part;

static const part parts[] = {
    { "train", FOLDER "train-images-idx3-ubyte.gz", FOLDER "train-labels-idx1-ubyte.gz" },
    { "test", FOLDER "t10k-images-idx3-ubyte.gz", FOLDER "t10k-labels-idx1-ubyte.gz" },
};

static bool matches(const char *spec)
{
    return strcmp(spec, NAME) == 0 || rf_spec_after(spec, NAME ":");
}

static rf_status open_part(rf_context *ctx, const part *p, rf_source **out)
{
    if (!rf_file_exists(p->images) || !rf_file_exists(p->labels))
        return rf_fail(ctx, RF_EIO,
                       "Fashion-MNIST is not there ('%s'): apt install dataset-fashion-mnist",
                       p->images);
    return rf_idx_open(ctx, p->images, p->labels, out);
}

static rf_status open_fashion_mnist(rf_context *ctx, const char *spec, rf_source **out)
{
    const char *name = rf_spec_after(spec, NAME ":");
    if (!name)
        name = parts[0].name;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (strcmp(name, parts[i].name) == 0)
            return open_part(ctx, &parts[i], out);
    return rf_fail(ctx, RF_EARG, "data '%s': unknown part '%s', expected train or test", spec,
                   name);
}

const rf_source_row rf_source_fashion_mnist = { .form = NAME "[:train|test]",
                                                .matches = matches,
                                                .open = open_fashion_mnist };
