#ifndef VX_ORACLE_RULES_H
#define VX_ORACLE_RULES_H
#include <stdbool.h>

#include <vx_base/span.h>

/* x (n, d), f byzantine; ret (d). All in double, allocating freely. */
void vx_oracle_mean(vx_cmat x, double *ret);
void vx_oracle_unit_mean(vx_cmat x, double *ret);
void vx_oracle_median(vx_cmat x, double *ret);
void vx_oracle_trimmed_mean(vx_cmat x, size_t f, double *ret);
/* Per coordinate the mean of the `keep` values nearest centre (d), the first ones of those equally
 * far. */
void vx_oracle_nearest_values(vx_cmat x, size_t keep, const double *centre, double *ret);
void vx_oracle_meamed(vx_cmat x, size_t f, double *ret);
void vx_oracle_phocas(vx_cmat x, size_t f, double *ret);
void vx_oracle_sign_majority(vx_cmat x, double *ret);
void vx_oracle_nnm(vx_cmat x, size_t f, vx_mat ret_mixed); /* (n, d) */

/* neighbours = n - f - 2 in the paper; a wrong count serves tests that must tell them apart.
 * Returns the row. */
size_t vx_oracle_krum(vx_cmat x, size_t neighbours, double *ret);
void vx_oracle_multi_krum(vx_cmat x, size_t neighbours, size_t selected, double *ret);

/* Every subset of n - f rows is tried, n < 20; the first of the best. Return the diameter, and the
 * largest eigenvalue of the covariance. */
double vx_oracle_mda(vx_cmat x, size_t f, double *ret);
double vx_oracle_smea(vx_cmat x, size_t f, double *ret);

/* The mean of the `kept` rows nearest to a centre (d); of least norm; nearest to row `pivot`. */
void vx_oracle_nearest(vx_cmat x, const double *centre, size_t kept, double *ret);
void vx_oracle_cge(vx_cmat x, size_t f, double *ret);
void vx_oracle_monna(vx_cmat x, size_t f, size_t pivot, double *ret);

/* v (d) moves by so many steps. */
void vx_oracle_centered_clipping(vx_cmat x, unsigned steps, double tau, double *v);

/* The filter with explicit eigenvectors in d dimensions, rows not all equal. Returns the least
 * eigenvalue seen. */
double vx_oracle_caf(vx_cmat x, size_t f, double *ret);

/* Krum on the rows that are left, n - 2f times. */
void vx_oracle_bulyan_select(vx_cmat x, size_t f, bool *ret_selected);

/* Weiszfeld from the mean to a fixed point, each step in d dimensions. Returns the objective. */
double vx_oracle_geometric_median(vx_cmat x, double *ret);
double vx_oracle_sum_of_distances(vx_cmat x, const double *z);

typedef struct vx_oracle_flag {
    size_t subspace;
    unsigned iterations;
    double lambda;
    bool paper_loss, raw;
    double *ret_direction; /* (d), not divided by m or n */
    double *ret_ratio;     /* (n) */
    double objective;
} vx_oracle_flag;

/* The flag rule by explicit SVDs of (d, n + n (n - 1)) matrices, uniform start. No zero rows. */
void vx_oracle_flag_fit(vx_cmat x, vx_oracle_flag *flag);

double vx_oracle_dot(const double *a, const double *b, size_t n);
#endif
