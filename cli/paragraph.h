/* Text for people in a fixed width. */
#ifndef CLI_PARAGRAPH_H
#define CLI_PARAGRAPH_H

#include <stddef.h>
#include <stdint.h>

#define CLI_WIDTH 100

#define CLI_NO_BREAK "\x1f" /* a space that no line ends at */

/* Print `text` on standard output behind `head`, broken at spaces; further lines are indented by `indent` columns. */
void cli_paragraph(const char *head, int indent, const char *text);

#define CLI_AMOUNT 32
/* "11,699,112" and "44.6 MiB"; return buffer. */
const char *cli_thousands(int64_t value, char buffer[CLI_AMOUNT]);
const char *cli_bytes(int64_t bytes, char buffer[CLI_AMOUNT]);

#endif
