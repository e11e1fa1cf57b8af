/* storage-hook.c - where the hooks of copying and destroying are run. */
#include "engine/storage.h"

int storage_hook_clone(struct coppice *c, const char *source, const struct coppice_copy *o, int *lock, struct err *e)
{
	(void)c;
	(void)source;
	(void)o;
	(void)lock;
	(void)e;
	return 0;
}

int storage_hook_destroy(struct coppice *c, const char *name, struct err *e)
{
	(void)c;
	(void)name;
	(void)e;
	return 0;
}
