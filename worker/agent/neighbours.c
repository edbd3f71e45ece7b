#include "neighbours.h"

#include <sched.h>
#include <string.h>

#include <mpi.h>

#include <vx_base/assert.h>
#include <vx_base/limits.h>

/* What a launcher has bound to cores of its own shares them with nobody. */
static vx_neighbours count_same(const cpu_set_t *sets, int size, int rank)
{
    vx_neighbours found = { 0, 0 };

    for (int i = 0; i < size; i++) {
        if (memcmp(&sets[i], &sets[rank], sizeof(*sets)) != 0)
            continue;
        found.count++;
        found.index += i < rank;
    }
    return found;
}

vx_neighbours vx_neighbours_find(void)
{
    static cpu_set_t sets[VX_WORKERS_MAX];
    vx_neighbours found = { 1, 0 };
    MPI_Comm host = MPI_COMM_NULL;
    cpu_set_t own;
    int size = 1;
    int rank = 0;

    memset(&own, 0, sizeof(own)); /* stays so on a machine of more than 1024 processors */
    (void)sched_getaffinity(0, sizeof(own), &own);
    MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &host);
    MPI_Comm_size(host, &size);
    MPI_Comm_rank(host, &rank);
    VX_ASSERT(size <= VX_WORKERS_MAX); /* rank 0 has compared it with the tokens */
    MPI_Allgather(&own, (int)sizeof(own), MPI_BYTE, sets, (int)sizeof(own), MPI_BYTE, host);
    found = count_same(sets, size, rank);
    MPI_Comm_free(&host);
    return found;
}
