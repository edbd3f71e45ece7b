#include <string.h>

#include "layer.h"

/*
 * Squares of kernel x kernel pixels, next to each other, become one pixel: the largest of each
 * channel (the first of equal ones, rows first, gets the delta; NaN counts as the largest), or the
 * mean. Rows and columns at the end that fill no square are left out. Images interleaved.
 */
typedef VX_R(vx_layer) layer;

#ifdef VX_REAL_DOUBLE
typedef uint64_t place_int; /* as wide as vx_real: the loops fill whole registers */
#else
typedef uint32_t place_int;
#endif

static vx_status plan(layer *own, vx_error *err)
{
    if (own->kernel == 0)
        return vx_fail(err, VX_ERR_CONFIG, "model.pool: the window is 0 pixels wide");
    if (own->in.height < own->kernel || own->in.width < own->kernel)
        return vx_fail(err, VX_ERR_CONFIG,
                       "model.channels: nothing is left to pool: windows of %zu x %zu on an image "
                       "of %zu x %zu after %u layers with parameters; use fewer blocks",
                       own->kernel, own->kernel, own->in.height, own->in.width, own->stream);
    own->out =
        (vx_shape){ own->in.channels, own->in.height / own->kernel, own->in.width / own->kernel };
    return VX_OK;
}

/* Which pixel of its square was taken, for each number of out. */
static size_t work_bytes(const layer *own, size_t batch_max)
{
    return own->pool == VX_POOL_MAX ? batch_max * vx_shape_size(own->out) * sizeof(place_int) : 0;
}

/* Where pixel q of the square of pixel (y, x) of out is in an observation of in. */
static size_t pixel(const layer *own, size_t y, size_t x, size_t q)
{
    size_t row = y * own->kernel + q / own->kernel;
    size_t column = x * own->kernel + q % own->kernel;

    return (row * own->in.width + column) * own->in.channels;
}

static void take_largest(size_t channels, const vx_real *restrict in, place_int q,
                         vx_real *restrict best, place_int *restrict place)
{
    for (size_t c = 0; c < channels; c++) {
        vx_real value = in[c];
        bool takes = (value > best[c]) | (value != value);

        best[c] = takes ? value : best[c];
        place[c] = takes ? q : place[c];
    }
}

static void largest(const layer *own, const vx_real *in, vx_real *out, place_int *place)
{
    size_t channels = own->in.channels;

    for (size_t y = 0; y < own->out.height; y++)
        for (size_t x = 0; x < own->out.width; x++) {
            memcpy(out, in + pixel(own, y, x, 0), channels * sizeof(*out));
            memset(place, 0, channels * sizeof(*place));
            for (size_t q = 1; q < own->kernel * own->kernel; q++)
                take_largest(channels, in + pixel(own, y, x, q), (place_int)q, out, place);
            out += channels;
            place += channels;
        }
}

static void mean(const layer *own, const vx_real *in, vx_real *out)
{
    size_t channels = own->in.channels;
    size_t count = own->kernel * own->kernel;
    vx_real share = 1 / (vx_real)count;

    for (size_t y = 0; y < own->out.height; y++)
        for (size_t x = 0; x < own->out.width; x++) {
            memset(out, 0, channels * sizeof(*out));
            for (size_t q = 0; q < count; q++)
                for (size_t c = 0; c < channels; c++)
                    out[c] += share * in[pixel(own, y, x, q) + c];
            out += channels;
        }
}

static vx_status forward(layer *own, const vx_pass *pass, vx_rcvec theta, vx_rcmat in, vx_rmat out)
{
    (void)theta;
    for (size_t b = 0; b < pass->rows; b++)
        if (own->pool == VX_POOL_MAX)
            largest(own, in.at + b * in.ld, out.at + b * out.ld,
                    (place_int *)own->work + b * out.cols);
        else
            mean(own, in.at + b * in.ld, out.at + b * out.ld);
    return VX_OK;
}

/* Each pixel of a square of ret_delta is written once: the delta where it was taken, else 0. */
static void give_back(size_t channels, const vx_real *restrict delta,
                      const place_int *restrict place, place_int q, vx_real *restrict ret_delta)
{
    for (size_t c = 0; c < channels; c++) {
        vx_real whole = delta[c]; /* read in any case: no branch */

        ret_delta[c] = place[c] == q ? whole : 0;
    }
}

static void spread(size_t channels, const vx_real *delta, vx_real share, vx_real *ret_delta)
{
    for (size_t c = 0; c < channels; c++)
        ret_delta[c] = share * delta[c];
}

static void back(const layer *own, const vx_real *delta, const place_int *place, vx_real *ret_delta)
{
    size_t channels = own->in.channels;
    size_t count = own->kernel * own->kernel;

    if (own->in.height % own->kernel != 0 || own->in.width % own->kernel != 0)
        memset(ret_delta, 0, vx_shape_size(own->in) * sizeof(*ret_delta));
    for (size_t i = 0; i < own->out.height * own->out.width; i++)
        for (size_t q = 0; q < count; q++) {
            vx_real *to = ret_delta + pixel(own, i / own->out.width, i % own->out.width, q);

            if (place != NULL)
                give_back(channels, delta + i * channels, place + i * channels, (place_int)q, to);
            else
                spread(channels, delta + i * channels, 1 / (vx_real)count, to);
        }
}

static vx_status backward(layer *own, const vx_pass *pass, vx_rcvec theta, vx_rcmat in,
                          vx_rcmat out, vx_rmat delta, vx_rmat ret_delta, vx_rvec gradient)
{
    (void)theta;
    (void)in;
    (void)out;
    (void)gradient;
    for (size_t b = 0; ret_delta.at != NULL && b < pass->rows; b++)
        back(own, delta.at + b * delta.ld,
             own->pool == VX_POOL_MAX ? (const place_int *)own->work + b * delta.cols : NULL,
             ret_delta.at + b * ret_delta.ld);
    return VX_OK;
}

const VX_R(vx_layer_kind) VX_R(vx_layer_pool) = {
    .name = "pool",
    .plan = plan,
    .work_bytes = work_bytes,
    .forward = forward,
    .backward = backward,
};
