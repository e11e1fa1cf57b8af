/* user-ids.c - lxc.idmap without root: the lines name ids of the host's, a container of a user's lives in his own namespace, where those ids have other numbers.
 *
 * LXC wants such lines in every config of a user's, and the trees that it makes have the ids they say on disk. A tree that coppice made for him belongs to himself: it is
 * shown by the usual map, whatever the config says. Which of the two a tree is its owner tells. */
#include "engine/engine.h"
#include "engine/user.h"

#include "base/fd.h"
#include "linux/ns.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

/* One line, in as many as it meets extents: no line of a map may span two of the namespace around it. */
static int translate(const struct spec_idmap *m, bool uid, const struct ns_map *extents, size_t extent_count, struct arena *a, struct spec_idmap **list, size_t *count, struct err *e)
{
	uint32_t done = 0;

	while (done < m->count) {
		uint32_t id = m->host + done;
		const struct ns_map *in = NULL;
		struct spec_idmap *slot;

		for (size_t i = 0; i < extent_count && !in; i++)
			if (id >= extents[i].host && id - extents[i].host < extents[i].count)
				in = &extents[i];
		if (!in) {
			(void)err_set(e, ERR_DENIED, EPERM, "lxc.idmap: the %s id %u of the host is not yours", uid ? "user" : "group", id);
			return err_hint(e, "grep -w \"$(id -un)\" /etc/sub%s (the ids that are)", uid ? "uid" : "gid");
		}
		slot = arena_push(a, list, count, sizeof(*slot));
		if (!slot)
			return err_set(e, ERR_SYSTEM, ENOMEM, "out of memory");
		*slot = (struct spec_idmap){.uid = uid, .gid = !uid, .inside = m->inside + done, .host = in->inside + (id - in->host)};
		slot->count = in->count - (id - in->host) < m->count - done ? in->count - (id - in->host) : m->count - done;
		done += slot->count;
	}
	return 0;
}

/* Does the tree belong to an id of these lines? */
static bool has_owner(const struct spec *s, const struct spec_idmap *list, size_t count)
{
	const char *tree = s->lower_count ? s->lowers[s->lower_count - 1] : s->rootfs;
	struct stat st;

	if (!tree || fstatat(AT_FDCWD, tree, &st, 0) < 0)
		return false;
	for (size_t i = 0; i < count; i++)
		if (list[i].uid && st.st_uid >= list[i].host && st.st_uid - list[i].host < list[i].count)
			return true;
	return false;
}

int user_idmaps(const struct spec *s, struct arena *a, const struct spec_idmap **ret, size_t *ret_count, uint32_t *ret_first, struct err *e)
{
	autoclose int procfd = fd_open(AT_FDCWD, "/proc", O_PATH | O_DIRECTORY, 0);
	struct ns_maps own; /* inside: in the user's namespace, host: outside of it */
	struct spec_idmap *list = NULL;
	size_t count = 0;
	int r = procfd < 0 ? procfd : ns_read_maps(procfd, 0, &own);

	if (r < 0)
		return err_sys(e, r, "read the id maps of this process");
	for (size_t i = 0; r == 0 && i < s->idmap_count; i++) {
		const struct spec_idmap *m = &s->idmaps[i];

		if (m->uid)
			r = translate(m, true, own.uid, own.uid_count, a, &list, &count, e);
		if (r == 0 && m->gid)
			r = translate(m, false, own.gid, own.gid_count, a, &list, &count, e);
	}
	if (r < 0)
		return r;
	*ret = NULL;
	*ret_count = 0;
	*ret_first = 0;
	if (!has_owner(s, list, count))
		return 0;
	r = engine_map_root(list, count, ret_first, e);
	if (r < 0)
		return r;
	*ret = list;
	*ret_count = count;
	return 0;
}
