/* Growing arrays: struct { T *items; size_t count, capacity; } with RF_VEC_PUSH. */
#ifndef RF_BASE_VEC_H
#define RF_BASE_VEC_H

#include "base/context.h"

#define RF_VEC(T)                                                                                  \
    struct {                                                                                       \
        T *items;                                                                                  \
        size_t count, capacity;                                                                    \
    }

/* Room for one more; `items` stays valid memory on failure. */
rf_status rf_vec_grow(rf_context *ctx, void **items, size_t count, size_t *capacity,
                      size_t item_bytes);

/* Append; evaluates to an rf_status. */
#define RF_VEC_PUSH(ctx, vec, item)                                                                \
    (rf_vec_grow((ctx), (void **)&(vec)->items, (vec)->count, &(vec)->capacity,                    \
                 sizeof *(vec)->items) != RF_OK                                                    \
         ? RF_ENOMEM                                                                               \
         : ((vec)->items[(vec)->count++] = (item), RF_OK))

#define RF_VEC_RELEASE(ctx, vec)                                                                   \
    (rf_free((ctx), (vec)->items), (vec)->items = NULL, (vec)->count = (vec)->capacity = 0)

#endif
