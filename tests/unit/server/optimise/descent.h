#ifndef VX_TEST_OPTIMISE_DESCENT_H
#define VX_TEST_OPTIMISE_DESCENT_H
#include <vx_test/check.h>

#include <vx_optimise/optimise.h>

enum { D = 1300 }; /* more than two blocks */

vx_optimiser *create(const vx_optimiser_options *options, size_t dimension);
/* That is taken; update and theta (d). */
void step(vx_optimiser *optimiser, uint64_t round, const float *update, float *theta, size_t d);
/* One parameter that begins at 1 is exactly thetas[round] after updates[round]. */
void expect_steps(vx_optimiser *optimiser, const float *updates, const double *thetas,
                  size_t rounds);
void fill(uint64_t round, float *update); /* (D), another one each round */
/* Each allocation of create fails in turn, which it survives; returns how many there are. */
int fail_each_allocation(const vx_optimiser_options *options);
/* A step of a new one takes none. */
void expect_no_allocation(const vx_optimiser_options *options);
/* 20 rounds, and 11 of them from a copy of state and parameters, give the same bits. */
void expect_resumed(const vx_optimiser_options *options);
#endif
