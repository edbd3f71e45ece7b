#include "layer.h"

/*
 * interleave: (channels, height, width) in memory becomes (height, width, channels); planar: back.
 * The shape stays.
 */
typedef VX_R(vx_layer) layer;

static vx_status plan(layer *own, vx_error *err)
{
    (void)err;
    own->out = own->in;
    return VX_OK;
}

/* ret_to (columns, rows) = from (rows, columns) transposed. */
static void transpose(size_t rows, size_t columns, const vx_real *restrict from,
                      vx_real *restrict ret_to)
{
    for (size_t c = 0; c < columns; c++)
        for (size_t r = 0; r < rows; r++)
            ret_to[c * rows + r] = from[r * columns + c];
}

static void all(const layer *own, bool interleaves, vx_rcmat from, vx_rmat ret_to)
{
    size_t channels = own->in.channels;
    size_t pixels = own->in.height * own->in.width;

    for (size_t b = 0; b < ret_to.rows; b++)
        transpose(interleaves ? channels : pixels, interleaves ? pixels : channels,
                  from.at + b * from.ld, ret_to.at + b * ret_to.ld);
}

static vx_status forward_interleave(layer *own, const vx_pass *pass, vx_rcvec theta, vx_rcmat in,
                                    vx_rmat out)
{
    (void)pass;
    (void)theta;
    all(own, true, in, out);
    return VX_OK;
}

static vx_status forward_planar(layer *own, const vx_pass *pass, vx_rcvec theta, vx_rcmat in,
                                vx_rmat out)
{
    (void)pass;
    (void)theta;
    all(own, false, in, out);
    return VX_OK;
}

static vx_status backward_interleave(layer *own, const vx_pass *pass, vx_rcvec theta, vx_rcmat in,
                                     vx_rcmat out, vx_rmat delta, vx_rmat ret_delta,
                                     vx_rvec gradient)
{
    (void)pass;
    (void)theta;
    (void)in;
    (void)out;
    (void)gradient;
    if (ret_delta.at != NULL)
        all(own, false, vx_rmat_const(delta), ret_delta);
    return VX_OK;
}

static vx_status backward_planar(layer *own, const vx_pass *pass, vx_rcvec theta, vx_rcmat in,
                                 vx_rcmat out, vx_rmat delta, vx_rmat ret_delta, vx_rvec gradient)
{
    (void)pass;
    (void)theta;
    (void)in;
    (void)out;
    (void)gradient;
    if (ret_delta.at != NULL)
        all(own, true, vx_rmat_const(delta), ret_delta);
    return VX_OK;
}

const VX_R(vx_layer_kind) VX_R(vx_layer_interleave) = {
    .name = "interleave",
    .plan = plan,
    .forward = forward_interleave,
    .backward = backward_interleave,
};

const VX_R(vx_layer_kind) VX_R(vx_layer_planar) = {
    .name = "planar",
    .plan = plan,
    .forward = forward_planar,
    .backward = backward_planar,
};
