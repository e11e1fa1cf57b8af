/* step-inside.c - what makes this container itself: network up, names, identity, kernel parameters, environment. */
#include "apply/ops.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/proc.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

int step_loopback(struct apply *a, const struct step *st, struct err *e)
{
	int r = ns_loopback_up();

	(void)a;
	(void)st;
	return r < 0 ? err_sys(e, r, "bring up the loopback interface") : 0;
}

int step_hostname(struct apply *a, const struct step *st, struct err *e)
{
	(void)a;
	if (sethostname(st->text[0], strlen(st->text[0])) < 0)
		return err_sys(e, errno, "set the host name '%s'", st->text[0]);
	return 0;
}

/* A '/' in the name is a dot in the file's: "net.ipv4.conf.eth0/100.rp_filter". */
bool apply_sysctl_path(const char *name, char *ret, size_t size)
{
	size_t used = (size_t)snprintf(ret, size, "sys/");

	for (const char *p = name; *p && used + 1 < size; p++)
		ret[used++] = *p == '.' ? '/' : *p == '/' ? '.' : *p;
	ret[used] = '\0';
	return used == strlen(name) + 4;
}

int step_sysctl(struct apply *a, const struct step *st, struct err *e)
{
	char path[256] = "proc/";
	autoclose int fd = FD_NONE;
	int r;

	if (!apply_sysctl_path(st->text[0], path + 5, sizeof(path) - 5))
		return err_set(e, ERR_INPUT, ENAMETOOLONG, "no kernel parameter has a name as long as '%.64s...'", st->text[0]);
	fd = path_open_nolinks(a->root, path, O_WRONLY | O_NOCTTY, 0);
	r = fd < 0 ? fd : fd_write_all(fd, st->text[1], strlen(st->text[1]));
	return r < 0 ? err_sys(e, r, "set kernel parameter '%s' to '%s'", st->text[0], st->text[1]) : 0;
}

int step_env(struct apply *a, const struct step *st, struct err *e)
{
	const char **bigger = realloc(a->env, (a->env_count + 2) * sizeof(*bigger)); /* the child execs or dies: never freed */

	if (!bigger)
		return err_set(e, ERR_SYSTEM, ENOMEM, "out of memory");
	a->env = bigger;
	a->env[a->env_count++] = st->text[0];
	a->env[a->env_count] = NULL;
	return 0;
}

/* Opens a small regular file of the container for reading and writing; anything else (fifo, device, link) is left alone. */
static int open_regular(const char *path, int flags)
{
	autoclose int fd = fd_open(AT_FDCWD, path, flags | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0644);
	struct stat st;

	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	return S_ISREG(st.st_mode) ? take_fd(fd) : -EPERM;
}

static void write_whole(const char *path, const char *text)
{
	autoclose int fd = open_regular(path, O_WRONLY | O_CREAT);

	if (fd >= 0 && ftruncate(fd, 0) == 0)
		(void)!fd_write_all(fd, text, strlen(text));
}

static ssize_t read_small(const char *path, char *out, size_t size)
{
	autoclose int fd = open_regular(path, O_RDONLY);
	ssize_t n;

	if (fd < 0)
		return fd;
	n = read(fd, out, size - 1);
	if (n < 0)
		return -errno;
	out[n] = '\0';
	return n;
}

static void own_hostname(const char *name)
{
	static const char usual[] = "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n";
	char have[128] = "", want[128], line[160];
	autoclose int hosts = FD_NONE;
	struct buf text = BUF_INIT;

	(void)snprintf(want, sizeof(want), "%s\n", name);
	if (read_small("/etc/hostname", have, sizeof(have)) < 0 || strcmp(have, want) != 0)
		write_whole("/etc/hostname", want);
	/* one line so that the own name resolves; a line that names us already, whoever wrote it, is enough */
	hosts = open_regular("/etc/hosts", O_RDWR | O_CREAT | O_APPEND);
	if (hosts >= 0 && fd_read_all(hosts, &text, 65536) == 0) {
		(void)snprintf(line, sizeof(line), "127.0.1.1\t%s\n", name);
		if (!strstr(buf_str(&text), line)) {
			if (!strstr(buf_str(&text), "localhost"))
				(void)!fd_write_all(hosts, usual, strlen(usual));
			(void)!fd_write_all(hosts, line, strlen(line));
		}
	}
	buf_done(&text);
}

static void own_machine_id(void)
{
	char have[64] = "", text[34];
	unsigned char random[16];
	ssize_t n = read_small("/etc/machine-id", have, sizeof(have));

	if (n >= 32 || (n < 0 && n != -ENOENT))
		return;
	if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
		return;
	random[6] = (unsigned char)((random[6] & 0x0f) | 0x40); /* a valid version 4 UUID, as systemd makes them */
	random[8] = (unsigned char)((random[8] & 0x3f) | 0x80);
	for (size_t i = 0; i < sizeof(random); i++)
		(void)snprintf(text + 2 * i, 3, "%02x", random[i]);
	text[32] = '\n';
	text[33] = '\0';
	write_whole("/etc/machine-id", text);
}

static bool has_host_key(void)
{
	autoclosedir DIR *dir = opendir("/etc/ssh");
	const struct dirent *ent;

	while (dir && (ent = readdir(dir)))
		if (fnmatch("ssh_host_*_key", ent->d_name, 0) == 0)
			return true;
	return false;
}

/* The base carries no keys; the container's own ssh-keygen makes them, in the container, before init. A failure is the guest's affair: sshd will say so. */
static void own_ssh_keys(void)
{
	const char *const argv[] = {"/usr/bin/ssh-keygen", "-A", NULL};
	struct buf out = BUF_INIT, log = BUF_INIT;
	struct proc_run run = {.argv = argv, .in_fd = FD_NONE, .cwd_fd = FD_NONE, .out = &out, .log = &log, .deadline = clock_deadline(30000)};
	int status;

	if (access("/usr/sbin/sshd", X_OK) < 0 || access("/usr/bin/ssh-keygen", X_OK) < 0 || has_host_key())
		return;
	(void)!proc_run(&run, &status);
	buf_done(&out);
	buf_done(&log);
}

int step_identity(struct apply *a, const struct step *st, struct err *e)
{
	struct stat sb;

	(void)a;
	(void)e;
	/* no /etc: a bare program's tree, which wants none of this; nothing here is worth failing a start for */
	if (stat("/etc", &sb) < 0 || !S_ISDIR(sb.st_mode))
		return 0;
	own_hostname(st->text[0]);
	own_machine_id();
	own_ssh_keys();
	return 0;
}
