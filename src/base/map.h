/* String -> pointer hash map. Keys are borrowed: they must outlive the map. */
#ifndef RF_BASE_MAP_H
#define RF_BASE_MAP_H

#include "base/context.h"

typedef struct rf_map {
    rf_context *ctx;
    struct rf_map_slot *slots;
    size_t capacity, count;
} rf_map;

void rf_map_init(rf_map *map, rf_context *ctx);
void rf_map_release(rf_map *map);
void *rf_map_find(const rf_map *map, const char *key); /* NULL if absent */
rf_status rf_map_put(rf_map *map, const char *key,
                     void *value); /* replaces; value must not be NULL */
void rf_map_remove(rf_map *map, const char *key);

#endif
