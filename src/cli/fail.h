/* fail.h - how a failure reaches a person or a program.
 *
 * The engine says what kind of failure it was (err.h); this table, and only this table, turns kind and verb into a stable code, an exit
 * status, an explanation (`coppice help E_BASE_BUSY`, docs/errors.md) and a command to try when the engine had no better one. */
#pragma once

#include "base/err.h"

struct cli;
struct jout;

/* X(symbol, exit code, what it means, what to do, a command to try: '@' = the command as typed, '#' = a blank and the verb, '%' = the name
 * it was about) */
#define FAIL_LIST(X)                                                                                                                       \
	X(USAGE, 2, "the command line was not understood",                                                                                 \
	  "The message names the word it stumbled over. Nothing was done.", "coppice help#")                                                \
	X(INPUT, 2, "a value that was given is malformed or out of range",                                                                 \
	  "The message says which value and what is allowed. Nothing was done.", "coppice help#")                                           \
	X(CONFIG, 2, "configuration text has an unknown key or a value that is not allowed",                                               \
	  "Correct the line that the message names. The stored configuration is unchanged.", "coppice config keys")                        \
	X(NO_CONTAINER, 3, "there is no container of this name",                                                                           \
	  "Names are exact; 'coppice list' shows them. A deleted one may still be in the trash.", "coppice list")                          \
	X(NO_BASE, 3, "there is no base of this name, or no such version of it",                                                           \
	  "Look at the bases there are, or build one.", "coppice base list")                                                               \
	X(NO_NETWORK, 3, "there is no managed network of this name",                                                                       \
	  "Names are exact; 'coppice network list' shows them. 'coppice0' is made when it is first needed.", "coppice network list")       \
	X(NO_TRASH, 3, "nothing of this name is in the trash",                                                                             \
	  "The trash keeps deleted containers until 'coppice gc' finds them old, or not at all after 'delete --purge'.",                   \
	  "coppice undelete --list")                                                                                                       \
	X(NO_KEY, 3, "the configuration does not set this key",                                                                            \
	  "'coppice config show NAME' prints what it sets, 'coppice config keys' what it could set.", "coppice config keys")               \
	X(NO_MATCH, 3, "a name pattern matches no container",                                                                              \
	  "Check the pattern with 'coppice list PATTERN', and quote it for the shell. Nothing was done.", "coppice list")                  \
	X(MISSING, 3, "something that was named does not exist",                                                                           \
	  "The message says what was looked for.", "coppice help#")                                                                       \
	X(CONTAINER_EXISTS, 4, "a container of this name exists already",                                                                  \
	  "Choose another name, delete the old one, or use --if-missing when that is fine.", "coppice show %")                             \
	X(BASE_EXISTS, 4, "this base exists already", "Choose another name or delete the old one.", "coppice base list")                   \
	X(NETWORK_EXISTS, 4, "a network of this name, or one with these addresses, exists already",                                        \
	  "Choose another name or other addresses.", "coppice network list")                                                              \
	X(EXISTS, 4, "the thing to make exists already", "Choose another name or remove the old one.", "@")                                \
	X(STATE, 4, "the container is in the wrong state for this verb",                                                                   \
	  "For example exec needs a running one and delete a stopped one, unless --force is given.", "coppice show %")                     \
	X(CONTAINER_BUSY, 4, "another command is working on this container",                                                               \
	  "Wait for the other command to end and repeat; every verb may be repeated.", "@")                                                \
	X(BASE_BUSY, 4, "the base is in use, or another command is working on it",                                                         \
	  "A base cannot be deleted while containers are pinned to it: 'coppice base show' names them.", "coppice base show %")            \
	X(NETWORK_BUSY, 4, "the network is in use, or another command is changing networks",                                               \
	  "A network cannot be deleted while a container's configuration names it: 'coppice network show' tells who is on it.",            \
	  "coppice network show %")                                                                                                        \
	X(BUSY, 4, "something that is needed is in use", "Wait and repeat.", "@")                                                          \
	X(DENIED, 5, "permission denied", "Most verbs need root, or the user who owns the store.", "sudo @")                               \
	X(READ_ONLY, 5, "a directory that has to be written is on a read-only file system",                                                \
	  "Remount it, or point --root, --lxcpath or COPPICE_RUNDIR elsewhere.", "findmnt --target /var/lib/coppice")                      \
	X(UNSUPPORTED, 6, "this kernel or host cannot do it", "'coppice doctor' lists what is missing and how to get it.",                 \
	  "coppice doctor")                                                                                                                \
	X(PARTIAL, 7, "some of several targets failed",                                                                                    \
	  "Each failure was told on its own; the others were done. Repeating the command is harmless.", "coppice list")                    \
	X(NO_SPACE, 1, "the disk or quota is full", "What was half made has been removed. Free some space.", "coppice gc --dry-run")       \
	X(NO_MEMORY, 1, "the host has no memory left for this", "Free some memory and repeat.", "free -m")                                 \
	X(DAMAGED, 1, "what is on disk does not match what was recorded",                                                                  \
	  "Do not trust the data before you know why: look at the disk's health first.", "coppice doctor")                                 \
	X(BASE_DAMAGED, 1, "a base does not match its manifest",                                                                           \
	  "Containers on it may misbehave. Verify names the files; build the base again.", "coppice base verify %")                        \
	X(OUTPUT, 1, "writing to standard output failed", "What was asked for was done, but not all of its output arrived.", "df -h")      \
	X(SYSTEM, 1, "a system call failed", "The message names the call, the object and the reason.", "coppice doctor")                   \
	X(INTERNAL, 1, "a bug in coppice", "Please report it with the output of the same command with --debug.", "@ --debug")              \
	X(TIMEOUT, 124, "a deadline passed", "Give it more time with --timeout, or see what it is waiting for.", "coppice show %")         \
	X(NOT_EXECUTABLE, 126, "the inner command was found but cannot be executed",                                                       \
	  "Check its mode bits and, for a script, its first line.", "coppice shell %")                                                     \
	X(NO_COMMAND, 127, "the inner command was not found in the container",                                                             \
	  "It is looked up in the container's own PATH.", "coppice shell %")                                                               \
	X(INTERRUPTED, 130, "interrupted by the keyboard", "Repeating the command goes on where it stopped.", "@")

enum fail_code {
#define FAIL_ENUM(symbol, exit, means, todo, attempt) FAIL_##symbol,
	FAIL_LIST(FAIL_ENUM)
#undef FAIL_ENUM
	FAIL_COUNT,
};

struct fail_row {
	const char *code; /* "E_BASE_BUSY" */
	int exit;
	const char *means; /* one line */
	const char *todo;  /* a sentence or two */
	const char *attempt;
};

const struct fail_row *fail_row(enum fail_code code);
/* By name, with or without "E_"; NULL when absent. */
const struct fail_row *fail_find(const char *name);

/* The code of @e under the verb that runs. */
enum fail_code fail_code_of(const struct cli *cli, const struct err *e);
/* Exit status of @code under the verb that runs: exec and run give 125 for everything but usage,
 * a container or base that does not exist, and what the inner command says. */
int fail_exit(const struct cli *cli, enum fail_code code);

/* Tells @e on stderr (three lines, or one JSON object when the output is JSON). Fills what is empty. Returns the exit code. */
int fail(struct cli *cli, struct err *e);
int fail_as(struct cli *cli, enum fail_code code, struct err *e);
/* A usage error found after the parser: what, and why. */
int fail_usage(struct cli *cli, const char *what, const char *why);

/* The error object {"code":...} as a JSON value, for results that carry their own error. @e is complete already. */
void fail_json(const struct cli *cli, struct jout *j, enum fail_code code, const struct err *e);
/* Fills the empty ones of the three lines. */
void fail_complete(struct cli *cli, enum fail_code code, struct err *e);
