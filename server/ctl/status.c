#include "commands.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "document.h"
#include "observer.h"
#include "run_folder.h"
#include "table.h"

#define ANSWER_MS 5000

/* No server.json: err says what is known of the run. */
static vx_status fail_not_running(const char *run_dir, vx_error *err)
{
    vx_ctl_result result;
    char outcome[VX_CTL_OUTCOME_SIZE];

    if (vx_ctl_result_load(run_dir, &result, NULL, NULL) != VX_OK)
        return vx_fail(err, VX_ERR_UNAVAILABLE, "%s: no server is running", run_dir);
    return vx_fail(err, VX_ERR_UNAVAILABLE,
                   "%s: no server is running; the run is %s (%" PRIu64 "/%" PRIu64 " rounds)",
                   run_dir, vx_ctl_result_outcome(&result, outcome), result.rounds,
                   result.rounds_total);
}

static vx_status find_server(const char *run_dir, vx_ctl_server *ret_server,
                             uint8_t ret_token[VX_TOKEN_BYTES], vx_error *err)
{
    vx_status status = VX_OK;

    if (access(run_dir, F_OK) != 0)
        return vx_fail(err, VX_ERR_NOT_FOUND, "%s: no such run directory", run_dir);
    status = vx_ctl_server_load(run_dir, ret_server, err);
    if (status == VX_ERR_NOT_FOUND)
        return fail_not_running(run_dir, err);
    if (status == VX_OK)
        status = vx_ctl_token_load(run_dir, ret_token, err);
    return status;
}

static vx_status connect_to(const char *run_dir, vx_ctl_observer **ret_observer, vx_error *err)
{
    vx_ctl_server server;
    uint8_t token[VX_TOKEN_BYTES];
    vx_error why = { 0 };
    vx_status status = find_server(run_dir, &server, token, err);

    if (status != VX_OK)
        return status;
    status = vx_ctl_observer_connect(&server, token, ANSWER_MS, ret_observer, &why);
    if (status == VX_ERR_UNAVAILABLE) /* dead or mute: what result.json says may be of before */
        return vx_fail(err, status, "%s: its server cannot be reached: %s", run_dir, why.message);
    if (status != VX_OK)
        return vx_fail(err, status, "%s: %s", run_dir, why.message);
    return VX_OK;
}

static void print_raw(vx_cbytes document)
{
    (void)fwrite(document.at, 1, document.size, stdout);
    if (document.size == 0 || document.at[document.size - 1] != '\n')
        (void)fputs("\n", stdout);
}

static vx_status show(vx_ctl_observer *observer, const vx_ctl_options *options, vx_error *err)
{
    vx_cbytes document;
    json_t *root = NULL;
    vx_status status =
        vx_ctl_observer_ask(observer, VX_WIRE_REQUEST_STATUS, ANSWER_MS, &document, err);

    if (status == VX_OK)
        status = vx_ctl_document_parse(document, "status", &root, err);
    if (status != VX_OK)
        return status;
    if (options->watch_s > 0 && !options->json)
        (void)fputs(isatty(STDOUT_FILENO) ? "\033[H\033[J" : "", stdout);
    if (options->json)
        print_raw(document);
    else
        vx_ctl_table_print(stdout, root);
    if (options->watch_s > 0 && !options->json && !isatty(STDOUT_FILENO))
        (void)fputs("\n", stdout);
    (void)fflush(stdout);
    json_decref(root);
    return VX_OK;
}

/* A server removes its card after it has written the result. */
static bool has_ended(const char *run_dir, vx_ctl_result *ret_result, json_t **ret_root)
{
    vx_ctl_server server;

    return vx_ctl_server_load(run_dir, &server, NULL) == VX_ERR_NOT_FOUND &&
           vx_ctl_result_load(run_dir, ret_result, ret_root, NULL) == VX_OK;
}

static void show_result(const vx_ctl_options *options, const vx_ctl_result *result,
                        const json_t *root)
{
    if (options->json) {
        (void)json_dumpf(root, stdout, JSON_COMPACT);
        (void)fputs("\n", stdout);
    } else {
        (void)fprintf(stdout, "job       %s\n", result->job);
        vx_ctl_result_print(stdout, result, root, options->run_dir);
    }
}

static void wait_s(double seconds)
{
    struct timespec pause = { .tv_sec = (time_t)seconds };

    pause.tv_nsec = (long)((seconds - (double)pause.tv_sec) * 1e9);
    (void)nanosleep(&pause, NULL);
}

int vx_ctl_status(const vx_ctl_options *options)
{
    vx_ctl_observer *observer = NULL;
    vx_ctl_result result;
    json_t *root = NULL;
    vx_error err = { 0 };
    vx_status status = VX_OK;

    do { /* a connection for each: a server drops an observer that is silent for long */
        status = connect_to(options->run_dir, &observer, &err);
        if (status == VX_OK)
            status = show(observer, options, &err);
        observer = vx_ctl_observer_destroy(observer);
        if (status == VX_OK && options->watch_s > 0)
            wait_s(options->watch_s);
    } while (status == VX_OK && options->watch_s > 0 && !ferror(stdout));
    if (status == VX_OK)
        return 0;
    if (status != VX_ERR_UNAVAILABLE || !has_ended(options->run_dir, &result, &root))
        return vx_ctl_complain(&err);
    show_result(options, &result, root);
    json_decref(root);
    return 0;
}

int vx_ctl_stop(const vx_ctl_options *options)
{
    vx_ctl_observer *observer = NULL;
    vx_cbytes document;
    vx_error err = { 0 };
    vx_status status = connect_to(options->run_dir, &observer, &err);

    if (status == VX_OK)
        status = vx_ctl_observer_ask(observer, VX_WIRE_REQUEST_STOP, ANSWER_MS, &document, &err);
    if (status == VX_OK)
        (void)puts("the server finishes its round, writes a checkpoint and ends");
    vx_ctl_observer_destroy(observer);
    return status == VX_OK ? 0 : vx_ctl_complain(&err);
}
