#include <vx_server_app/server.h>

#include <getopt.h>
#include <stdio.h>

#include <vx_transport/conn.h>

enum { OPT_RESUME = 256, OPT_LOG_LEVEL, OPT_INTERFACE, OPT_ADVERTISE, OPT_VERSION, OPT_HELP };

static const struct option long_options[] = {
    { "job", required_argument, NULL, 'j' },
    { "run-dir", required_argument, NULL, 'd' },
    { "set", required_argument, NULL, 's' },
    { "bind", required_argument, NULL, 'b' },
    { "listen", required_argument, NULL, 'b' }, /* its name in 0.1.0 */
    { "interface", required_argument, NULL, OPT_INTERFACE },
    { "advertise", required_argument, NULL, OPT_ADVERTISE },
    { "log", required_argument, NULL, 'o' },
    { "log-level", required_argument, NULL, OPT_LOG_LEVEL },
    { "resume", no_argument, NULL, OPT_RESUME },
    { "version", no_argument, NULL, OPT_VERSION },
    { "help", no_argument, NULL, OPT_HELP },
    { NULL, 0, NULL, 0 },
};

static const char help_text[] =
    "Usage: vexild --job FILE --run-dir DIR [OPTION]...\n"
    "Serves one training job until it is done: see vexild(8).\n\n"
    "  --job FILE            the job file, see vexil-job(5)\n"
    "  --run-dir DIR         where the run's files go; made when missing\n"
    "  --set KEY=VALUE       overrides a key of the job file; may be repeated\n"
    "  --resume              goes on from the newest checkpoint of the run directory\n"
    "  --bind ADDR[:PORT]    listens there (default 127.0.0.1, any free port); 0.0.0.0 and [::] "
    "are\n"
    "                        every address\n"
    "  --interface NAME      listens on the addresses of this network interface; with --bind "
    ":PORT\n"
    "  --advertise H[:P]     what workers are told, instead of the address it listens on; may be\n"
    "                        repeated\n"
    "  --log FILE            log to FILE instead of standard error\n"
    "  --log-level LEVEL     debug, info, warn or error (default: limits.log_level of the job)\n"
    "  --version, --help\n\n"
    "Signals: TERM and INT finish the round, write a checkpoint and exit with 75; a second one "
    "ends at once.\n"
    "Exit codes: 0 done, 75 stopped and resumable, 78 job file, 66 no such file, 73 in use; see "
    "vexil(1).\n";

static vx_status take_advertised(vx_server_options *options, vx_error *err)
{
    if (options->advertise_count == VX_ENDPOINTS_MAX)
        return vx_fail(err, VX_ERR_USAGE, "more than %d --advertise options", VX_ENDPOINTS_MAX);
    options->advertise[options->advertise_count++] = optarg;
    return VX_OK;
}

/* What can be said of the addresses without looking at this machine. */
static vx_status check_addresses(const vx_server_options *options, vx_error *err)
{
    vx_endpoint endpoint = { .port = 0 };
    vx_error why = { 0 };

    if (options->bind != NULL && vx_endpoint_parse_address(options->bind, &endpoint, &why) != VX_OK)
        return vx_fail(err, VX_ERR_USAGE, "--bind: %s", why.message);
    if (options->interface != NULL && endpoint.host[0] != '\0')
        return vx_fail(err, VX_ERR_USAGE,
                       "--bind %s and --interface %s both name addresses: give one of them, or "
                       "--bind :PORT beside --interface",
                       options->bind, options->interface);
    if (options->interface == NULL && options->bind != NULL && endpoint.host[0] == '\0')
        return vx_fail(err, VX_ERR_USAGE,
                       "--bind %s has no address: expected ADDRESS[:PORT], or :PORT beside "
                       "--interface",
                       options->bind);
    for (size_t i = 0; i < options->advertise_count; i++) {
        if (vx_endpoint_parse_address(options->advertise[i], &endpoint, &why) != VX_OK)
            return vx_fail(err, VX_ERR_USAGE, "--advertise: %s", why.message);
        if (endpoint.host[0] == '\0')
            return vx_fail(err, VX_ERR_USAGE, "--advertise %s has no host: expected HOST[:PORT]",
                           options->advertise[i]);
    }
    return VX_OK;
}

/* One option; VX_AGAIN for those that end the program with success. */
static vx_status take(int option, const char **overrides, vx_server_options *options, vx_error *err)
{
    switch (option) {
    case 'j':
        options->job = optarg;
        return VX_OK;
    case 'd':
        options->run_dir = optarg;
        return VX_OK;
    case 'b':
        options->bind = optarg;
        return VX_OK;
    case OPT_INTERFACE:
        options->interface = optarg;
        return VX_OK;
    case OPT_ADVERTISE:
        return take_advertised(options, err);
    case 'o':
        options->log_file = optarg;
        return VX_OK;
    case 's':
        if (options->overrides_count == VX_SERVER_OVERRIDES_MAX)
            return vx_fail(err, VX_ERR_USAGE, "more than %d --set options",
                           VX_SERVER_OVERRIDES_MAX);
        overrides[options->overrides_count++] = optarg;
        return VX_OK;
    case OPT_RESUME:
        options->resume = true;
        return VX_OK;
    case OPT_LOG_LEVEL:
        options->log_level_given = true;
        if (!vx_log_level_parse(optarg, &options->log_level))
            return vx_fail(err, VX_ERR_USAGE,
                           "--log-level: expected debug, info, warn or error, found '%s'", optarg);
        return VX_OK;
    case OPT_VERSION:
        printf("vexild %s\n", VX_VERSION);
        return VX_AGAIN;
    case OPT_HELP:
        fputs(help_text, stdout);
        return VX_AGAIN;
    default:
        return vx_fail(err, VX_ERR_USAGE, "wrong option; try vexild --help");
    }
}

vx_status vx_server_options_parse(int argc, char **argv,
                                  const char *overrides[VX_SERVER_OVERRIDES_MAX],
                                  vx_server_options *ret_options, bool *ret_done, vx_error *err)
{
    vx_server_options options = { .overrides = overrides };
    vx_status status = VX_OK;
    int option = 0;

    while (status == VX_OK && (option = getopt_long(argc, argv, "", long_options, NULL)) != -1)
        status = take(option, overrides, &options, err);
    *ret_done = status == VX_AGAIN;
    if (status != VX_OK)
        return *ret_done ? VX_OK : status;
    if (optind < argc)
        return vx_fail(err, VX_ERR_USAGE, "unexpected argument '%s'; try vexild --help",
                       argv[optind]);
    if (options.job == NULL || options.run_dir == NULL)
        return vx_fail(err, VX_ERR_USAGE, "--job and --run-dir are required; try vexild --help");
    status = check_addresses(&options, err);
    if (status == VX_OK)
        *ret_options = options;
    return status;
}
