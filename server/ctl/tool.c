#include "tool.h"

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <vx_base/alloc.h>

#include "argv.h"
#include "child.h"
#include "commands.h"
#include "launch.h"

#define ANSWER_MS 10 /* between two looks at a child */

bool vx_ctl_tool_is(const char *word)
{
    static const char *const tools[] = { "gradient", "evaluate", "gradcheck", "likelihoods",
                                         "reference" };

    for (size_t i = 0; i < sizeof(tools) / sizeof(tools[0]); i++)
        if (strcmp(word, tools[i]) == 0)
            return true;
    return false;
}

static vx_status find_compute(char **ret_path, vx_error *err)
{
    return vx_ctl_launch_find("vexil-compute", true, "install vexil whole", ret_path, err);
}

int vx_ctl_tool(char **argv)
{
    vx_ctl_argv words = { 0 };
    char *path = NULL;
    vx_error err = { 0 };
    vx_status status = find_compute(&path, &err);

    if (status != VX_OK)
        return vx_ctl_complain(&err);
    vx_ctl_argv_add(&words, "vexil-compute");
    for (size_t i = 0; argv[i] != NULL; i++)
        vx_ctl_argv_add(&words, argv[i]);
    status = vx_ctl_argv_status(&words, &err);
    if (status == VX_OK) {
        (void)execv(path, words.at);
        (void)vx_fail(&err, VX_ERR_SYSTEM, "%s: cannot be started", path);
    }
    vx_ctl_argv_clear(&words);
    vx_free(path);
    return vx_ctl_complain(&err);
}

/* What went wrong is told in a comment too: a job may be checked where its data is not. */
void vx_ctl_tool_model(const char *job, const char *const *overrides, size_t overrides_count)
{
    vx_ctl_argv words = { 0 };
    vx_ctl_child child = { 0 };
    char *path = NULL;
    vx_error err = { 0 };
    vx_status status = find_compute(&path, &err);

    vx_ctl_argv_add(&words, "vexil-compute");
    vx_ctl_argv_add(&words, "model");
    vx_ctl_argv_add(&words, job);
    for (size_t i = 0; i < overrides_count; i++) {
        vx_ctl_argv_add(&words, "--set");
        vx_ctl_argv_add(&words, overrides[i]);
    }
    if (status == VX_OK)
        status = vx_ctl_argv_status(&words, &err);
    (void)fflush(stdout);
    if (status == VX_OK)
        status = vx_ctl_child_start(path, words.at, STDOUT_FILENO, STDOUT_FILENO, &child, &err);
    while (status == VX_OK && !vx_ctl_child_poll(&child))
        (void)usleep(ANSWER_MS * 1000);
    if (status != VX_OK)
        (void)printf("# The model is not known: %s\n", err.message);
    vx_ctl_argv_clear(&words);
    vx_free(path);
}
