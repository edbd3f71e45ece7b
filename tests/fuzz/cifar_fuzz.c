/* Records of CIFAR-10 and CIFAR-100, mapped and joined. */
#include "fuzz.h"

#include "dataset.h"
#include "file.h"

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t size)
{
    static const size_t classes[] = { 10, 20, 100 };
    vx_fuzz_file records = vx_fuzz_file_create(at, size);
    const char *more[] = { records.path };
    vx_data_source source = { .format = VX_DATA_CIFAR, .features = records.path };

    for (size_t k = 0; k < 3; k++) {
        source.classes = classes[k];
        vx_fuzz_dataset(&source);
    }
    source.more = more;
    source.more_count = 1;
    vx_fuzz_dataset(&source);
    vx_fuzz_file_remove(&records);
    return 0;
}
