/* JSON text from front to back, in a buffer, so that a failed command prints half of nothing. */
#include "json_writer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void put(cli_json *j, const char *bytes, size_t count)
{
    if (j->failed)
        return;
    if (j->capacity - j->length < count) {
        const size_t capacity = 2 * (j->capacity + count) + 256;
        char *text = realloc(j->text, capacity);
        if (!text) {
            j->failed = true;
            return;
        }
        j->text = text;
        j->capacity = capacity;
    }
    memcpy(j->text + j->length, bytes, count);
    j->length += count;
}

static void puts_in(cli_json *j, const char *text)
{
    put(j, text, strlen(text));
}

/* Bytes of the UTF-8 character at `s`, or 0 where it is not one. */
static size_t utf8_length(const unsigned char *s)
{
    const size_t length = s[0] < 0x80                   ? 1
                          : s[0] >= 0xf0 && s[0] < 0xf5 ? 4
                          : s[0] >= 0xe0                ? 3
                          : s[0] >= 0xc2                ? 2
                                                        : 0;
    if (s[0] >= 0xf5)
        return 0;
    for (size_t i = 1; i < length; i++) {
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    }
    if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] >= 0xa0) ||
        (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] >= 0x90))
        return 0;
    return length;
}

/* Names come out of model files: whatever is no UTF-8 becomes U+FFFD. */
static void put_string(cli_json *j, const char *value)
{
    puts_in(j, "\"");
    for (const unsigned char *s = (const unsigned char *)value; *s;) {
        const size_t length = utf8_length(s);
        char escape[8];
        if (!length) {
            puts_in(j, "\xef\xbf\xbd");
        } else if (*s == '"' || *s == '\\') {
            put(j, (const char[]){ '\\', (char)*s }, 2);
        } else if (*s < 0x20) {
            snprintf(escape, sizeof escape, "\\u%04x", *s);
            puts_in(j, escape);
        } else {
            put(j, (const char *)s, length);
        }
        s += length ? length : 1;
    }
    puts_in(j, "\"");
}

static void new_line(cli_json *j)
{
    put(j, "\n", 1);
    for (int i = 0; i < j->depth; i++)
        puts_in(j, "  ");
}

/* Comma, line and key in front of a value. */
static void begin_value(cli_json *j, const char *key)
{
    if (j->depth > 0) {
        const bool flat = j->compact || j->levels[j->depth - 1].flat;
        if (j->levels[j->depth - 1].filled)
            puts_in(j, flat ? ", " : ",");
        j->levels[j->depth - 1].filled = true;
        if (!flat)
            new_line(j);
    }
    if (key) {
        put_string(j, key);
        puts_in(j, ": ");
    }
}

static void open_level(cli_json *j, const char *key, const char brackets[2], bool flat)
{
    begin_value(j, key);
    put(j, brackets, 1);
    if (j->depth == CLI_JSON_DEPTH) {
        j->failed = true;
        return;
    }
    j->levels[j->depth].close = brackets[1];
    j->levels[j->depth].filled = false;
    j->levels[j->depth].flat = flat;
    j->depth++;
}

void cli_json_object(cli_json *j, const char *key)
{
    open_level(j, key, "{}", false);
}

void cli_json_array(cli_json *j, const char *key)
{
    open_level(j, key, "[]", false);
}

void cli_json_flat_array(cli_json *j, const char *key)
{
    open_level(j, key, "[]", true);
}

void cli_json_flat_object(cli_json *j, const char *key)
{
    open_level(j, key, "{}", true);
}

void cli_json_end(cli_json *j)
{
    if (j->depth == 0)
        return;
    j->depth--;
    if (j->levels[j->depth].filled && !j->levels[j->depth].flat && !j->compact)
        new_line(j);
    put(j, &j->levels[j->depth].close, 1);
}

void cli_json_text(cli_json *j, const char *key, const char *value)
{
    begin_value(j, key);
    if (value)
        put_string(j, value);
    else
        puts_in(j, "null");
}

void cli_json_bool(cli_json *j, const char *key, bool value)
{
    begin_value(j, key);
    puts_in(j, value ? "true" : "false");
}

void cli_json_null(cli_json *j, const char *key)
{
    begin_value(j, key);
    puts_in(j, "null");
}

void cli_json_int(cli_json *j, const char *key, int64_t value)
{
    char digits[32];
    snprintf(digits, sizeof digits, "%lld", (long long)value);
    begin_value(j, key);
    puts_in(j, digits);
}

void cli_json_real(cli_json *j, const char *key, double value)
{
    char digits[40];
    if (!isfinite(value)) {
        cli_json_null(j, key);
        return;
    }
    for (int precision = 15; precision <= 17; precision++) {
        snprintf(digits, sizeof digits, "%.*g", precision, value);
        if (strtod(digits, NULL) == value)
            break;
    }
    begin_value(j, key);
    puts_in(j, digits);
}

void cli_json_float(cli_json *j, const char *key, float value)
{
    char digits[40];
    if (!isfinite(value)) {
        cli_json_null(j, key);
        return;
    }
    for (int precision = 6; precision <= 9; precision++) {
        snprintf(digits, sizeof digits, "%.*g", precision, (double)value);
        if (strtof(digits, NULL) == value)
            break;
    }
    begin_value(j, key);
    puts_in(j, digits);
}

void cli_json_floats(cli_json *j, const char *key, const float *values, int64_t count)
{
    cli_json_flat_array(j, key);
    for (int64_t i = 0; i < count; i++)
        cli_json_float(j, NULL, values[i]);
    cli_json_end(j);
}

void cli_json_document(cli_json *j, const char *command)
{
    cli_json_object(j, NULL);
    cli_json_int(j, "schema", 1);
    cli_json_text(j, "command", command);
}

bool cli_json_write(const cli_json *j, FILE *stream)
{
    if (j->failed)
        return false;
    return fwrite(j->text, 1, j->length, stream) == j->length && putc('\n', stream) != EOF;
}

void cli_json_release(cli_json *j)
{
    free(j->text);
    *j = (cli_json){ 0 };
}
