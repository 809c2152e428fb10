/* The public description of a parameter. */
#ifndef RF_TRAIN_PARAMETERS_H
#define RF_TRAIN_PARAMETERS_H

#include "ops/params.h"

rf_parameter rf_parameter_describe(const rf_param *param);

#endif
