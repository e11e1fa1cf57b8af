/* checkpoint.h - what saving a container by criu(8) and bringing it back share. Private to the engine. */
#pragma once

#include "engine/engine.h"

/* criu's file, beside the images, of what was not saved because the container's own start makes it (docs/formats/checkpoint.md). */
#define CHECKPOINT_NOTE "coppice"
#define CHECKPOINT_NOTE_HEAD "coppice checkpoint 1"

/* Path of the program, once it has said that it works on this kernel; its first cause when it does not. */
int checkpoint_criu(char ret[64], struct err *e) MUST_USE;

/* What criu said in @log of directory @dir when it ended with @status: its first cause and, when that is another one, its last. Always an error. */
int checkpoint_failed(const char *dir, const char *log, int status, struct err *e);
