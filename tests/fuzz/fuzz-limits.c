/* Resource limits of any config, written for a host of each generation: no file name or value is cut, none leaves its node, and what is not written is told. */
#include "plan/limits.h"
#include "spec/conf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int truth)
{
	if (!truth)
		abort();
}

static int is_include(const char *key, const char *value, unsigned line, void *data)
{
	(void)line;
	(void)data;
	return ((strcmp(key, "lxc.include") == 0 || strcmp(key, "lxc.mount") == 0 || strcmp(key, "lxc.mount.fstab") == 0) && *value);
}

static void translate(const struct facts *f, const struct spec_limits *l)
{
	static struct limit_write writes[LIMITS_MAX];
	autodone(buf_done) struct buf notes = BUF_INIT;
	size_t count = 0;
	uint32_t need = 0;
	struct err e = {0};

	if (limits_translate(f, l, writes, &count, &need, &notes, &e) < 0) {
		must(e.code > 0 && e.why[0]);
		return;
	}
	must(count <= LIMITS_MAX);
	for (size_t i = 0; i < count; i++) {
		must(writes[i].file[0] && writes[i].file[0] != '.' && !strchr(writes[i].file, '/'));
		must(memchr(writes[i].value, '\0', sizeof(writes[i].value)) != NULL && !strchr(writes[i].value, '\n'));
		must(need >> writes[i].controller & 1);
	}
	for (const char *p = buf_str(&notes); *p; p += strcspn(p, "\n") + 1)
		must(strchr(p, '\n') != NULL); /* whole lines */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct facts v1 = {.cgroup = CG_V1, .memsw = true}, v2 = {.cgroup = CG_V2, .v2_controllers = (1u << CG_CONTROLLER_COUNT) - 1}, none = {.cgroup = CG_NONE};
	autodone(conf_free) struct conf *c = NULL;
	struct err e;
	struct spec s;

	if (conf_parse((const char *)data, size, "fuzz", &c, &e) < 0 || conf_each(c, is_include, NULL))
		return 0;
	for (size_t i = 0; i < CG_CONTROLLER_COUNT; i++)
		(void)snprintf(v1.v1_mount[i], sizeof(v1.v1_mount[i]), "/sys/fs/cgroup/%zu", i);
	spec_init(&s);
	if (conf_apply(c, &s, &e) == 0) {
		translate(&v1, &s.limits);
		translate(&v2, &s.limits);
		translate(&none, &s.limits);
	}
	spec_done(&s);
	return 0;
}
