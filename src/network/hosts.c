/* hosts.c - names instead of a name server: one file a network, bind-mounted over /etc/hosts of its containers.
 *
 * The file is never replaced, because running containers have this very inode; it is rewritten by one write under its lock that covers all of the old text (with
 * blank lines, which are cut off afterwards), so that no reader finds half a line. */
#include "network/inner.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/path.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define HOSTS_MAX ((size_t)4 << 20)

/* Names of the host's side, which no container is entered with: they begin with '_'. */
static void put_head(const struct network *net, struct buf *out)
{
	char text[IP_TEXT];

	buf_puts(out, "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\nff02::1 ip6-allnodes\nff02::2 ip6-allrouters\n");
	if (net->ipv4.family)
		buf_printf(out, "%s _gateway\n", ip_format(&net->ipv4, text));
	if (net->ipv6.family)
		buf_printf(out, "%s _gateway\n", ip_format(&net->ipv6, text));
}

static bool is_head(const char *line, size_t len)
{
	return (len > 9 && memcmp(line + len - 9, " _gateway", 9) == 0) || strncmp(line, "127.0.0.1 ", 10) == 0 ||
	       strncmp(line, "::1 ", 4) == 0 || strncmp(line, "ff02::", 6) == 0;
}

/* Whether the line is for @address (NULL = any) and names @name (NULL = any) first. */
static bool is_line_of(const char *line, size_t len, const char *address, const char *name)
{
	size_t first = strcspn(line, " \n"), name_len;

	if (first >= len || is_head(line, len))
		return false;
	name_len = strcspn(line + first + 1, " \n");
	return (!address || (strlen(address) == first && memcmp(line, address, first) == 0)) &&
	       (!name || (strlen(name) == name_len && memcmp(line + first + 1, name, name_len) == 0));
}

static int lock_file(int fd)
{
	uint64_t deadline = clock_deadline(NETWORK_LOCK_MS);

	while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return -errno;
		if (clock_left_ms(deadline) == 0)
			return -EBUSY;
		(void)poll(NULL, 0, 2);
	}
	return 0;
}

/* The file, locked. With @net it is made when missing; else -ENOENT. */
static int open_hosts(const struct networks *n, const char *network, const struct network *net)
{
	autoclose int dir = FD_NONE;
	autoclose int fd = FD_NONE;
	char path[320];
	struct stat st;
	int r;

	if (!network_is_name(network))
		return -EINVAL;
	(void)snprintf(path, sizeof(path), "%s/.networks/%s", n->rundir, network);
	if (net) {
		r = path_mkdirs(path, 0700);
		if (r < 0)
			return r;
	}
	dir = fd_open(AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
	if (dir < 0)
		return dir;
	fd = fd_open(dir, "hosts", O_RDWR | O_NOFOLLOW | O_NOCTTY | (net ? O_CREAT : 0), 0644);
	r = fd < 0 ? fd : lock_file(fd);
	if (r < 0)
		return r;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (st.st_size == 0 && net) {
		autodone(buf_done) struct buf head = BUF_INIT;

		put_head(net, &head);
		if (fchmod(fd, 0644) < 0) /* whatever our umask is: programs of any user read it */
			return -errno;
		r = buf_failed(&head) ? -ENOMEM : fd_write_all(fd, head.data, head.len);
	}
	return r < 0 ? r : take_fd(fd);
}

int network_hosts_path(const struct networks *n, const struct network *net, bool make, char ret[400], struct err *e)
{
	autoclose int fd = make ? open_hosts(n, net->name, net) : FD_NONE;

	if (make && fd < 0)
		return err_sys(e, fd, "make the names file of network '%s'", net->name);
	(void)snprintf(ret, 400, "%s/.networks/%s/hosts", n->rundir, net->name);
	return 0;
}

/* In one write over all of the old text, blank lines at the end if need be, so that no reader meets half of each; then those are cut off. */
static int rewrite(int fd, const struct buf *old, struct buf *text)
{
	const size_t real = text->len;
	ssize_t n;

	if (old->len == text->len && memcmp(buf_str(old), buf_str(text), text->len) == 0)
		return 0;
	while (text->len < old->len && !buf_failed(text))
		buf_putc(text, '\n');
	if (buf_failed(text))
		return -ENOMEM;
	n = pwrite(fd, text->data, text->len, 0);
	if (n >= 0 && (size_t)n != text->len)
		return -ENOSPC;
	return n < 0 || (real < text->len && ftruncate(fd, (off_t)real) < 0) ? -errno : 0;
}

/* Copies @old without blank lines, and without what @name and @addresses say; with @net its head is made anew. */
static void filter(const struct buf *old, const struct network *net, const char *const addresses[2], const char *name, struct buf *out)
{
	if (net)
		put_head(net, out);
	for (const char *p = buf_str(old); *p;) {
		size_t len = strcspn(p, "\n");
		bool gone = len == 0 || (net && is_head(p, len)) || (!addresses && is_line_of(p, len, NULL, name));

		for (int i = 0; addresses && i < 2; i++)
			gone = gone || (addresses[i][0] && is_line_of(p, len, addresses[i], NULL));
		if (!gone) {
			buf_add(out, p, len);
			buf_putc(out, '\n');
		}
		p += len + (p[len] == '\n');
	}
}

static int read_old(int fd, struct buf *old)
{
	return lseek(fd, 0, SEEK_SET) < 0 ? -errno : fd_read_all(fd, old, HOSTS_MAX);
}

int network_hosts_set(const struct networks *n, const struct network *net, const char *name, const struct network_lease *l, struct err *e)
{
	autodone(buf_done) struct buf old = BUF_INIT;
	autodone(buf_done) struct buf text = BUF_INIT;
	autoclose int fd = open_hosts(n, net->name, net);
	char ipv4[IP_TEXT], ipv6[IP_TEXT];
	const char *const addresses[2] = {ip_format(&l->ipv4, ipv4), ip_format(&l->ipv6, ipv6)};
	int r = fd < 0 ? fd : read_old(fd, &old);

	if (r == 0) {
		filter(&old, net, addresses, NULL, &text); /* whoever had these addresses before is gone */
		for (int i = 0; i < 2; i++) {
			if (!addresses[i][0])
				continue;
			buf_printf(&text, "%s %s", addresses[i], name);
			if (net->domain[0])
				buf_printf(&text, " %s.%s", name, net->domain);
			buf_putc(&text, '\n');
		}
		r = rewrite(fd, &old, &text);
	}
	return r < 0 ? err_sys(e, r, "write '%s' to the names file of network '%s'", name, net->name) : 0;
}

int network_hosts_drop(const struct networks *n, const char *network, const char *name, struct err *e)
{
	autodone(buf_done) struct buf old = BUF_INIT;
	autodone(buf_done) struct buf text = BUF_INIT;
	autoclose int fd = open_hosts(n, network, NULL);
	int r;

	if (fd == -ENOENT)
		return 0;
	r = fd < 0 ? fd : read_old(fd, &old);
	if (r == 0) {
		filter(&old, NULL, NULL, name, &text);
		r = rewrite(fd, &old, &text);
	}
	return r < 0 ? err_sys(e, r, "drop '%s' from the names file of network '%s'", name, network) : 0;
}

int network_hosts_names(const struct networks *n, const char *network, struct arena *a, const char ***ret, size_t *ret_count, struct err *e)
{
	autodone(buf_done) struct buf text = BUF_INIT;
	autoclose int fd = open_hosts(n, network, NULL);
	const char **names = NULL;
	size_t count = 0;
	int r;

	*ret = NULL;
	*ret_count = 0;
	if (fd == -ENOENT)
		return 0;
	r = fd < 0 ? fd : read_old(fd, &text);
	for (const char *p = buf_str(&text); r == 0 && *p;) {
		size_t len = strcspn(p, "\n"), first = strcspn(p, " \n");

		if (is_line_of(p, len, NULL, NULL)) {
			const char **slot = arena_push(a, &names, &count, sizeof(*names));

			if (slot)
				*slot = arena_strndup(a, p + first + 1, strcspn(p + first + 1, " \n"));
			if (!slot || !*slot)
				r = -ENOMEM;
		}
		p += len + (p[len] == '\n');
	}
	if (r < 0)
		return err_sys(e, r, "read the names file of network '%s'", network);
	*ret = names;
	*ret_count = count;
	return 0;
}

/* ---- resolv.conf ---- */

static bool reaches_out(const char *word, size_t len)
{
	char text[IP_TEXT];
	struct ip a;

	if (len == 0 || len >= sizeof(text))
		return false;
	memcpy(text, word, len);
	text[len] = '\0';
	/* a link-local address with its interface ("fe80::1%eth0") is not parsed, and means nothing in another network namespace */
	return ip_parse(text, &a) == 0 && ip_is_host(&a) && !(a.family == AF_INET6 && a.bytes[0] == 0xfe && (a.bytes[1] & 0xc0) == 0x80);
}

static const char *value_of(const char *line, size_t len, const char *key, size_t *ret_len)
{
	size_t skip = strlen(key);

	if (len <= skip || memcmp(line, key, skip) != 0 || !strchr(" \t", line[skip]))
		return NULL;
	while (skip < len && strchr(" \t", line[skip]))
		skip++;
	*ret_len = len - skip;
	while (*ret_len && strchr(" \t\r", line[skip + *ret_len - 1]))
		(*ret_len)--;
	return *ret_len ? line + skip : NULL;
}

void network_resolv(const struct network *net, const char *host_text, struct buf *out)
{
	unsigned servers = 0;

	for (size_t i = 0; i < ARRAY_LEN(net->dns); i++)
		if (net->dns[i][0])
			buf_printf(out, "nameserver %s\n", net->dns[i]);
	for (const char *p = host_text; *p;) {
		size_t len = strcspn(p, "\n"), size = 0;
		const char *v = value_of(p, len, "nameserver", &size);

		if (v && !net->dns[0][0] && servers < 3 && reaches_out(v, strcspn(v, " \t\n\r") < size ? strcspn(v, " \t\n\r") : size)) {
			buf_printf(out, "nameserver %.*s\n", (int)size, v);
			servers++;
		}
		v = value_of(p, len, "search", &size);
		if (v && !net->domain[0] && size < 256)
			buf_printf(out, "search %.*s\n", (int)size, v);
		v = value_of(p, len, "options", &size);
		if (v && !net->dns[0][0] && size < 256)
			buf_printf(out, "options %.*s\n", (int)size, v);
		p += len + (p[len] == '\n');
	}
	if (net->domain[0])
		buf_printf(out, "search %s\n", net->domain);
}
