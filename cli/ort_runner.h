/* ONNX Runtime in a process of its own, node, as the runner of rf_compare. */
#ifndef CLI_ORT_RUNNER_H
#define CLI_ORT_RUNNER_H

#include <sys/types.h>

#include "session.h"

typedef struct cli_ort {
    cli_session *s;
    bool asks_only; /* whether node and the package are there: that they are not is no error */
    const char
        *model; /* its file, which is run as it is where nothing more than its outputs is wanted */
    const rf_graph *graph; /* of that file */
    const rf_graph *opened[2];
    int open_count;
    pid_t process;
    FILE *requests, *answers;
    char *folder;      /* temporary: arrays, and the model with more outputs */
    char answer[96];   /* what the last one said besides "ok" */
    char message[600]; /* why it failed; "" where refold failed */
    rf_runner runner;
} cli_ort;

/* Start node. Gives an exit code; 0 also before anything is known of ONNX Runtime itself. */
int cli_ort_start(cli_session *session, const char *model, const rf_graph *graph, cli_ort *out);
/* Of Node.js and of its package; the latter "" and false where there is none. */
bool cli_ort_versions(cli_session *session, char *node_out, char *package_out, size_t size);
void cli_ort_stop(cli_ort *ort);

#endif
