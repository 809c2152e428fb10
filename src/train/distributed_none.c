/* Built where no MPI was found: every process works alone. */
#include "base/status.h"

rf_status rf_distributed_init(rf_context *ctx, double timeout)
{
    (void)ctx;
    (void)timeout;
    return RF_OK;
}

rf_status rf_distributed_finalize(rf_context *ctx)
{
    (void)ctx;
    return RF_OK;
}

void rf_distributed_abort(rf_context *ctx, int exit_code)
{
    (void)ctx;
    (void)exit_code;
}

bool rf_distributed_available(void)
{
    return false;
}
