/* rules.c - the tables; see rules.h. */
#include "image/rules.h"

#include <fnmatch.h>
#include <string.h>

const struct mount_point rules_mount_points[] = {
	{"dev", 0755}, {"proc", 0555}, {"run", 0755}, {"sys", 0555}, {"tmp", 01777}, {NULL, 0},
};

/* Never dev, proc, sys, run, tmp, mnt, media, home, lost+found, boot: an allow-list. root gets a skeleton of its own. */
const char *const rules_host_tops[] = {"bin", "sbin", "lib", "lib32", "lib64", "libx32", "libo32", "usr", "etc", "var", NULL};

/* Where the part of @path with as many names as @dir has ends; NULL when @path is not longer than that. */
static const char *same_depth(const char *dir, const char *path)
{
	const char *end = strchr(path, '/');

	while (end && (dir = strchr(dir, '/'))) {
		dir++;
		end = strchr(end + 1, '/');
	}
	return end;
}

bool rules_match(const char *pattern, const char *path)
{
	size_t len = strlen(pattern);
	char dir[256], head[4096];
	const char *end;

	if (len <= 3 || strcmp(pattern + len - 3, "/**") != 0)
		return fnmatch(pattern, path, FNM_PATHNAME) == 0;
	if (len - 3 >= sizeof(dir))
		return false;
	memcpy(dir, pattern, len - 3);
	dir[len - 3] = '\0';
	end = same_depth(dir, path);
	if (!end || (size_t)(end - path) >= sizeof(head))
		return false;
	memcpy(head, path, (size_t)(end - path));
	head[end - path] = '\0';
	return fnmatch(dir, head, FNM_PATHNAME) == 0;
}

static bool any_match(const char *const *patterns, const char *path)
{
	for (; *patterns; patterns++)
		if (rules_match(*patterns, path))
			return true;
	return false;
}

/* Gone with all below. */
static const char *const never[] = {
	"dev/**",
	"proc/**",
	"run/**",
	"sys/**",
	"tmp/**",
	"lost+found",
	".dockerenv",
	".containerenv",
	"var/tmp/**",
	"var/run/**",
	"var/lock/**",
	"var/log/journal/**",
	"var/lib/apt/lists/*_*",
	"var/lib/apt/mirrors/**",
	NULL,
};

/* Files go, directories stay. */
static const char *const hollow[] = {"var/cache/**", "var/log/**", "var/lib/apt/lists/**", NULL};

/* In var/cache by name only: the answers given to package questions. */
static const char *const kept_cache[] = {"var/cache/debconf/config.dat", "var/cache/debconf/templates.dat", NULL};

enum copy_verdict rules_any(const char *path, const struct stat *st)
{
	if (any_match(never, path))
		return COPY_SKIP;
	if (!S_ISDIR(st->st_mode) && any_match(hollow, path) && !any_match(kept_cache, path))
		return COPY_SKIP;
	return COPY_TAKE;
}

/* State of services on the host that belongs to the host: the directory stays, empty. */
static const char *const big_state[] = {
	"var/lib/docker",
	"var/lib/containerd",
	"var/lib/containers",
	"var/lib/cni",
	"var/lib/lxc",
	"var/lib/lxcfs",
	"var/lib/lxd",
	"var/lib/incus",
	"var/lib/coppice",
	"var/lib/machines",
	"var/lib/portables",
	"var/lib/private",
	"var/lib/libvirt",
	"var/lib/kubelet",
	"var/lib/rancher",
	"var/lib/etcd",
	"var/lib/ceph",
	"var/lib/rook",
	"var/lib/mysql",
	"var/lib/mariadb",
	"var/lib/postgresql",
	"var/lib/redis",
	"var/lib/mongodb",
	"var/lib/elasticsearch",
	"var/lib/opensearch",
	"var/lib/influxdb",
	"var/lib/prometheus",
	"var/lib/grafana",
	"var/lib/clickhouse",
	"var/lib/cassandra",
	"var/lib/rabbitmq",
	"var/lib/couchdb",
	"var/lib/jenkins",
	"var/lib/gitlab-runner",
	"var/lib/snapd",
	"var/lib/flatpak",
	"var/lib/waydroid",
	"var/lib/schroot",
	"var/lib/sbuild",
	"var/lib/pbuilder",
	"var/lib/vz",
	"var/lib/nfs",
	"var/lib/samba",
	"var/lib/tor",
	"var/lib/cloud",
	"var/lib/NetworkManager",
	"var/lib/dhcp",
	"var/lib/dhcpcd",
	"var/lib/bluetooth",
	"var/lib/AccountsService",
	"var/lib/fprint",
	"var/lib/systemd/coredump",
	"var/lib/systemd/pstore",
	"var/lib/systemd/linger",
	"var/lib/swcatalog",
	"var/lib/app-info",
	"var/lib/fwupd",
	"var/lib/command-not-found",
	"var/lib/mlocate",
	"var/lib/plocate",
	"var/snap",
	"var/www",
	"var/local",
	"var/opt",
	"var/crash",
	"var/mail",
	"var/backups",
	"usr/local/*",
	NULL,
};

static const char *const host_hollow[] = {"var/spool/**", NULL};

enum copy_verdict rules_host(const char *path, const struct stat *st)
{
	enum copy_verdict v = rules_any(path, st);

	if (v != COPY_TAKE)
		return v;
	if (S_ISDIR(st->st_mode))
		return any_match(big_state, path) ? COPY_EMPTY : COPY_TAKE;
	if (any_match(host_hollow, path))
		return COPY_SKIP;
	return COPY_TAKE;
}

static const char *const not_in_skel[] = {
	/* the package tools' own notes, of no use beside a sealed /usr */
	"var/cache/debconf/**",
	"var/lib/ucf/**",
	"var/lib/pam/**",
	"var/lib/systemd/deb-systemd-helper-*",
	"var/lib/systemd/deb-systemd-helper-*/**",
	"var/lib/systemd/deb-systemd-user-helper-*",
	"var/lib/systemd/deb-systemd-user-helper-*/**",
	"var/lib/python/**",
	"var/lib/xml-core/**",
	"var/lib/sgml-base/**",
	"var/lib/doc-base/**",
	"var/lib/emacsen-common/**",
	"var/lib/shells.state",
	"var/lib/apt/extended_states",
	"var/cache/apt/**",
	"var/cache/man/**",
	"var/cache/ldconfig/**",
	/* copies made by account tools before a change */
	"etc/passwd-",
	"etc/group-",
	"etc/shadow-",
	"etc/gshadow-",
	"etc/subuid-",
	"etc/subgid-",
	"etc/.pwd.lock",
	"etc/.updated",
	NULL,
};

bool rules_not_in_skel(const char *path)
{
	return any_match(not_in_skel, path);
}
