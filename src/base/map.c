/* String -> pointer hash map: open addressing, a keyed hash since names come from files, deletion by shifting back. */
#include "base/map.h"

#include <string.h>

#include "base/status.h"

struct rf_map_slot {
    const char *key;
    void *value;
};

static size_t home_of(const rf_map *map, const char *key)
{
    return (size_t)rf_hash_text(rf_context_hash_key(map->ctx), key) & (map->capacity - 1);
}

/* The slot that holds `key`, or the empty one where it would go. */
static struct rf_map_slot *locate(const rf_map *map, const char *key)
{
    size_t i = home_of(map, key);
    while (map->slots[i].key && strcmp(map->slots[i].key, key) != 0)
        i = (i + 1) & (map->capacity - 1);
    return &map->slots[i];
}

static rf_status grow(rf_map *map)
{
    rf_map bigger = { .ctx = map->ctx, .capacity = map->capacity ? map->capacity * 2 : 64 };
    RF_NEW_ARRAY(map->ctx, bigger.slots, bigger.capacity);
    for (size_t i = 0; i < map->capacity; i++)
        if (map->slots[i].key)
            *locate(&bigger, map->slots[i].key) = map->slots[i];
    bigger.count = map->count;
    rf_free(map->ctx, map->slots);
    *map = bigger;
    return RF_OK;
}

void rf_map_init(rf_map *map, rf_context *ctx)
{
    *map = (rf_map){ .ctx = ctx };
}

void rf_map_release(rf_map *map)
{
    if (map->ctx)
        rf_free(map->ctx, map->slots);
    *map = (rf_map){ .ctx = map->ctx };
}

void *rf_map_find(const rf_map *map, const char *key)
{
    return map->count ? locate(map, key)->value : NULL;
}

rf_status rf_map_put(rf_map *map, const char *key, void *value)
{
    if ((map->count + 1) * 4 > map->capacity * 3)
        RF_TRY(grow(map));
    struct rf_map_slot *slot = locate(map, key);
    map->count += !slot->key;
    *slot = (struct rf_map_slot){ key, value };
    return RF_OK;
}

void rf_map_remove(rf_map *map, const char *key)
{
    if (!map->count || !locate(map, key)->key)
        return;
    const size_t mask = map->capacity - 1;
    size_t hole = (size_t)(locate(map, key) - map->slots);
    map->slots[hole] = (struct rf_map_slot){ NULL, NULL };
    map->count--;
    for (size_t i = (hole + 1) & mask; map->slots[i].key; i = (i + 1) & mask) {
        const size_t home = home_of(map, map->slots[i].key);
        if (((i - home) & mask) < ((i - hole) & mask))
            continue; /* the hole lies before this key's home: leave it */
        map->slots[hole] = map->slots[i];
        map->slots[i] = (struct rf_map_slot){ NULL, NULL };
        hole = i;
    }
}
