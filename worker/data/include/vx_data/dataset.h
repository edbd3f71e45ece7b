#ifndef VX_DATA_DATASET_H
#define VX_DATA_DATASET_H
#include <stdbool.h>
#include <stdint.h>

#include <vx_base/span.h>
#include <vx_base/status.h>
#include <vx_data/reference.h>

/*
 * Observations with their targets: dense rows (unsigned bytes, float32, float64) or sparse ones;
 * immutable after loading but for vx_dataset_keep. Rows stay in the file that they come from,
 * mapped, where its layout allows it (idx that is not compressed, npy, one cifar file). Others are
 * kept in memory up to vx_data_source.memory_bytes an array, and beyond it written once to a file
 * without a name in the folder for temporary files, and mapped: a set may be larger than memory. A
 * program that shortens a mapped file takes the memory away (SIGBUS).
 */
typedef struct vx_dataset vx_dataset;

typedef enum vx_data_format {
    VX_DATA_IDX,      /* a pair of files, plain or gzip: the MNIST format */
    VX_DATA_NPY,      /* a pair of files of numpy.save */
    VX_DATA_CSV,      /* text of rows and columns, one of them the target */
    VX_DATA_SVMLIGHT, /* "target index:value ...": LIBSVM's text; sparse */
    VX_DATA_CIFAR     /* the binary version of CIFAR-10 and CIFAR-100 */
} vx_data_format;

typedef enum vx_target_kind {
    VX_TARGETS_CLASSES, /* labels 0 .. classes - 1 */
    VX_TARGETS_REAL     /* float32, one or more columns; whole numbers are taken as they are */
} vx_target_kind;

/* What a feature without a value is, in a csv file: an error, 0, the mean of the reference, or NaN,
 * which vx_reference_write alone knows. There is no value in a cell that is empty or holds NA, NaN,
 * nan or ?, unless it is a listed category. */
typedef enum vx_missing {
    VX_MISSING_REFUSE,
    VX_MISSING_ZERO,
    VX_MISSING_MEAN,
    VX_MISSING_NAN
} vx_missing;

/*
 * A column is named by its text in the header or by its number; the first is 0. Every column but
 * the target, the ignored and the categories is a number. A line of the file `categories` is a
 * column and then every value that it can have: "colour,red,green,blue". Such a column becomes one
 * feature a value, 1 or 0, in the order of the bytes of the values; a target that is listed there
 * has its classes in that order. So training and test sets agree because both are read with the
 * same, trusted file: nothing is learnt from the rows of a shard. Columns stand in the order of the
 * data file.
 */
typedef struct vx_csv_options {
    bool header;               /* the first row holds names */
    char delimiter;            /* '\0': a comma */
    const char *target;        /* a column; "" or NULL: the last one */
    const char *const *ignore; /* (ignore_count) columns */
    size_t ignore_count;
    vx_missing missing;
    const char *categories; /* path of a csv file with commas; "" or NULL: there are none */
} vx_csv_options;

#define VX_DATA_MEMORY_BYTES ((size_t)256 << 20)

/* Where observations come from. All is borrowed for the call. */
typedef struct vx_data_source {
    vx_data_format format;
    const char *features;    /* path */
    const char *labels;      /* path of the targets, idx and npy; "" or NULL with the others */
    const char *const *more; /* (more_count) cifar: further files, taken after the first */
    size_t more_count;
    vx_target_kind targets;
    /* 0: 1 + largest label, or those of the categories. cifar: 10, or of CIFAR-100 100 (fine
     * labels) or 20 (coarse ones). */
    size_t classes;
    vx_csv_options csv;
    const vx_reference *reference; /* of VX_MISSING_MEAN, else NULL */
    size_t columns;                /* svmlight: features; 0: up to the largest index in the file */
    size_t first_column;           /* svmlight: the least index, 0 or 1 */
    size_t memory_bytes;           /* 0: VX_DATA_MEMORY_BYTES */
    const char *scratch;           /* folder; NULL: the environment's TMPDIR, or /tmp */
    bool rows_later; /* npy: features are not read; vx_dataset_check_rows checks them */
} vx_data_source;

typedef struct vx_dataset_info {
    size_t count;          /* observations */
    size_t features;       /* numbers an observation */
    size_t classes;        /* 0: targets are real */
    size_t target_columns; /* of real targets, else 0 */
    vx_shape image;        /* when the format says that it is one */
    bool sparse;           /* vx_dataset_gather_sparse works */
    size_t row_values_max; /* sparse: the most that one row has; dense: features */
} vx_dataset_info;

#define VX_DATA_COUNT_MAX    UINT32_MAX         /* observations: they have 32-bit numbers */
#define VX_DATA_FEATURES_MAX ((size_t)1 << 28)  /* features an observation */
#define VX_DATA_CLASSES_MAX  ((size_t)1 << 24)  /* classes */
#define VX_DATA_LINE_MAX     ((size_t)64 << 20) /* bytes of a line of text */
#define VX_DATA_CELL_MAX     ((size_t)1024)     /* bytes of a cell of a csv file */
#define VX_DATA_COLUMNS_MAX  ((size_t)65536)    /* columns of a csv file */

/*
 * Reads everything once and checks it: what a header claims against the size of the file before
 * memory is taken, labels, numbers (infinity and NaN are refused).
 *
 * VX_ERR_NOT_FOUND, VX_ERR_IO, VX_ERR_NOMEM, VX_ERR_LIMIT; VX_ERR_SPACE names the scratch folder;
 * VX_ERR_DATA with file, line (text) or offset (binary), column, what was expected and what stands
 * there; VX_ERR_DOMAIN for a source that makes no sense (mean without reference).
 */
VX_MUST_CHECK vx_status vx_dataset_load(const vx_data_source *source, vx_dataset **ret_dataset,
                                        vx_error *err);
/*
 * Of a set that was loaded with rows_later, and of which nothing was kept yet: refuses infinity and
 * NaN in the given rows, and reads no others. VX_ERR_DATA as above. Any other set was checked: OK.
 */
VX_MUST_CHECK vx_status vx_dataset_check_rows(const vx_dataset *dataset, const uint32_t *indices,
                                              size_t count, vx_error *err);
vx_dataset *vx_dataset_destroy(vx_dataset *dataset); /* takes NULL, returns NULL */

/*
 * Several processes of a host with one copy of a set. Files that are mapped need nothing: the
 * machine holds one copy of what is read of them. Rows that were made (text, gzip) are in no file
 * that has a name: one process reads them and shares, the others attach.
 */
bool vx_dataset_is_made(const vx_dataset *dataset);
/*
 * Moves a whole set (vx_dataset_keep was not called) into a file without a name in scratch (NULL:
 * TMPDIR, or /tmp), and from now on maps it. *ret_handle is the caller's to close: while it is
 * open,
 * "/proc/PID/fd/HANDLE" is the path to attach. The caller's processes are of one build.
 * VX_ERR_NOT_FOUND, VX_ERR_SPACE, VX_ERR_IO name the folder; VX_ERR_NOMEM. Then nothing has
 * changed.
 */
VX_MUST_CHECK vx_status vx_dataset_share(vx_dataset *dataset, const char *scratch, int *ret_handle,
                                         vx_error *err);
/* The set of such a file, bit for bit. VX_ERR_DATA: it is none; VX_ERR_NOT_FOUND, VX_ERR_IO,
 * VX_ERR_NOMEM. What the rows hold is not read: pages come as they are gathered. */
VX_MUST_CHECK vx_status vx_dataset_attach(const char *path, vx_dataset **ret_dataset,
                                          vx_error *err);
vx_dataset_info vx_dataset_get_info(const vx_dataset *dataset);

/*
 * Keeps only the given observations, in that order: a worker holds its shard alone. A set with an
 * array that is mapped is not copied, and is kept by an index of 4 bytes an observation; of a set
 * in memory the rest is freed. Position i is then observation indices[i] of the files. Once a set.
 * VX_ERR_NOMEM: nothing has changed.
 */
VX_MUST_CHECK vx_status vx_dataset_keep(vx_dataset *dataset, const uint32_t *indices, size_t count);

/* The number that the observation at a position has in the files: what random numbers are keyed by,
 * so that they do not depend on what was kept. ret_numbers (batch). */
void vx_dataset_observations(const vx_dataset *dataset, const uint32_t *indices, size_t batch,
                             uint32_t *ret_numbers);

/*
 * What gathering does to a feature x (of unsigned bytes: x / 255): (x - mean) / deviation, with the
 * declared constants, or with the reference's own pair for each feature where there is one. With
 * means and deviations inside these limits no |x| up to 1e20 becomes infinite.
 */
#define VX_STANDARDISE_MEAN_MAX        1e18f
#define VX_STANDARDISE_DEVIATION_LEAST 1e-18f
#define VX_STANDARDISE_DEVIATION_MAX   1e18f
typedef struct vx_standardise {
    float mean, deviation;         /* without a reference */
    const vx_reference *reference; /* borrowed; NULL: the two above */
    bool scale_only; /* x / deviation: as gathering sparse rows does, for the same rows in full */
} vx_standardise;
#define VX_STANDARDISE_NONE ((vx_standardise){ .mean = 0.0f, .deviation = 1.0f, .reference = NULL })

/* Fit for these observations? VX_ERR_SHAPE: the reference has another number of features;
 * VX_ERR_DOMAIN: mean or deviation outside the limits above, or, of sparse rows that are to stay
 * sparse, a mean that is not 0 (a reference is then used for its deviations alone). */
VX_MUST_CHECK vx_status vx_standardise_check(const vx_standardise *standardise,
                                             const vx_dataset *dataset, bool stay_sparse,
                                             vx_error *err);
/* The same on rows that were gathered with VX_STANDARDISE_NONE: augmentation stands between. */
void vx_standardise_rows(const vx_standardise *standardise, vx_matf rows);

/*
 * Gathering. Indices are positions in the set, ours: asserted, not checked. No allocation; any
 * number of threads.
 *
 * Row b of ret_features (batch, features) is the observation at indices[b]; sparse ones are
 * written out in full. ret_labels (batch), or NULL when they are not wanted or targets are real.
 */
void vx_dataset_gather(const vx_dataset *dataset, const uint32_t *indices, size_t batch,
                       vx_standardise standardise, vx_matf ret_features, uint32_t *ret_labels);
void vx_dataset_gather_labels(const vx_dataset *dataset, const uint32_t *indices, size_t batch,
                              uint32_t *ret_labels);
/* ret_targets (batch, target_columns), of real targets. */
void vx_dataset_gather_targets(const vx_dataset *dataset, const uint32_t *indices, size_t batch,
                               vx_matf ret_targets);
/* Of a sparse set. ret_values and ret_columns have room for batch x row_values_max, ret_begin for
 * batch + 1; the view is of these three. Values are divided by the deviation; no mean is taken from
 * them. */
vx_csr vx_dataset_gather_sparse(const vx_dataset *dataset, const uint32_t *indices, size_t batch,
                                vx_standardise standardise, float *ret_values,
                                uint32_t *ret_columns, size_t *ret_begin);
#endif
