/* rf_export: checks what is asked, builds every file in a temporary folder, re-reads it, and only then shows it. */
#include "export/export.h"

#include <math.h>
#include <string.h>

#include "base/file.h"
#include "formats/onnx.h"

/* --- options --- */

static rf_status choose_formats(rf_context *ctx, const char *formats, rf_export_choice *out)
{
    struct {
        const char *name;
        bool *flag;
    } const known[] = { { "onnx", &out->onnx },
                        { "encodings", &out->encodings },
                        { "qdq", &out->qdq } };
    for (const char *p = formats; *p;) {
        const size_t length = strcspn(p, ",");
        bool found = false;
        for (size_t i = 0; i < sizeof known / sizeof *known; i++)
            if (strlen(known[i].name) == length && !strncmp(p, known[i].name, length))
                found = *known[i].flag = true;
        if (!found)
            return rf_fail(ctx, RF_EARG, "export format '%.*s' is not one of onnx, encodings, qdq",
                           (int)length, p);
        p += length + (p[length] == ',');
    }
    if (!out->onnx && !out->encodings && !out->qdq)
        return rf_fail(ctx, RF_EARG, "no export format given; choose from onnx, encodings, qdq");
    return RF_OK;
}

/* `given` or `first`; RF_EARG when it is neither of the two. */
static rf_status choose_word(rf_context *ctx, const char *what, const char *given,
                             const char *first, const char *second, const char **out)
{
    *out = !given || !strcmp(given, first) ? first : second;
    if (given && strcmp(given, *out))
        return rf_fail(ctx, RF_EARG, "%s is '%s'; expected %s or %s", what, given, first, second);
    return RF_OK;
}

rf_status rf_export_choose(rf_context *ctx, const rf_export_options *options, rf_export_choice *out)
{
    static const rf_export_options defaults = RF_EXPORT_OPTIONS_INIT;
    const rf_export_options *o = options ? options : &defaults;
    rf_export_choice c = { .prefix = o->prefix ? o->prefix : "model", .force = o->force };
    const char *weights = NULL, *bias = NULL;
    RF_TRY(choose_formats(ctx, o->formats ? o->formats : "onnx,encodings,qdq", &c));
    RF_TRY(choose_word(ctx, "encodings version", o->encodings_version, "0.6.1", "1.0.0",
                       &c.encodings_version));
    RF_TRY(
        choose_word(ctx, "the container of QDQ weights", o->qdq_weights, "int8", "int4", &weights));
    RF_TRY(choose_word(ctx, "the form of QDQ biases", o->qdq_bias, "int32", "float", &bias));
    if (!*c.prefix || strchr(c.prefix, '/'))
        return rf_fail(ctx, RF_EARG, "export prefix '%s' must be the beginning of a file name",
                       c.prefix);
    c.int4_weights = !strcmp(weights, "int4");
    c.int32_bias = !strcmp(bias, "int32");
    *out = c;
    return RF_OK;
}

/* --- files --- */

enum { FILE_ONNX, FILE_ENCODINGS, FILE_QDQ, FILE_COUNT };

static const char *const endings[FILE_COUNT] = {
    [FILE_ONNX] = ".onnx",
    [FILE_ENCODINGS] = ".encodings",
    [FILE_QDQ] = "_qdq.onnx",
};

static bool is_chosen(const rf_export_choice *c, int file)
{
    return file == FILE_ONNX ? c->onnx : file == FILE_ENCODINGS ? c->encodings : c->qdq;
}

/* What an export works with. */
typedef struct work {
    rf_sim *sim;
    rf_export_choice choice;
    rf_graph *plain, *qdq;
    char *encodings;
    rf_staging staging;
    rf_names floats;
    struct report *report;
} work;

typedef struct report {
    rf_export_report shown; /* first: the caller's pointer is ours */
    rf_arena arena;
} report;

static char *file_name(work *w, int file)
{
    return rf_arena_printf(&w->report->arena, "%s%s", w->choice.prefix, endings[file]);
}

/* Refuse before anything is written. */
static rf_status check_targets(work *w, const char *dir)
{
    for (int i = 0; i < FILE_COUNT; i++) {
        if (!is_chosen(&w->choice, i))
            continue;
        const char *path =
            rf_arena_printf(&w->report->arena, "%s/%s%s", dir, w->choice.prefix, endings[i]);
        if (!path)
            return RF_ENOMEM;
        if (rf_file_is_folder(path))
            return rf_fail(w->sim->ctx, RF_EEXIST,
                           "'%s' is a folder; an export writes a file there", path);
        if (!w->choice.force && rf_file_exists(path))
            return rf_fail(w->sim->ctx, RF_EEXIST,
                           "'%s' exists; use --force to overwrite it, or another folder", path);
    }
    return RF_OK;
}

static rf_status check_ranges(const rf_sim *sim)
{
    for (size_t i = 0; i < sim->quantizers.count; i++) {
        const rf_node *q = sim->quantizers.items[i];
        for (int64_t c = 0; rf_quantizer_exports(q) && c < rf_quantizer_count(q); c++) {
            const rf_encoding e = rf_export_encoding(q, c);
            if (!isfinite(e.min) || !isfinite(e.max) || !(e.scale > 0.0))
                return rf_fail(sim->ctx, RF_ENUMERIC,
                               "tensor '%s': the range %g..%g of channel %lld cannot be exported; "
                               "train with a lower --encoding-lr or calibrate again",
                               rf_export_tensor_name(q), e.min, e.max, (long long)c);
        }
    }
    return RF_OK;
}

static rf_status build(work *w)
{
    RF_TRY(check_ranges(w->sim));
    RF_TRY(rf_export_plain(w->sim, &w->plain));
    RF_TRY(rf_export_float_tensors(w->sim, w->plain, &w->floats));
    if (w->choice.encodings)
        RF_TRY(rf_export_encodings(w->sim, w->choice.encodings_version, &w->encodings));
    if (w->choice.qdq)
        RF_TRY(rf_export_qdq(w->sim, &w->choice, w->plain, &w->qdq));
    return RF_OK;
}

static rf_status write_file(work *w, int file, const char *path)
{
    if (file != FILE_ENCODINGS) {
        const rf_graph *g = file == FILE_QDQ ? w->qdq : w->plain;
        RF_TRY(rf_onnx_write(g, path, /*force=*/false));
        return rf_verify_onnx(g, path);
    }
    RF_TRY(rf_file_write(w->sim->ctx, path, w->encodings, strlen(w->encodings), /*force=*/false));
    return rf_verify_encodings(w->sim, w->plain, w->choice.encodings_version, path);
}

static rf_status write_files(work *w, const char *dir)
{
    RF_TRY(rf_staging_init(&w->staging, w->sim->ctx, dir));
    for (int i = 0; i < FILE_COUNT; i++) {
        const char *path = NULL, *name = is_chosen(&w->choice, i) ? file_name(w, i) : NULL;
        if (!is_chosen(&w->choice, i))
            continue;
        if (!name)
            return RF_ENOMEM;
        RF_TRY(rf_staging_add(&w->staging, name, &path));
        RF_TRY(write_file(w, i, path));
    }
    return RF_OK;
}

/* --- report --- */

static rf_status fill_files(work *w)
{
    report *r = w->report;
    const char **files = rf_arena_array(&r->arena, (size_t)w->staging.count, sizeof *files);
    if (!files)
        return RF_ENOMEM;
    for (int i = 0; i < w->staging.count; i++)
        if (!(files[i] = rf_arena_strdup(&r->arena, w->staging.files[i].final)))
            return RF_ENOMEM;
    r->shown.files = files;
    r->shown.file_count = w->staging.count;
    return RF_OK;
}

static rf_status fill_coverage(work *w)
{
    report *r = w->report;
    const char **names = rf_arena_array(&r->arena, w->floats.count, sizeof *names);
    if (!names)
        return RF_ENOMEM;
    for (size_t i = 0; i < w->floats.count; i++)
        if (!(names[i] = rf_arena_strdup(&r->arena, w->floats.items[i])))
            return RF_ENOMEM;
    r->shown.float_tensors = names;
    r->shown.float_count = (int)w->floats.count;
    for (size_t i = 0; i < w->sim->quantizers.count; i++)
        r->shown.encoded += rf_quantizer_exports(w->sim->quantizers.items[i]);
    return RF_OK;
}

static rf_status new_report(rf_context *ctx, report **out)
{
    report *r = rf_calloc(ctx, 1, sizeof *r);
    if (!r)
        return RF_ENOMEM;
    rf_arena_init(&r->arena, ctx);
    *out = r;
    return RF_OK;
}

void rf_export_report_free(rf_export_report *shown)
{
    report *r = (report *)shown;
    if (!r)
        return;
    rf_context *ctx = r->arena.ctx;
    rf_arena_release(&r->arena);
    rf_free(ctx, r);
}

static rf_status export(work *w, const char *dir)
{
    RF_TRY(check_targets(w, dir));
    RF_TRY(build(w));
    RF_TRY(write_files(w, dir));
    RF_TRY(fill_files(w));
    RF_TRY(fill_coverage(w));
    return rf_staging_publish(&w->staging);
}

rf_status rf_export(rf_sim *sim, const char *dir, const rf_export_options *options,
                    rf_export_report **out)
{
    work w = { .sim = sim };
    RF_TRY(rf_export_choose(sim->ctx, options, &w.choice));
    RF_TRY(rf_sim_need_state(sim, RF_STATE_CALIBRATED, "export"));
    RF_TRY(new_report(sim->ctx, &w.report));
    const rf_status st = export(&w, dir);
    rf_staging_release(&w.staging);
    rf_graph_free(w.plain);
    rf_graph_free(w.qdq);
    rf_free(sim->ctx, w.encodings);
    RF_VEC_RELEASE(sim->ctx, &w.floats);
    if (!st && out)
        *out = &w.report->shown;
    else
        rf_export_report_free(&w.report->shown);
    return st;
}
