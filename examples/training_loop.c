/* Your own training loop: the 4-bit network learns to give what the float network gives, with a loss written out here. */
#include <stdio.h>

#include <refold/refold.h>

enum { STEPS = 20 };

/* Mean squared difference, and its gradient with respect to the student's outputs. */
static double imitate(const rf_tensor *student, const rf_tensor *teacher, rf_tensor *diff)
{
    const float *s = rf_tensor_const_data(student), *t = rf_tensor_const_data(teacher);
    const int64_t count = rf_tensor_count(student);
    float *d = rf_tensor_data(diff);
    double sum = 0.0;
    for (int64_t i = 0; i < count; i++) {
        const float difference = s[i] - t[i];
        sum += (double)difference * difference;
        d[i] = 2.0f * difference / (float)count;
    }
    return sum / (double)count;
}

/* One step: forward, loss and its gradient, backward, update. */
static rf_status learn(rf_session *session, const rf_tensor *x, const rf_tensor *teacher,
                       rf_tensor *diff, double *loss)
{
    rf_status st = rf_session_forward(session, &x);
    if (st)
        return st;
    *loss = imitate(rf_session_output(session, 0), teacher, diff);
    const rf_tensor *diffs[] = { diff }; /* one an output */
    if ((st = rf_session_backward(session, diffs)))
        return st;
    return rf_session_step(session, /*factor=*/1.0);
}

static rf_status loop(rf_context *ctx, rf_graph *graph, rf_sim *sim, const rf_tensor *x)
{
    rf_train_options options = RF_TRAIN_OPTIONS_INIT;
    rf_tensor *teacher = NULL, *diff = NULL;
    rf_session *session = NULL;
    double first = 0.0, loss = 0.0;
    rf_status st;

    options.optimizer = "adam";
    options.learning_rate = 0.001;
    if ((st = rf_infer(graph, &x, /*batch=*/rf_tensor_dims(x)[0], &teacher)) ||
        (st = rf_tensor_new(ctx, RF_DTYPE_F32, rf_tensor_rank(teacher), rf_tensor_dims(teacher),
                            &diff)) ||
        (st = rf_session_new_sim(sim, &options, &session)))
        goto out;
    for (int step = 0; step < STEPS; step++) {
        if ((st = learn(session, x, teacher, diff, &loss)))
            goto out;
        if (step == 0)
            first = loss;
    }
    printf("squared difference from %.6f to %.6f\n", first, loss);
    st = rf_session_finish(session);
out:
    rf_session_free(session);
    rf_tensor_free(diff);
    rf_tensor_free(teacher);
    return st;
}

/* X.npy: float32 [n, ...] as the model takes it, here one batch. */
static rf_status run(rf_context *ctx, const char *model, const char *array, const char *spec)
{
    rf_sim_options bits = RF_SIM_OPTIONS_INIT;
    rf_graph *graph = NULL;
    rf_tensor *x = NULL;
    rf_dataset *data = NULL;
    rf_sim *sim = NULL;
    rf_calibration calibration;
    rf_status st;

    bits.param_bw = 4;
    if (!(st = rf_graph_load(ctx, model, &graph)) && !(st = rf_tensor_load_npy(ctx, array, &x)) &&
        !(st = rf_dataset_open(ctx, spec, NULL, &data)) && !(st = rf_sim_new(graph, &bits, &sim)) &&
        !(st = rf_sim_calibrate(sim, data, NULL, &calibration)))
        st = loop(ctx, graph, sim, x);
    rf_sim_free(sim);
    rf_dataset_free(data);
    rf_tensor_free(x);
    rf_graph_free(graph);
    return st;
}

int main(int argc, char **argv)
{
    char spec[4096];
    rf_context *ctx = NULL;
    if (argc != 3 || snprintf(spec, sizeof spec, "npy:%s", argv[2]) >= (int)sizeof spec) {
        fprintf(stderr, "usage: training_loop MODEL.onnx X.npy\n");
        return 2;
    }
    rf_status st = rf_context_new(NULL, &ctx);
    if (!st)
        st = run(ctx, argv[1], argv[2], spec);
    if (st)
        fprintf(stderr, "training_loop: %s\n", ctx ? rf_context_message(ctx) : rf_status_text(st));
    rf_context_free(ctx);
    return rf_status_exit_code(st);
}
