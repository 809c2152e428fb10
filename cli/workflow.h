/* The whole workflow of `refold run`: its steps and what each gave. */
#ifndef CLI_WORKFLOW_H
#define CLI_WORKFLOW_H

#include "session.h"
#include "training_record.h"

enum { CLI_STEP_COUNT = 6 };

typedef struct cli_step {
    const char *name;     /* "fp32", "quantize", "train", "reestimate", "fold", "export" */
    double seconds;       /* of the step itself, without evaluating */
    rf_accuracy accuracy; /* samples 0: not evaluated */
    char *file;           /* final path, owned */
} cli_step;

typedef struct cli_workflow {
    cli_session *s;
    rf_graph *graph;
    rf_sim *sim;
    rf_dataset *data, *validation; /* validation NULL: nothing is evaluated */
    const char *folder;            /* where files are written now */
    const char *checkpoint;        /* of the training */
    rf_training training;
    cli_record record; /* of the training */
    int64_t batches;   /* of re-estimation */
    rf_fold_report *fold;
    rf_export_report *exported;
    int count; /* steps done */
    cli_step steps[CLI_STEP_COUNT];
} cli_workflow;

/* Run every step in order; `graph`, `data`, `folder` and `checkpoint` are set. Gives an exit code. */
int cli_workflow_run(cli_workflow *w);
bool cli_workflow_trains(const cli_options *options);
void cli_workflow_release(cli_workflow *w); /* all it holds */

#endif
