#include <vx_agent/agent.h>

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <vx_base/file.h>
#include <vx_base/limits.h>
#include <vx_base/log.h>
#include <vx_config/job.h>
#include <vx_transport/conn.h>

#include "probe.h"

enum {
    OPT_RESTARTS = 256,
    OPT_PATIENCE,
    OPT_RECONNECT,
    OPT_RANKS,
    OPT_LAUNCHER,
    OPT_GROUP_TIMEOUT,
    OPT_BIND_CORES,
    OPT_LOG_LEVEL,
    OPT_PROBE,
    OPT_VERSION,
    OPT_HELP
};

#define RECONNECT_S 600
#define NUMBER_MAX  1000000u
#define UNSET       UINT32_MAX

static const struct option long_options[] = {
    { "run-dir", required_argument, NULL, 'd' },
    { "connect", required_argument, NULL, 'c' },
    { "token-file", required_argument, NULL, 't' },
    { "job", required_argument, NULL, 'j' },
    { "data-dir", required_argument, NULL, 'D' },
    { "max-restarts", required_argument, NULL, OPT_RESTARTS },
    { "connect-timeout", required_argument, NULL, OPT_PATIENCE },
    { "reconnect-timeout", required_argument, NULL, OPT_RECONNECT },
    { "ranks", required_argument, NULL, OPT_RANKS },
    { "group-launcher", required_argument, NULL, OPT_LAUNCHER },
    { "group-timeout", required_argument, NULL, OPT_GROUP_TIMEOUT },
    { "bind-cores", no_argument, NULL, OPT_BIND_CORES },
    { "log-level", required_argument, NULL, OPT_LOG_LEVEL },
    { "probe", no_argument, NULL, OPT_PROBE },
    { "version", no_argument, NULL, OPT_VERSION },
    { "help", no_argument, NULL, OPT_HELP },
    { NULL, 0, NULL, 0 },
};

static const char help_text[] =
    "Usage: mpirun -n N vexil-worker --run-dir DIR\n"
    "  or:  mpirun -n N vexil-worker --connect tcp://HOST:PORT --token-file FILE\n"
    "Runs one worker a rank and starts it again when it dies: see vexil-worker(1).\n\n"
    "  --run-dir DIR            the run directory of the server (a shared file system)\n"
    "  --connect tcp://H:P      where the server listens; several with commas: tried in order\n"
    "  --token-file FILE        lines 'worker SLOT TOKEN' of the slots to run; rank r takes the "
    "r-th\n"
    "  --job FILE               the job that is expected: another one is refused\n"
    "  --data-dir DIR           data files are taken from here, by their last name\n"
    "  --max-restarts N         of one worker (default: workers.max_restarts of the job)\n"
    "  --connect-timeout S      how long to look for a server at first (default 60)\n"
    "  --reconnect-timeout S    how long a server that is lost later is waited for\n"
    "                           (default 600, or --connect-timeout if that is more)\n"
    "  --ranks G                processes of one worker (default: as server.json says; 1 with\n"
    "                           --connect)\n"
    "  --group-launcher WORDS   what starts the ranks of a worker (default: mpirun)\n"
    "  --group-timeout S        ranks that need longer for a gradient are started again (default\n"
    "                           600, or twice workers.deadline_s if that is more)\n"
    "  --bind-cores             each worker to cores of its own, when there are enough; for a "
    "launcher\n"
    "                           that binds nobody\n"
    "  --log-level LEVEL        debug, info, warn (default) or error\n"
    "  --probe                  says host, version, and whether run directory and program are "
    "there\n"
    "  --version, --help\n\n"
    "Exit codes: 0 the run is over, 69 no server, 66 or 65 data, 77 refused, 78 job; see "
    "vexil(1).\n";

static vx_status number(const char *name, const char *text, uint32_t least, uint32_t most,
                        uint32_t *ret, vx_error *err)
{
    char *end = NULL;
    long value = strtol(text, &end, 10);

    if (end == text || *end != '\0' || value < (long)least || value > (long)most)
        return vx_fail(err, VX_ERR_USAGE, "%s: expected a number from %u to %u, found '%s'", name,
                       least, most, text);
    *ret = (uint32_t)value;
    return VX_OK;
}

static vx_status take_number(int option, vx_bootstrap_options *source, vx_error *err)
{
    uint32_t restarts = 0;
    vx_status status = VX_OK;

    switch (option) {
    case OPT_RANKS:
        return number("--ranks", optarg, 1, VX_BLOCKS_MAX, &source->ranks, err);
    case OPT_GROUP_TIMEOUT:
        return number("--group-timeout", optarg, 1, VX_GROUP_S_MAX, &source->group_s, err);
    case OPT_PATIENCE:
        return number("--connect-timeout", optarg, 0, NUMBER_MAX, &source->patience_s, err);
    case OPT_RECONNECT:
        return number("--reconnect-timeout", optarg, 0, NUMBER_MAX, &source->reconnect_s, err);
    default:
        status = number("--max-restarts", optarg, 0, NUMBER_MAX, &restarts, err);
        if (status == VX_OK)
            source->max_restarts = (int32_t)restarts;
        return status;
    }
}

static vx_status take(int option, vx_agent_options *options, vx_error *err)
{
    vx_log_level level = VX_LOG_WARN;

    switch (option) {
    case 'd':
        options->source.run_dir = optarg;
        return VX_OK;
    case 'c':
        options->source.connect = optarg;
        return VX_OK;
    case 't':
        options->source.token_file = optarg;
        return VX_OK;
    case 'j':
        options->job = optarg;
        return VX_OK;
    case 'D':
        options->source.data_dir = optarg;
        return VX_OK;
    case OPT_BIND_CORES:
        options->bind_cores = true;
        return VX_OK;
    case OPT_RANKS:
    case OPT_GROUP_TIMEOUT:
    case OPT_RESTARTS:
    case OPT_PATIENCE:
    case OPT_RECONNECT:
        return take_number(option, &options->source, err);
    case OPT_LAUNCHER:
        options->launcher = optarg;
        return VX_OK;
    case OPT_LOG_LEVEL:
        if (!vx_log_level_parse(optarg, &level))
            return vx_fail(err, VX_ERR_USAGE,
                           "--log-level: expected debug, info, warn or error, found '%s'", optarg);
        options->source.log_level = (int32_t)level;
        return VX_OK;
    case OPT_PROBE:
        options->probe = true;
        return VX_OK;
    case OPT_VERSION:
        fprintf(stdout, "vexil-worker %s\n", VX_VERSION);
        return VX_AGAIN;
    case OPT_HELP:
        fputs(help_text, stdout);
        return VX_AGAIN;
    default:
        return vx_fail(err, VX_ERR_USAGE, "wrong option; try vexil-worker --help");
    }
}

static vx_status digest_of_job(const char *path, vx_digest *ret_digest, vx_error *err)
{
    vx_job *job = NULL;
    vx_status status = vx_job_load(path, NULL, 0, &job, err);

    if (status == VX_OK)
        status = vx_job_pin(job, err); /* as the server has */
    if (status == VX_OK)
        status = vx_job_digest(job, ret_digest);
    vx_job_destroy(job);
    return status;
}

vx_status vx_agent_options_parse(int argc, char **argv, vx_agent_options *ret_options,
                                 vx_error *err)
{
    vx_agent_options options = {
        .source = { .max_restarts = -1,
                    .patience_s = 60,
                    .reconnect_s = UNSET,
                    .log_level = VX_LOG_WARN },
    };
    vx_endpoint endpoints[VX_ENDPOINTS_MAX];
    size_t count = 0;
    vx_error why = { 0 };
    vx_status status = VX_OK;
    int option = 0;

    while (status == VX_OK && (option = getopt_long(argc, argv, "", long_options, NULL)) != -1)
        status = take(option, &options, err);
    if (status != VX_OK)
        return status;
    if (optind < argc)
        return vx_fail(err, VX_ERR_USAGE, "unexpected argument '%s'; try vexil-worker --help",
                       argv[optind]);
    if (options.source.run_dir == NULL &&
        (options.source.connect == NULL || options.source.token_file == NULL))
        return vx_fail(
            err, VX_ERR_USAGE,
            "--run-dir, or --connect with --token-file, is required; try vexil-worker --help");
    if (options.source.connect != NULL &&
        vx_endpoints_parse(options.source.connect, endpoints, VX_ENDPOINTS_MAX, &count, &why) !=
            VX_OK)
        return vx_fail(err, VX_ERR_USAGE, "--connect: %s", why.message);
    if (options.probe) {
        vx_probe_print(options.source.run_dir, options.source.ranks);
        return VX_AGAIN;
    }
    if (options.source.reconnect_s == UNSET)
        options.source.reconnect_s =
            options.source.patience_s > RECONNECT_S ? options.source.patience_s : RECONNECT_S;
    if (options.job != NULL)
        status = digest_of_job(options.job, &options.source.config, err);
    if (status == VX_OK)
        *ret_options = options;
    return status;
}
