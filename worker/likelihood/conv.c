#include <string.h>

#include "layer.h"

/*
 * out[y, x, o] = b[o] + sum over (c, v, u) of W[o, c, v, u] in[s y + v - p, s x + u - p, c],
 * s the stride, p the padding (zeros); images interleaved. theta holds W (units, channels, kernel,
 * kernel), b (units).
 *
 * The image is lowered along its height only,
 *     low[y, x, v, c] = in[s y + v - p, x - p, c],   0 <= x < width + 2 p,
 * and column x of all rows of all observations of a chunk is one product: low[:, s x .. s x +
 * kernel - 1, :, :] is a matrix (rows, kernel kernel channels) whose rows overlap those of the next
 * column, out[:, x, :] one (rows, units). So low is kernel times the input, not kernel^2 times
 * (Cho, Brand, "MEC: memory-efficient convolution for deep neural network", ICML 2017), and beta =
 * 1 adds up the overlaps of the deltas.
 *
 * A kernel of 1 with stride 1 is a product with the input as it is; not in the first layer, whose
 * rows may be apart.
 */
typedef VX_R(vx_layer) layer;

#define CHUNK_BYTES (4u << 20) /* of low: few large products, and memory with a bound */

/* What the loops below count in. */
typedef struct geometry {
    size_t channels, rows, columns; /* of out, an observation */
    size_t across;                  /* lowered pixels of a row */
    size_t span;                    /* numbers of a lowered pixel: kernel channels */
    size_t patch;                   /* kernel span */
    size_t row;                     /* numbers of a lowered row: across span */
    bool direct;                    /* low is the input */
} geometry;

static geometry geometry_of(const layer *own)
{
    geometry g = { .channels = own->in.channels,
                   .rows = own->out.height,
                   .columns = own->out.width,
                   .across = own->in.width + 2 * own->padding,
                   .span = own->kernel * own->in.channels,
                   .direct = own->kernel == 1 && own->stride == 1 && own->padding == 0 &&
                             own->index > 0 };

    if (g.direct) { /* every pixel is a row of its own */
        g.rows *= g.columns;
        g.columns = 1;
        g.across = 1;
    }
    g.patch = own->kernel * g.span;
    g.row = g.across * g.span;
    return g;
}

static vx_status too_large(vx_error *err)
{
    return vx_fail(err, VX_ERR_LIMIT, "the model has more than %llu parameters or numbers a layer",
                   VX_DIMENSION_MAX);
}

static vx_status plan(layer *own, vx_error *err)
{
    size_t height = own->in.height + 2 * own->padding;
    size_t width = own->in.width + 2 * own->padding;
    size_t patch = 0;

    if (own->units == 0 || own->in.channels == 0)
        return vx_fail(err, VX_ERR_CONFIG, "model.channels: layer %u has 0 channels",
                       own->stream + 1);
    if (own->kernel == 0 || own->stride == 0)
        return vx_fail(err, VX_ERR_CONFIG, "model.kernel: expected at least 1, found %zu",
                       own->kernel);
    if (own->kernel > height || own->kernel > width)
        return vx_fail(err, VX_ERR_CONFIG,
                       "model.kernel: layer %u has a kernel of %zu x %zu on an image of %zu x %zu "
                       "with its padding",
                       own->stream + 1, own->kernel, own->kernel, height, width);
    if (own->kernel > VX_DIMENSION_MAX / own->kernel ||
        own->kernel * own->kernel > VX_DIMENSION_MAX / own->in.channels)
        return too_large(err);
    patch = own->kernel * own->kernel * own->in.channels;
    own->out = (vx_shape){ own->units, (height - own->kernel) / own->stride + 1,
                           (width - own->kernel) / own->stride + 1 };
    if (own->units > VX_DIMENSION_MAX / (patch + 1) ||
        own->units > VX_DIMENSION_MAX / (own->out.height * own->out.width) ||
        patch > VX_DIMENSION_MAX / (own->out.height * width))
        return too_large(err);
    own->parameters = (patch + 1) * own->units;
    own->tensors = 2;
    return VX_OK;
}

static vx_model_tensor tensor_at(const layer *own, size_t index)
{
    if (index == 0)
        return (vx_model_tensor){
            "weight", 4, { own->units, own->in.channels, own->kernel, own->kernel }, 0, true
        };
    return (vx_model_tensor){ "bias", 1, { own->units }, own->parameters - own->units, false };
}

static void initialise(const layer *own, uint64_t seed, vx_rvec theta)
{
    size_t area = own->kernel * own->kernel;

    VX_R(vx_start)(own, seed, area * own->in.channels, area * own->units, own->units, theta);
}

/* Observations of a chunk. */
static size_t chunk_of(const geometry *g, size_t batch_max)
{
    size_t fit = CHUNK_BYTES / (g->rows * g->row * sizeof(vx_real));

    fit = fit > 0 ? fit : 1;
    return fit < batch_max ? fit : batch_max;
}

/* Parts of work. */
typedef struct parts {
    size_t chunk;
    vx_real *weight, *gradient; /* (units, kernel column, kernel row, channels) */
    vx_real *low, *delta;       /* (chunk, rows, across, kernel row, channels); not when direct */
} parts;

/* To the next cache line. */
static size_t padded(size_t numbers)
{
    return (numbers + 15) / 16 * 16;
}

static parts parts_of(const layer *own, const geometry *g)
{
    size_t weights = padded(own->parameters - own->units);
    parts p = { .chunk = g->direct ? own->batch_max : chunk_of(g, own->batch_max),
                .weight = own->work };

    p.gradient = p.weight + weights;
    p.low = p.gradient + weights;
    p.delta = p.low + padded(p.chunk * g->rows * g->row);
    return p;
}

static size_t work_bytes(const layer *own, size_t batch_max)
{
    geometry g = geometry_of(own);
    size_t weights = padded(own->parameters - own->units);
    size_t low = g.direct ? 0 : padded(chunk_of(&g, batch_max) * g.rows * g.row);

    return 2 * (weights + low) * sizeof(vx_real);
}

/* What is in the place of the weight (o, c, v, u) of theta. */
static size_t place(const layer *own, size_t o, size_t c, size_t v, size_t u)
{
    size_t kernel = own->kernel;

    return ((o * kernel + u) * kernel + v) * own->in.channels + c;
}

/* Calls of theta's order, (o, c, v, u), to the order of the products, and back. */
static void arrange(const layer *own, const vx_real *theta, vx_real *ret_weight)
{
    for (size_t o = 0; o < own->units; o++)
        for (size_t c = 0; c < own->in.channels; c++)
            for (size_t v = 0; v < own->kernel; v++)
                for (size_t u = 0; u < own->kernel; u++)
                    ret_weight[place(own, o, c, v, u)] = *theta++;
}

static void arrange_back(const layer *own, const vx_real *weight, vx_real *ret_theta)
{
    for (size_t o = 0; o < own->units; o++)
        for (size_t c = 0; c < own->in.channels; c++)
            for (size_t v = 0; v < own->kernel; v++)
                for (size_t u = 0; u < own->kernel; u++)
                    *ret_theta++ = weight[place(own, o, c, v, u)];
}

/* The row of the image that kernel row v of row y looks at; false: a row of padding. */
static bool image_row(const layer *own, size_t y, size_t v, size_t *ret_row)
{
    size_t row = y * own->stride + v;

    *ret_row = row - own->padding;
    return row >= own->padding && row - own->padding < own->in.height;
}

/* low of one observation. The padding is 0 since create: nobody writes there. */
static void lower(const layer *own, const geometry *g, const vx_real *in, vx_real *ret_low)
{
    size_t c = g->channels;

    for (size_t y = 0; y < own->out.height; y++)
        for (size_t v = 0; v < own->kernel; v++) {
            vx_real *to = ret_low + y * g->row + own->padding * g->span + v * c;
            const vx_real *from = NULL;
            size_t row = 0;

            if (!image_row(own, y, v, &row))
                continue;
            from = in + row * own->in.width * c;
            if (c == 1) /* a call for each number would cost more than it */
                for (size_t x = 0; x < own->in.width; x++)
                    to[x * g->span] = from[x];
            else
                for (size_t x = 0; x < own->in.width; x++)
                    memcpy(to + x * g->span, from + x * c, c * sizeof(vx_real));
        }
}

/* The other way: ret_delta of one observation = sums of what low took from each number. */
static void raise(const layer *own, const geometry *g, const vx_real *low, vx_real *ret_delta)
{
    size_t c = g->channels;

    memset(ret_delta, 0, vx_shape_size(own->in) * sizeof(vx_real));
    for (size_t y = 0; y < own->out.height; y++)
        for (size_t v = 0; v < own->kernel; v++) {
            const vx_real *from = low + y * g->row + own->padding * g->span + v * c;
            vx_real *to = NULL;
            size_t row = 0;

            if (!image_row(own, y, v, &row))
                continue;
            to = ret_delta + row * own->in.width * c;
            for (size_t x = 0; x < own->in.width; x++)
                for (size_t k = 0; k < c; k++)
                    to[x * c + k] += from[x * g->span + k];
        }
}

/* Column x of the rows of n observations: of low, and of an output that starts at first. */
static vx_rmat low_column(const layer *own, const geometry *g, vx_real *low, size_t x, size_t n)
{
    return (vx_rmat){ low + x * own->stride * g->span, n * g->rows, g->patch, g->row };
}

static vx_rmat out_column(const layer *own, const geometry *g, vx_rmat out, size_t x, size_t first,
                          size_t n)
{
    return (vx_rmat){ out.at + first * out.ld + x * own->units, n * g->rows, own->units,
                      g->columns * own->units };
}

static void lower_chunk(const layer *own, const geometry *g, vx_rcmat in, size_t first, size_t n,
                        vx_real *ret_low)
{
    for (size_t i = 0; i < n; i++)
        lower(own, g, in.at + (first + i) * in.ld, ret_low + i * g->rows * g->row);
}

static size_t count_from(const parts *p, size_t first, size_t rows)
{
    return rows - first < p->chunk ? rows - first : p->chunk;
}

/* Views are of memory that may be written; the products only read it. */
static vx_real *writable(const vx_real *at)
{
    return (vx_real *)(uintptr_t)at;
}

static vx_status forward(layer *own, const vx_pass *pass, vx_rcvec theta, vx_rcmat in, vx_rmat out)
{
    geometry g = geometry_of(own);
    parts p = parts_of(own, &g);
    vx_rcmat weight = { p.weight, own->units, g.patch, g.patch };
    const vx_real *bias = theta.at + own->parameters - own->units;
    vx_status status = VX_OK;

    arrange(own, theta.at, p.weight);
    for (size_t i = 0; i < out.rows * g.rows * g.columns; i++)
        memcpy(out.at + i * own->units, bias, own->units * sizeof(*bias));
    for (size_t first = 0; first < pass->rows; first += p.chunk) {
        size_t n = count_from(&p, first, pass->rows);
        vx_real *low = g.direct ? writable(in.at) + first * in.ld : p.low;

        if (!g.direct)
            lower_chunk(own, &g, in, first, n, low);
        for (size_t x = 0; status == VX_OK && x < g.columns; x++)
            status = vx_gemm_r(false, true, 1, vx_rmat_const(low_column(own, &g, low, x, n)),
                               weight, 1, out_column(own, &g, out, x, first, n));
    }
    return status;
}

/* dW += delta^T low, column by column; from a fresh start when it is the first chunk. */
static vx_status weight_gradient(const layer *own, const geometry *g, vx_real *low, vx_rmat delta,
                                 size_t first, size_t n, vx_real *gradient)
{
    vx_rmat sum = { gradient, own->units, g->patch, g->patch };
    vx_status status = VX_OK;

    for (size_t x = 0; status == VX_OK && x < g->columns; x++)
        status = vx_gemm_r(true, false, 1, vx_rmat_const(out_column(own, g, delta, x, first, n)),
                           vx_rmat_const(low_column(own, g, low, x, n)),
                           first == 0 && x == 0 ? 0 : 1, sum);
    return status;
}

/* d in of a chunk: delta W into the lowered image, and that raised. */
static vx_status pass_below(const layer *own, const geometry *g, const parts *p, vx_rmat delta,
                            size_t first, size_t n, vx_rmat ret_delta)
{
    vx_rcmat weight = { p->weight, own->units, g->patch, g->patch };
    vx_real *low = g->direct ? ret_delta.at + first * ret_delta.ld : p->delta;
    vx_status status = VX_OK;

    if (!g->direct)
        memset(low, 0, n * g->rows * g->row * sizeof(vx_real));
    for (size_t x = 0; status == VX_OK && x < g->columns; x++)
        status = vx_gemm_r(false, false, 1, vx_rmat_const(out_column(own, g, delta, x, first, n)),
                           weight, g->direct ? 0 : 1, low_column(own, g, low, x, n));
    for (size_t i = 0; !g->direct && i < n; i++)
        raise(own, g, low + i * g->rows * g->row, ret_delta.at + (first + i) * ret_delta.ld);
    return status;
}

static vx_status backward(layer *own, const vx_pass *pass, vx_rcvec theta, vx_rcmat in,
                          vx_rcmat out, vx_rmat delta, vx_rmat ret_delta, vx_rvec gradient)
{
    geometry g = geometry_of(own);
    parts p = parts_of(own, &g);
    vx_rcmat pixels = { delta.at, delta.rows * g.rows * g.columns, own->units, own->units };
    vx_status status = VX_OK;

    (void)theta;
    (void)out;
    for (size_t first = 0; status == VX_OK && first < pass->rows; first += p.chunk) {
        size_t n = count_from(&p, first, pass->rows);
        vx_real *low = g.direct ? writable(in.at) + first * in.ld : p.low;

        if (!g.direct && pass->rows > p.chunk) /* else it is there since forward */
            lower_chunk(own, &g, in, first, n, low);
        status = weight_gradient(own, &g, low, delta, first, n, p.gradient);
        if (status == VX_OK && ret_delta.at != NULL)
            status = pass_below(own, &g, &p, delta, first, n, ret_delta);
    }
    arrange_back(own, p.gradient, gradient.at);
    VX_R(vx_column_sums)(pixels, gradient.at + own->parameters - own->units);
    return status;
}

const VX_R(vx_layer_kind) VX_R(vx_layer_conv) = {
    .name = "conv",
    .plan = plan,
    .work_bytes = work_bytes,
    .tensor_at = tensor_at,
    .initialise = initialise,
    .forward = forward,
    .backward = backward,
};
