/* system.c - see system.h. */
#include "image/system.h"

#include "base/buf.h"
#include "base/fd.h"
#include "base/parse.h"
#include "base/path.h"

#include <elf.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Opens a regular file of the tree, links followed inside it. */
static int open_file(int tree, const char *path)
{
	autoclose int fd = path_open_in(tree, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
	struct stat st;

	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return -EINVAL;
	return take_fd(fd);
}

static bool value_of(const char *text, const char *key, char *out, size_t size)
{
	size_t n = strlen(key), len;

	for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		if (strncmp(line, key, n) != 0 || line[n] != '=')
			continue;
		line += n + 1;
		line += *line == '"' || *line == '\'';
		len = strcspn(line, "\"'\n");
		if (len >= size)
			len = size - 1;
		memcpy(out, line, len);
		out[len] = '\0';
		return len > 0;
	}
	return false;
}

void system_os(int tree, char *out, size_t size)
{
	static const char *const places[] = {"etc/os-release", "usr/lib/os-release"};
	char id[48] = "", version[48] = "", both[100];

	for (size_t i = 0; i < ARRAY_LEN(places) && !id[0]; i++) {
		autodone(buf_done) struct buf text = BUF_INIT;
		autoclose int fd = open_file(tree, places[i]);

		if (fd < 0 || fd_read_all(fd, &text, 65536) < 0 || !value_of(buf_str(&text), "ID", id, sizeof(id)))
			continue;
		if (!value_of(buf_str(&text), "VERSION_ID", version, sizeof(version)))
			(void)value_of(buf_str(&text), "VERSION_CODENAME", version, sizeof(version));
	}
	(void)snprintf(both, sizeof(both), "%s%s%s", id[0] ? id : "linux", version[0] ? " " : "", version);
	format_safe(both, out, size);
}

struct machine {
	uint16_t elf;
	bool little, wide;
	const char *name;
};

static const struct machine machines[] = {
	{EM_X86_64, true, true, "amd64"},  {EM_X86_64, true, false, "x32"},	 {EM_386, true, false, "i386"},
	{EM_AARCH64, true, true, "arm64"}, {EM_ARM, true, false, "arm"},	 {EM_RISCV, true, true, "riscv64"},
	{EM_PPC64, true, true, "ppc64el"}, {EM_PPC64, false, true, "ppc64"}, {EM_S390, false, true, "s390x"},
	{EM_MIPS, true, true, "mips64el"}, {EM_MIPS, true, false, "mipsel"}, {258 /* EM_LOONGARCH */, true, true, "loong64"},
};

static const char *machine_of(int fd)
{
	unsigned char head[20];
	uint16_t machine;
	bool little, wide;

	if (pread(fd, head, sizeof(head), 0) != (ssize_t)sizeof(head) || memcmp(head, ELFMAG, SELFMAG) != 0)
		return NULL;
	little = head[EI_DATA] == ELFDATA2LSB;
	wide = head[EI_CLASS] == ELFCLASS64;
	memcpy(&machine, head + 18, sizeof(machine));
	machine = little ? le16toh(machine) : be16toh(machine);
	for (size_t i = 0; i < ARRAY_LEN(machines); i++)
		if (machines[i].elf == machine && machines[i].little == little && machines[i].wide == wide)
			return machines[i].name;
	return NULL;
}

void system_arch(int tree, char *out, size_t size)
{
	static const char *const programs[] = {"bin/sh",   "usr/bin/env", "bin/busybox", "sbin/init", "usr/lib/systemd/systemd",
					       "bin/true", "usr/bin/dpkg"};
	const char *name = NULL;

	for (size_t i = 0; i < ARRAY_LEN(programs) && !name; i++) {
		autoclose int fd = open_file(tree, programs[i]);

		if (fd >= 0)
			name = machine_of(fd);
	}
	(void)snprintf(out, size, "%s", name ? name : "any");
}
