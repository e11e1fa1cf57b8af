/* making.h - what create, launch and run have in common: the options that describe a new container. */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "cli/cmd.h"
#include "coppice/coppice.h"

#include <stdbool.h>

struct args;
struct cli;

struct making {
	struct coppice_create create; /* pointers into args, the arena and `config` */
	struct buf config;            /* text from --config and from stdin */
	size_t names_at;              /* index of the first name among the words */
	size_t names;                 /* how many names */
};

#define MAKING_INIT {.config = BUF_INIT}

/* Reads the options below and the words BASE [NAME...] [-] into @m. Returns 0, or the exit code of a failure that was told. */
int making_read(struct cli *cli, struct args *args, struct making *m);
void making_done(struct making *m);

/* "key=value" of a --set, checked for its form only. */
bool making_is_pair(const char *text);

#define MAKING_OPTS                                                                                                                         \
	{.name = "mode", .letter = 'm', .type = OPT_CHOICE, .arg = "MODE", .help = "how the base becomes the root",                         \
	 .choices = "bind|overlay|ephemeral|copy"},                                                                                         \
		{.name = "rootfs", .type = OPT_TEXT, .arg = "DIR", .help = "a root directory of your own instead of a base",                \
		 .complete = COMPLETE_FILE},                                                                                                \
		{.name = "set", .letter = 's', .type = OPT_LIST, .arg = "KEY=VALUE", .help = "a configuration key, may be repeated",        \
		 .complete = COMPLETE_KEY},                                                                                                 \
		{.name = "config", .type = OPT_TEXT, .arg = "FILE", .help = "further configuration text, - for stdin",                      \
		 .complete = COMPLETE_FILE},                                                                                                \
		{.name = "memory", .type = OPT_SIZE, .arg = "SIZE", .help = "memory limit"},                                                \
		{.name = "cpus", .type = OPT_CPUS, .arg = "N", .help = "processor limit, such as 1.5"},                                     \
		{.name = "pids", .type = OPT_NUMBER, .arg = "N", .help = "limit of processes and threads"},                                 \
		{.name = "network", .type = OPT_LIST, .arg = "NAME", .help = "managed network, none (the host's) or empty; may be repeated"}, \
		{.name = "port", .type = OPT_LIST, .arg = "SPEC", .help = "[ADDR:]HOST[-END]:INSIDE[-END][/udp], may be repeated"},   \
		{.name = "tag", .type = OPT_LIST, .arg = "WORD", .help = "a word to select it by, may be repeated"},                        \
	{                                                                                                                                   \
		.name = "privileged", .type = OPT_FLAG, .help = "no user namespace: root inside is root on the host"                        \
	}
