/* refold report: what a run or a simulation holds, as one page to look at. */
#include <stdlib.h>

#include "commands.h"
#include "data_input.h"
#include "model_input.h"
#include "output_path.h"
#include "report_input.h"

static int open_data(cli_session *s, rf_dataset **out)
{
    char *path = cli_report_subject(s->options->operand);
    cli_model model = { 0 };
    if (!path)
        return 0; /* told when the report is made */
    int code = cli_model_load_from(s, path, &model);
    if (!code)
        code = cli_data_open(s, s->options->data, cli_model_graph(&model), out);
    cli_model_release(&model);
    free(path);
    return code;
}

static int save(cli_session *s, const rf_report *report)
{
    const rf_status st = rf_report_save_html(report, s->options->output, s->options->force);
    if (st)
        return cli_fail(s, st);
    cli_progress_clear(s);
    if (s->options->json)
        puts(rf_report_json(report));
    else
        printf("%s\n", s->options->output);
    return 0;
}

int cmd_report(cli_session *s)
{
    rf_dataset *data = NULL;
    rf_report *report = NULL;
    int code = cli_output_check_file(s, s->options->output);
    if (!code && s->options->data)
        code = open_data(s, &data);
    const cli_report_source source = { .path = s->options->operand, .dataset = data };
    if (!code)
        code = cli_report_make(s, &source, &report);
    if (!code)
        code = save(s, report);
    rf_report_free(report);
    rf_dataset_free(data);
    return code;
}
