#include <vx_likelihood/catalogue.h>

#include <string.h>

#include <vx_base/assert.h>

/* Compiled once. */

static const vx_catalogue_row rows[] = {
    { "linear", VX_CATALOGUE_FAMILY, "generalised linear models; several at once", "columns",
      "z = W x + b", "Nelder, Wedderburn 1972" },
    { "mlp", VX_CATALOGUE_FAMILY, "fully connected layers",
      "widths, activation, dropout, layer_norm, residual", "A_l = act(W_l A_(l-1) + b_l)",
      "Rumelhart, Hinton, Williams 1986" },
    { "cnn", VX_CATALOGUE_FAMILY, "convolutions with pooling by 2, then an mlp; images",
      "channels, kernel, pool, widths, activation, dropout", "pool(act(W_l * A_(l-1) + b_l))",
      "LeCun et al. 1989" },
    { "lenet5", VX_CATALOGUE_FAMILY, "LeNet-5 as commonly built; images of 28 x 28 or 32 x 32",
      "pool, activation, dropout", "conv 6, conv 16 of 5 x 5, 120, 84",
      "LeCun, Bottou, Bengio, Haffner 1998" },
    { "cnn_mnist", VX_CATALOGUE_FAMILY, "431,080 parameters; images of 28 x 28",
      "pool, activation, dropout", "conv 20, conv 50 of 5 x 5, 500", "ByzFL 2025" },
    { "resmlp", VX_CATALOGUE_FAMILY, "maps across patches and of each patch, residual; images",
      "patch, blocks, hidden, residual_scale",
      "Z = X + A_z(W1 Aff(X)); Z + A_y(W3 GELU(W2 Aff(Z)))", "Touvron et al. 2021" },
    { "plugin", VX_CATALOGUE_FAMILY, "one's own, from a shared library", "plugin, options",
      "vexil/model.h", "" },
    { "categorical", VX_CATALOGUE_LIKELIHOOD, "a label of several classes", "",
      "log sum exp(z) - z_y", "" },
    { "gaussian", VX_CATALOGUE_LIKELIHOOD, "real targets of a known variance", "variance",
      "(z - y)^2 / 2v + log(2 pi v) / 2", "" },
    { "bernoulli", VX_CATALOGUE_LIKELIHOOD, "targets 0..1, each output on its own", "",
      "log(1 + exp(z)) - y z", "" },
    { "poisson", VX_CATALOGUE_LIKELIHOOD, "counts, log link", "", "exp(z) - y z + log y!", "" },
    { "negative_binomial", VX_CATALOGUE_LIKELIHOOD, "counts of variance m + a m^2, log link",
      "dispersion", "-log NB(y; m = exp(z), a)", "Lawless 1987" },
    { "nll", VX_CATALOGUE_LOSS, "the negative log-likelihood; goes with every likelihood", "",
      "-log q", "" },
    { "smoothing", VX_CATALOGUE_LOSS, "smoothed targets; categorical, bernoulli", "epsilon",
      "(1 - e) y + e / classes", "Szegedy et al. 2016" },
    { "focal", VX_CATALOGUE_LOSS, "less weight for what is certain; categorical", "gamma",
      "-(1 - q)^g log q", "Lin et al. 2017" },
    { "power", VX_CATALOGUE_LOSS, "a power of the probability, or a threshold; categorical",
      "exponent, threshold", "(1 - q^a) / a; -log max(q, t)", "Zhang, Sabuncu 2018" },
    { "mixce", VX_CATALOGUE_LOSS, "forward and reverse cross-entropy; categorical", "eta",
      "-e log q - (1 - e) q", "Zhang et al. 2023" },
    { "unlikelihood", VX_CATALOGUE_LOSS, "the label is what it is not; categorical", "",
      "-log(1 - q)", "Welleck et al. 2020" },
    { "distillation", VX_CATALOGUE_LOSS,
      "a teacher, or the model itself earlier; categorical, bernoulli", "mix, temperature, teacher",
      "(1 - l) nll + l T^2 CE(p_T, q_T)", "Hinton, Vinyals, Dean 2015" },
    { "nce", VX_CATALOGUE_LOSS, "against drawn classes, without a normaliser; categorical", "noise",
      "-log s(d_y) - sum_j log s(-d_j)", "Gutmann, Hyvarinen 2010" },
};

size_t vx_catalogue_count(void)
{
    return sizeof(rows) / sizeof(rows[0]);
}

const vx_catalogue_row *vx_catalogue_at(size_t index)
{
    VX_ASSERT(index < vx_catalogue_count());
    return &rows[index];
}

/* The row of a kind with this place among those of the kind: enums and rows have the same order. */
static const vx_catalogue_row *nth(vx_catalogue_kind kind, size_t place)
{
    size_t first = 0;

    while (rows[first].kind != kind)
        first++;
    VX_ASSERT(first + place < vx_catalogue_count() && rows[first + place].kind == kind);
    return &rows[first + place];
}

const char *vx_likelihood_name(vx_likelihood likelihood)
{
    return nth(VX_CATALOGUE_LIKELIHOOD, (size_t)likelihood)->name;
}

const char *vx_loss_name(vx_loss_kind kind)
{
    return nth(VX_CATALOGUE_LOSS, (size_t)kind)->name;
}

vx_status vx_likelihood_parse(const char *name, vx_likelihood *ret_likelihood)
{
    for (unsigned k = 0; k <= VX_LIKELIHOOD_NEGATIVE_BINOMIAL; k++)
        if (strcmp(vx_likelihood_name((vx_likelihood)k), name) == 0) {
            *ret_likelihood = (vx_likelihood)k;
            return VX_OK;
        }
    return VX_ERR_CONFIG;
}

vx_status vx_loss_parse(const char *name, vx_loss_kind *ret_kind)
{
    for (unsigned k = 0; k <= VX_LOSS_NCE; k++)
        if (strcmp(vx_loss_name((vx_loss_kind)k), name) == 0) {
            *ret_kind = (vx_loss_kind)k;
            return VX_OK;
        }
    return VX_ERR_CONFIG;
}
