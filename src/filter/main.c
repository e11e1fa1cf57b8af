/* main.c - coppice-filter: compiles a system call filter and writes it to standard output.
 *
 * usage: coppice-filter [--nesting] [--privileged]     the default one
 *        coppice-filter --policy                       the policy on standard input, in LXC's format
 *
 * Run by the engine when the cache has no filter of that kind: tens of milliseconds, once a host and policy. A policy that is no good ends with status 2 and one line on standard error,
 * "LINE: what"; such lines with status 0 are notes. */
#include "base/fd.h"
#include "filter/policy.h"
#include "linux/scfilter.h"

#include <stdio.h>
#include <string.h>

#define POLICY_MAX ((size_t)1 << 20)

static int compile_policy(struct buf *out)
{
	struct buf text = BUF_INIT, notes = BUF_INIT;
	struct policy p = {0};
	struct err e = {0};
	int r = fd_read_all(0, &text, POLICY_MAX);

	if (r < 0)
		(void)err_sys(&e, r, "read the policy");
	else
		r = policy_parse(buf_str(&text), text.len, &p, &e);
	if (r == 0)
		r = policy_compile(&p, out, &notes, &e);
	if (r < 0)
		fprintf(stderr, "%s\n", e.why);
	else
		fputs(buf_str(&notes), stderr);
	policy_done(&p);
	buf_done(&text);
	buf_done(&notes);
	return r < 0 ? 2 : 0;
}

static int usage(void)
{
	fprintf(stderr, "usage: coppice-filter [--nesting] [--privileged] | --policy\n");
	return 2;
}

int main(int argc, char **argv)
{
	struct scfilter_profile p = {0};
	struct buf filter = BUF_INIT;
	bool policy = false;
	int r = 0, status = 0;

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--nesting") == 0)
			p.nesting = true;
		else if (strcmp(argv[i], "--privileged") == 0)
			p.privileged = true;
		else if (strcmp(argv[i], "--policy") == 0 && argc == 2)
			policy = true;
		else
			return usage();
	}
	if (policy)
		status = compile_policy(&filter);
	else
		r = scfilter_compile(&p, &filter);
	if (r == 0 && status == 0)
		r = fd_write_all(1, buf_str(&filter), filter.len);
	buf_done(&filter);
	if (r < 0) {
		fprintf(stderr, "coppice-filter: %s\n", strerror(-r));
		return 1;
	}
	return status;
}
