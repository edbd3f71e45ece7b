#include <vx_test/check.h>

#include "minimise.h"

#include <math.h>
#include <string.h>

#include <vx_likelihood/model64.h>

static double largest(const double *v, size_t n)
{
    double most = 0;

    for (size_t i = 0; i < n; i++)
        most = fmax(most, fabs(v[i]));
    return most;
}

static double dot(const double *a, const double *b, size_t n)
{
    double sum = 0;

    for (size_t i = 0; i < n; i++)
        sum += a[i] * b[i];
    return sum;
}

/* h becomes the inverse Hessian that the step s and the change y of the gradient suggest. */
static void update(double *h, const double *s, const double *y, size_t n)
{
    double hy[MINIMISE_MAX], sy = dot(s, y, n), yhy = 0;

    if (sy <= 1e-14 * sqrt(dot(s, s, n) * dot(y, y, n)))
        return;
    for (size_t i = 0; i < n; i++)
        hy[i] = dot(h + i * n, y, n);
    yhy = dot(y, hy, n);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++)
            h[i * n + j] += (1 + yhy / sy) * s[i] * s[j] / sy - (hy[i] * s[j] + s[i] * hy[j]) / sy;
}

double minimise(minimise_function f, void *context, double *x, size_t n, double tolerance,
                size_t steps)
{
    static double h[MINIMISE_MAX * MINIMISE_MAX];
    double gradient[MINIMISE_MAX], next[MINIMISE_MAX], next_gradient[MINIMISE_MAX];
    double value = f(context, x, gradient);

    assert_true(n <= MINIMISE_MAX);
    for (size_t i = 0; i < n * n; i++)
        h[i] = i % (n + 1) == 0 ? 1 : 0;
    for (size_t k = 0; k < steps && largest(gradient, n) > tolerance; k++) {
        double step[MINIMISE_MAX], change[MINIMISE_MAX], rate = 1, next_value = 0;

        for (size_t i = 0; i < n; i++)
            step[i] = -dot(h + i * n, gradient, n);
        for (;; rate /= 2) {
            for (size_t i = 0; i < n; i++)
                next[i] = x[i] + rate * step[i];
            next_value = f(context, next, next_gradient);
            if (next_value <= value + 1e-15 * fabs(value) || rate < 1e-12)
                break;
        }
        for (size_t i = 0; i < n; i++) {
            step[i] *= rate;
            change[i] = next_gradient[i] - gradient[i];
        }
        update(h, step, change, n);
        memcpy(x, next, n * sizeof(*x));
        memcpy(gradient, next_gradient, n * sizeof(*gradient));
        value = next_value;
    }
    return largest(gradient, n);
}

typedef struct problem {
    vx_model64 *model;
    const vx_batch *batch;
    size_t d;
} problem;

static double loss_at(void *context, const double *x, double *ret_gradient)
{
    problem *own = context;
    vx_model_value value = { 0 };
    vx_status status = vx_model_loss_gradient64(own->model, (vx_cvec){ x, own->d }, own->batch,
                                                (vx_vec){ ret_gradient, own->d }, &value);

    assert_true(status == VX_OK || status == VX_ERR_NONFINITE);
    return status == VX_OK ? value.loss : HUGE_VAL;
}

double minimise_model(const vx_model_spec *spec, const vx_batch *batch, double *ret_theta,
                      double tolerance)
{
    problem own = { .batch = batch };
    vx_error err = { 0 };
    double left = 0;

    vx_assert_ok(vx_model_create64(spec, &own.model, &err), &err);
    own.d = vx_model_dimension64(own.model);
    memset(ret_theta, 0, own.d * sizeof(*ret_theta));
    left = minimise(loss_at, &own, ret_theta, own.d, tolerance, 2000);
    vx_model_destroy64(own.model);
    return left;
}

void minimise_solve(double *a, double *b, size_t n)
{
    for (size_t c = 0; c < n; c++) {
        size_t pivot = c;

        for (size_t r = c + 1; r < n; r++)
            pivot = fabs(a[r * n + c]) > fabs(a[pivot * n + c]) ? r : pivot;
        for (size_t k = 0; k < n; k++) {
            double swap = a[c * n + k];

            a[c * n + k] = a[pivot * n + k];
            a[pivot * n + k] = swap;
        }
        {
            double swap = b[c];

            b[c] = b[pivot];
            b[pivot] = swap;
        }
        assert_true(fabs(a[c * n + c]) > 1e-12);
        for (size_t r = 0; r < n; r++) {
            double factor = r == c ? 0 : a[r * n + c] / a[c * n + c];

            for (size_t k = c; k < n && factor != 0; k++)
                a[r * n + k] -= factor * a[c * n + k];
            b[r] -= factor * b[c];
        }
    }
    for (size_t c = 0; c < n; c++)
        b[c] /= a[c * n + c];
}
