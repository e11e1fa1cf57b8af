/* seal.h - makes the sealed form of a staged tree: one EROFS image file, or the tree itself.
 *
 * The image is a function of the tree alone (fixed volume id and build time), so two hosts get the same bytes from the same system. It is
 * mounted once, unseen, before it counts as sealed: what this kernel cannot mount is not published. */
#pragma once

#include "image/inventory.h"
#include "image/meta.h"

/* Fills m->seal, image_bytes and image_sha256. Afterwards the staged tree is gone: packed, or moved to out/tree. */
int seal_make(struct job *j, const struct inventory *v, struct meta *m, struct err *e) MUST_USE;

/* Mounts out-of-sight what a version directory seals: image.erofs or tree/. Read-only, nosuid, nodev, noexec; gives a directory descriptor.
 */
int seal_open(int version_dir, const struct meta *m, struct err *e) MUST_USE;

/* sha256 of the file. */
int seal_hash_file(int fd, char ret[65], struct err *e) MUST_USE;
