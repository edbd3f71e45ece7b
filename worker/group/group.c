#include "group_private.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <vx_base/alloc.h>
#include <vx_worker_app/worker.h>

static vx_group the_group; /* of this process; MPI's handler of errors gets no argument */

/* MPI gives it the communicator by pointer, and more arguments in places of its own. */
static void on_error(MPI_Comm *comm, int *code, ...)
{
    char text[MPI_MAX_ERROR_STRING] = "";
    int length = 0;

    MPI_Error_string(*code, text, &length);
    fprintf(stderr, "vexil-worker: slot %u: rank %d of %d: MPI: %s\n", the_group.bootstrap.slot,
            the_group.rank, the_group.size, text);
    MPI_Abort(*comm, 1);
}

static void find_hosts(vx_group *group)
{
    MPI_Comm_split_type(group->commands, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &group->node);
    MPI_Comm_rank(group->node, &group->node_rank);
    MPI_Comm_size(group->node, &group->node_size);
    MPI_Comm_split(group->commands, group->node_rank == 0 ? 0 : MPI_UNDEFINED, 0, &group->heads);
    if (group->heads != MPI_COMM_NULL)
        MPI_Comm_size(group->heads, &group->hosts);
    MPI_Bcast(&group->hosts, 1, MPI_INT, 0, group->node);
}

/* Rank 0 alone has the token, and a place to send it to. */
static vx_status receive_bootstrap(vx_group *group, vx_error *err)
{
    struct {
        vx_bootstrap bootstrap;
        int32_t status;
    } told = { 0 };

    if (group->rank == 0) {
        told.status = (int32_t)vx_bootstrap_receive(STDIN_FILENO, &group->bootstrap, err);
        told.bootstrap = group->bootstrap;
        memset(told.bootstrap.token, 0, sizeof(told.bootstrap.token));
    }
    MPI_Bcast(&told, (int)sizeof(told), MPI_BYTE, 0, group->commands);
    if (group->rank != 0)
        group->bootstrap = told.bootstrap;
    if (told.status != VX_OK)
        return (vx_status)told.status;
    if (group->bootstrap.ranks != (uint32_t)group->size)
        return vx_fail(
            err, VX_ERR_UNAVAILABLE,
            "slot %u: the launcher started a group of %d ranks, not of %u: is it of another MPI "
            "than ours? see --group-launcher",
            group->bootstrap.slot, group->size, group->bootstrap.ranks);
    return VX_OK;
}

/* What a signal asks for, rank 0 does: it ends the others in order. */
static void leave_signals_to_the_leader(void)
{
    static const int numbers[] = { SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2 };

    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        signal(numbers[i], SIG_IGN);
}

/* ---- the leader ---- */

static vx_status lead_set_up(void *owner, vx_cbytes job, vx_task *ret_task, vx_error *err)
{
    vx_group *group = owner;
    uint8_t *text = vx_malloc(job.size + 1); /* MPI_Bcast wants one that it could write to */
    vx_status status = VX_OK;

    if (text == NULL)
        return vx_fail(err, VX_ERR_NOMEM, "out of memory");
    memcpy(text, job.at, job.size);
    vx_group_expect_start(group);
    vx_group_lead(group, (vx_group_command){ VX_GROUP_SET_UP, 0, job.size });
    vx_group_spread(group->commands, text, job.size);
    vx_free(text);
    status = vx_group_set_up(group, job, ret_task, err);
    vx_group_expect_nothing();
    return status;
}

static vx_status lead_shards(void *owner, vx_task *task, const uint32_t *shards, size_t count,
                             vx_error *err)
{
    vx_group *group = owner;
    uint32_t told[VX_WORKERS_MAX];

    if (vx_task_draws_from(task, shards, count))
        return VX_OK;
    memcpy(told, shards, count * sizeof(*shards));
    vx_group_expect_gradient(group, task);
    vx_group_lead(group, (vx_group_command){ VX_GROUP_SHARDS, 0, count });
    vx_group_spread(group->commands, told, count * sizeof(*told));
    return vx_group_take_shards(group, task, shards, count, err);
}

static void lead_gradient(void *owner, vx_task *task, vx_cvecf theta, uint64_t round,
                          vx_vecf ret_gradient, vx_task_gradient *ret_about)
{
    vx_group *group = owner;

    vx_group_expect_gradient(group, task);
    vx_group_put_theta(group, theta);
    vx_group_lead(group, (vx_group_command){ VX_GROUP_GRADIENT, round, 0 });
    vx_group_gradient(group, task, round, ret_gradient.at, ret_about);
    vx_group_expect_nothing();
}

static float *lend_gradient(void *owner, int which)
{
    vx_group *group = owner;

    return vx_exchange_sum(group->exchange, which);
}

static vx_status lead(vx_group *group, vx_error *err)
{
    vx_worker_crew crew = { group, lead_set_up, lead_shards, lead_gradient, lend_gradient };
    vx_status status = VX_OK;

    vx_group_expect_nothing(); /* a server may be long in coming */
    status = vx_worker_run(&group->bootstrap, &crew, err);
    vx_group_expect_end(group);
    vx_group_lead(group, (vx_group_command){ VX_GROUP_STOP, 0, 0 });
    if (status != VX_OK)
        vx_error_prefix(err, "slot %u", group->bootstrap.slot);
    return status;
}

/* ---- the others ---- */

static void follow_set_up(vx_group *group, size_t size)
{
    uint8_t *text = vx_calloc(size + 1, 1);
    vx_error err = { 0 };

    if (text == NULL) { /* the leader hears of it by our end */
        fprintf(stderr, "vexil-worker: slot %u: rank %d: out of memory\n", group->bootstrap.slot,
                group->rank);
        MPI_Abort(MPI_COMM_WORLD, vx_status_exit_code(VX_ERR_NOMEM));
    }
    vx_group_spread(group->commands, text, size);
    if (vx_group_set_up(group, (vx_cbytes){ text, size }, &group->task, &err) != VX_OK)
        vx_task_destroy(&group->task); /* the leader says why, and ends us all */
    vx_free(text);
}

static void follow_shards(vx_group *group, size_t count)
{
    uint32_t shards[VX_WORKERS_MAX];
    vx_error err = { 0 };

    vx_group_spread(group->commands, shards, count * sizeof(*shards));
    if (vx_group_take_shards(group, &group->task, shards, count, &err) != VX_OK)
        return; /* the leader says why, and ends us all */
}

static void follow(vx_group *group)
{
    leave_signals_to_the_leader();
    vx_group_expect_nothing(); /* the leader sees to it */
    for (;;) {
        vx_group_command command = vx_group_await(group);

        switch ((vx_group_word)command.word) {
        case VX_GROUP_SET_UP:
            follow_set_up(group, command.size);
            break;
        case VX_GROUP_SHARDS:
            follow_shards(group, command.size);
            break;
        case VX_GROUP_GRADIENT:
            vx_group_gradient(group, &group->task, command.round, NULL, NULL);
            break;
        case VX_GROUP_STOP:
            vx_task_destroy(&group->task);
            return;
        }
    }
}

static vx_status run(vx_group *group, vx_error *err)
{
    vx_status status = VX_OK;

    MPI_Comm_dup(MPI_COMM_WORLD, &group->commands);
    find_hosts(group);
    vx_worker_place_take();
    status = receive_bootstrap(group, err);
    if (status == VX_OK && group->rank == 0)
        status = lead(group, err);
    else if (status == VX_OK)
        follow(group);
    vx_group_take_down(group);
    return status;
}

int vx_group_main(int argc, char **argv)
{
    vx_group *group = &the_group;
    MPI_Errhandler handler = MPI_ERRHANDLER_NULL;
    vx_error err = { 0 };
    int level = 0;
    vx_status status = VX_OK;

    vx_group_know_launcher();
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* no rank outlives its launcher */
    vx_group_expect_start(group);
    if (MPI_Init_thread(&argc, &argv, MPI_THREAD_SERIALIZED, &level) != MPI_SUCCESS) {
        fprintf(stderr, "vexil-worker: a rank of a worker: MPI_Init failed\n");
        return vx_status_exit_code(VX_ERR_UNAVAILABLE);
    }
    MPI_Comm_create_errhandler(on_error, &handler);
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, handler);
    MPI_Comm_rank(MPI_COMM_WORLD, &group->rank);
    MPI_Comm_size(MPI_COMM_WORLD, &group->size);
    group->window = MPI_WIN_NULL;
    if (level < MPI_THREAD_SERIALIZED)
        status = vx_fail(&err, VX_ERR_UNAVAILABLE,
                         "this MPI lets one thread call it only; its threads are needed");
    else
        status = run(group, &err);
    if (status != VX_OK && group->rank == 0)
        fprintf(stderr, "vexil-worker: %s\n", err.message);
    MPI_Errhandler_free(&handler);
    MPI_Finalize();
    return group->rank == 0 ? vx_status_exit_code(status) : 0;
}
