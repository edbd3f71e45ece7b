#ifndef VX_GROUP_GROUP_H
#define VX_GROUP_GROUP_H

/*
 * A worker of several MPI ranks that trust each other and die together. Rank 0 leads: it is the
 * worker that the server knows, and what it computes it computes with the others. An error of MPI
 * ends them all, and says of which slot and rank it is.
 */

/* The whole life of one rank: MPI, bootstrap through the standard input of rank 0, rounds until the
 * run is over. Returns the exit code: rank 0's is the worker's, the others have 0. */
int vx_group_main(int argc, char **argv);
#endif
