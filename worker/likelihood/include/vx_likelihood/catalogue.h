#ifndef VX_LIKELIHOOD_CATALOGUE_H
#define VX_LIKELIHOOD_CATALOGUE_H
#include <stddef.h>

#include <vx_likelihood/model.h>

/* What can be chosen, for `vexil likelihoods`: families, likelihoods, losses, in this order. */
typedef enum vx_catalogue_kind {
    VX_CATALOGUE_FAMILY,
    VX_CATALOGUE_LIKELIHOOD,
    VX_CATALOGUE_LOSS
} vx_catalogue_kind;

typedef struct vx_catalogue_row {
    const char *name;
    vx_catalogue_kind kind;
    const char *what;    /* one line */
    const char *keys;    /* of the section model (loss: model.loss), between commas; "": none */
    const char *formula; /* z outputs, y target, q probability of the label, m = exp(z) */
    const char *source;  /* "Lin et al. 2017"; "": common knowledge */
} vx_catalogue_row;

size_t vx_catalogue_count(void);
const vx_catalogue_row *vx_catalogue_at(size_t index);

/* The names of model.likelihood and model.loss.kind. */
const char *vx_likelihood_name(vx_likelihood likelihood);
const char *vx_loss_name(vx_loss_kind kind);
/* VX_ERR_CONFIG: no such name. */
VX_MUST_CHECK vx_status vx_likelihood_parse(const char *name, vx_likelihood *ret_likelihood);
VX_MUST_CHECK vx_status vx_loss_parse(const char *name, vx_loss_kind *ret_kind);
#endif
