/* main.c - coppice-image: builds and verifies sealed bases for the main program, which is spared the heavy libraries this needs.
 *
 *     coppice-image build --store ROOT --name NAME --from host|DIR|FILE.tar[.gz|.xz|.zst]|mmdebstrap:SUITE [options]
 *     coppice-image verify --store ROOT --ref NAME[@VERSION]
 *
 * Its stdout is for a program (report.h); people talk to `coppice base build` and `coppice base verify`. */
#include "base/fd.h"
#include "base/parse.h"
#include "image/build.h"
#include "image/report.h"
#include "image/verify.h"

#include <errno.h>
#include <getopt.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_SIZE_DEFAULT ((uint64_t)64 << 30)

enum option_id { OPT_STORE = 1, OPT_NAME, OPT_FROM, OPT_PACKAGES, OPT_INCLUDE, OPT_SEAL, OPT_DRY_RUN, OPT_COMPRESS, OPT_MAX_SIZE, OPT_REF };

static const struct option build_table[] = {
	{"store", required_argument, NULL, OPT_STORE},	 {"name", required_argument, NULL, OPT_NAME},
	{"from", required_argument, NULL, OPT_FROM},	 {"packages", required_argument, NULL, OPT_PACKAGES},
	{"include", required_argument, NULL, OPT_INCLUDE},	 {"seal", required_argument, NULL, OPT_SEAL},
	{"dry-run", no_argument, NULL, OPT_DRY_RUN},	 {"compress", required_argument, NULL, OPT_COMPRESS},
	{"max-size", required_argument, NULL, OPT_MAX_SIZE}, {NULL, 0, NULL, 0},
};

static const struct option verify_table[] = {
	{"store", required_argument, NULL, OPT_STORE},
	{"ref", required_argument, NULL, OPT_REF},
	{NULL, 0, NULL, 0},
};

static int one_of(const char *option, const char *value, const char *const *words, size_t count, struct err *e)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(value, words[i]) == 0)
			return (int)i;
	return err_set(e, ERR_INPUT, EINVAL, "--%s does not know '%.60s'", option, value);
}

/* Package names go to a package manager: only what can be part of one may pass. */
static int check_packages(const char *list, struct err *e)
{
	static const char ok[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+.:_,-";

	if (!*list || *list == '-' || list[strspn(list, ok)] || strstr(list, ",-"))
		return err_set(e, ERR_INPUT, EINVAL, "--include '%.60s' is not a comma-separated list of package names", list);
	return 0;
}

static int take_option(int id, const char *value, struct build_options *o, struct err *e)
{
	static const char *const seals[] = {[SEAL_AUTO] = "auto", [SEAL_EROFS] = "erofs", [SEAL_TREE] = "tree"};
	static const char *const compressions[] = {[COMPRESS_NONE] = "none", [COMPRESS_LZ4HC] = "lz4hc"};
	int n = 0;

	switch ((enum option_id)id) {
	case OPT_STORE:
		o->store = value;
		break;
	case OPT_NAME:
		o->name = value;
		break;
	case OPT_FROM:
		o->from = value;
		break;
	case OPT_PACKAGES:
		o->packages = value;
		break;
	case OPT_INCLUDE:
		o->include = value;
		return check_packages(value, e);
	case OPT_SEAL:
		n = one_of("seal", value, seals, ARRAY_LEN(seals), e);
		o->seal = n < 0 ? SEAL_AUTO : (enum seal_want)n;
		break;
	case OPT_COMPRESS:
		n = one_of("compress", value, compressions, ARRAY_LEN(compressions), e);
		o->compress = n < 0 ? COMPRESS_NONE : (enum compress_want)n;
		break;
	case OPT_DRY_RUN:
		o->dry_run = true;
		break;
	case OPT_MAX_SIZE:
		n = parse_size(value, &o->max_size);
		return n < 0 ? err_set(e, ERR_INPUT, EINVAL, "--max-size '%.60s' is not a size", value) : 0;
	case OPT_REF:
		break;
	}
	return n < 0 ? n : 0;
}

static int usage(struct err *e, const char *what)
{
	return err_set(e, ERR_INPUT, EINVAL, "%s", what);
}

static int run_build(int argc, char **argv, struct err *e)
{
	struct build_options o = {.max_size = MAX_SIZE_DEFAULT};
	int id, r;

	while ((id = getopt_long(argc, argv, "", build_table, NULL)) != -1) {
		if (id == '?')
			return usage(e, "unknown option, or one without its value");
		r = take_option(id, optarg, &o, e);
		if (r < 0)
			return r;
	}
	if (optind < argc || !o.store || !o.name || !o.from)
		return usage(e, "usage: build --store ROOT --name NAME --from SOURCE [options]");
	if (!parse_is_name(o.name))
		return err_set(e, ERR_INPUT, EINVAL, "'%.80s' is no name for a base: letters, digits, '_', '.' and '-', at most 63",
			       o.name);
	return build_base(&o, e);
}

static int run_verify(int argc, char **argv, struct err *e)
{
	const char *store = NULL, *ref = NULL;
	int id;

	while ((id = getopt_long(argc, argv, "", verify_table, NULL)) != -1) {
		if (id == OPT_STORE)
			store = optarg;
		else if (id == OPT_REF)
			ref = optarg;
		else
			return usage(e, "unknown option, or one without its value");
	}
	if (optind < argc || !store || !ref)
		return usage(e, "usage: verify --store ROOT --ref NAME[@VERSION]");
	return verify_base(store, ref, e);
}

/* Set-up that must not depend on the caller: descriptors, mask, pipe signal, character set of names in archives, room for deep trees. */
static int prepare(struct err *e)
{
	struct sigaction ignore = {.sa_handler = SIG_IGN};
	struct rlimit files;
	int r = fd_sanitize_std();

	if (r < 0)
		return err_sys(e, r, "standard descriptors");
	(void)umask(022);
	(void)sigaction(SIGPIPE, &ignore, NULL);
	(void)prctl(PR_SET_PDEATHSIG, SIGTERM); /* nobody would read the result */
	(void)setlocale(LC_CTYPE, "C.UTF-8");
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &files);
	}
	if (geteuid() != 0)
		return err_set(e, ERR_DENIED, EPERM, "only root can build and verify bases: they hold files of many owners");
	return 0;
}

int main(int argc, char **argv)
{
	struct report out = {.fd = STDOUT_FILENO};
	const char *verb = argc > 1 ? argv[1] : "";
	struct err e;
	int r;

	err_clear(&e);
	r = prepare(&e);
	opterr = 0;
	if (r == 0 && strcmp(verb, "build") == 0)
		r = run_build(argc - 1, argv + 1, &e);
	else if (r == 0 && strcmp(verb, "verify") == 0)
		r = run_verify(argc - 1, argv + 1, &e);
	else if (r == 0)
		r = usage(&e, "usage: coppice-image build|verify --store ROOT ...");
	if (r >= 0)
		return 0;
	(void)err_hint(&e, "coppice help base %s", strcmp(verb, "verify") == 0 ? "verify" : "build");
	/* 2: not even that could be said. */
	return report_error(&out, &e) < 0 ? 2 : 1;
}
