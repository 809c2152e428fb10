/* What every test starts from: cmocka, a context, and CHECK_FAILS, which demands the status and the text. */
#ifndef RF_TESTS_TESTING_H
#define RF_TESTS_TESTING_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <refold/refold.h>

/* Two, or what REFOLD_TEST_THREADS says: tools/check_builds.sh tries odd numbers. */
static inline int test_threads(void)
{
    const char *threads = getenv("REFOLD_TEST_THREADS");
    return threads ? atoi(threads) : 2;
}

/* A fresh context for one test; free with rf_context_free. */
static inline rf_context *test_context(void)
{
    const rf_context_options options = { .threads = test_threads(), .seed = 1 };
    rf_context *ctx = NULL;
    assert_int_equal(rf_context_new(&options, &ctx), RF_OK);
    return ctx;
}

#define CHECK_OK(ctx, call)                                                                        \
    do {                                                                                           \
        rf_status check_status_ = (call);                                                          \
        if (check_status_ != RF_OK)                                                                \
            fail_msg("%s: %s (%s)", #call, rf_context_message(ctx),                                \
                     rf_status_text(check_status_));                                               \
    } while (0)

#define CHECK_FAILS(ctx, status, text, call)                                                       \
    do {                                                                                           \
        assert_int_equal((call), (status));                                                        \
        if (!strstr(rf_context_message(ctx), (text)))                                              \
            fail_msg("message '%s' lacks '%s'", rf_context_message(ctx), (text));                  \
    } while (0)

/* |a - b| <= tolerance * max(1, |b|). */
#define CHECK_NEAR(a, b, tolerance)                                                                \
    do {                                                                                           \
        const double check_a_ = (double)(a), check_b_ = (double)(b);                               \
        if (!(fabs(check_a_ - check_b_) <= (tolerance)*fmax(1.0, fabs(check_b_))))                 \
            fail_msg("%s = %.9g, expected %.9g", #a, check_a_, check_b_);                          \
    } while (0)

/* Path below the folder of shared reference files, or NULL (then skip with a clear message). */
static inline const char *test_shared(const char *name, char buffer[512])
{
    const char *root = getenv("REFOLD_SHARED");
    snprintf(buffer, 512, "%s/%s", root ? root : "../shared", name);
    FILE *f = fopen(buffer, "rb");
    if (f)
        fclose(f);
    return f ? buffer : NULL;
}

#endif
