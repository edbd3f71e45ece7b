#ifndef VX_TEST_LIKELIHOOD_MINIMISE_H
#define VX_TEST_LIKELIHOOD_MINIMISE_H
#include <stddef.h>

#include <vx_likelihood/model.h>

#define MINIMISE_MAX 80

/* f(x) and its gradient (n). */
typedef double (*minimise_function)(void *context, const double *x, double *ret_gradient);

/* BFGS with halving of the step from x (n <= MINIMISE_MAX) until no gradient entry exceeds
 * tolerance, or for so many steps. Returns the largest gradient entry that is left. */
double minimise(minimise_function f, void *context, double *x, size_t n, double tolerance,
                size_t steps);

/* The loss of a model on a batch, all in double, from x = 0. Returns as minimise. */
double minimise_model(const vx_model_spec *spec, const vx_batch *batch, double *ret_theta,
                      double tolerance);

/* ret_x (n) solves a x = b; a (n, n) and b are overwritten. Gauss with pivots. */
void minimise_solve(double *a, double *b, size_t n);
#endif
