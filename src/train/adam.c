/* Adam (Kingma and Ba 2015) with bias correction, as PyTorch has it; weight decay is coupled (added to the gradient). */
#include "train/optimizer.h"

#include <math.h>

#define BETA1 0.9
#define BETA2 0.999
#define EPSILON 1e-8f

RF_MULTIARCH static void update(const rf_update *u, float *restrict weights,
                                const float *restrict diff, float *const *moments)
{
    float *restrict m = moments[0], *restrict v = moments[1];
    const float decay = (float)u->weight_decay;
    const float rate = (float)(u->learning_rate / (1.0 - pow(BETA1, (double)u->step)));
    const float root = (float)sqrt(1.0 - pow(BETA2, (double)u->step));

    for (int64_t i = 0; i < u->count; i++) {
        const float g = diff[i] + decay * weights[i];
        m[i] = (float)BETA1 * m[i] + (float)(1.0 - BETA1) * g;
        v[i] = (float)BETA2 * v[i] + (float)(1.0 - BETA2) * g * g;
        weights[i] -= rate * m[i] / (sqrtf(v[i]) / root + EPSILON);
    }
}

const rf_optimizer_rule rf_rule_adam = { .name = "adam", .moments = 2, .update = update };
