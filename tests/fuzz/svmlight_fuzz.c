/* A file of sparse rows, read in the three ways that targets have. */
#include "fuzz.h"

#include "dataset.h"
#include "file.h"

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t size)
{
    vx_fuzz_file rows = vx_fuzz_file_create(at, size);
    vx_data_source source = { .format = VX_DATA_SVMLIGHT, .features = rows.path };

    vx_fuzz_dataset(&source);
    source.targets = VX_TARGETS_REAL;
    source.first_column = 1;
    vx_fuzz_dataset(&source);
    source.targets = VX_TARGETS_CLASSES;
    source.classes = 2;
    source.columns = 100;
    vx_fuzz_dataset(&source);
    vx_fuzz_file_remove(&rows);
    return 0;
}
