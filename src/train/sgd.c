/* Stochastic gradient descent with momentum, as PyTorch has it: v = momentum v + g; w -= lr v. */
#include "train/optimizer.h"

/* The buffer starts at 0, so that the first step gives v = g. Weight decay is coupled: g + decay w. */
RF_MULTIARCH static void update(const rf_update *u, float *restrict weights,
                                const float *restrict diff, float *const *moments)
{
    float *restrict v = moments[0];
    const float decay = (float)u->weight_decay, momentum = (float)u->momentum;
    const float rate = (float)u->learning_rate;

    for (int64_t i = 0; i < u->count; i++) {
        v[i] = momentum * v[i] + (diff[i] + decay * weights[i]);
        weights[i] -= rate * v[i];
    }
}

const rf_optimizer_rule rf_rule_sgd = { .name = "sgd", .moments = 1, .update = update };
