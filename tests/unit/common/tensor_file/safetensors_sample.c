#include <stdio.h>

#include <vx_tensor_file/safetensors.h>

/* Writes the file that safetensors_check.py reads. */
int main(int argc, char **argv)
{
    static float values[2 * 3 * 5 + 7];
    vx_tensor tensors[] = {
        { .name = "layer0.weight", .rank = 3, .shape = { 2, 3, 5 }, .at = values },
        { .name = "a \"quoted\" name", .rank = 1, .shape = { 6 }, .at = values + 30 },
        { .name = "empty", .rank = 2, .shape = { 0, 4 }, .at = values },
        { .name = "scalar", .rank = 0, .at = values + 36 },
    };
    vx_tensor_note notes[] = { { "job", "sample" }, { "rounds", "17" } };
    vx_error err = { 0 };

    if (argc != 2)
        return 2;
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
        values[i] = (float)i * 0.5f - 3.0f;
    if (vx_safetensors_write(argv[1], tensors, 4, notes, 2, &err) == VX_OK)
        return 0;
    (void)fprintf(stderr, "%s\n", err.message);
    return 1;
}
