/* Growing arrays. */
#include "base/vec.h"

#include <string.h>

#include "base/status.h"

rf_status rf_vec_grow(rf_context *ctx, void **items, size_t count, size_t *capacity,
                      size_t item_bytes)
{
    if (count < *capacity)
        return RF_OK;
    const size_t bigger = *capacity ? *capacity * 2 : 8;
    void *memory = rf_calloc(ctx, bigger, item_bytes);
    if (!memory)
        return RF_ENOMEM;
    if (count > 0)
        memcpy(memory, *items, count * item_bytes);
    rf_free(ctx, *items);
    *items = memory;
    *capacity = bigger;
    return RF_OK;
}
