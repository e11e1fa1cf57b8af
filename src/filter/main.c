/* main.c - coppice-filter: compiles the default system call filter and writes it to standard output.
 *
 * usage: coppice-filter [--nesting] [--privileged]
 *
 * Run by the engine when the cache has no filter of that kind: tens of milliseconds, once a host. */
#include "base/fd.h"
#include "linux/scfilter.h"

#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
	struct scfilter_profile p = {0};
	struct buf filter = BUF_INIT;
	int r;

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--nesting") == 0) {
			p.nesting = true;
		} else if (strcmp(argv[i], "--privileged") == 0) {
			p.privileged = true;
		} else {
			fprintf(stderr, "usage: coppice-filter [--nesting] [--privileged]\n");
			return 2;
		}
	}
	r = scfilter_compile(&p, &filter);
	if (r == 0)
		r = fd_write_all(1, buf_str(&filter), filter.len);
	buf_done(&filter);
	if (r < 0) {
		fprintf(stderr, "coppice-filter: %s\n", strerror(-r));
		return 1;
	}
	return 0;
}
