/* The sorted table that a checkpoint's index is: LevelDB's format. */
#ifndef RF_FORMATS_TF_TABLE_H
#define RF_FORMATS_TF_TABLE_H

#include "base/arena.h"

/* One entry; both live in the arena that the table was read with. The key has a 0 byte behind its end. */
typedef rf_status (*rf_tf_table_entry)(void *user, const char *key, size_t key_size,
                                       const uint8_t *value, size_t value_size);

/* Calls `entry` for each, in the order of the file. `name` appears in messages. */
rf_status rf_tf_table_read(rf_arena *arena, const uint8_t *bytes, size_t size, const char *name,
                           rf_tf_table_entry entry, void *user);

#endif
