/* How far a step has come: a bar that is redrawn on a terminal, a line every few seconds elsewhere. */
#include <math.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "session.h"

enum { BAR_WIDTH = 24, LINE_LENGTH = 240 };
static const double seconds_between_lines = 5.0;

/* snprintf behind the end of `line`. */
static void append(char line[LINE_LENGTH], const char *format, ...) CLI_PRINTF(2, 3);

static void append(char line[LINE_LENGTH], const char *format, ...)
{
    const size_t length = strlen(line);
    va_list args;
    va_start(args, format);
    vsnprintf(line + length, LINE_LENGTH - length, format, args);
    va_end(args);
}

/* " 512 img/s, 0:19 left, loss 0.3941, top-1 90.80": what is known of it. */
static void append_rates(char line[LINE_LENGTH], const rf_progress *p)
{
    if (isfinite(p->img_per_s) && p->img_per_s > 0)
        append(line, ", %.*f img/s", p->img_per_s < 100 ? 1 : 0, p->img_per_s);
    if (isfinite(p->seconds_left) && p->seconds_left < 360000) {
        const int left = (int)(p->seconds_left + 0.5);
        if (left >= 3600)
            append(line, ", %d:%02d:%02d left", left / 3600, left / 60 % 60, left % 60);
        else
            append(line, ", %d:%02d left", left / 60, left % 60);
    }
    if (isfinite(p->loss))
        append(line, ", loss %.4f", p->loss);
    if (isfinite(p->top1))
        append(line, ", top-1 %.2f", p->top1);
}

static void append_head(const cli_session *s, char line[LINE_LENGTH], const rf_progress *p)
{
    if (s->step && strcmp(s->step, p->task) != 0)
        append(line, "%s, %s", s->step, p->task);
    else
        append(line, "%s", p->task);
    if (p->epochs > 0)
        append(line, " epoch %d/%d", p->epoch, p->epochs);
}

static int terminal_width(void)
{
    struct winsize size;
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col >= 20 ? size.ws_col : 80;
}

static void draw_bar(cli_session *s, const rf_progress *p)
{
    char line[LINE_LENGTH] = "";
    append_head(s, line, p);
    if (p->total > 0) {
        const double share = fmin(1.0, (double)p->done / (double)p->total);
        const int full = (int)(share * BAR_WIDTH);
        append(line, " [%.*s%*s] %3d%%", full, "########################", BAR_WIDTH - full, "",
               (int)(share * 100.0));
    } else {
        append(line, " %lld %s", (long long)p->done, p->unit);
    }
    append_rates(line, p);
    fprintf(stderr, "\r%.*s\033[K", terminal_width() - 1, line);
    fflush(stderr);
    s->bar_shown = true;
}

static void print_line(const cli_session *s, const rf_progress *p)
{
    char line[LINE_LENGTH] = "";
    append_head(s, line, p);
    if (p->total > 0)
        append(line, ": %lld of %lld %s", (long long)p->done, (long long)p->total, p->unit);
    else
        append(line, ": %lld %s", (long long)p->done, p->unit);
    append_rates(line, p);
    fprintf(stderr, "refold: %s\n", line);
}

void cli_progress_show(cli_session *s, const rf_progress *p)
{
    if (s->terminal) {
        draw_bar(s, p);
        return;
    }
    const double now = cli_seconds();
    if (now - (s->last_line > 0 ? s->last_line : s->start) < seconds_between_lines)
        return;
    s->last_line = now;
    print_line(s, p);
}

void cli_progress_clear(cli_session *s)
{
    if (s->bar_shown)
        fputs("\r\033[K", stderr);
    s->bar_shown = false;
}
