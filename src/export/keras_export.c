/* The way back to Keras: the simulation's parameters in a copy of the file that the model came from. */
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/status.h"
#include "export/export.h"
#include "formats/keras_write.h"

/* The file that was named, or the one that the graph remembers. */
static rf_status load_template(const rf_graph *plain, const rf_keras_export_options *o,
                               rf_keras_files *files)
{
    const char *path =
        o && o->template_file ? o->template_file : rf_graph_metadata(plain, RF_KERAS_FILE_KEY);
    const char *weights =
        o && o->template_file ? o->weights : rf_graph_metadata(plain, RF_KERAS_WEIGHTS_KEY);
    *files = (rf_keras_files){ .ctx = plain->ctx };
    if (!path)
        return rf_fail(plain->ctx, RF_EARG,
                       "the model does not say which Keras file it was read from; give it with "
                       "--template FILE");
    const rf_status st = rf_keras_load_files(files, plain->ctx, path, weights);
    if (st != RF_EIO || (o && o->template_file))
        return st;
    return rf_fail(plain->ctx, RF_EIO,
                   "the Keras file '%s' that the model was read from cannot be read; give it with "
                   "--template FILE",
                   path);
}

/* "new.json" for "new.weights.h5": the architecture where it stands in a file of its own. */
static rf_status json_path(rf_context *ctx, const char *path, char **out)
{
    const char *slash = strrchr(path, '/'), *dot = strchr(slash ? slash + 1 : path, '.');
    const int length = dot ? (int)(dot - path) : (int)strlen(path);
    const size_t size = (size_t)length + sizeof ".json";
    *out = rf_alloc(ctx, size);
    if (!*out)
        return RF_ENOMEM;
    snprintf(*out, size, "%.*s.json", length, path);
    return RF_OK;
}

static rf_status write_files(rf_context *ctx, const char *path, const rf_keras_written *w,
                             bool force)
{
    char *json = NULL;
    rf_status st = RF_OK;
    if (w->json) {
        RF_TRY(json_path(ctx, path, &json));
        st = rf_file_write(ctx, json, w->json, strlen(w->json), force);
    }
    if (!st)
        st = rf_file_write(ctx, path, w->bytes, w->size, force);
    rf_free(ctx, json);
    return st;
}

/* What was written is a model that can be read. */
static rf_status verify(rf_context *ctx, const rf_keras_source *from, const rf_keras_written *w)
{
    rf_graph *g = NULL;
    rf_keras_source source = { .bytes = w->bytes, .size = w->size };
    if (from->weights) {
        source.weights = w->bytes;
        source.weights_size = w->size;
        source.bytes = w->json ? w->json : from->bytes;
        source.size = w->json ? strlen(w->json) : from->size;
    }
    const rf_status st = rf_keras_decode(ctx, &source, &g);
    rf_graph_free(g);
    return st;
}

static rf_status export(const rf_graph *plain, const char *path, const rf_keras_files *files,
                        bool force, rf_keras_export_report *out)
{
    rf_keras_written w = { 0 };
    rf_context *ctx = plain->ctx;
    rf_status st = rf_keras_write(plain, &files->source, &w);
    if (!st)
        st = verify(ctx, &files->source, &w);
    if (!st)
        st = write_files(ctx, path, &w, force);
    if (!st && out)
        *out = (rf_keras_export_report){ .layers = w.layers,
                                         .identities = w.identities,
                                         .biases_added = w.biases_added,
                                         .json_written = w.json != NULL };
    rf_free(ctx, w.bytes);
    rf_free(ctx, w.json);
    return st;
}

rf_status rf_export_keras(rf_sim *sim, const char *path, const rf_keras_export_options *options,
                          rf_keras_export_report *out)
{
    rf_graph *plain = NULL;
    rf_keras_files files = { .ctx = sim->ctx };
    RF_TRY(rf_sim_need_state(sim, RF_STATE_CALIBRATED, "export"));
    RF_TRY(rf_export_plain(sim, &plain));
    rf_status st = load_template(plain, options, &files);
    if (!st)
        st = export(plain, path, &files, options && options->force, out);
    rf_keras_release_files(&files);
    rf_graph_free(plain);
    return st;
}
