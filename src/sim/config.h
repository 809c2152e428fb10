/* AIMET's quantsim configuration JSON, parsed and checked; two built in by name. Source: semantics of AIMET quantsim_config. */
#ifndef RF_SIM_CONFIG_H
#define RF_SIM_CONFIG_H

#include "base/arena.h"
#include "base/status.h"

typedef enum rf_flag { RF_FLAG_UNSET, RF_FLAG_FALSE, RF_FLAG_TRUE } rf_flag;

typedef struct rf_config_param { /* defaults.params, params.NAME, op_type.X.params.NAME */
    const char *name;            /* NULL in defaults */
    rf_flag quantized, symmetric;
} rf_config_param;

typedef struct rf_config_op {
    const char *op_type; /* NULL in defaults */
    rf_flag input_quantized, output_quantized, symmetric, per_channel;
    bool constrained; /* encoding_constraints */
    double constrained_min, constrained_max;
    int param_count;
    rf_config_param *params;
} rf_config_op;

typedef struct rf_config {
    rf_arena arena;
    rf_config_op default_op;
    rf_config_param default_param;
    rf_flag strict_symmetric, unsigned_symmetric, per_channel;
    int param_count;
    rf_config_param *params;
    int op_count;
    rf_config_op *ops;
    int supergroup_count;
    struct rf_supergroup {
        int count;
        const char **op_types;
    } * supergroups;
    rf_flag model_input, model_output;
} rf_config;

/* `name`: "per-channel", "default", "bn-reestimation" (built in), or a path. RF_EMODEL names the key and what it may be. */
rf_status rf_config_load(rf_context *ctx, const char *name, rf_config *out);
rf_status rf_config_parse(rf_context *ctx, const char *json, size_t size, const char *name,
                          rf_config *out);
void rf_config_release(rf_config *config);

#endif
