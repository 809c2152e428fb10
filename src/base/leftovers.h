/* Temporary files of a process that was killed while it wrote. */
#ifndef RF_BASE_LEFTOVERS_H
#define RF_BASE_LEFTOVERS_H

/* What is written for `path` stands under path RF_LEFTOVER_MARK "XXXXXX" until it is whole, locked (flock) by its writer. */
#define RF_LEFTOVER_MARK ".partial-"
#define RF_LEFTOVER_RANDOM 6 /* characters behind the mark */

/* Remove those of `path` that nobody holds a lock on any more. What cannot be removed stays: it does no harm. */
void rf_leftovers_remove(const char *path);

#endif
