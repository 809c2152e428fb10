/* Re-estimate the BN statistics of a simulation, compare, and put the old ones back if they were better. */
#include <stdio.h>

#include <refold/refold.h>

static rf_status decide(rf_sim *sim, const rf_dataset *data)
{
    rf_reestimation *reestimation = NULL;
    rf_accuracy before, after;
    rf_status st;

    if ((st = rf_evaluate(rf_sim_graph(sim), data, /*batch=*/64, &before)) ||
        (st = rf_reestimate_sim(sim, data, NULL, &reestimation)) ||
        (st = rf_evaluate(rf_sim_graph(sim), data, 64, &after)))
        goto out;
    printf("loss %.4f before, %.4f after %lld batches\n", before.loss, after.loss,
           (long long)rf_reestimation_batches(reestimation));
    for (int i = 0; i < rf_reestimation_layer_count(reestimation); i++) {
        rf_bn_layer layer;
        if ((st = rf_reestimation_layer(reestimation, i, &layer)))
            goto out;
        printf("%s: mean of channel 0 from %g to %g\n", layer.bn, (double)layer.mean_before[0],
               (double)layer.mean_after[0]);
    }
    if (after.loss > before.loss)
        rf_reestimation_undo(reestimation); /* bit for bit, and the old state with it */
    printf("state %s\n", rf_state_name(rf_sim_state(sim)));
out:
    rf_reestimation_free(reestimation); /* what it did stays, unless it was undone */
    return st;
}

int main(int argc, char **argv)
{
    rf_context *ctx = NULL;
    rf_dataset *data = NULL;
    rf_sim *sim = NULL;
    if (argc != 4) {
        fprintf(stderr, "usage: undo SIM.onnx DATA OUT.onnx\n");
        return 2;
    }
    rf_status st = rf_context_new(NULL, &ctx);
    if (!st && !(st = rf_sim_load(ctx, argv[1], &sim)) &&
        !(st = rf_dataset_open(ctx, argv[2], NULL, &data)) && !(st = decide(sim, data)))
        st = rf_sim_save(sim, argv[3], /*force=*/true);
    if (st)
        fprintf(stderr, "undo: %s\n", ctx ? rf_context_message(ctx) : rf_status_text(st));
    rf_dataset_free(data);
    rf_sim_free(sim);
    rf_context_free(ctx);
    return rf_status_exit_code(st);
}
