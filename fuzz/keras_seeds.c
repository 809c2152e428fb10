/* Writes the HDF5 seeds of the corpus into a folder: the forms that several versions of Keras give their files. */
#include "formats/keras_maker.h"
#include "temp_folder.h"

static const char config[] =
    "{\"class_name\": \"Sequential\", \"config\": {\"name\": \"net\", \"layers\": ["
    "{\"class_name\": \"InputLayer\", \"config\": {\"batch_input_shape\": [null, 4, 4, 2], "
    "\"name\": \"x\"}},"
    "{\"class_name\": \"Conv2D\", \"config\": {\"name\": \"c\", \"filters\": 3, \"kernel_size\": "
    "[3, 3]}},"
    "{\"class_name\": \"Flatten\", \"config\": {\"name\": \"f\"}}]}}";

static void write_seed(const char *folder, const char *name, keras_form form)
{
    static const int64_t kernel[] = { 3, 3, 2, 3 }, bias[] = { 3 };
    char path[512];
    keras_maker m;
    size_t size;
    keras_begin(&m, form);
    keras_weight(&m, "c", "c/kernel:0", 4, kernel, 1);
    keras_weight(&m, "c", "c/bias:0", 1, bias, 2);
    void *bytes = keras_end(&m, config, &size);
    snprintf(path, sizeof path, "%s/%s", folder, name);
    write_bytes(path, bytes, size);
    free(bytes);
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return 2;
    write_seed(argv[1], "oldest", KERAS_H5_FIXED);
    write_seed(argv[1], "usual", KERAS_H5);
    write_seed(argv[1], "chunks", KERAS_H5_CHUNKS);
    write_seed(argv[1], "newest", KERAS_H5_NEWEST);
    return 0;
}
