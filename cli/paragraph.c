/* Paragraphs that break at spaces, and large numbers that can be read. */
#include "paragraph.h"

#include <stdio.h>
#include <string.h>

static void print_word(const char *word, int length)
{
    for (int i = 0; i < length; i++)
        putchar(word[i] == CLI_NO_BREAK[0] ? ' ' : word[i]);
}

void cli_paragraph(const char *head, int indent, const char *text)
{
    int column = printf("%s", head);
    while (*text) {
        const int length = (int)strcspn(text, " "), gap = column > indent;
        if (gap && column + 1 + length > CLI_WIDTH) {
            printf("\n%*s", indent, "");
            column = indent;
        } else if (gap && text[0] != ' ' && column > (int)strlen(head)) {
            putchar(' ');
            column++;
        }
        print_word(text, length);
        column += length;
        text += length;
        text += strspn(text, " ");
    }
    putchar('\n');
}

const char *cli_thousands(int64_t value, char buffer[CLI_AMOUNT])
{
    char digits[CLI_AMOUNT];
    const int count = snprintf(digits, sizeof digits, "%lld", (long long)value);
    char *at = buffer;
    for (int i = 0; i < count; i++) {
        if (i > 0 && (count - i) % 3 == 0 && digits[i - 1] != '-')
            *at++ = ',';
        *at++ = digits[i];
    }
    *at = '\0';
    return buffer;
}

const char *cli_bytes(int64_t bytes, char buffer[CLI_AMOUNT])
{
    static const char *const units[] = { "bytes", "KiB", "MiB", "GiB", "TiB" };
    double amount = (double)bytes;
    size_t unit = 0;
    for (; amount >= 1000.0 && unit < 4; unit++)
        amount /= 1024.0;
    snprintf(buffer, CLI_AMOUNT, "%.3g %s", amount, units[unit]);
    return buffer;
}
