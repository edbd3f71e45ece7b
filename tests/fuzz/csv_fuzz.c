/* Options, two bytes that say how long the rows are, the rows, the file of categories. */
#include "fuzz.h"

#include "dataset.h"
#include "file.h"

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t size)
{
    vx_fuzz_file rows;
    vx_fuzz_file categories;
    vx_data_source source = { .format = VX_DATA_CSV };
    size_t first = 0;

    if (size < 3)
        return 0;
    source.csv.header = (at[0] & 1) != 0;
    source.csv.missing = (at[0] & 2) != 0 ? VX_MISSING_ZERO : VX_MISSING_REFUSE;
    source.targets = (at[0] & 4) != 0 ? VX_TARGETS_REAL : VX_TARGETS_CLASSES;
    source.csv.target = (at[0] & 8) != 0 ? "0" : "";
    source.csv.delimiter = (at[0] & 16) != 0 ? '\t' : ',';
    first = (size_t)at[1] | (size_t)at[2] << 8;
    at += 3;
    size -= 3;
    first = first > size ? size : first;
    rows = vx_fuzz_file_create(at, first);
    categories = vx_fuzz_file_create(at + first, size - first);
    source.features = rows.path;
    source.csv.categories = size > first ? categories.path : NULL;
    vx_fuzz_dataset(&source);
    vx_fuzz_file_remove(&rows);
    vx_fuzz_file_remove(&categories);
    return 0;
}
