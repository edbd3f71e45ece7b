#include <vx_group/group.h>

/* vexil-compute-mpi: one rank of a worker that is several, see vexil-worker(1). */
int main(int argc, char **argv)
{
    return vx_group_main(argc, argv);
}
