/* memory.c - see memory.h.
 *
 * Files on a tmpfs are charged to the writer's control group: in a small one (a service, a CI job in a container) what the machine has free means
 * nothing. The group's own limit and that of the hierarchy's visible root are looked at, v1 and v2; limits in between are not. */
#include "image/memory.h"

#include "base/fd.h"
#include "base/parse.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#define V2_ROOT "/sys/fs/cgroup"
#define V1_ROOT "/sys/fs/cgroup/memory"

static uint64_t meminfo_available(void)
{
	char text[8192], *at, *end;
	uint64_t kib;

	if (fd_read_file(AT_FDCWD, "/proc/meminfo", text, sizeof(text)) < 0 || !(at = strstr(text, "MemAvailable:")))
		return 0;
	at += strlen("MemAvailable:");
	at += strspn(at, " ");
	end = at + strcspn(at, " ");
	*end = '\0';
	return parse_u64(at, &kib) < 0 ? 0 : kib * 1024;
}

uint64_t memory_left(const char *limit, const char *used)
{
	uint64_t max, now;

	if (parse_u64(limit, &max) < 0 || parse_u64(used, &now) < 0)
		return UINT64_MAX;
	return max > now ? max - now : 0;
}

static void lower(uint64_t *left, const char *root, const char *group, const char *limit_name, const char *used_name)
{
	char path[4096], limit[64], used[64];
	uint64_t n;

	(void)snprintf(path, sizeof(path), "%s%s/%s", root, group, limit_name);
	if (fd_read_file(AT_FDCWD, path, limit, sizeof(limit)) < 0)
		return;
	(void)snprintf(path, sizeof(path), "%s%s/%s", root, group, used_name);
	if (fd_read_file(AT_FDCWD, path, used, sizeof(used)) < 0)
		return;
	n = memory_left(limit, used);
	if (n < *left)
		*left = n;
}

/* A line of /proc/self/cgroup: "ID:CONTROLLERS:PATH". */
static void lower_by_line(uint64_t *left, const char *line)
{
	const char *controllers = strchr(line, ':'), *group = controllers ? strchr(controllers + 1, ':') : NULL;

	if (!group)
		return;
	controllers++;
	group++;
	if (group - controllers == 1)
		lower(left, V2_ROOT, strcmp(group, "/") == 0 ? "" : group, "memory.max", "memory.current");
	else if (strncmp(controllers, "memory:", 7) == 0)
		lower(left, V1_ROOT, strcmp(group, "/") == 0 ? "" : group, "memory.limit_in_bytes", "memory.usage_in_bytes");
}

uint64_t memory_available(void)
{
	uint64_t left = meminfo_available();
	char groups[8192];

	lower(&left, V2_ROOT, "", "memory.max", "memory.current");
	lower(&left, V1_ROOT, "", "memory.limit_in_bytes", "memory.usage_in_bytes");
	if (fd_read_file(AT_FDCWD, "/proc/self/cgroup", groups, sizeof(groups)) < 0)
		return left;
	for (char *line = groups, *next; line; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		lower_by_line(&left, line);
	}
	return left;
}
