#include <vx_data/reference.h>

#include <math.h>

#include <vx_base/alloc.h>
#include <vx_base/assert.h>
#include <vx_data/dataset.h>
#include <vx_tensor_file/npy.h>

struct vx_reference {
    size_t features;
    float *means, *deviations; /* (features), one allocation */
};

static double number_at(const vx_npy_array *array, size_t i)
{
    return array->is_double ? ((const double *)array->at)[i]
                            : (double)((const float *)array->at)[i];
}

static vx_status check_shape(const char *path, const vx_npy_array *array, vx_error *err)
{
    if (array->rank != 2 || array->shape[0] != 2 || array->shape[1] == 0)
        return vx_fail(err, VX_ERR_DATA,
                       "%s: expected an array (2, features): means, then deviations; found %zu "
                       "dimensions, the first of length %zu",
                       path, array->rank, array->rank > 0 ? array->shape[0] : 0);
    if (array->shape[1] > VX_DATA_FEATURES_MAX)
        return vx_fail(err, VX_ERR_LIMIT, "%s: %zu features: at most %zu", path, array->shape[1],
                       VX_DATA_FEATURES_MAX);
    return VX_OK;
}

static vx_status take_numbers(const char *path, const vx_npy_array *array, vx_reference *reference,
                              vx_error *err)
{
    size_t features = array->shape[1];

    VX_ASSERT(reference != NULL && reference->features == features);
    for (size_t k = 0; k < features; k++) {
        reference->means[k] = (float)number_at(array, k);
        reference->deviations[k] = (float)number_at(array, features + k);
        if (!(fabsf(reference->means[k]) <= VX_STANDARDISE_MEAN_MAX))
            return vx_fail(err, VX_ERR_DATA,
                           "%s: column %zu: mean %g, expected a number from -1e18 to 1e18", path, k,
                           number_at(array, k));
        if (!(reference->deviations[k] >= VX_STANDARDISE_DEVIATION_LEAST) ||
            !(reference->deviations[k] <= VX_STANDARDISE_DEVIATION_MAX))
            return vx_fail(err, VX_ERR_DATA,
                           "%s: column %zu: deviation %g, expected a number from 1e-18 to 1e18",
                           path, k, number_at(array, features + k));
    }
    return VX_OK;
}

static vx_status create(size_t features, vx_reference **ret_reference)
{
    vx_reference *reference = vx_calloc(1, sizeof(*reference));

    if (reference == NULL)
        return VX_ERR_NOMEM;
    reference->features = features;
    reference->means = vx_calloc(2 * features, sizeof(float));
    if (reference->means == NULL) {
        vx_free(reference);
        return VX_ERR_NOMEM;
    }
    reference->deviations = reference->means + features;
    *ret_reference = reference;
    return VX_OK;
}

vx_status vx_reference_open(const char *path, vx_reference **ret_reference, vx_error *err)
{
    vx_npy_file *file = NULL;
    vx_reference *reference = NULL;
    vx_npy_array array;
    vx_status status = vx_npy_open(path, &file, err);

    if (status != VX_OK)
        return status;
    array = vx_npy_at(file);
    status = check_shape(path, &array, err);
    if (status == VX_OK && create(array.shape[1], &reference) != VX_OK)
        status = vx_fail(err, VX_ERR_NOMEM, "%s: no memory", path);
    if (status == VX_OK)
        status = take_numbers(path, &array, reference, err);
    vx_npy_close(file);
    if (status == VX_OK)
        *ret_reference = reference;
    else
        vx_reference_close(reference);
    return status;
}

vx_reference *vx_reference_close(vx_reference *reference)
{
    if (reference == NULL)
        return NULL;
    vx_free(reference->means);
    vx_free(reference);
    return NULL;
}

size_t vx_reference_features(const vx_reference *reference)
{
    return reference->features;
}

const float *vx_reference_means(const vx_reference *reference)
{
    return reference->means;
}

const float *vx_reference_deviations(const vx_reference *reference)
{
    return reference->deviations;
}

/* means, squares and counts (features): the mean so far, the sum of squared deviations from it, and
 * of how many values. */
static void accumulate(const vx_dataset *dataset, float *row, double *means, double *squares,
                       double *counts)
{
    vx_dataset_info info = vx_dataset_get_info(dataset);

    for (size_t i = 0; i < info.count; i++) {
        uint32_t position = (uint32_t)i;

        vx_dataset_gather(dataset, &position, 1, VX_STANDARDISE_NONE,
                          (vx_matf){ row, 1, info.features, info.features }, NULL);
        for (size_t k = 0; k < info.features; k++) {
            double step = (double)row[k] - means[k];

            if (isnan(row[k]))
                continue;
            counts[k] += 1.0;
            means[k] += step / counts[k];
            squares[k] += step * ((double)row[k] - means[k]);
        }
    }
}

/* Sums of squares to deviations; 1 of a column that never changes. */
static vx_status take_roots(const char *path, double *squares, const double *counts,
                            size_t features, vx_error *err)
{
    for (size_t k = 0; k < features; k++) {
        double deviation = sqrt(squares[k] / fmax(counts[k], 1.0));

        if (deviation > 0.0 && (float)deviation < VX_STANDARDISE_DEVIATION_LEAST)
            return vx_fail(err, VX_ERR_DATA,
                           "%s: column %zu: deviation %g, expected at least 1e-18; give the column "
                           "in other units",
                           path, k, deviation);
        squares[k] = deviation > 0.0 ? deviation : 1.0;
    }
    return VX_OK;
}

vx_status vx_reference_write(const vx_dataset *dataset, const char *path, vx_error *err)
{
    vx_dataset_info info = vx_dataset_get_info(dataset);
    float *row = vx_calloc(info.features, sizeof(*row));
    double *moments = vx_calloc(3 * info.features, sizeof(*moments)); /* (3, features) */
    vx_status status = VX_OK;

    if (row == NULL || moments == NULL) {
        status = vx_fail(err, VX_ERR_NOMEM, "no memory for %zu features", info.features);
        goto out;
    }
    accumulate(dataset, row, moments, moments + info.features, moments + 2 * info.features);
    status =
        take_roots(path, moments + info.features, moments + 2 * info.features, info.features, err);
    if (status != VX_OK)
        goto out;
    status = vx_npy_write_array(
        path,
        &(vx_npy_array){
            .at = moments, .is_double = true, .rank = 2, .shape = { 2, info.features } },
        err);
out:
    vx_free(row);
    vx_free(moments);
    return status;
}
