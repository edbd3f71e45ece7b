#include "launch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <vx_base/alloc.h>
#include <vx_base/program.h>
#include <vx_place/place.h>

vx_ctl_machine vx_ctl_machine_here(void)
{
    vx_place place = { .cores = 1 };

    if (vx_place_here(&place, NULL) != VX_OK)
        place.cores = 1;
    return (vx_ctl_machine){ .cores = place.cores, .root = geteuid() == 0 };
}

static void add_pair(vx_ctl_argv *argv, const char *option, const char *value)
{
    vx_ctl_argv_add(argv, option);
    vx_ctl_argv_add(argv, value);
}

/* A parameter of Open MPI 4.1. */
static void add_setting(vx_ctl_argv *argv, const char *name, const char *value)
{
    vx_ctl_argv_add(argv, "--mca");
    add_pair(argv, name, value);
}

void vx_ctl_launch_server(vx_ctl_argv *ret_argv, const vx_ctl_server_command *command)
{
    vx_ctl_argv_add(ret_argv, "vexild");
    add_pair(ret_argv, "--job", command->job);
    add_pair(ret_argv, "--run-dir", command->run_dir);
    for (size_t i = 0; i < command->overrides->count; i++)
        add_pair(ret_argv, "--set", command->overrides->at[i]);
    if (command->resume)
        vx_ctl_argv_add(ret_argv, "--resume");
    for (size_t i = 0; i < command->address->count; i++)
        vx_ctl_argv_add(ret_argv, command->address->at[i]);
    add_pair(ret_argv, "--log", command->log);
}

/*
 * Open MPI counts as many places as there are cores and refuses more workers unless it is told to
 * oversubscribe; it refuses to bind two workers to one core.
 */
static void add_placement(vx_ctl_argv *argv, size_t cores, size_t n, size_t threads)
{
    size_t share = cores / n;

    if (threads == 0)
        threads = share;
    if (share == 0 || threads > share) {
        add_pair(argv, "--map-by", ":OVERSUBSCRIBE");
        add_pair(argv, "--bind-to", "none");
        return;
    }
    if (threads > 1) {
        vx_ctl_argv_add(argv, "--map-by");
        vx_ctl_argv_format(argv, "slot:PE=%zu", threads);
    }
    add_pair(argv, "--bind-to", "core");
}

/* Whether a word of the user's is this option of mpirun, which takes one dash or two. */
static bool is_option(const char *word, const char *name)
{
    size_t dashes = strspn(word, "-");

    return (dashes == 1 || dashes == 2) && strcmp(word + dashes, name) == 0;
}

static bool asks_for(const vx_ctl_argv *more, const char *name)
{
    for (size_t i = 0; i < more->count; i++)
        if (is_option(more->at[i], name))
            return true;
    return false;
}

static void add_program(vx_ctl_argv *argv, const vx_ctl_workers_command *command)
{
    vx_ctl_argv_add(argv, command->mpirun);
    if (command->machine->root)
        vx_ctl_argv_add(argv, "--allow-run-as-root");
    if (command->hostfile == NULL)
        return;
    add_pair(argv, "--hostfile", command->hostfile);
    if (command->mpi_major >= 5)
        return;
    /* An orted that stays attached to its ssh ends the job when the two are lost, whatever recovery
     * says; and in a tree of hosts the loss of one takes others along. */
    add_setting(argv, "plm_rsh_no_tree_spawn", "1");
    add_setting(argv, "routed", "direct");
}

/* A host or a rank that dies is the server's matter, not mpirun's. */
static void add_endurance(vx_ctl_argv *argv, unsigned mpi_major)
{
    vx_ctl_argv_add(argv, "--enable-recovery");
    if (mpi_major < 5) /* else an exit code above 0 on another host keeps mpirun for ever */
        add_setting(argv, "orte_abort_on_non_zero_status", "0");
}

static void add_slots(vx_ctl_argv *argv, const vx_ctl_workers_command *command)
{
    if (asks_for(command->more, "map-by")) {
        if (command->oversubscribe)
            vx_ctl_argv_add(argv, "--oversubscribe");
    } else {
        add_pair(argv, "--map-by", command->oversubscribe ? "slot:OVERSUBSCRIBE" : "slot");
    }
    if (!asks_for(command->more, "bind-to"))
        add_pair(argv, "--bind-to", "none");
}

static void add_here(vx_ctl_argv *argv, const vx_ctl_workers_command *command)
{
    if (!asks_for(command->more, "map-by") && !asks_for(command->more, "bind-to"))
        add_placement(argv, command->machine->cores, command->n, command->threads);
}

void vx_ctl_launch_workers(vx_ctl_argv *ret_argv, const vx_ctl_workers_command *command)
{
    add_program(ret_argv, command);
    if (command->hostfile != NULL)
        add_endurance(ret_argv, command->mpi_major);
    vx_ctl_argv_add(ret_argv, "-n");
    vx_ctl_argv_format(ret_argv, "%zu", command->n);
    if (command->hostfile != NULL)
        add_slots(ret_argv, command);
    else
        add_here(ret_argv, command);
    for (size_t i = 0; i < command->more->count; i++)
        vx_ctl_argv_add(ret_argv, command->more->at[i]);
    vx_ctl_argv_add(ret_argv, command->worker);
    add_pair(ret_argv, "--run-dir", command->run_dir);
    if (command->group_launcher != NULL)
        add_pair(ret_argv, "--group-launcher", command->group_launcher);
    if (command->group_timeout != NULL)
        add_pair(ret_argv, "--group-timeout", command->group_timeout);
}

void vx_ctl_launch_probe(vx_ctl_argv *ret_argv, const vx_ctl_workers_command *command)
{
    add_program(ret_argv, command);
    add_pair(ret_argv, "--map-by", "ppr:1:node:OVERSUBSCRIBE");
    add_pair(ret_argv, "--bind-to", "none");
    for (size_t i = 0; i < command->more->count; i++) {
        const char *word = command->more->at[i];

        if (is_option(word, "map-by") || is_option(word, "bind-to"))
            i++; /* it is about ranks that are many */
        else
            vx_ctl_argv_add(ret_argv, word);
    }
    vx_ctl_argv_add(ret_argv, command->worker);
    vx_ctl_argv_add(ret_argv, "--probe");
    if (command->ranks > 1) {
        vx_ctl_argv_add(ret_argv, "--ranks");
        vx_ctl_argv_format(ret_argv, "%zu", command->ranks);
    }
    add_pair(ret_argv, "--run-dir", command->run_dir);
}

/*
 * mpirun 4.1 gives up on a machine without ssh, though it needs none to start processes beside
 * itself: any program that exists will do as its remote shell. 5 has another name for the same.
 */
vx_status vx_ctl_launch_environment(bool remote, vx_error *err)
{
    static const char *const remote_shells[] = { "OMPI_MCA_plm_rsh_agent",
                                                 "PRTE_MCA_plm_ssh_agent" };

    for (size_t i = 0; !remote && i < sizeof(remote_shells) / sizeof(remote_shells[0]); i++)
        if (setenv(remote_shells[i], "/bin/false", 0) != 0)
            return vx_fail(err, VX_ERR_SYSTEM, "setenv: %s", strerror(errno));
    return VX_OK;
}

vx_status vx_ctl_launch_find(const char *program, bool beside_us, const char *hint, char **ret_path,
                             vx_error *err)
{
    char *path = beside_us ? vx_program_beside(program) : NULL;

    if (strchr(program, '/') != NULL && access(program, X_OK) != 0)
        return vx_fail(err, VX_ERR_UNAVAILABLE, "%s: %s: %s", program, strerror(errno), hint);
    if (path == NULL && strchr(program, '/') != NULL)
        path = vx_strdup(program);
    if (path == NULL)
        path = vx_program_in_path(program);
    if (path == NULL)
        return vx_fail(err, VX_ERR_UNAVAILABLE, "%s is not found%s in PATH: %s", program,
                       beside_us ? " beside vexil nor" : "", hint);
    *ret_path = path;
    return VX_OK;
}
