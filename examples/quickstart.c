/* The whole workflow in C: simulate 4-bit weights, calibrate, train, re-estimate BN, fold, export, evaluate. */
#include <stdio.h>

#include <refold/refold.h>

static void print_line(void *user, rf_log_level level, const char *line)
{
    (void)user;
    if (level <= RF_LOG_INFO)
        fprintf(stderr, "%s\n", line);
}

static rf_status show_accuracy(const char *step, const rf_graph *graph, const rf_dataset *data)
{
    rf_accuracy accuracy;
    const rf_status st = rf_evaluate(graph, data, /*batch=*/128, &accuracy);
    if (!st)
        printf("%-12s top-1 %6.2f %%  loss %.4f\n", step, accuracy.top1, accuracy.loss);
    return st;
}

/* Steps 1 to 5. Each checks that those before it were done; each changes `sim` alone. */
static rf_status improve(rf_sim *sim, const rf_dataset *data, const char *folder)
{
    rf_train_options train = RF_TRAIN_OPTIONS_INIT;
    train.epochs = 1;
    train.learning_rate = 0.005;
    train.schedule = "cosine";
    rf_calibration calibration;
    rf_training training;
    rf_fold_report *fold = NULL;
    rf_export_report *files = NULL;
    rf_status st;

    if ((st = rf_sim_calibrate(sim, data, NULL, &calibration)) ||
        (st = show_accuracy("calibrated", rf_sim_graph(sim), data)) ||
        (st = rf_train_sim(sim, data, &train, &training)) ||
        (st = show_accuracy("trained", rf_sim_graph(sim), data)) ||
        (st = rf_reestimate_sim(sim, data, NULL, NULL)) ||
        (st = show_accuracy("reestimated", rf_sim_graph(sim), data)) ||
        (st = rf_fold_to_scale(sim, &fold)) ||
        (st = show_accuracy("folded", rf_sim_graph(sim), data)) ||
        (st = rf_export(sim, folder, NULL, &files)))
        goto out;
    for (int i = 0; i < fold->folded_count; i++)
        printf("%s went into %s, largest code difference %lld\n", fold->folded[i].bn,
               fold->folded[i].layer, (long long)fold->folded[i].max_code_difference);
    for (int i = 0; i < files->file_count; i++)
        printf("wrote %s\n", files->files[i]);
out:
    rf_export_report_free(files);
    rf_fold_report_free(fold);
    return st;
}

static rf_status run(rf_context *ctx, const char *model, const char *spec, const char *preset,
                     const char *folder)
{
    rf_dataset_options images = RF_DATASET_OPTIONS_INIT;
    images.preset = preset;
    rf_sim_options bits = RF_SIM_OPTIONS_INIT;
    bits.param_bw = 4;
    bits.output_bw = 8;
    rf_graph *graph = NULL;
    rf_dataset *data = NULL;
    rf_sim *sim = NULL;
    rf_status st;

    if ((st = rf_graph_load(ctx, model, &graph)) ||
        (st = rf_dataset_open(ctx, spec, &images, &data)) ||
        (st = show_accuracy("float", graph, data)) || (st = rf_sim_new(graph, &bits, &sim)))
        goto out;
    st = improve(sim, data, folder);
out:
    rf_sim_free(sim);
    rf_dataset_free(data);
    rf_graph_free(graph);
    return st;
}

int main(int argc, char **argv)
{
    if (argc < 4 || argc > 5) {
        fprintf(stderr, "usage: quickstart MODEL.onnx DATA FOLDER [PRESET]\n");
        return 2;
    }
    const rf_context_options options = { .log = print_line };
    rf_context *ctx = NULL;
    rf_status st = rf_context_new(&options, &ctx);
    if (!st)
        st = run(ctx, argv[1], argv[2], argc == 5 ? argv[4] : NULL, argv[3]);
    if (st)
        fprintf(stderr, "quickstart: %s\n", ctx ? rf_context_message(ctx) : rf_status_text(st));
    rf_context_free(ctx);
    return rf_status_exit_code(st);
}
