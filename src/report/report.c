/* The report: one JSON document, and the page that shows it. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/status.h"
#include "report/report.h"

#define REAL_DIGITS 9

struct rf_report {
    rf_context *ctx;
    char *text; /* of jansson's allocator */
    size_t length;
};

/* ------------------------------------------------------------------------------------- values --- */

json_t *rf_json_text(const char *text)
{
    const char *whole = text ? text : "";
    json_t *value = json_string(whole);
    char *copy = value ? NULL : strdup(whole);
    for (char *p = copy; p && *p; p++)
        if ((unsigned char)*p > 0x7e)
            *p = '?';
    if (copy)
        value = json_string(copy);
    free(copy);
    return value;
}

json_t *rf_json_real(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

json_t *rf_json_floats(const float *values, int64_t count)
{
    json_t *list = json_array();
    for (int64_t i = 0; i < count; i++)
        json_array_append_new(list, rf_json_real((double)values[i]));
    return list;
}

/* ------------------------------------------------------------------------------------- sections --- */

static json_t *machine_json(rf_context *ctx)
{
    const rf_machine machine = rf_machine_describe();
    return json_pack("{s:s, s:s, s:s, s:i}", "refold", rf_version(), "isa", machine.isa, "onednn",
                     machine.onednn, "threads", rf_context_threads(ctx));
}

static json_t *simulation_json(const rf_sim *sim)
{
    const char *compat = sim->compat_v2 ? "aimet-v2" : sim->compat_aimet ? "aimet" : NULL;
    return json_pack("{s:s, s:i, s:i, s:o, s:b, s:s?}", "state", rf_state_name(sim->state),
                     "param_bw", sim->param_bw, "output_bw", sim->output_bw, "config",
                     rf_json_text(sim->config_name), "learned", (int)sim->learned, "compat",
                     compat);
}

static json_t *files_json(const rf_report_options *o)
{
    json_t *list = json_array();
    for (int i = 0; i < o->file_count; i++)
        json_array_append_new(list, json_pack("{s:o, s:I}", "name", rf_json_text(o->files[i].name),
                                              "bytes", (json_int_t)o->files[i].bytes));
    return list;
}

/* The name given, or that of the model that was run. */
static json_t *title_json(const rf_report_options *o, const json_t *run)
{
    const char *model = json_string_value(json_object_get(run, "model"));
    const char *slash = model ? strrchr(model, '/') : NULL;
    return rf_json_text(o->title ? o->title : slash ? slash + 1 : model ? model : "simulation");
}

/* `text` as JSON, or null. */
static rf_status parse(rf_context *ctx, const char *what, const char *text, json_t **out)
{
    json_error_t error;
    *out = text ? json_loads(text, JSON_REJECT_DUPLICATES, &error) : json_null();
    return *out ? RF_OK
                : rf_fail(ctx, RF_EDATA, "the report's %s is no JSON: line %d: %s", what,
                          error.line, error.text);
}

/* As far as the page relies on it. */
static bool is_analysis(const json_t *analysis)
{
    static const char *const texts[] = { "layer", "op_type", "kind" };
    const char *command = json_string_value(json_object_get(analysis, "command"));
    const json_t *layers = json_object_get(analysis, "layers");

    for (size_t i = 0; i < json_array_size(layers); i++)
        for (size_t k = 0; k < sizeof texts / sizeof *texts; k++)
            if (!json_is_string(json_object_get(json_array_get(layers, i), texts[k])))
                return false;
    return command && strcmp(command, "analyze") == 0 && json_is_array(layers);
}

/* What `refold analyze` wrote, as it is. */
static rf_status take_analysis(rf_context *ctx, const char *text, json_t *root)
{
    json_t *analysis = NULL;
    RF_TRY(parse(ctx, "analysis", text, &analysis));
    json_object_set_new(root, "analysis", analysis);
    const char *command = json_string_value(json_object_get(analysis, "command"));
    return json_is_null(analysis) || is_analysis(analysis)
               ? RF_OK
               : rf_fail(ctx, RF_EDATA,
                         "the report's analysis is not what 'refold analyze -o FILE' writes: "
                         "command '%s'; expected 'analyze', with the layers it found",
                         command ? command : "");
}

/* ------------------------------------------------------------------------------------- measuring --- */

/* Ranges alone can be told without data; what an earlier report measured of the same ranges is still true. */
static rf_status take_earlier(rf_sim *sim, const rf_report_options *o, json_t *root)
{
    json_t *earlier = NULL;
    RF_TRY(parse(sim->ctx, "earlier measurement", o->measured, &earlier));
    json_t *activations = json_object_get(earlier, "activations");
    json_t *errors = json_object_get(earlier, "errors");
    rf_status st = RF_OK;
    if (json_is_array(activations) && json_is_object(errors)) {
        json_object_set(root, "activations", activations);
        json_object_set(root, "errors", errors);
    } else {
        json_t *list = NULL;
        st = rf_report_activations(sim, o, &list);
        if (!st) {
            json_object_set_new(root, "activations", list);
            json_object_set_new(root, "errors", json_null());
        }
    }
    json_decref(earlier);
    return st;
}

static rf_status measure(rf_sim *sim, const rf_report_options *o, json_t *root)
{
    json_t *activations = NULL, *errors = NULL;
    if (!o->dataset)
        return take_earlier(sim, o, root);
    RF_TRY(rf_report_activations(sim, o, &activations));
    json_object_set_new(root, "activations", activations);
    RF_TRY(rf_report_errors(sim, o, &errors));
    json_object_set_new(root, "errors", errors);
    return RF_OK;
}

/* ------------------------------------------------------------------------------------- the document --- */

static rf_status add_networks(rf_sim *sim, const rf_report_options *o, json_t *root)
{
    rf_sim *with_bn = o->reestimated ? o->reestimated : sim;
    rf_sim *before = o->trained ? o->trained : o->calibrated;
    json_t *value = NULL;
    RF_TRY(rf_report_batch_norms(with_bn, before, &value));
    json_object_set_new(root, "batch_norms", value);
    RF_TRY(rf_report_params(sim, o->calibrated, with_bn, &value));
    json_object_set_new(root, "params", value);
    RF_TRY(rf_report_size(sim, &value));
    json_object_set_new(root, "size", value);
    return RF_OK;
}

static rf_status fill(rf_sim *sim, const rf_report_options *o, json_t *root)
{
    json_t *run = NULL;
    RF_TRY(parse(sim->ctx, "record of the run", o->run, &run));
    json_object_set_new(root, "schema", json_integer(1));
    json_object_set_new(root, "command", json_string("report"));
    json_object_set_new(root, "title", title_json(o, run));
    json_object_set_new(root, "machine", machine_json(sim->ctx));
    json_object_set_new(root, "simulation", simulation_json(sim));
    json_object_set_new(root, "files", files_json(o));
    json_object_set_new(root, "run", run);
    RF_TRY(take_analysis(sim->ctx, o->analysis, root));
    RF_TRY(add_networks(sim, o, root));
    return measure(sim, o, root);
}

/* In the page the document stands inside of <script>: no text of it may look like markup. */
static rf_status write_text(rf_report *r, const json_t *root)
{
    char *plain =
        json_dumps(root, JSON_COMPACT | JSON_ENSURE_ASCII | JSON_REAL_PRECISION(REAL_DIGITS));
    size_t length = 0;
    for (const char *p = plain; p && *p; p++)
        length += strchr("<>&", *p) ? 6 : 1;
    r->text = plain ? malloc(length + 1) : NULL;
    char *to = r->text;
    for (const char *p = plain; to && *p; p++) {
        static const char digits[] = "0123456789abcdef";
        if (!strchr("<>&", *p)) {
            *to++ = *p;
            continue;
        }
        const char escape[] = { '\\', 'u', '0', '0', digits[*p >> 4], digits[*p & 15] };
        memcpy(to, escape, sizeof escape);
        to += sizeof escape;
    }
    free(plain);
    if (!to)
        return rf_fail(r->ctx, RF_ENOMEM, "out of memory making the report");
    *to = 0;
    r->length = length;
    return RF_OK;
}

rf_status rf_report_new(rf_sim *sim, const rf_report_options *options, rf_report **out)
{
    static const rf_report_options none = RF_REPORT_OPTIONS_INIT;
    const rf_report_options *o = options ? options : &none;
    RF_TRY(rf_sim_need_state(sim, RF_STATE_CALIBRATED, "the report"));
    rf_report *r = rf_calloc(sim->ctx, 1, sizeof *r);
    json_t *root = json_object();
    rf_status st =
        r && root ? RF_OK : rf_fail(sim->ctx, RF_ENOMEM, "out of memory making the report");
    if (r)
        r->ctx = sim->ctx;
    if (!st)
        st = fill(sim, o, root);
    if (!st)
        st = write_text(r, root);
    json_decref(root);
    if (st)
        rf_report_free(r);
    else
        *out = r;
    return st;
}

const char *rf_report_json(const rf_report *r)
{
    return r->text;
}

/* ------------------------------------------------------------------------------------- files --- */

rf_status rf_report_save_json(const rf_report *r, const char *path, bool force)
{
    rf_file_writer *w = NULL;
    RF_TRY(rf_file_writer_open(r->ctx, path, force, &w));
    rf_status st = rf_file_writer_write(w, r->text, r->length);
    if (!st)
        st = rf_file_writer_write(w, "\n", 1);
    if (!st)
        return rf_file_writer_commit(w);
    rf_file_writer_abort(w);
    return st;
}

rf_status rf_report_save_html(const rf_report *r, const char *path, bool force)
{
    const char *mark = strstr(rf_report_page, RF_REPORT_PAGE_MARK);
    const char *rest = mark + strlen(RF_REPORT_PAGE_MARK);
    rf_file_writer *w = NULL;
    RF_TRY(rf_file_writer_open(r->ctx, path, force, &w));
    rf_status st = rf_file_writer_write(w, rf_report_page, (size_t)(mark - rf_report_page));
    if (!st)
        st = rf_file_writer_write(w, r->text, r->length);
    if (!st)
        st = rf_file_writer_write(w, rest, strlen(rest));
    if (!st)
        return rf_file_writer_commit(w);
    rf_file_writer_abort(w);
    return st;
}

void rf_report_free(rf_report *r)
{
    if (!r)
        return;
    free(r->text);
    rf_free(r->ctx, r);
}
