#include "group_private.h"

#include <stdio.h>
#include <time.h>

#define NAP_NS_FIRST 20000L
#define NAP_NS_MAX   1000000L
#define SPREAD_MAX   ((size_t)1 << 30)

/* Until a request is done, asleep most of the time. It is to be waited for as well. */
static void sleep_until(MPI_Request *request)
{
    struct timespec nap = { 0, NAP_NS_FIRST };
    int done = 0;

    for (;;) {
        MPI_Test(request, &done, MPI_STATUS_IGNORE);
        if (done != 0)
            break;
        nanosleep(&nap, NULL);
        nap.tv_nsec = nap.tv_nsec < NAP_NS_MAX / 2 ? 2 * nap.tv_nsec : NAP_NS_MAX;
    }
}

void vx_group_lead(vx_group *group, vx_group_command command)
{
    MPI_Request request = MPI_REQUEST_NULL;

    MPI_Ibcast(&command, (int)sizeof(command), MPI_BYTE, 0, group->commands, &request);
    MPI_Wait(&request, MPI_STATUS_IGNORE);
}

vx_group_command vx_group_await(vx_group *group)
{
    vx_group_command command = { 0 };

    vx_group_tell(group->commands, &command, sizeof(command));
    return command;
}

void vx_group_tell(MPI_Comm comm, void *at, size_t size)
{
    MPI_Request request = MPI_REQUEST_NULL;

    MPI_Ibcast(at, (int)size, MPI_BYTE, 0, comm, &request);
    sleep_until(&request);
    MPI_Wait(&request, MPI_STATUS_IGNORE); /* it is done */
}

void vx_group_spread(MPI_Comm comm, void *at, size_t size)
{
    for (size_t from = 0; from < size; from += SPREAD_MAX) {
        size_t left = size - from;

        MPI_Bcast((uint8_t *)at + from, (int)(left < SPREAD_MAX ? left : SPREAD_MAX), MPI_BYTE, 0,
                  comm);
    }
}

typedef struct verdict {
    int32_t status, rank;
    char host[64];
    char message[sizeof(((vx_error *)0)->message)];
} verdict;

/* The first one that is not VX_OK, as rank 0 found it, in *own of every rank. */
static void find_first(const vx_group *group, verdict *own, verdict *all)
{
    MPI_Request request = MPI_REQUEST_NULL;

    MPI_Igather(own, (int)sizeof(*own), MPI_BYTE, all, (int)sizeof(*own), MPI_BYTE, 0,
                group->commands, &request);
    sleep_until(&request); /* the others may still be reading their data */
    MPI_Wait(&request, MPI_STATUS_IGNORE);
    for (int r = 0; group->rank == 0 && r < group->size; r++) {
        *own = all[r];
        if (own->status != VX_OK)
            break;
    }
    vx_group_tell(group->commands, own, sizeof(*own));
}

vx_status vx_group_agree(vx_group *group, vx_status status, const vx_error *why, vx_error *err)
{
    static verdict all[VX_BLOCKS_MAX];
    verdict own = { .status = (int32_t)status, .rank = group->rank };
    int length = 0;
    char host[MPI_MAX_PROCESSOR_NAME];

    MPI_Get_processor_name(host, &length);
    snprintf(own.host, sizeof(own.host), "%.63s", host);
    if (status != VX_OK)
        snprintf(own.message, sizeof(own.message), "%s",
                 why->message[0] != '\0' ? why->message : vx_status_text(status));
    find_first(group, &own, all);
    if (own.status == VX_OK)
        return VX_OK;
    return vx_fail(err, (vx_status)own.status, "rank %d on %s: %s", own.rank, own.host,
                   own.message);
}
