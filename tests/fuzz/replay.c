/* Runs a fuzz target on every file of a folder, whole and cut at every byte. */
#include "fuzz.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_BYTES_MAX (1u << 20)
#define CUTS_MAX       4096

/* The target sees a block of exactly the size, so that a sanitizer sees a read past its end. */
static void run(const uint8_t *at, size_t size)
{
    uint8_t *copy = malloc(size > 0 ? size : 1);

    if (copy == NULL)
        abort();
    memcpy(copy, at, size);
    (void)LLVMFuzzerTestOneInput(copy, size);
    free(copy);
}

static int replay(const char *path)
{
    uint8_t *content = malloc(FILE_BYTES_MAX);
    FILE *file = fopen(path, "rb");
    size_t size = 0;

    if (file == NULL || content == NULL) {
        perror(path);
        free(content);
        return 1;
    }
    size = fread(content, 1, FILE_BYTES_MAX, file);
    fclose(file);
    for (size_t cut = 0; cut < size && cut < CUTS_MAX; cut++)
        run(content, cut);
    run(content, size);
    free(content);
    return 0;
}

int main(int argc, char **argv)
{
    DIR *folder = argc == 2 ? opendir(argv[1]) : NULL;
    const struct dirent *entry;
    unsigned count = 0;
    int failures = 0;

    if (folder == NULL) {
        fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
        return 2;
    }
    while ((entry = readdir(folder)) != NULL) {
        char path[4096];

        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof(path), "%s/%s", argv[1], entry->d_name);
        failures += replay(path);
        count++;
    }
    closedir(folder);
    printf("%u inputs\n", count);
    return failures == 0 && count > 0 ? 0 : 1;
}
