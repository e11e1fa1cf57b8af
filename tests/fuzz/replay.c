/* replay.c - runs a fuzz target over a corpus directory without libFuzzer, so that the corpus is an ordinary test. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay(const char *path)
{
	static uint8_t data[2 << 20];
	FILE *f = fopen(path, "rb");
	size_t n;

	if (!f)
		return -1;
	n = fread(data, 1, sizeof(data), f);
	(void)fclose(f);
	/* Exactly sized heap copy: an overread by one byte is seen by the sanitizer. */
	uint8_t *copy = malloc(n ? n : 1);

	if (!copy)
		return -1;
	memcpy(copy, data, n);
	(void)LLVMFuzzerTestOneInput(copy, n);
	free(copy);
	return 0;
}

int main(int argc, char **argv)
{
	size_t count = 0;

	for (int i = 1; i < argc; i++) {
		DIR *dir = opendir(argv[i]);
		const struct dirent *ent;

		if (!dir) {
			fprintf(stderr, "cannot open corpus %s\n", argv[i]);
			return 1;
		}
		while ((ent = readdir(dir))) {
			char path[4096];

			if (ent->d_name[0] == '.')
				continue;
			(void)snprintf(path, sizeof(path), "%s/%s", argv[i], ent->d_name);
			if (replay(path) < 0) {
				fprintf(stderr, "cannot read %s\n", path);
				return 1;
			}
			count++;
		}
		(void)closedir(dir);
	}
	printf("%zu inputs replayed\n", count);
	return count ? 0 : 1;
}
