#include "rendezvous.h"

#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <vx_base/alloc.h>
#include <vx_place/place.h>

#include "neighbours.h"
#include "numbered.h"

#define POLL_NS 10000000

/* Rank 0's verdict, the same for everybody. */
struct verdict {
    int status;
    char message[sizeof(((vx_error *)0)->message)];
};

static vx_status read_entries(const vx_bootstrap_options *options, uint32_t size,
                              vx_bootstrap **ret_entries, vx_error *err)
{
    size_t count = 0;
    vx_status status = vx_bootstrap_read(options, VX_BOOTSTRAP_WORKERS, options->patience_s,
                                         ret_entries, &count, err);

    if (status == VX_OK && size > count)
        status = vx_fail(
            err, VX_ERR_USAGE,
            "%u ranks were started, but there are tokens for %zu workers only: mpirun -n %zu", size,
            count, count);
    return status;
}

/* A plain MPI_Bcast would keep a core busy a rank while rank 0 waits for the server. */
static void broadcast_verdict(struct verdict *verdict)
{
    struct timespec pause = { 0, POLL_NS };
    MPI_Request request = MPI_REQUEST_NULL;
    int done = 0;

    MPI_Ibcast(verdict, (int)sizeof(*verdict), MPI_BYTE, 0, MPI_COMM_WORLD, &request);
    for (;;) {
        MPI_Test(&request, &done, MPI_STATUS_IGNORE);
        if (done != 0)
            break;
        nanosleep(&pause, NULL);
    }
    MPI_Wait(&request, MPI_STATUS_IGNORE); /* it is done */
}

/* Threads of linear algebra follow from the cores and from who shares them. */
static void take_place(bool bind_cores, vx_bootstrap *bootstrap)
{
    vx_neighbours neighbours = vx_neighbours_find();
    vx_place place;
    bool own = false;
    vx_error err = { 0 };

    bootstrap->local_workers = neighbours.count;
    if (!bind_cores)
        return;
    if (vx_place_share(neighbours.index, neighbours.count, true, &own, &place, &err) != VX_OK)
        fprintf(stderr, "vexil-worker: slot %u: --bind-cores: %s\n", bootstrap->slot, err.message);
    if (own)
        bootstrap->local_workers = 1;
}

/* Without MPI each reads what is its own. */
static vx_status read_own(const vx_bootstrap_options *options, bool bind_cores,
                          const vx_numbered *numbered, vx_bootstrap *ret_bootstrap, vx_error *err)
{
    vx_bootstrap *entries = NULL;
    vx_status status = read_entries(options, numbered->size, &entries, err);

    if (status != VX_OK) {
        vx_free(entries);
        fprintf(stderr, "vexil-worker: rank %u: %s\n", numbered->rank, err->message);
        return status;
    }
    *ret_bootstrap = entries[numbered->rank];
    ret_bootstrap->local_workers = numbered->local_workers;
    vx_free(entries);
    if (bind_cores) /* it does not know who its neighbours are */
        fprintf(stderr, "vexil-worker: rank %u: --bind-cores needs MPI; use --cpu-bind of srun\n",
                numbered->rank);
    return VX_OK;
}

vx_status vx_rendezvous(const vx_bootstrap_options *options, bool bind_cores, int *argc,
                        char ***argv, vx_bootstrap *ret_bootstrap, int *ret_rank, vx_error *err)
{
    struct verdict verdict = { 0 };
    vx_bootstrap *entries = NULL;
    vx_numbered numbered;
    vx_error why = { 0 };
    int size = 0;

    *ret_rank = 0;
    if (vx_numbered_find(getenv, &numbered))
        return read_own(options, bind_cores, &numbered, ret_bootstrap, err);

    if (MPI_Init(argc, argv) != MPI_SUCCESS) {
        fprintf(stderr, "vexil-worker: MPI_Init failed\n");
        return vx_fail(err, VX_ERR_SYSTEM, "MPI_Init failed");
    }
    MPI_Comm_rank(MPI_COMM_WORLD, ret_rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    if (*ret_rank == 0) {
        verdict.status = (int)read_entries(options, (uint32_t)size, &entries, &why);
        memcpy(verdict.message, why.message, sizeof(verdict.message));
        /* Before anybody knows: the first rank that ends with an error ends the others. */
        if (verdict.status != VX_OK)
            fprintf(stderr, "vexil-worker: %s\n", why.message);
    }
    broadcast_verdict(&verdict);
    if (verdict.status == VX_OK)
        MPI_Scatter(entries, (int)sizeof(*entries), MPI_BYTE, ret_bootstrap,
                    (int)sizeof(*ret_bootstrap), MPI_BYTE, 0, MPI_COMM_WORLD);
    if (verdict.status == VX_OK)
        take_place(bind_cores, ret_bootstrap);
    MPI_Finalize();
    vx_free(entries);
    if (verdict.status != VX_OK)
        return vx_fail(err, (vx_status)verdict.status, "%s", verdict.message);
    return VX_OK;
}
