#include "layer.h"

/* out_c = mean over the pixels (patches) of channel c; images interleaved. */
typedef VX_R(vx_layer) layer;

static vx_status plan(layer *own, vx_error *err)
{
    (void)err;
    own->out = (vx_shape){ own->in.channels, 1, 1 };
    return VX_OK;
}

static vx_status forward(layer *own, const vx_pass *pass, vx_rcvec theta, vx_rcmat in, vx_rmat out)
{
    size_t pixels = own->in.height * own->in.width;

    (void)theta;
    for (size_t b = 0; b < pass->rows; b++) {
        vx_rcmat image = { in.at + b * in.ld, pixels, out.cols, out.cols };
        vx_real *to = out.at + b * out.ld;

        VX_R(vx_column_sums)(image, to);
        for (size_t c = 0; c < out.cols; c++)
            to[c] /= (vx_real)pixels;
    }
    return VX_OK;
}

static vx_status backward(layer *own, const vx_pass *pass, vx_rcvec theta, vx_rcmat in,
                          vx_rcmat out, vx_rmat delta, vx_rmat ret_delta, vx_rvec gradient)
{
    size_t pixels = own->in.height * own->in.width;

    (void)theta;
    (void)in;
    (void)out;
    (void)gradient;
    for (size_t b = 0; ret_delta.at != NULL && b < pass->rows; b++)
        for (size_t p = 0; p < pixels; p++)
            for (size_t c = 0; c < delta.cols; c++)
                ret_delta.at[b * ret_delta.ld + p * delta.cols + c] =
                    delta.at[b * delta.ld + c] / (vx_real)pixels;
    return VX_OK;
}

const VX_R(vx_layer_kind) VX_R(vx_layer_mean) = {
    .name = "mean",
    .plan = plan,
    .forward = forward,
    .backward = backward,
};
