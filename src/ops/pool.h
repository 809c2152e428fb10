/* MaxPool and AveragePool behind their kernels: shapes and attributes. */
#ifndef RF_OPS_POOL_H
#define RF_OPS_POOL_H

#include "kernels/pool.h"
#include "ops/window.h"

rf_status rf_pool_infer(rf_inference *io);
/* s->state becomes an rf_pool_shape. */
rf_status rf_pool_prepare(rf_step *s);

#endif
