#include <vx_agent/agent.h>

#include <stdio.h>

/* vexil-worker, see vexil-worker(1): the agent of one slot. */
int main(int argc, char **argv)
{
    vx_agent_options options;
    vx_error err = { 0 };
    vx_status status = vx_agent_options_parse(argc, argv, &options, &err);

    if (status == VX_OK)
        return vx_agent_run(&options, argc, argv);
    if (status == VX_AGAIN)
        return 0;
    fprintf(stderr, "vexil-worker: %s\n", err.message);
    return vx_status_exit_code(status);
}
