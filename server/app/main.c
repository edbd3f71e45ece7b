#include <vx_server_app/server.h>

#include <stdio.h>

/* vexild: the server of one job. See vexild(8). */
int main(int argc, char **argv)
{
    const char *overrides[VX_SERVER_OVERRIDES_MAX];
    vx_server_options options;
    vx_error err = { 0 };
    bool done = false;
    vx_status status = vx_server_options_parse(argc, argv, overrides, &options, &done, &err);

    if (status == VX_OK && !done && vx_place_here(&options.place, NULL) != VX_OK)
        options.place.cores = 0;
    if (status == VX_OK && !done)
        status = vx_server_run(&options, &err);
    if (status != VX_OK && status != VX_ERR_INTERRUPTED) /* asked for: the log has it */
        fprintf(stderr, "vexild: %s\n",
                err.message[0] != '\0' ? err.message : vx_status_text(status));
    return vx_status_exit_code(status);
}
