#include <vx_agent/agent.h>

#include <stdio.h>
#include <unistd.h>

#include <vx_base/alloc.h>
#include <vx_base/file.h>

/* vexil-compute beside this program, else the one of PATH. New memory; NULL: there is none. */
static char *compute_program(void)
{
    static const char name[] = "vexil-compute";
    char own[VX_PATH_MAX];
    ssize_t size = readlink("/proc/self/exe", own, sizeof(own) - 1);
    char *folder = NULL;
    char *path = NULL;

    if (size <= 0)
        return vx_strdup(name);
    own[size] = '\0';
    folder = vx_path_folder(own);
    path = folder != NULL ? vx_path_join(folder, name) : NULL;
    vx_free(folder);
    if (path != NULL && access(path, X_OK) != 0) {
        vx_free(path);
        path = vx_strdup(name);
    }
    return path;
}

/* vexil-worker, see vexil-worker(1): the agent of one slot. */
int main(int argc, char **argv)
{
    vx_agent_options options;
    vx_error err = { 0 };
    vx_status status = vx_agent_options_parse(argc, argv, &options, &err);
    char *program = NULL;
    int code = 0;

    if (status == VX_AGAIN)
        return 0;
    program = status == VX_OK ? compute_program() : NULL;
    if (status == VX_OK && program == NULL)
        status = vx_fail(&err, VX_ERR_NOMEM, "out of memory");
    if (status != VX_OK) {
        fprintf(stderr, "vexil-worker: %s\n", err.message);
        return vx_status_exit_code(status);
    }
    code = vx_agent_run(&options, argc, argv, program);
    vx_free(program);
    return code;
}
