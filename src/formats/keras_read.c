/* Keras files: which parts they have, where the other part lies, and the way to a graph. */
#include "formats/keras.h"

#include <string.h>
#include <strings.h>

#include "base/file.h"
#include "base/status.h"
#include "formats/hdf5_file.h"
#include "formats/keras_build.h"
#include "formats/model_file.h"

/* --- the parts of a model in memory --- */

static bool is_json(const void *bytes, size_t size)
{
    const char *p = bytes;
    size_t i = 0;
    while (i < size && strchr(" \t\r\n", p[i]) && p[i])
        i++;
    return i < size && p[i] == '{';
}

/* With a 0 behind it. */
static rf_status own_text(rf_keras_parts *p, const char *text, size_t size)
{
    char *copy = rf_alloc(p->ctx, size + 1);
    if (!copy)
        return RF_ENOMEM;
    memcpy(copy, text, size);
    copy[size] = '\0';
    p->json = p->owned[0] = copy;
    p->json_size = size;
    return RF_OK;
}

static rf_status part_h5(rf_keras_parts *p, const void *bytes, size_t size)
{
    rf_h5 *h5 = NULL;
    const char *config = NULL, *version = NULL;
    RF_TRY(rf_h5_open(p->ctx, bytes, size, &h5));
    rf_status st = rf_h5_text(h5, "", "model_config", &config);
    if (!st)
        st = rf_h5_text(h5, "", "keras_version", &version);
    if (!st && version && version[0] == '1')
        st = rf_fail(p->ctx, RF_EUNSUPPORTED,
                     "a file of Keras %.20s; refold reads Keras 2 and 3: load and save it with one "
                     "of those",
                     version);
    if (!st && config)
        st = own_text(p, config, strlen(config));
    p->keras3 = version && version[0] == '3';
    p->h5 = bytes;
    p->h5_size = size;
    rf_h5_close(h5);
    return st;
}

static rf_status part_zip(rf_keras_parts *p, const void *bytes, size_t size)
{
    rf_context *ctx = p->ctx;
    RF_TRY(rf_keras_unzip(ctx, bytes, size, "config.json", &p->owned[0], &p->json_size));
    RF_TRY(rf_keras_unzip(ctx, bytes, size, "model.weights.h5", &p->owned[1], &p->h5_size));
    p->json = p->owned[0];
    p->h5 = p->owned[1];
    p->zipped = true;
    if (!p->json)
        return rf_fail(ctx, RF_EMODEL,
                       "a zip archive without config.json; of zip files refold reads those of "
                       "Keras 3 (.keras). A PyTorch model has to be exported to ONNX");
    if (!p->h5)
        return rf_fail(ctx, RF_EMODEL, "a .keras file without model.weights.h5");
    return RF_OK;
}

/* Keras 3 tells itself by words that Keras 2 does not write. */
static bool speaks_keras3(const char *json)
{
    return strstr(json, "__keras_tensor__") || strstr(json, "\"DTypePolicy\"") ||
           strstr(json, "\"keras.src");
}

rf_status rf_keras_part(rf_keras_parts *p, rf_context *ctx, const rf_keras_source *source)
{
    *p = (rf_keras_parts){ .ctx = ctx };
    if (rf_h5_is(source->bytes, source->size)) {
        RF_TRY(part_h5(p, source->bytes, source->size));
    } else if (rf_keras_is_zip(source->bytes, source->size)) {
        RF_TRY(part_zip(p, source->bytes, source->size));
    } else if (is_json(source->bytes, source->size)) {
        RF_TRY(own_text(p, source->bytes, source->size));
    } else {
        return rf_fail(ctx, RF_EMODEL, "not a Keras model: neither HDF5, nor .keras, nor JSON");
    }
    if (source->weights) {
        p->h5 = source->weights;
        p->h5_size = source->weights_size;
    }
    p->keras3 |= p->json && speaks_keras3(p->json);
    return RF_OK;
}

void rf_keras_release_parts(rf_keras_parts *p)
{
    rf_free(p->ctx, p->owned[0]);
    rf_free(p->ctx, p->owned[1]);
    *p = (rf_keras_parts){ .ctx = p->ctx };
}

/* --- decoding --- */

static rf_status check_parts(const rf_keras_parts *p)
{
    if (!p->json)
        return rf_fail(p->ctx, RF_EMODEL,
                       "it holds weights alone, no architecture. Save that with Python, "
                       "open('model.json', 'w').write(model.to_json()), then: refold convert "
                       "model.json --weights THIS-FILE -o MODEL.onnx");
    if (!p->h5)
        return rf_fail(p->ctx, RF_EMODEL,
                       "it holds an architecture alone, no weights; give their HDF5 file with "
                       "--weights FILE, or put it beside as the same name with .h5 or .weights.h5");
    return RF_OK;
}

static rf_status decode_parts(const rf_keras_parts *p, const char *input_shapes, rf_graph **out)
{
    rf_keras k = { .ctx = p->ctx };
    rf_h5 *h5 = NULL;
    RF_TRY(check_parts(p));
    rf_status st = rf_keras_parse(&k, p->ctx, p->json, p->json_size);
    k.keras3 = p->keras3;
    k.input_shapes = input_shapes;
    if (!st)
        st = rf_h5_open(p->ctx, p->h5, p->h5_size, &h5);
    if (!st)
        st = rf_keras_find_weights(&k, h5);
    if (!st)
        st = rf_keras_build_graph(&k, h5, out);
    rf_h5_close(h5);
    rf_keras_release(&k);
    return st;
}

rf_status rf_keras_decode(rf_context *ctx, const rf_keras_source *source, rf_graph **out)
{
    rf_keras_parts parts;
    rf_status st = rf_keras_part(&parts, ctx, source);
    if (!st)
        st = decode_parts(&parts, source->input_shapes, out);
    rf_keras_release_parts(&parts);
    return st;
}

/* --- files --- */

bool rf_keras_is_file(const char *path)
{
    char head[64];
    FILE *f = rf_file_is_folder(path) ? NULL : fopen(path, "rb");
    const size_t size = f ? fread(head, 1, sizeof head, f) : 0;
    const size_t length = strlen(path);
    if (f)
        fclose(f);
    if (rf_h5_is(head, size))
        return true;
    if (rf_keras_is_zip(head, size))
        return length > 6 && strcasecmp(path + length - 6, ".keras") == 0;
    return length > 5 && strcasecmp(path + length - 5, ".json") == 0 && is_json(head, size);
}

/* "model" of "model.weights.h5" and "model_weights.hdf5"; in the arena of nobody: freed by the caller. */
static char *stem_of(rf_context *ctx, const char *path)
{
    static const char *const endings[] = { ".weights.h5", "_weights.h5", "_weights.hdf5",
                                           ".h5",         ".hdf5",       ".json" };
    char *stem = rf_strdup(ctx, path);
    const size_t length = strlen(path);
    for (size_t i = 0; stem && i < sizeof endings / sizeof endings[0]; i++) {
        const size_t end = strlen(endings[i]);
        if (length > end && strcasecmp(path + length - end, endings[i]) == 0) {
            stem[length - end] = '\0';
            break;
        }
    }
    return stem;
}

/* The first file beside `path` with another ending; *out is NULL where there is none. */
static rf_status find_beside(rf_context *ctx, const char *path, const char *const *endings,
                             char **out)
{
    char *stem = stem_of(ctx, path);
    *out = NULL;
    if (!stem)
        return RF_ENOMEM;
    for (; *endings && !*out; endings++) {
        const size_t size = strlen(stem) + strlen(*endings) + 1;
        char *candidate = rf_alloc(ctx, size);
        if (!candidate)
            break;
        snprintf(candidate, size, "%s%s", stem, *endings);
        if (strcmp(candidate, path) != 0 && rf_file_exists(candidate))
            *out = candidate;
        else
            rf_free(ctx, candidate);
    }
    rf_free(ctx, stem);
    return RF_OK;
}

/* HDF5 files with weights alone have no model_config; looked for only where the answer decides what else is read. */
static rf_status has_architecture(rf_context *ctx, const void *bytes, size_t size, bool *out)
{
    rf_h5 *h5 = NULL;
    const char *config = NULL;
    RF_TRY(rf_h5_open(ctx, bytes, size, &h5));
    const rf_status st = rf_h5_text(h5, "", "model_config", &config);
    *out = config != NULL;
    rf_h5_close(h5);
    return st;
}

static rf_status load_weights(rf_keras_files *f, const char *given)
{
    static const char *const endings[] = { ".weights.h5", "_weights.h5", "_weights.hdf5",
                                           ".h5",         ".hdf5",       NULL };
    if (given)
        f->weights_path = rf_strdup(f->ctx, given);
    else
        RF_TRY(find_beside(f->ctx, f->model_path, endings, &f->weights_path));
    if (!f->weights_path)
        return given ? RF_ENOMEM : RF_OK;
    RF_TRY(rf_file_read(f->ctx, f->weights_path, &f->owned[1], &f->source.weights_size));
    f->source.weights = f->owned[1];
    if (rf_h5_is(f->source.weights, f->source.weights_size))
        return RF_OK;
    return rf_fail(f->ctx, RF_EMODEL, "the weights '%s' are no HDF5 file", f->weights_path);
}

/* Weights alone, with an architecture of the same name beside them. */
static rf_status load_architecture(rf_keras_files *f)
{
    char *json = NULL;
    void *bytes = NULL;
    size_t size = 0;
    RF_TRY(find_beside(f->ctx, f->model_path, (const char *const[]){ ".json", NULL }, &json));
    if (!json)
        return RF_OK;
    const rf_status st = rf_file_read(f->ctx, json, &bytes, &size);
    if (st) {
        rf_free(f->ctx, json);
        return st;
    }
    f->weights_path = f->model_path;
    f->model_path = json;
    f->owned[1] = bytes;
    f->source = (rf_keras_source){
        .bytes = bytes, .size = size, .weights = f->owned[0], .weights_size = f->source.size
    };
    return RF_OK;
}

rf_status rf_keras_load_files(rf_keras_files *f, rf_context *ctx, const char *path,
                              const char *weights)
{
    bool whole = true;
    *f = (rf_keras_files){ .ctx = ctx };
    f->model_path = rf_strdup(ctx, path);
    if (!f->model_path)
        return RF_ENOMEM;
    RF_TRY(rf_file_read(ctx, path, &f->owned[0], &f->source.size));
    f->source.bytes = f->owned[0];
    if (weights || is_json(f->source.bytes, f->source.size))
        return load_weights(f, weights);
    if (rf_h5_is(f->source.bytes, f->source.size))
        RF_TRY(has_architecture(ctx, f->source.bytes, f->source.size, &whole));
    return whole ? RF_OK : load_architecture(f);
}

void rf_keras_release_files(rf_keras_files *f)
{
    for (int i = 0; i < 2; i++)
        rf_free(f->ctx, f->owned[i]);
    rf_free(f->ctx, f->weights_path);
    rf_free(f->ctx, f->model_path);
    *f = (rf_keras_files){ .ctx = f->ctx };
}

/* Where the model came from, so that its weights can go back there. */
static rf_status remember(const rf_keras_files *f, rf_graph *g)
{
    RF_TRY(rf_graph_set_metadata(g, RF_KERAS_FILE_KEY, f->model_path));
    return f->weights_path ? rf_graph_set_metadata(g, RF_KERAS_WEIGHTS_KEY, f->weights_path)
                           : RF_OK;
}

rf_status rf_keras_read(rf_context *ctx, const char *path, const rf_import_options *options,
                        rf_graph **out)
{
    rf_keras_files files;
    rf_graph *g = NULL;
    if (options && (options->signature || options->inputs || options->outputs))
        return rf_fail(ctx, RF_EARG,
                       "'%s' is a Keras model: it has no use for signature, inputs or outputs",
                       path);
    rf_status st = rf_keras_load_files(&files, ctx, path, options ? options->weights : NULL);
    files.source.input_shapes = options ? options->input_shapes : NULL;
    if (!st)
        st = rf_keras_decode(ctx, &files.source, &g);
    if (!st)
        st = remember(&files, g);
    rf_keras_release_files(&files);
    if (st) {
        rf_graph_free(g);
        return st == RF_EIO ? st : rf_with_file_name(ctx, st, path); /* RF_EIO names its file */
    }
    *out = g;
    return RF_OK;
}
