/* log.c - the file and the system log that messages go to beside the terminal. */
#include "base/log.h"

#include "base/fd.h"
#include "base/parse.h"
#include "base/path.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#define SYSTEM_SOCKET "/dev/log"
#define LINE_MAX_BYTES 2048

const char *const log_facilities[LOG_FACILITIES] = {"daemon", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7"};

static const char *const names[] = {"TRACE", "DEBUG", "INFO", "NOTICE", "WARN", "ERROR", "CRIT", "ALERT", "FATAL"};
_Static_assert(ARRAY_LEN(names) == LOG_LEVEL_OFF, "a name for every level");

const char *log_level_name(int level)
{
	return level >= 0 && level < LOG_LEVEL_OFF ? names[level] : "NOTSET";
}

int log_level_parse(const char *text)
{
	for (int i = 0; i < LOG_LEVEL_OFF; i++)
		if (strcasecmp(names[i], text) == 0)
			return i;
	return -EINVAL;
}

static bool is_fit(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && (S_ISREG(st.st_mode) || S_ISCHR(st.st_mode) || S_ISFIFO(st.st_mode));
}

int log_open_file(const char *path)
{
	const char *slash = strrchr(path, '/');
	bool device = strncmp(path, "/dev/", 5) == 0 || strncmp(path, "/proc/", 6) == 0;
	int fd, flags = O_WRONLY | O_APPEND | O_NOCTTY | O_NONBLOCK | (device ? 0 : O_CREAT | O_NOFOLLOW);
	char dir[512];

	fd = fd_open(AT_FDCWD, path, flags, 0640);
	if (fd == -ENOENT && !device && slash && slash != path) {
		int r;

		if ((size_t)(slash - path) >= sizeof(dir))
			return -ENAMETOOLONG;
		(void)snprintf(dir, sizeof(dir), "%.*s", (int)(slash - path), path);
		r = path_mkdirs(dir, 0755);
		if (r < 0)
			return r;
		fd = fd_open(AT_FDCWD, path, flags, 0640);
	}
	if (fd >= 0 && !is_fit(fd)) {
		fd_close(&fd);
		return -EINVAL;
	}
	return fd;
}

bool log_is_plain(int fd)
{
	struct stat st;

	return fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
}

int log_open_system(void)
{
	const struct sockaddr_un to = {.sun_family = AF_UNIX, .sun_path = SYSTEM_SOCKET};
	int r, fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)&to, sizeof(to)) == 0)
		return fd;
	r = -errno;
	fd_close(&fd);
	return r;
}

void log_close(struct log *l)
{
	fd_close(&l->fd);
	fd_close(&l->system);
}

/* The form that syslog(3) of the C library sends; that one keeps its socket in the process, and would find another system log after a change of root. */
static void to_system(const struct log *l, int level, const char *part, const char *text, const struct timespec *now)
{
	static const int severities[LOG_LEVEL_OFF] = {LOG_DEBUG, LOG_DEBUG, LOG_INFO, LOG_NOTICE, LOG_WARNING, LOG_ERR, LOG_CRIT, LOG_ALERT, LOG_EMERG};
	static const int facilities[LOG_FACILITIES] = {LOG_DAEMON, LOG_LOCAL0, LOG_LOCAL1, LOG_LOCAL2, LOG_LOCAL3, LOG_LOCAL4, LOG_LOCAL5, LOG_LOCAL6, LOG_LOCAL7};
	static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
	char line[LINE_MAX_BYTES];
	struct tm tm;
	int n;

	if (!localtime_r(&now->tv_sec, &tm))
		return;
	n = snprintf(line, sizeof(line), "<%d>%s %2d %02d:%02d:%02d %s[%d]: %s%s%s - %s", facilities[l->facility] | severities[level], months[tm.tm_mon], tm.tm_mday, tm.tm_hour, tm.tm_min,
		     tm.tm_sec, l->command, (int)getpid(), l->name ? l->name : "", l->name ? " " : "", part, text);
	if (n > 0)
		(void)send(l->system, line, (size_t)n < sizeof(line) ? (size_t)n : sizeof(line) - 1, MSG_NOSIGNAL);
}

static void to_file(const struct log *l, int level, const char *part, const char *text, const struct timespec *now)
{
	char line[LINE_MAX_BYTES];
	struct tm tm;
	int n;

	if (!gmtime_r(&now->tv_sec, &tm))
		return;
	n = snprintf(line, sizeof(line) - 1, "%s%s%s %04d%02d%02d%02d%02d%02d.%03d %-8s %s - %s", l->command, l->name ? " " : "", l->name ? l->name : "", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday,
		     tm.tm_hour, tm.tm_min, tm.tm_sec, (int)(now->tv_nsec / 1000000), log_level_name(level), part, text);
	if (n < 0)
		return;
	if ((size_t)n > sizeof(line) - 2)
		n = (int)sizeof(line) - 2;
	line[n] = '\n';
	(void)!fd_write_all(l->fd, line, (size_t)n + 1);
}

static void one_line(const struct log *l, int level, const char *part, const char *text)
{
	struct timespec now;
	char safe[LINE_MAX_BYTES - 400];

	(void)clock_gettime(CLOCK_REALTIME, &now);
	format_safe(text, safe, sizeof(safe));
	if (l->fd >= 0)
		to_file(l, level, part, safe, &now);
	if (l->system >= 0 && l->facility >= 0)
		to_system(l, level, part, safe, &now);
}

void log_write(const struct log *l, int level, const char *part, const char *fmt, ...)
{
	char text[4096], *save = NULL;
	va_list ap;

	if (!log_wants(l, level))
		return;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		one_line(l, level, part, line);
}

void log_err(const struct log *l, int level, const char *part, const struct err *e)
{
	if (e->what[0])
		log_write(l, level, part, "%s", e->what);
	if (e->why[0])
		log_write(l, level, part, "%s%s", e->what[0] ? "why: " : "", e->why);
	if (e->hint[0])
		log_write(l, level, part, "try: %s", e->hint);
}
