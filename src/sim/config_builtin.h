/* The configurations that need no file. */
#ifndef RF_SIM_CONFIG_BUILTIN_H
#define RF_SIM_CONFIG_BUILTIN_H

/* JSON text of "per-channel", "default" or "bn-reestimation"; NULL for other names. */
const char *rf_config_builtin(const char *name);

#endif
