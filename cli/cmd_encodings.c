/* refold encodings: every quantizer of a simulation. */
#include "commands.h"
#include "json_writer.h"
#include "model_input.h"

static void json_numbers(cli_json *j, const rf_quantizer *q)
{
    cli_json_floats(j, "min", q->min, q->count);
    cli_json_floats(j, "max", q->max, q->count);
    cli_json_flat_array(j, "scale");
    for (int64_t i = 0; i < q->count; i++)
        cli_json_real(j, NULL, q->scale[i]);
    cli_json_end(j);
    cli_json_flat_array(j, "offset");
    for (int64_t i = 0; i < q->count; i++)
        cli_json_int(j, NULL, q->offset[i]);
    cli_json_end(j);
}

static void json_quantizer(cli_json *j, const rf_quantizer *q)
{
    cli_json_object(j, NULL);
    cli_json_text(j, "tensor", q->tensor);
    cli_json_text(j, "kind", q->kind);
    cli_json_text(j, "op", q->op);
    cli_json_bool(j, "enabled", q->enabled);
    cli_json_int(j, "bitwidth", q->bitwidth);
    cli_json_bool(j, "symmetric", q->symmetric);
    cli_json_bool(j, "strict_symmetric", q->strict_symmetric);
    cli_json_bool(j, "unsigned_symmetric", q->unsigned_symmetric);
    if (q->axis < 0)
        cli_json_null(j, "axis");
    else
        cli_json_int(j, "axis", q->axis);
    json_numbers(j, q);
    cli_json_end(j);
}

static rf_status print_json(rf_sim *sim)
{
    cli_json j = { 0 };
    rf_status st = RF_OK;
    cli_json_document(&j, "encodings");
    cli_json_text(&j, "state", rf_state_name(rf_sim_state(sim)));
    cli_json_array(&j, "quantizers");
    for (int i = 0; !st && i < rf_sim_quantizer_count(sim); i++) {
        rf_quantizer q;
        if (!(st = rf_sim_quantizer(sim, i, &q)))
            json_quantizer(&j, &q);
    }
    cli_json_end(&j);
    cli_json_end(&j);
    if (!st)
        cli_json_write(&j, stdout);
    cli_json_release(&j);
    return st;
}

/* One line a quantizer; of several channels the widest range is shown. */
static void print_quantizer(const rf_quantizer *q)
{
    printf("%-40s %-11s %2d  %-4s %5lld  ", q->tensor, q->kind, q->bitwidth,
           q->enabled ? "on" : "off", (long long)q->count);
    if (q->count == 0) {
        printf("not calibrated\n");
        return;
    }
    int64_t widest = 0;
    for (int64_t i = 1; i < q->count; i++) {
        if (q->scale[i] > q->scale[widest])
            widest = i;
    }
    printf("%12.5g %12.5g %12.5g %6lld  %s\n", (double)q->min[widest], (double)q->max[widest],
           q->scale[widest], (long long)q->offset[widest],
           q->symmetric ? "symmetric" : "asymmetric");
}

static rf_status print_text(rf_sim *sim)
{
    printf("state: %s\n%-40s %-11s %2s  %-4s %5s  %12s %12s %12s %6s\n",
           rf_state_name(rf_sim_state(sim)), "tensor", "kind", "bw", "", "count", "min", "max",
           "scale", "offset");
    for (int i = 0; i < rf_sim_quantizer_count(sim); i++) {
        rf_quantizer q;
        const rf_status st = rf_sim_quantizer(sim, i, &q);
        if (st)
            return st;
        print_quantizer(&q);
    }
    return RF_OK;
}

int cmd_encodings(cli_session *s)
{
    cli_model model = { 0 };
    int code = cli_model_load_sim(s, &model);
    if (!code) {
        const rf_status st = s->options->json ? print_json(model.sim) : print_text(model.sim);
        code = st ? cli_fail(s, st) : 0;
    }
    cli_model_release(&model);
    return code;
}
