/* The largest resident memory of this process, as Linux counts it. */
#include <stdio.h>
#include <sys/resource.h>

#include "bench/bench.h"

void rf_peak_memory_reset(void)
{
    FILE *file = fopen("/proc/self/clear_refs", "we");
    if (!file)
        return;
    fputs("5", file);
    fclose(file); /* refused: the peak since the process began is reported */
}

int64_t rf_peak_memory(void)
{
    char line[128];
    long long kib = 0;
    FILE *file = fopen("/proc/self/status", "re");
    while (file && kib == 0 && fgets(line, sizeof line, file))
        if (sscanf(line, "VmHWM: %lld kB", &kib) != 1)
            kib = 0;
    if (file)
        fclose(file);
    struct rusage usage;
    if (kib == 0 && getrusage(RUSAGE_SELF, &usage) == 0)
        kib = usage.ru_maxrss;
    return 1024 * (int64_t)kib;
}
