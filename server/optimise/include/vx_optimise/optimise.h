#ifndef VX_OPTIMISE_OPTIMISE_H
#define VX_OPTIMISE_OPTIMISE_H
#include <stddef.h>
#include <stdint.h>

#include <vx_base/span.h>
#include <vx_base/status.h>

/* Every kind counts the rounds from the end of the warm-up; the last round of the job is its end.
 */
typedef enum vx_schedule_kind {
    VX_SCHEDULE_CONSTANT,
    VX_SCHEDULE_STEP,     /* x factor every `every` rounds */
    VX_SCHEDULE_COSINE,   /* half a cosine from 1 to final_factor */
    VX_SCHEDULE_ONE_CYCLE /* Smith, Topin 2019: linearly up from 1/initial_divisor to 1 in the first
                             part, down to final_factor; momentum runs opposite between momentum_low
                             and momentum */
} vx_schedule_kind;

typedef struct vx_schedule {
    vx_schedule_kind kind;
    uint64_t warmup;        /* rounds before any kind, with 1/(warmup + 1), 2/(warmup + 1), ... of
                               its first factor; 0 = none */
    uint64_t every;         /* step */
    double factor;          /* step */
    double final_factor;    /* cosine, one_cycle */
    double initial_divisor; /* one_cycle */
    double up_share;        /* one_cycle: share of the rounds that go up */
    double momentum_low;    /* one_cycle */
    uint64_t rounds;        /* of the whole job */
} vx_schedule;

/* What multiplies the step size at a round (0, 1, ...): a pure function of the round. */
double vx_schedule_factor(const vx_schedule *schedule, uint64_t round);
/* The momentum at a round: `momentum` itself but for one_cycle. */
double vx_schedule_momentum(const vx_schedule *schedule, double momentum, uint64_t round);

typedef enum vx_optimiser_kind {
    VX_OPTIMISER_SGD,
    VX_OPTIMISER_HEAVY_BALL, /* Polyak 1964: b = mu b + g; theta -= eta b */
    VX_OPTIMISER_NESTEROV,   /* Sutskever et al. 2013 as commonly coded: theta -= eta (g + mu b) */
    VX_OPTIMISER_ADAMW /* Loshchilov, Hutter 2019, the decay multiplied by eta as commonly coded:
                          theta -= eta (m / (sqrt(v) + epsilon) + decay theta); its moments are
                          corrected as if every round up to this one had been a step */
} vx_optimiser_kind;

/* Parameters `from` to `from` + `count` - 1. */
typedef struct vx_optimiser_part {
    size_t from, count;
} vx_optimiser_part;

typedef struct vx_optimiser_options {
    vx_optimiser_kind kind;
    double step_size;             /* eta > 0 */
    double momentum;              /* mu in [0, 1) */
    double beta1, beta2, epsilon; /* adamw */
    double weight_decay;          /* >= 0; added to the gradient (L2), adamw: decoupled */
    vx_schedule schedule;
    double l1;                       /* >= 0; not for adamw. See vx_optimiser_step. */
    const vx_optimiser_part *exempt; /* that l1 leaves alone: ascending, none overlaps another;
                                        borrowed during the creation */
    size_t exempt_count;
} vx_optimiser_options;

vx_optimiser_options vx_optimiser_options_default(void);

typedef struct vx_optimiser vx_optimiser;
/* VX_ERR_DOMAIN names the option that is out of range. VX_ERR_SHAPE: no parameters, or exempt parts
 * out of order or beyond the dimension. */
VX_MUST_CHECK vx_status vx_optimiser_create(const vx_optimiser_options *options, size_t dimension,
                                            vx_optimiser **ret_optimiser, vx_error *err);
vx_optimiser *vx_optimiser_destroy(vx_optimiser *optimiser);

/* theta and update (d): theta moves against update. Arithmetic in double a coordinate, state and
 * theta in float32. round counts from 0 and is the only clock. O(d), no allocation. VX_ERR_SHAPE.
 * VX_ERR_NONFINITE when a parameter or the state would leave the finite numbers: theta and state
 * are then as before, because every step is first tried in full (two passes).
 *
 * l1 > 0 adds l1 |theta_j| to what is minimised, as a proximal gradient step (Parikh, Boyd 2014,
 * 4.2): theta_j = S(z_j, w l1), S(z, t) = sign(z) max(|z| - t, 0), z the parameters after the plain
 * step, w what this round's own gradient is multiplied by in it: eta; nesterov: eta (1 + mu). The
 * subgradient that the threshold has applied, s = (z - theta) / w in [-l1, l1], joins the momentum
 * as if it had been part of the gradient (heavy_ball: the inertial forward-backward step of Ochs et
 * al. 2014, iPiano). So every kind rests only where g_j = -l1 sign(theta_j), |g_j| <= l1 at 0, g
 * with the weight decay in it (an elastic net). adamw is refused: its steps are divided by a
 * different number in each coordinate, and where it would rest depends on those. */
VX_MUST_CHECK vx_status vx_optimiser_step(vx_optimiser *optimiser, uint64_t round, vx_cvecf update,
                                          vx_vecf theta);
double vx_optimiser_step_size(const vx_optimiser *optimiser, uint64_t round); /* eta x schedule */

/* The state as named vectors (d), for checkpoints: "momentum"; "first_moment", "second_moment";
 * none for sgd. Borrowed; writing to them restores a state. */
size_t vx_optimiser_state_count(const vx_optimiser *optimiser);
const char *vx_optimiser_state_name(const vx_optimiser *optimiser, size_t index);
vx_vecf vx_optimiser_state_at(vx_optimiser *optimiser, size_t index);
#endif
