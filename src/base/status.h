/* Failing with a message: the one place where an error gets its text. */
#ifndef RF_BASE_STATUS_H
#define RF_BASE_STATUS_H

#include <refold/refold.h>

#include "base/compiler.h"

/* Set the context's message and return `status`. Call it where the fault is seen; pass the status on unchanged. */
rf_status rf_fail(rf_context *ctx, rf_status status, const char *format, ...) RF_PRINTF(3, 4);

/* Propagate a failure; only where nothing has to be released. */
#define RF_TRY(call)                                                                               \
    do {                                                                                           \
        rf_status rf_try_status_ = (call);                                                         \
        if (rf_try_status_ != RF_OK)                                                               \
            return rf_try_status_;                                                                 \
    } while (0)

#endif
