/* Your own samples: a function writes each batch, here of made-up images; refold calibrates and re-estimates with them. */
#include <math.h>
#include <stdio.h>

#include <refold/refold.h>

/* Whatever `read` needs to make a sample; here its size and number of classes. */
typedef struct my_images {
    int64_t floats, classes;
} my_images;

/* Sample i shows waves whose length is its class. Your function copies from memory, a file or a camera instead. */
static rf_status read_images(void *user, int64_t epoch, int64_t first, int64_t count,
                             float *const *inputs, int64_t *labels)
{
    const my_images *images = user;
    (void)epoch; /* a source that shuffles or augments does so by epoch */
    for (int64_t s = 0; s < count; s++) {
        const int64_t label = (first + s) % images->classes;
        float *to = inputs[0] + s * images->floats;
        for (int64_t i = 0; i < images->floats; i++)
            to[i] = sinf((float)(i * (label + 1) + first + s));
        labels[s] = label;
    }
    return RF_OK;
}

/* As many floats as the model's input takes, [n, c, h, w] or any other shape, and as many classes as it tells apart. */
static rf_status open_images(rf_context *ctx, const rf_graph *graph, my_images *images,
                             rf_dataset **out)
{
    rf_port input, output;
    rf_status st;
    if ((st = rf_graph_input(graph, 0, &input)) || (st = rf_graph_output(graph, 0, &output)))
        return st;
    images->classes = output.dims[1];
    images->floats = 1;
    for (int d = 1; d < input.rank; d++)
        images->floats *= input.dims[d];
    const rf_data_source source = { .samples = 64,
                                    .input_count = 1,
                                    .inputs = &input,
                                    .has_labels = true,
                                    .classes = images->classes,
                                    .read = read_images,
                                    .user = images };
    return rf_dataset_from_source(ctx, &source, out);
}

static rf_status run(rf_context *ctx, const char *model, const char *file)
{
    my_images images = { 0 };
    rf_sim_options bits = RF_SIM_OPTIONS_INIT;
    rf_reestimate_options reestimate = RF_REESTIMATE_OPTIONS_INIT;
    rf_graph *graph = NULL;
    rf_dataset *data = NULL;
    rf_sim *sim = NULL;
    rf_calibration calibration;
    rf_accuracy accuracy;
    rf_status st;

    bits.param_bw = 4;
    reestimate.batch = 16; /* so many samples are asked of read_images at once */
    if ((st = rf_graph_load(ctx, model, &graph)) ||
        (st = open_images(ctx, graph, &images, &data)) || (st = rf_sim_new(graph, &bits, &sim)) ||
        (st = rf_sim_calibrate(sim, data, NULL, &calibration)) ||
        (st = rf_reestimate_sim(sim, data, &reestimate, NULL)) ||
        (st = rf_evaluate(rf_sim_graph(sim), data, /*batch=*/16, &accuracy)) ||
        (st = rf_sim_save(sim, file, /*force=*/true)))
        goto out;
    printf("%lld samples, loss %.4f, wrote %s\n", (long long)accuracy.samples, accuracy.loss, file);
out:
    rf_sim_free(sim);
    rf_dataset_free(data);
    rf_graph_free(graph);
    return st;
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: custom_data MODEL.onnx OUT.onnx\n");
        return 2;
    }
    rf_context *ctx = NULL;
    rf_status st = rf_context_new(NULL, &ctx);
    if (!st)
        st = run(ctx, argv[1], argv[2]);
    if (st)
        fprintf(stderr, "custom_data: %s\n", ctx ? rf_context_message(ctx) : rf_status_text(st));
    rf_context_free(ctx);
    return rf_status_exit_code(st);
}
