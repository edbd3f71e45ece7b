#ifndef VX_LIKELIHOOD_GRADCHECK_H
#define VX_LIKELIHOOD_GRADCHECK_H
#include <vx_likelihood/model.h>

/*
 * Is the gradient of a model the derivative of its loss? In double, at random theta: the analytic
 * gradient against central differences of fourth order,
 *     (8 (f(t + h) - f(t - h)) - (f(t + 2h) - f(t - 2h))) / 12h,
 * with h = step, step / 16 and step / 256, and where all of these are off by more than 1e-7 with
 * step / 4096 and step / 65536; the best one counts, so that kinks of relu and of max pooling near
 * theta do not: a weight of a convolution meets thousands of them. And the float gradient against
 * the double one.
 */
typedef struct vx_gradcheck_options {
    uint64_t seed;
    size_t points;      /* theta = first parameters + scale N(0, 1), >= 1 */
    size_t coordinates; /* of theta, drawn at each point; 0 or more than there are: all */
    size_t first,
        range;    /* only coordinates first .. first + range - 1 <= d; range 0: all of theta */
    double step;  /* 0: 2e-3 */
    double scale; /* 0: 0.3 */
} vx_gradcheck_options;

typedef struct vx_gradcheck_result {
    double worst; /* largest |analytic - numeric| / max(|analytic|, |numeric|, 1e-3 largest
                     |analytic| of the point); under 1e-6 is right */
    double analytic, numeric; /* there */
    size_t point, coordinate;
    char tensor[VX_TENSOR_NAME_MAX]; /* the one that coordinate is in */
    double float_worst; /* largest |float - double| / largest |double|, gradient entries; about 1e-6
                           is right */
    size_t checked;     /* coordinates, over all points */
} vx_gradcheck_result;

/* What vx_model_create and vx_model_loss_gradient64 return; VX_ERR_NONFINITE: the model overflows
 * at such a theta. Takes memory. Cost: 13 to 21 gradients a coordinate. */
VX_MUST_CHECK vx_status vx_gradcheck(const vx_model_spec *spec, const vx_batch *batch,
                                     const vx_gradcheck_options *options,
                                     vx_gradcheck_result *ret_result, vx_error *err);
#endif
