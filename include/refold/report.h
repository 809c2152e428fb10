/** Looking at it: event files for TensorBoard, and the report. */
#ifndef REFOLD_REPORT_H
#define REFOLD_REPORT_H

#include <refold/compare.h>
#include <refold/sim.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Scalars over steps, as TensorBoard and its like read them: TFRecord framing around Event messages. */
typedef struct rf_event_file rf_event_file;

/** Begin a new file of its own in folder `dir`, which is made if missing. @return RF_OK, RF_EIO, RF_ENOMEM */
RF_API RF_MUST_USE rf_status rf_event_file_new(rf_context *ctx, const char *dir,
                                               rf_event_file **out);
/** One point of the curve `tag`; what is not finite is left out. On disk when this returns. @return RF_OK, RF_EIO */
RF_API RF_MUST_USE rf_status rf_event_file_scalar(rf_event_file *file, const char *tag,
                                                  int64_t step, double value);
RF_API void rf_event_file_free(rf_event_file *file);

/** A file beside the simulation, to be listed with its size. */
typedef struct rf_report_file {
    const char *name;
    int64_t bytes;
} rf_report_file;

/** What a report draws on besides its simulation; NULL or 0: is not there, and the report says so. */
typedef struct rf_report_options {
    const char *title; /* NULL: the model of the run */
    const char *run;   /* JSON text of `refold run`, its summary.json: steps, curves, options */
    /* JSON text of an earlier report, whose measurements stand where there is no data set */
    const char *measured;
    const char *analysis; /* JSON text of `refold analyze`: what each layer's quantization costs */
    rf_sim *calibrated;   /* the simulation as it was before training: codes before */
    rf_sim *trained;      /* before re-estimation: statistics before */
    rf_sim *reestimated;  /* before the fold: its BN, with the statistics after */
    int file_count;
    const rf_report_file *files;
    /* to measure clipping and errors on: samples in order, not augmented */
    const rf_dataset *dataset;
    int64_t samples;        /* 0: 256 */
    int64_t batch;          /* at most; 0: 128 */
    const rf_graph *target; /* the exported QDQ model, run by `runner` against the simulation */
    const rf_runner *runner;
    const char *no_target; /* why there is none: a sentence */
} rf_report_options;
#define RF_REPORT_OPTIONS_INIT                                                                     \
    {                                                                                              \
        0                                                                                          \
    }

typedef struct rf_report rf_report;

/**
 * Gather what there is to see of a simulation: BN statistics before and after re-estimation, integer codes of the
 * weights, ranges and clipping of activations, SQNR by tensor against float32 and of the target against the simulation,
 * sensitivity, sizes, options and versions. The document is described in docs/FILE_FORMAT.md. A measurement that cannot be taken
 * leaves its reason in the report. @param options  may be NULL
 * @return RF_OK, RF_EARG, RF_EDATA (run, measured or analysis are no JSON, or not what they should be), RF_ENOMEM, RF_EINTERRUPTED
 */
RF_API RF_MUST_USE rf_status rf_report_new(rf_sim *sim, const rf_report_options *options,
                                           rf_report **out);
/** The document, one line of ASCII; lives with the report. */
RF_API const char *rf_report_json(const rf_report *report);
/** Write it as JSON. @return RF_OK, RF_EEXIST, RF_EIO */
RF_API RF_MUST_USE rf_status rf_report_save_json(const rf_report *report, const char *path,
                                                 bool force);
/** Write it as one HTML page that needs nothing else, no network either. @return RF_OK, RF_EEXIST, RF_EIO, RF_ENOMEM */
RF_API RF_MUST_USE rf_status rf_report_save_html(const rf_report *report, const char *path,
                                                 bool force);
RF_API void rf_report_free(rf_report *report);

#ifdef __cplusplus
}
#endif
#endif
