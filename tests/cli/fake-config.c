/* fake-config.c - the operations on configs over canned data; fake.h says how they are steered. */
#include "cli/fake.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char config_text[] = "# web1\ncoppice.base = debian12\ncoppice.memory = 512M\ncoppice.tag = lab\ncoppice.tag = \"two words\"\n";

int coppice_config_text(struct coppice *c, const char *name, char **ret, struct err *e)
{
	const struct coppice_info *i;
	int r = fake_enter(c, "config-text", name, &i, e);

	if (r < 0)
		return r;
	*ret = strdup(config_text);
	return *ret ? 0 : -ENOMEM;
}

int coppice_config_replace(struct coppice *c, const char *name, const char *text, struct err *e)
{
	const struct coppice_info *i;
	int r = fake_enter(c, "config-replace", name, &i, e);

	fake_said("config-replace %s %zu bytes", name, strlen(text));
	if (r < 0)
		return r;
	return strstr(text, "bogus") ? err_set(e, ERR_INPUT, EINVAL, "line 1: unknown key 'bogus'") : 0;
}

int coppice_config_get(struct coppice *c, const char *name, const char *key, char **ret, struct err *e)
{
	const struct coppice_info *i;
	int r = fake_enter(c, "config-get", name, &i, e);

	if (r < 0)
		return r;
	if (strcmp(key, "coppice.memory") == 0)
		*ret = strdup("512M");
	else if (strcmp(key, "coppice.tag") == 0)
		*ret = strdup("lab\ntwo words");
	else
		return err_set(e, ERR_MISSING, ENOENT, "'%s' is not set", key);
	return *ret ? 0 : -ENOMEM;
}

int coppice_config_set(struct coppice *c, const char *name, const char *const *pairs, struct err *e)
{
	const struct coppice_info *i;
	char text[1024];
	int r;

	(void)fake_words(pairs, text, sizeof(text));
	fake_said("config-set %s %s", name, text);
	r = fake_enter(c, "config-set", name, &i, e);
	if (r < 0)
		return r;
	if (strncmp(pairs[0], "coppice.memry", 13) == 0) {
		(void)err_set(e, ERR_INPUT, EINVAL, "unknown key 'coppice.memry', the closest is 'coppice.memory'");
		return err_hint(e, "coppice config keys coppice.memory");
	}
	return 0;
}

int coppice_config_unset(struct coppice *c, const char *name, const char *key, struct err *e)
{
	const struct coppice_info *i;

	fake_said("config-unset %s %s", name, key);
	return fake_enter(c, "config-unset", name, &i, e);
}

size_t coppice_config_keys(struct coppice_key **ret)
{
	static const struct coppice_key keys[] = {
		{"coppice.memory", "memory limit", "a size such as 512M, or max", "512M", false, "", "", "", "works", ""},
		{"coppice.tag", "words to select containers by", "a word", "lab", true, "", "", "", "works", ""},
		{"lxc.cgroup2.memory.max", "memory limit", "bytes", "536870912", false, "", "3.0", "", "works", ""},
		{"lxc.pivotdir", "directory of the old root", "a path", "old", false, "", "", "3.0", "ignored", "the old root needs none"},
	};

	*ret = malloc(sizeof(keys));
	if (!*ret)
		return 0;
	memcpy(*ret, keys, sizeof(keys));
	return ARRAY_LEN(keys);
}

int coppice_config_check(struct coppice *c, const char *name, const char *path, void (*found)(void *data, const struct coppice_finding *f), void *data,
			 size_t *ret_problems, struct err *e)
{
	const struct coppice_info *i;
	int r = path ? 0 : fake_enter(c, "config", name, &i, e);

	*ret_problems = 0;
	if (r < 0 || path)
		return r;
	found(data, &(struct coppice_finding){"/c/web1/config:3", true, "unknown key 'lxc.tty.mx', did you mean 'lxc.tty.max'?", "coppice config keys lxc.tty"});
	found(data, &(struct coppice_finding){"/c/web1/config:4", true, "lxc.tty.max = '4 # four': not a number (allowed: 0 to 63); '# four' is part of the value: a comment needs a line of its own", ""});
	found(data, &(struct coppice_finding){"/c/web1/config:7", false, "lxc.pivotdir: ignored: the old root needs none", ""});
	*ret_problems = 2;
	return 0;
}

int coppice_config_origin(struct coppice *c, const char *name, void (*line)(void *data, const char *where, const char *key, const char *value), void *data, struct err *e)
{
	const struct coppice_info *i;
	int r = fake_enter(c, "config", name, &i, e);

	if (r < 0)
		return r;
	line(data, "/etc/lxc/common.conf:3", "lxc.tty.max", "4");
	line(data, "/c/web1/config:2", "coppice.memory", "512M");
	return 0;
}

int coppice_config_upgrade(struct coppice *c, const char *name, const char *path, unsigned flags,
			   void (*change)(void *data, unsigned line, const char *old, const char *now), void *data, size_t *ret_changed, struct err *e)
{
	const struct coppice_info *i;
	int r = path ? 0 : fake_enter(c, "config", name, &i, e);

	(void)flags;
	*ret_changed = 0;
	if (r < 0 || path)
		return r;
	change(data, 3, "lxc.utsname = web1", "lxc.uts.name = web1");
	change(data, 9, "lxc.pivotdir = x", "");
	*ret_changed = 2;
	return 0;
}
