/* scrub.c - the table of what goes, shadow locking, and the search for private keys; see scrub.h. */
#include "image/scrub.h"

#include "base/fd.h"
#include "base/parse.h"
#include "base/path.h"
#include "image/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

enum action {
	REMOVE,
	BLANK, /* an empty file in its place; links and what is absent stay as they are */
	RESET, /* as BLANK, with text */
	MAKE,  /* as RESET, and made where it is absent */
};

struct rule {
	const char *pattern; /* * within one name */
	const char *why;
	enum action action;
	bool host_only;
	const char *text;
};

static const char hosts_text[] =
	"127.0.0.1\tlocalhost\n::1\t\tlocalhost ip6-localhost ip6-loopback\nff02::1\t\tip6-allnodes\nff02::2\t\tip6-allrouters\n";
static const char interfaces_text[] = "auto lo\niface lo inet loopback\n";

static const struct rule rules[] = {
	/* identity */
	{"etc/ssh/ssh_host_*", "ssh host key", REMOVE},
	{"etc/dropbear/dropbear_*_host_key", "ssh host key", REMOVE},
	{"etc/machine-id", "machine identity", BLANK},
	{"var/lib/dbus/machine-id", "machine identity", REMOVE},
	{"var/lib/systemd/random-seed", "random seed", REMOVE},
	{"var/lib/urandom/random-seed", "random seed", REMOVE},
	{"var/lib/random-seed", "random seed", REMOVE},
	{"var/lib/systemd/credential.secret", "key of this machine's credentials", REMOVE},
	{"etc/hostname", "host name", REMOVE},
	{"etc/machine-info", "host name", REMOVE},
	{"etc/hostid", "machine identity", REMOVE},
	{"etc/resolv.conf", "name servers", BLANK},
	{"etc/fstab", "mount table", RESET, false, ""},
	{"etc/crypttab", "encrypted disks", REMOVE},
	{"etc/udev/rules.d/*-persistent-net.rules", "names of this machine's devices", REMOVE},
	{"etc/udev/rules.d/*-persistent-cd.rules", "names of this machine's devices", REMOVE},
	{"etc/iscsi/initiatorname.iscsi", "storage identity", REMOVE},
	{"etc/nvme/host*", "storage identity", REMOVE},
	{"etc/adjtime", "clock of this machine", REMOVE},
	{"etc/lvm/backup/*", "disks of this machine", REMOVE},
	{"etc/lvm/archive/*", "disks of this machine", REMOVE},
	{"etc/lvm/devices/*", "disks of this machine", REMOVE},
	{"etc/mdadm/mdadm.conf", "disks of this machine", REMOVE},
	/* private keys and left-over copies of secrets, wherever the tree comes from */
	{"etc/ssl/private/*", "private key", REMOVE},
	{"etc/pki/tls/private/*", "private key", REMOVE},
	{"etc/pki/CA/private/*", "private key", REMOVE},
	{"root/.ssh/id_*", "private key", REMOVE},
	{"home/*/.ssh/id_*", "private key", REMOVE},
	{"var/cache/debconf/passwords.dat", "saved passwords", REMOVE},
	{"var/backups/*", "copies of system files", REMOVE},
	/* the running host's secrets and set-up */
	{"etc/shadow-", "copy of the password file", REMOVE, true},
	{"etc/gshadow-", "copy of the password file", REMOVE, true},
	{"etc/passwd-", "copy of the account file", REMOVE, true},
	{"etc/group-", "copy of the account file", REMOVE, true},
	{"etc/security/opasswd", "old passwords", REMOVE, true},
	{"etc/mailname", "host name", REMOVE, true},
	{"etc/hosts", "names of this network", MAKE, true, hosts_text},
	{"etc/network/interfaces", "network set-up", RESET, true, interfaces_text},
	{"etc/network/interfaces.d/*", "network set-up", REMOVE, true},
	{"etc/NetworkManager/system-connections/*", "network credentials", REMOVE, true},
	{"etc/netplan/*", "network credentials", REMOVE, true},
	{"etc/systemd/network/*", "network set-up", REMOVE, true},
	{"etc/wpa_supplicant/*.conf", "network credentials", REMOVE, true},
	{"etc/sysconfig/network-scripts/ifcfg-*", "network set-up", REMOVE, true},
	{"etc/sysconfig/network-scripts/keys-*", "network credentials", REMOVE, true},
	{"etc/ppp/*-secrets", "network credentials", REMOVE, true},
	{"etc/wireguard/*", "network credentials", REMOVE, true},
	{"etc/openvpn/*.conf", "network credentials", REMOVE, true},
	{"etc/openvpn/*.key", "network credentials", REMOVE, true},
	{"etc/openvpn/*/*", "network credentials", REMOVE, true},
	{"etc/ipsec.secrets", "network credentials", REMOVE, true},
	{"etc/ipsec.d/private/*", "network credentials", REMOVE, true},
	{"etc/swanctl/private/*", "network credentials", REMOVE, true},
	{"etc/swanctl/swanctl.conf", "network credentials", REMOVE, true},
	{"etc/hostapd/*.conf", "network credentials", REMOVE, true},
	{"etc/letsencrypt", "certificates and account keys", REMOVE, true},
	{"etc/apt/auth.conf", "package source credentials", REMOVE, true},
	{"etc/apt/auth.conf.d/*", "package source credentials", REMOVE, true},
	{"etc/pip.conf", "package source credentials", REMOVE, true},
	{"etc/npmrc", "package source credentials", REMOVE, true},
	{"etc/cloud/cloud.cfg.d/[5-9]*", "cloud set-up", REMOVE, true},
	{"etc/docker/key.json", "service identity", REMOVE, true},
	{"etc/docker/daemon.json", "service set-up", REMOVE, true},
	{"etc/containers/auth.json", "registry credentials", REMOVE, true},
	{"etc/kubernetes", "cluster credentials", REMOVE, true},
	{"etc/rancher", "cluster credentials", REMOVE, true},
	{"etc/cni/net.d/*", "network set-up", REMOVE, true},
	{"etc/ceph/*.keyring", "storage credentials", REMOVE, true},
	{"etc/samba/*.tdb", "passwords", REMOVE, true},
	{"etc/samba/smbpasswd", "passwords", REMOVE, true},
	{"etc/krb5.keytab", "kerberos keys", REMOVE, true},
	{"etc/sssd/sssd.conf", "directory credentials", REMOVE, true},
	{"etc/ldap.secret", "directory credentials", REMOVE, true},
	{"etc/pam_ldap.secret", "directory credentials", REMOVE, true},
	{"etc/libnss-ldap.secret", "directory credentials", REMOVE, true},
	{"etc/nslcd.conf", "directory credentials", REMOVE, true},
	{"etc/mysql/debian.cnf", "database credentials", REMOVE, true},
	{"etc/exim4/passwd.client", "mail credentials", REMOVE, true},
	{"etc/postfix/sasl_passwd*", "mail credentials", REMOVE, true},
	{"etc/msmtprc", "mail credentials", REMOVE, true},
	{"etc/ssmtp/ssmtp.conf", "mail credentials", REMOVE, true},
	{"etc/dma/auth.conf", "mail credentials", REMOVE, true},
	{"etc/davfs2/secrets", "file server credentials", REMOVE, true},
	{"etc/*credentials*", "credentials", REMOVE, true},
	{"etc/credstore", "credentials", REMOVE, true},
	{"etc/credstore.encrypted", "credentials", REMOVE, true},
	{"etc/bind/rndc.key", "name server key", REMOVE, true},
	{"etc/bind/*.key", "name server key", REMOVE, true},
	{"etc/salt/pki", "service identity", REMOVE, true},
	{"etc/chef/*.pem", "service identity", REMOVE, true},
	{"etc/puppet/ssl", "service identity", REMOVE, true},
	{"etc/puppetlabs/puppet/ssl", "service identity", REMOVE, true},
	{"etc/zabbix/*.psk", "service identity", REMOVE, true},
	{"etc/gitlab-runner/config.toml", "service identity", REMOVE, true},
	{"etc/coppice", "set-up of this host's containers", REMOVE, true},
};

static int fail(struct err *e, int code, const char *verb, const char *path)
{
	char safe[256];

	format_safe(path, safe, sizeof(safe));
	return err_sys(e, code, "%s '%s'", verb, safe);
}

/* ---- the table ---- */

static int blank(struct job *j, const char *path, const char *text, bool make, bool *ret_done)
{
	struct stat st;
	int r = tree_stat(j->tree, path, &st);

	*ret_done = false;
	if (r == -ENOENT && make && tree_is_dir(j->tree, "etc"))
		return tree_write(j->tree, path, text, strlen(text), 0644);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	/* resolv.conf and machine-id are sometimes links to what a service makes at run time: that is no identity. */
	if (!S_ISREG(st.st_mode))
		return 0;
	*ret_done = st.st_size > 0;
	return tree_write(j->tree, path, text, strlen(text), 0644);
}

static int apply(struct job *j, const struct rule *rule, const char *path, struct err *e)
{
	bool done = false;
	int r;

	if (rule->action == REMOVE) {
		r = tree_remove(j->tree, path);
		done = r > 0;
	} else {
		r = blank(j, path, rule->text ? rule->text : "", rule->action == MAKE, &done);
	}
	if (r < 0)
		return fail(e, r, "scrub", path);
	if (done)
		job_scrubbed(j, path, rule->why);
	return 0;
}

/* Applies the rule to every path the rest of its pattern leads to. @done is the part already matched. */
static int expand(struct job *j, const struct rule *rule, const char *done, const char *rest,
		  struct err *e) /* NOLINT(misc-no-recursion): per name in a pattern */
{
	autodone(tree_names_done) struct tree_names names = {NULL, 0};
	size_t len = strcspn(rest, "/");
	bool last = rest[len] == '\0';
	char part[128], path[4096];
	autoclose int dir = FD_NONE;
	int r;

	(void)snprintf(part, sizeof(part), "%.*s", (int)len, rest);
	if (!strpbrk(part, "*?[")) {
		(void)snprintf(path, sizeof(path), "%s%s%s", done, done[0] ? "/" : "", part);
		return last ? apply(j, rule, path, e) : expand(j, rule, path, rest + len + 1, e);
	}
	dir = tree_open_dir(j->tree, done[0] ? done : ".");
	if (dir == -ENOENT)
		return 0;
	r = dir < 0 ? dir : tree_list(dir, &names);
	if (r < 0)
		return fail(e, r, "read directory", done);
	for (size_t i = 0; i < names.count; i++) {
		if (fnmatch(part, names.names[i], 0) != 0)
			continue;
		if ((size_t)snprintf(path, sizeof(path), "%s%s%s", done, done[0] ? "/" : "", names.names[i]) >= sizeof(path))
			return fail(e, ENAMETOOLONG, "scrub", names.names[i]);
		r = last ? apply(j, rule, path, e) : expand(j, rule, path, rest + len + 1, e);
		if (r < 0)
			return r;
	}
	return 0;
}

/* ---- passwords ---- */

/* Rewrites "name:HASH:..." with HASH replaced by "*" where it is one somebody could log in with; names them in @who. An empty one lets
 * everybody in, but for a group (@empty_ok) it only means that there is none. */
static void lock_lines(const char *text, bool empty_ok, struct buf *out, struct buf *who)
{
	while (*text) {
		size_t len = strcspn(text, "\n"), name = strcspn(text, ":\n");
		const char *hash = text + name + 1;
		size_t hash_len = name < len ? strcspn(hash, ":\n") : 0;

		bool open =
			name < len && hash[0] != '*' && hash[0] != '!' && !(hash_len == 1 && hash[0] == 'x') && !(hash_len == 0 && empty_ok);

		if (open) {
			buf_add(out, text, name);
			buf_puts(out, ":*");
			buf_add(out, hash + hash_len, len - name - 1 - hash_len);
			buf_printf(who, "%s%.*s", who->len ? ", " : "", (int)(name > 64 ? 64 : name), text);
		} else {
			buf_add(out, text, len);
		}
		buf_putc(out, '\n');
		text += len + (text[len] == '\n');
	}
}

#define SHADOW_MAX (1u << 20)

static int lock_passwords(struct job *j, const char *path, bool host, struct err *e)
{
	autodone(buf_done) struct buf text = BUF_INIT, out = BUF_INIT, who = BUF_INIT;
	char why[200], safe[160];
	int r = tree_read(j->tree, path, &text, SHADOW_MAX);

	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return fail(e, r, "read", path);
	lock_lines(buf_str(&text), strcmp(path, "etc/gshadow") == 0, &out, &who);
	if (buf_failed(&out) || buf_failed(&who))
		return fail(e, ENOMEM, "scrub", path);
	if (who.len == 0)
		return 0;
	format_safe(buf_str(&who), safe, sizeof(safe));
	if (!host) {
		job_warn(j, "%s holds passwords (%s) that every container of this base will share", path, safe);
		return 0;
	}
	r = tree_write(j->tree, path, out.data, out.len, 0640);
	if (r < 0)
		return fail(e, r, "write", path);
	(void)snprintf(why, sizeof(why), "passwords locked: %s", safe);
	job_scrubbed(j, path, why);
	return 0;
}

/* ---- credentials in the addresses of package sources ---- */

/* Drops USER:PASSWORD@ from every address. */
static void drop_credentials(const char *text, struct buf *out)
{
	while (*text) {
		const char *host = strstr(text, "://"), *at;
		size_t len;

		if (!host) {
			buf_puts(out, text);
			return;
		}
		host += 3;
		buf_add(out, text, (size_t)(host - text));
		len = strcspn(host, "/ \t\n");
		at = memrchr(host, '@', len);
		text = at ? at + 1 : host;
	}
}

static int clean_source(struct job *j, const char *path, struct err *e)
{
	autodone(buf_done) struct buf text = BUF_INIT, out = BUF_INIT;
	int r = tree_is_file(j->tree, path) ? tree_read(j->tree, path, &text, 1u << 20) : 0;

	if (r == 0)
		drop_credentials(buf_str(&text), &out);
	if (r == 0 && !buf_failed(&out) && out.len == text.len)
		return 0;
	if (r == 0)
		r = buf_failed(&out) ? -ENOMEM : tree_write(j->tree, path, buf_str(&out), out.len, 0644);
	if (r < 0)
		return fail(e, r, "scrub", path);
	job_scrubbed(j, path, "credentials in an address");
	return 0;
}

static int clean_sources(struct job *j, struct err *e)
{
	autodone(tree_names_done) struct tree_names names = {NULL, 0};
	autoclose int dir = tree_open_dir(j->tree, "etc/apt/sources.list.d");
	int r = clean_source(j, "etc/apt/sources.list", e);
	char path[400];

	if (r < 0 || dir == -ENOENT)
		return r;
	r = dir < 0 ? dir : tree_list(dir, &names);
	if (r < 0)
		return fail(e, r, "read directory", "etc/apt/sources.list.d");
	for (size_t i = 0; i < names.count && r == 0; i++) {
		(void)snprintf(path, sizeof(path), "etc/apt/sources.list.d/%s", names.names[i]);
		r = clean_source(j, path, e);
	}
	return r;
}

/* ---- private keys, by content ---- */

#define KEY_FILE_MAX (64u << 10)

/* A line "-----BEGIN ... PRIVATE KEY-----" (PEM, OpenSSH, PGP). Text that only talks about keys has it inside a line. */
static bool holds_private_key(const char *text, size_t len)
{
	static const char begin[] = "-----BEGIN ", key[] = "PRIVATE KEY";
	const char *at = text, *end = text + len;

	while (at < end && (at = memmem(at, (size_t)(end - at), begin, sizeof(begin) - 1))) {
		const char *line_end = memchr(at, '\n', (size_t)(end - at));

		if (!line_end)
			line_end = end;
		if ((at == text || at[-1] == '\n') && line_end - at < 80 && memmem(at, (size_t)(line_end - at), key, sizeof(key) - 1) &&
			memmem(at, (size_t)(line_end - at), "-----", 5))
			return true;
		at = line_end;
	}
	return false;
}

static int check_key(struct job *j, int dir, const char *name, const char *path, struct buf *text, struct err *e)
{
	int r;

	buf_clear(text);
	r = tree_read(dir, name, text, KEY_FILE_MAX);
	if (r == -EFBIG)
		return 0;
	if (r < 0)
		return fail(e, r, "read", path);
	if (!holds_private_key(buf_str(text), text->len))
		return 0;
	r = tree_remove(dir, name);
	if (r < 0)
		return fail(e, r, "remove", path);
	job_scrubbed(j, path, "private key");
	return 0;
}

struct search {
	struct job *j;
	struct buf path, text;
};

static void search_done(struct search *s)
{
	buf_done(&s->path);
	buf_done(&s->text);
}

static int search_dir(struct search *s, int fd, unsigned depth, struct err *e) /* NOLINT(misc-no-recursion): bounded */
{
	autodone(tree_names_done) struct tree_names names = {NULL, 0};
	size_t len = s->path.len;
	int r = depth ? tree_list(fd, &names) : -ELOOP;

	if (r < 0)
		return fail(e, r, "read directory", buf_str(&s->path));
	for (size_t i = 0; i < names.count && r >= 0; i++) {
		const char *name = names.names[i];
		struct stat st;

		buf_printf(&s->path, "/%s", name);
		if (buf_failed(&s->path) || fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			return fail(e, buf_failed(&s->path) ? ENOMEM : errno, "stat", name);
		if (S_ISDIR(st.st_mode)) {
			autoclose int child = path_open_beneath(fd, name, O_RDONLY | O_DIRECTORY, 0);

			r = child < 0 ? fail(e, child, "open directory", name) : search_dir(s, child, depth - 1, e);
		} else if (S_ISREG(st.st_mode) && st.st_size > 0 && st.st_size <= KEY_FILE_MAX) {
			r = check_key(s->j, fd, name, buf_str(&s->path), &s->text, e);
		}
		s->path.len = len;
		s->path.data[len] = '\0';
	}
	return r < 0 ? r : job_tick(s->j, e);
}

/* Outside /usr: what lies there comes from packages, test keys included. */
static int remove_private_keys(struct job *j, struct err *e)
{
	static const char *const tops[] = {"etc", "root", "home", "opt", "srv", "var"};
	autodone(search_done) struct search s = {.j = j, .path = BUF_INIT, .text = BUF_INIT};

	for (size_t i = 0; i < ARRAY_LEN(tops); i++) {
		autoclose int fd = path_open_beneath(j->tree, tops[i], O_RDONLY | O_DIRECTORY, 0);
		int r;

		if (fd == -ENOENT || fd == -ELOOP || fd == -ENOTDIR)
			continue;
		buf_clear(&s.path);
		buf_puts(&s.path, tops[i]);
		r = fd < 0 ? fail(e, fd, "open directory", tops[i]) : search_dir(&s, fd, 520, e);
		if (r < 0)
			return r;
	}
	return 0;
}

int scrub(struct job *j, bool host, struct err *e)
{
	int r = job_progress(j, e, "scrub", -1, "identity and secrets");

	for (size_t i = 0; i < ARRAY_LEN(rules) && r == 0; i++)
		if (host || !rules[i].host_only)
			r = expand(j, &rules[i], "", rules[i].pattern, e);
	if (r == 0)
		r = lock_passwords(j, "etc/shadow", host, e);
	if (r == 0)
		r = lock_passwords(j, "etc/gshadow", host, e);
	/* Very old systems keep the hash in passwd itself. */
	if (r == 0)
		r = lock_passwords(j, "etc/passwd", host, e);
	if (r == 0 && host)
		r = clean_sources(j, e);
	return r ? r : remove_private_keys(j, e);
}
