/* The spelling that was probably meant: edit distance with swaps of neighbours. */
#include <limits.h>
#include <string.h>

#include "options.h"

enum { LONGEST = 40 };

static int least(int a, int b)
{
    return a < b ? a : b;
}

/* Insertions, deletions, replacements and swaps of neighbours that make `a` out of `b`. */
static int edit_distance(const char *a, const char *b)
{
    const int n = (int)strlen(a), m = (int)strlen(b);
    int rows[3][LONGEST + 1];
    if (n > LONGEST || m > LONGEST)
        return INT_MAX;
    int *before = rows[0], *last = rows[1], *now = rows[2];
    for (int j = 0; j <= m; j++)
        last[j] = j;
    for (int i = 1; i <= n; i++) {
        now[0] = i;
        for (int j = 1; j <= m; j++) {
            now[j] = least(least(last[j], now[j - 1]) + 1, last[j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                now[j] = least(now[j], before[j - 2] + 1);
        }
        int *oldest = before;
        before = last;
        last = now;
        now = oldest;
    }
    return last[m];
}

/* A beginning counts as near: "eval" means "evaluate". */
static int distance(const char *typed, const char *candidate)
{
    const size_t length = strlen(typed);
    if (length >= 3 && strncmp(typed, candidate, length) == 0)
        return 1;
    return edit_distance(typed, candidate);
}

const char *cli_nearest(const char *name, const char *(*next)(const void *from, int index),
                        const void *from)
{
    const char *best = NULL;
    int best_distance = (int)least((int)strlen(name) / 2, 3) + 1;
    const char *candidate;
    for (int i = 0; (candidate = next(from, i)); i++) {
        const int d = distance(name, candidate);
        if (d < best_distance) {
            best_distance = d;
            best = candidate;
        }
    }
    return best;
}
