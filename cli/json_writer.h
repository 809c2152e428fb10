/* A JSON document written front to back; numbers are the shortest that read back as the same float. */
#ifndef CLI_JSON_WRITER_H
#define CLI_JSON_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define CLI_JSON_DEPTH 16

/* Start from { 0 }. `key` is NULL inside arrays and at the top. */
typedef struct cli_json {
    bool compact; /* on one line */
    char *text;   /* owned */
    size_t length, capacity;
    int depth;
    bool failed; /* out of memory: cli_json_write says so */
    struct {
        char close;
        bool filled, flat;
    } levels[CLI_JSON_DEPTH];
} cli_json;

void cli_json_object(cli_json *json, const char *key);
void cli_json_array(cli_json *json, const char *key);
void cli_json_flat_array(cli_json *json, const char *key); /* on one line: numbers */
void cli_json_flat_object(cli_json *json, const char *key);
void cli_json_end(cli_json *json); /* of the innermost object or array */
void cli_json_text(cli_json *json, const char *key, const char *value); /* NULL: null */
void cli_json_bool(cli_json *json, const char *key, bool value);
void cli_json_int(cli_json *json, const char *key, int64_t value);
void cli_json_null(cli_json *json, const char *key);
void cli_json_real(cli_json *json, const char *key, double value); /* not finite: null */
void cli_json_float(cli_json *json, const char *key, float value);
void cli_json_floats(cli_json *json, const char *key, const float *values, int64_t count);
/* "schema": 1 and "command" in front of everything else; opens the object. */
void cli_json_document(cli_json *json, const char *command);
/* Write with a newline at the end. @return false when out of memory or the stream failed */
bool cli_json_write(const cli_json *json, FILE *stream);
void cli_json_release(cli_json *json);

#endif
