/* cmd-checkconfig.c - lxc-checkconfig: whether the kernel has what containers need. From its configuration where that can be read, else by looking at what it shows. */
#include "base/clock.h"
#include "base/fd.h"
#include "base/proc.h"
#include "coppice/coppice.h"
#include "lxc/cmds.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#define CONFIG_MAX ((size_t)8 << 20)

enum sign { MISSING, ENABLED, UNKNOWN };

/* How a feature shows without the configuration. */
enum probe { BY_FILE, BY_CGROUP, BY_FILESYSTEM, BY_MODULE, BY_BEING_HERE };

struct row {
	const char *label;  /* NULL: a title */
	const char *option; /* without CONFIG_; for a title its text */
	const char *older;  /* its name in old kernels, NULL = the same */
	bool required;
	enum probe probe;
	const char *what;   /* of the probe */
	const char *module; /* told whether it is loaded, NULL = not a module */
};

static const struct row namespaces[] = {
	{NULL, "Namespaces", NULL, false, BY_FILE, NULL, NULL},
	{"Namespaces", "NAMESPACES", NULL, true, BY_FILE, "/proc/self/ns", NULL},
	{"Utsname namespace", "UTS_NS", NULL, false, BY_FILE, "/proc/self/ns/uts", NULL},
	{"Ipc namespace", "IPC_NS", NULL, true, BY_FILE, "/proc/self/ns/ipc", NULL},
	{"Pid namespace", "PID_NS", NULL, true, BY_FILE, "/proc/self/ns/pid", NULL},
	{"User namespace", "USER_NS", NULL, false, BY_FILE, "/proc/self/ns/user", NULL},
	{"Network namespace", "NET_NS", NULL, false, BY_FILE, "/proc/self/ns/net", NULL},
};

static const struct row groups[] = {
	{"Cgroup device", "CGROUP_DEVICE", NULL, false, BY_CGROUP, "devices", NULL},
	{"Cgroup sched", "CGROUP_SCHED", NULL, false, BY_CGROUP, "cpu", NULL},
	{"Cgroup cpu account", "CGROUP_CPUACCT", NULL, false, BY_CGROUP, "cpuacct", NULL},
	{"Cgroup memory controller", "MEMCG", "CGROUP_MEM_RES_CTLR", false, BY_CGROUP, "memory", NULL},
	{"Cgroup cpuset", "CPUSETS", NULL, false, BY_CGROUP, "cpuset", NULL},
};

static const struct row misc[] = {
	{NULL, "Misc", NULL, false, BY_FILE, NULL, NULL},
	{"Veth pair device", "VETH", NULL, false, BY_MODULE, "veth", "veth"},
	{"Macvlan", "MACVLAN", NULL, false, BY_MODULE, "macvlan", "macvlan"},
	{"Vlan", "VLAN_8021Q", NULL, false, BY_MODULE, "8021q", "8021q"},
	{"Bridges", "BRIDGE", NULL, false, BY_MODULE, "bridge", "bridge"},
	{"Advanced netfilter", "NETFILTER_ADVANCED", NULL, false, BY_MODULE, "nf_tables", "nf_tables"},
	{"CONFIG_IP_NF_TARGET_MASQUERADE", "IP_NF_TARGET_MASQUERADE", NULL, false, BY_MODULE, "xt_MASQUERADE", "nf_nat_masquerade_ipv4"},
	{"CONFIG_IP6_NF_TARGET_MASQUERADE", "IP6_NF_TARGET_MASQUERADE", NULL, false, BY_MODULE, "xt_MASQUERADE", "nf_nat_masquerade_ipv6"},
	{"CONFIG_NETFILTER_XT_TARGET_CHECKSUM", "NETFILTER_XT_TARGET_CHECKSUM", NULL, false, BY_MODULE, "xt_CHECKSUM", "xt_CHECKSUM"},
	{"CONFIG_NETFILTER_XT_MATCH_COMMENT", "NETFILTER_XT_MATCH_COMMENT", NULL, false, BY_MODULE, "xt_comment", "xt_comment"},
	{"FUSE (for use with lxcfs)", "FUSE_FS", NULL, false, BY_FILESYSTEM, "fuse", "fuse"},
	{NULL, "Checkpoint/Restore", NULL, false, BY_FILE, NULL, NULL},
	{"checkpoint restore", "CHECKPOINT_RESTORE", NULL, false, BY_FILE, "/proc/sys/kernel/ns_last_pid", NULL},
	{"CONFIG_FHANDLE", "FHANDLE", NULL, false, BY_BEING_HERE, NULL, NULL},
	{"CONFIG_EVENTFD", "EVENTFD", NULL, false, BY_BEING_HERE, NULL, NULL},
	{"CONFIG_EPOLL", "EPOLL", NULL, false, BY_BEING_HERE, NULL, NULL},
	{"CONFIG_UNIX_DIAG", "UNIX_DIAG", NULL, false, BY_MODULE, "unix_diag", NULL},
	{"CONFIG_INET_DIAG", "INET_DIAG", NULL, false, BY_MODULE, "inet_diag", NULL},
	{"CONFIG_PACKET_DIAG", "PACKET_DIAG", NULL, false, BY_MODULE, "af_packet_diag", NULL},
	{"CONFIG_NETLINK_DIAG", "NETLINK_DIAG", NULL, false, BY_MODULE, "netlink_diag", NULL},
};

struct report {
	bool colours, known; /* known: there is a configuration */
	struct buf config, modules;
	struct utsname host;
};

/* ---- the configuration ---- */

static void read_text(const char *path, struct buf *out)
{
	autoclose int fd = fd_open(AT_FDCWD, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);

	if (fd < 0 || fd_read_all(fd, out, CONFIG_MAX) < 0)
		buf_clear(out);
}

/* Packed ones are unpacked by gzip, as anywhere. */
static bool read_config(const char *path, struct buf *out)
{
	static const char *const gzips[] = {"/bin/gzip", "/usr/bin/gzip"};
	struct stat st;
	int status = 1;

	buf_clear(out);
	if (fstatat(AT_FDCWD, path, &st, 0) < 0 || !S_ISREG(st.st_mode))
		return false;
	read_text(path, out);
	if (out->len < 2 || strncmp(buf_str(out), "\x1f\x8b", 2) != 0)
		return out->len > 0;
	for (size_t i = 0; i < ARRAY_LEN(gzips) && status != 0; i++) {
		const char *const argv[] = {gzips[i], "-dc", path, NULL};
		struct proc_run run = {.argv = argv, .in_fd = FD_NONE, .cwd_fd = FD_NONE, .out = out, .out_max = CONFIG_MAX, .deadline = clock_deadline(20000)};

		buf_clear(out);
		if (proc_run(&run, &status) < 0)
			status = 1;
	}
	return status == 0 && out->len > 0;
}

static void find_config(struct report *r)
{
	const char *said = getenv("CONFIG"), *first = said && *said ? said : "/proc/config.gz";
	char paths[3][200] = {"/proc/config.gz"};

	r->known = read_config(first, &r->config);
	if (r->known)
		return;
	printf("Kernel configuration not found at %s; searching...\n", first);
	(void)snprintf(paths[1], sizeof(paths[1]), "/boot/config-%s", r->host.release);
	(void)snprintf(paths[2], sizeof(paths[2]), "/lib/modules/%s/build/.config", r->host.release);
	for (size_t i = 0; i < ARRAY_LEN(paths) && !r->known; i++) {
		r->known = read_config(paths[i], &r->config);
		if (r->known)
			printf("Kernel configuration found at %s\n", paths[i]);
	}
	if (!r->known)
		printf("No kernel configuration found; the running kernel is asked itself\n");
}

static bool has_word(const char *text, const char *word)
{
	size_t len = strlen(word);

	for (const char *at = strstr(text, word); at; at = strstr(at + 1, word))
		if ((at == text || strchr("\n\t /", at[-1])) && strchr("\n\t .", at[len]))
			return true;
	return false;
}

static bool is_set(const struct report *r, const char *option)
{
	char line[80];
	const char *at;

	(void)snprintf(line, sizeof(line), "CONFIG_%s=", option);
	for (at = strstr(buf_str(&r->config), line); at; at = strstr(at + 1, line))
		if ((at == buf_str(&r->config) || at[-1] == '\n') && (at[strlen(line)] == 'y' || at[strlen(line)] == 'm'))
			return true;
	return false;
}

/* ---- the kernel itself ---- */

static enum sign probe_module(const struct report *r, const char *name)
{
	static const char *const lists[] = {"modules.builtin", "modules.dep"};
	autodone(buf_done) struct buf text = BUF_INIT;
	char path[200];

	(void)snprintf(path, sizeof(path), "/sys/module/%s", name);
	if (access(path, F_OK) == 0)
		return ENABLED;
	for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
		(void)snprintf(path, sizeof(path), "/lib/modules/%s/%s", r->host.release, lists[i]);
		buf_clear(&text);
		read_text(path, &text);
		if (has_word(buf_str(&text), name))
			return ENABLED;
	}
	return UNKNOWN;
}

static enum sign probe(const struct report *r, const struct row *row)
{
	autodone(buf_done) struct buf text = BUF_INIT;

	switch (row->probe) {
	case BY_FILE:
		return access(row->what, F_OK) == 0 ? ENABLED : MISSING;
	case BY_CGROUP:
		read_text("/proc/cgroups", &text);
		if (!has_word(buf_str(&text), row->what))
			read_text("/sys/fs/cgroup/cgroup.controllers", &text);
		return has_word(buf_str(&text), row->what) ? ENABLED : MISSING;
	case BY_FILESYSTEM:
		read_text("/proc/filesystems", &text);
		return has_word(buf_str(&text), row->what) ? ENABLED : probe_module(r, row->what);
	case BY_MODULE:
		return probe_module(r, row->what);
	case BY_BEING_HERE:
		return ENABLED; /* in every kernel that this program runs on */
	}
	return UNKNOWN;
}

/* ---- the report ---- */

static void put(const struct report *r, const char *label, const char *word, int colour)
{
	if (r->colours)
		printf("%s: \033[1;%dm%s\033[0;39m", label, colour, word);
	else
		printf("%s: %s", label, word);
}

static void put_sign(const struct report *r, const char *label, enum sign sign, bool required)
{
	if (sign == ENABLED)
		put(r, label, "enabled", 32);
	else if (sign == UNKNOWN)
		put(r, label, "not known", 33);
	else
		put(r, label, required ? "required" : "missing", required ? 31 : 33);
}

static bool put_row(const struct report *r, const struct row *row)
{
	enum sign sign;

	if (!row->label) {
		printf("\n--- %s ---\n", row->option);
		return true;
	}
	if (r->known)
		sign = is_set(r, row->option) || (row->older && is_set(r, row->older)) ? ENABLED : MISSING;
	else
		sign = probe(r, row);
	put_sign(r, row->label, sign, row->required);
	if (sign == ENABLED && row->module && r->modules.len)
		printf(", %s", has_word(buf_str(&r->modules), row->module) ? "loaded" : "not loaded");
	printf("\n");
	return sign == ENABLED || !row->required;
}

static bool put_rows(const struct report *r, const struct row *rows, size_t count)
{
	bool good = true;

	for (size_t i = 0; i < count; i++)
		good &= put_row(r, &rows[i]);
	return good;
}

/* The tools that give a user his ids; without set-id root they give nothing. */
static void put_tools(void)
{
	static const char *const tools[] = {"newuidmap", "newgidmap"}, *const dirs[] = {"/usr/bin", "/usr/local/bin", "/bin"};

	for (size_t i = 0; i < ARRAY_LEN(tools); i++) {
		char path[64];
		struct stat st;
		bool found = false;

		for (size_t k = 0; k < ARRAY_LEN(dirs) && !found; k++) {
			(void)snprintf(path, sizeof(path), "%s/%s", dirs[k], tools[i]);
			found = fstatat(AT_FDCWD, path, &st, 0) == 0;
		}
		if (!found)
			printf("%s is not installed\n", tools[i]);
		else if (!(st.st_mode & S_ISUID))
			printf("Warning: %s is not setuid-root\n", tools[i]);
	}
}

/* Prints the mount points of @type; *ret_systemd, *ret_freezer: was there one. Returns how many. */
static unsigned put_mounts(const char *mounts, const char *type, bool *ret_systemd, bool *ret_freezer)
{
	unsigned count = 0;

	for (const char *line = mounts; *line; line += strcspn(line, "\n") + (line[strcspn(line, "\n")] == '\n')) {
		char source[256], where[256], kind[64];

		if (sscanf(line, "%255s %255s %63s", source, where, kind) != 3 || strcmp(kind, type) != 0)
			continue;
		printf(" - %s\n", where);
		*ret_systemd |= strstr(where, "/systemd") != NULL;
		*ret_freezer |= strstr(where, "/freezer") != NULL;
		count++;
	}
	return count;
}

static bool put_groups(const struct report *r)
{
	static const struct row first = {"Cgroups", "CGROUPS", NULL, false, BY_FILE, "/proc/cgroups", NULL};
	autodone(buf_done) struct buf mounts = BUF_INIT;
	bool systemd = false, freezer = false, unused = false;
	unsigned v1, v2;

	printf("\n--- Control groups ---\n");
	(void)put_row(r, &first);
	put_sign(r, "Cgroup namespace", access("/proc/self/ns/cgroup", F_OK) == 0 ? ENABLED : MISSING, false);
	read_text("/proc/self/mounts", &mounts);
	printf("\nCgroup v1 mount points: \n");
	v1 = put_mounts(buf_str(&mounts), "cgroup", &systemd, &freezer);
	printf("Cgroup v2 mount points: \n");
	v2 = put_mounts(buf_str(&mounts), "cgroup2", &unused, &unused);
	if (v1 && !systemd) {
		put(r, "Cgroup v1 systemd controller", "missing", 31);
		printf("\n");
	}
	if (v1 && !freezer && !v2) { /* v2 freezes without a controller */
		put(r, "Cgroup v1 freezer controller", "missing", 31);
		printf("\n");
	}
	if (v1) {
		put(r, "Cgroup v1 clone_children flag", "enabled", 32);
		printf("\n");
	}
	return put_rows(r, groups, ARRAY_LEN(groups));
}

static int run(struct lxc *l, struct err *e)
{
	struct report r = {.colours = isatty(STDOUT_FILENO)};
	bool good;

	(void)l;
	if (uname(&r.host) < 0)
		return err_sys(e, errno, "ask for the kernel's version");
	printf("Coppice version %s, kernel %s\n", coppice_version(), r.host.release);
	find_config(&r);
	read_text("/proc/modules", &r.modules);
	good = put_rows(&r, namespaces, ARRAY_LEN(namespaces));
	put_tools();
	good &= put_groups(&r);
	good &= put_rows(&r, misc, ARRAY_LEN(misc));
	put(&r, "File capabilities", "enabled", 32);
	printf("\n\nNote : Before booting a new kernel, you can check its configuration\nusage : CONFIG=/path/to/config lxc-checkconfig\n\n");
	buf_done(&r.config);
	buf_done(&r.modules);
	return good ? 0 : 1;
}

const struct lxc_cmd lxc_cmd_checkconfig = {.program = "lxc-checkconfig",
					    .about = "tell whether the kernel has what containers need",
					    .synopsis = "",
					    .name = LXC_NAME_NONE,
					    .exits = "1 when something is missing that containers cannot do without",
					    .run = run};
