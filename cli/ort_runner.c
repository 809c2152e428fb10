/* Talks to tools/ort_run.mjs: a request a line, an answer a line, arrays in files of a temporary folder. */
#include "ort_runner.h"

#include <dirent.h>
#include <errno.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "commands.h"
#include "json_writer.h"

extern const char cli_ort_script[]; /* tools/ort_run.mjs */

enum { PATH_BYTES = 4096 };

/* ------------------------------------------------------------------------------------- talking --- */

static rf_status fail(cli_ort *o, const char *why)
{
    snprintf(o->message, sizeof o->message, "ONNX Runtime: %.500s", why);
    return RF_EIO;
}

/* What follows "ok " is left in o->answer. */
static rf_status ask(cli_ort *o, cli_json *request)
{
    char answer[sizeof o->message];
    const bool sent = cli_json_write(request, o->requests) && fflush(o->requests) == 0;
    cli_json_release(request);
    if (!sent || !fgets(answer, sizeof answer, o->answers))
        return fail(o, "node has stopped; is it installed, version 18 or newer?");
    answer[strcspn(answer, "\n")] = 0;
    if (strncmp(answer, "ok", 2) != 0)
        return fail(o, strncmp(answer, "error ", 6) == 0 ? answer + 6 : answer);
    snprintf(o->answer, sizeof o->answer, "%.90s", answer[2] ? answer + 3 : "");
    return RF_OK;
}

static const char *file_in(const cli_ort *o, const char *kind, int index, const char *ending,
                           char path[PATH_BYTES])
{
    snprintf(path, PATH_BYTES, "%s/%s%d.%s", o->folder, kind, index, ending);
    return path;
}

/* The file itself where the graph has its outputs and no more; else the graph, written anew. */
static rf_status open_model(void *user, const rf_graph *graph, int *handle_out)
{
    cli_ort *o = user;
    char path[PATH_BYTES];
    const char *model = o->model;
    if (rf_graph_output_count(graph) != rf_graph_output_count(o->graph)) {
        model = file_in(o, "model", o->open_count, "onnx", path);
        const rf_status st = rf_graph_save(graph, model, /*force=*/false);
        if (st)
            return st;
    }
    cli_json j = { .compact = true };
    cli_json_object(&j, NULL);
    cli_json_text(&j, "open", model);
    cli_json_int(&j, "threads", rf_context_threads(o->s->ctx));
    cli_json_end(&j);
    *handle_out = o->open_count;
    o->opened[o->open_count++] = graph;
    return ask(o, &j);
}

static rf_status write_inputs(cli_ort *o, cli_json *j, const rf_graph *g,
                              const rf_tensor *const *inputs)
{
    char path[PATH_BYTES];
    rf_port port;
    cli_json_object(j, "inputs");
    for (int i = 0; i < rf_graph_input_count(g); i++) {
        rf_status st = rf_graph_input(g, i, &port);
        if (!st)
            st = rf_tensor_save_npy(o->s->ctx, inputs[i], file_in(o, "in", i, "npy", path),
                                    /*force=*/true);
        if (st)
            return st;
        cli_json_text(j, port.name, path);
    }
    cli_json_end(j);
    return RF_OK;
}

static rf_status name_outputs(cli_ort *o, cli_json *j, const rf_graph *g)
{
    char path[PATH_BYTES];
    rf_port port;
    cli_json_object(j, "outputs");
    for (int i = 0; i < rf_graph_output_count(g); i++) {
        const rf_status st = rf_graph_output(g, i, &port);
        if (st)
            return st;
        cli_json_text(j, port.name, file_in(o, "out", i, "npy", path));
    }
    cli_json_end(j);
    return RF_OK;
}

static rf_status run_model(void *user, int handle, const rf_tensor *const *inputs,
                           rf_tensor **outputs)
{
    cli_ort *o = user;
    const rf_graph *g = o->opened[handle];
    char path[PATH_BYTES];
    cli_json j = { .compact = true };
    cli_json_object(&j, NULL);
    cli_json_int(&j, "run", handle);
    rf_status st = write_inputs(o, &j, g, inputs);
    if (!st)
        st = name_outputs(o, &j, g);
    cli_json_end(&j);
    if (st) {
        cli_json_release(&j);
        return st;
    }
    st = ask(o, &j);
    for (int i = 0; !st && i < rf_graph_output_count(g); i++)
        st = rf_tensor_load_npy(o->s->ctx, file_in(o, "out", i, "npy", path), &outputs[i]);
    return st;
}

/* ----------------------------------------------------------------------------------- the process --- */

static int spawn(cli_ort *o, const int to_child[2], const int from_child[2])
{
    char *const arguments[] = { (char[]){ "node" }, (char[]){ "--input-type=module" },
                                (char[]){ "-e" }, strdup(cli_ort_script), NULL };
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, to_child[0], STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, from_child[1], STDOUT_FILENO);
    for (int i = 0; i < 2; i++) {
        posix_spawn_file_actions_addclose(&actions, to_child[i]);
        posix_spawn_file_actions_addclose(&actions, from_child[i]);
    }
    const int error = posix_spawnp(&o->process, "node", &actions, NULL, arguments, environ);
    posix_spawn_file_actions_destroy(&actions);
    free(arguments[3]);
    if (error) {
        o->process = 0;
        if (o->asks_only) /* whether node is there */
            return CLI_EXIT_FAILED;
        return cli_error(o->s, CLI_EXIT_FAILED,
                         "--runtime ort: cannot start node (%s); install Node.js 18 or newer, "
                         "then ONNX Runtime with 'npm install --ignore-scripts onnxruntime-node'",
                         strerror(error));
    }
    return 0;
}

static int open_pipes(cli_ort *o)
{
    int to_child[2], from_child[2];
    if (pipe(to_child) != 0)
        return cli_error(o->s, CLI_EXIT_FAILED, "--runtime ort: %s", strerror(errno));
    if (pipe(from_child) != 0) {
        close(to_child[0]);
        close(to_child[1]);
        return cli_error(o->s, CLI_EXIT_FAILED, "--runtime ort: %s", strerror(errno));
    }
    const int code = spawn(o, to_child, from_child);
    close(to_child[0]);
    close(from_child[1]);
    o->requests = fdopen(to_child[1], "w");
    o->answers = fdopen(from_child[0], "r");
    return code;
}

static int make_folder(cli_ort *o)
{
    const char *place = getenv("TMPDIR");
    char path[PATH_BYTES];
    snprintf(path, sizeof path, "%s/refold-ort-XXXXXX", place && *place ? place : "/tmp");
    if (!mkdtemp(path))
        return cli_error(o->s, CLI_EXIT_FAILED, "cannot make a temporary folder '%s': %s", path,
                         strerror(errno));
    o->folder = strdup(path);
    return o->folder ? 0 : cli_error(o->s, CLI_EXIT_FAILED, "out of memory");
}

int cli_ort_start(cli_session *s, const char *model, const rf_graph *graph, cli_ort *out)
{
    *out = (cli_ort){ .s = s, .model = model, .graph = graph };
    out->runner = (rf_runner){ .open = open_model, .run = run_model, .user = out };
    const int code = make_folder(out);
    return code ? code : open_pipes(out);
}

static void remove_folder(const char *folder)
{
    char path[PATH_BYTES];
    DIR *list = opendir(folder);
    const struct dirent *entry;
    while (list && (entry = readdir(list))) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        unlink(path);
    }
    if (list)
        closedir(list);
    rmdir(folder);
}

void cli_ort_stop(cli_ort *o)
{
    if (o->requests)
        fclose(o->requests); /* the end of its input ends it */
    if (o->answers)
        fclose(o->answers);
    if (o->process)
        waitpid(o->process, NULL, 0);
    if (o->folder)
        remove_folder(o->folder);
    free(o->folder);
    *o = (cli_ort){ 0 };
}

bool cli_ort_versions(cli_session *s, char *node_out, char *package_out, size_t size)
{
    cli_ort o = { .s = s, .asks_only = true };
    cli_json j = { .compact = true };
    node_out[0] = package_out[0] = 0;
    if (open_pipes(&o) != 0) {
        cli_ort_stop(&o);
        return false;
    }
    cli_json_object(&j, NULL);
    cli_json_bool(&j, "versions", true);
    cli_json_end(&j);
    char versions[sizeof o.answer] = "";
    if (ask(&o, &j) == RF_OK)
        memcpy(versions, o.answer, sizeof versions);
    cli_ort_stop(&o);
    const size_t length = strcspn(versions, " ");
    snprintf(node_out, size, "%.*s", (int)length, versions);
    snprintf(package_out, size, "%s", versions[length] ? versions + length + 1 : "");
    return package_out[0] != 0;
}
