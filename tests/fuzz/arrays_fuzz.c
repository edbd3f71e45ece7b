/* Features and targets as npy arrays: two bytes say how long the first file is. */
#include "fuzz.h"

#include "dataset.h"
#include "file.h"

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t size)
{
    vx_fuzz_file features;
    vx_fuzz_file targets;
    vx_data_source source = { .format = VX_DATA_NPY };
    size_t first = 0;

    if (size < 2)
        return 0;
    first = (size_t)at[0] | (size_t)at[1] << 8;
    at += 2;
    size -= 2;
    first = first > size ? size : first;
    features = vx_fuzz_file_create(at, first);
    targets = vx_fuzz_file_create(at + first, size - first);
    source.features = features.path;
    source.labels = targets.path;
    vx_fuzz_dataset(&source);
    source.classes = 3;
    vx_fuzz_dataset(&source);
    source.targets = VX_TARGETS_REAL;
    vx_fuzz_dataset(&source);
    vx_fuzz_file_remove(&features);
    vx_fuzz_file_remove(&targets);
    return 0;
}
